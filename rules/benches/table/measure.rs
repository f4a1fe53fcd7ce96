//! The table of numbers.

use std::{hint::black_box, sync::Arc, time::Instant};

use portcullis_rules::{Action, Cause, Decision, Key, RuleTable};

use crate::set::Scene;

/// Packets for which the linear reference is asked, too: it takes its time.
const LINEAR: usize = 2_000_000;

/// Packets that are looked up together.
const BATCH: usize = 32;

pub(crate) fn header() {
    println!(
        "{:<28} {:>2} {:>7} {:<11} {:>9} {:>6} {:>9} {:>8} {:>7} {:>7} {:>8} {:>6}",
        "rules",
        "IP",
        "count",
        "strategy",
        "ns/lookup",
        "in 32s",
        "linear",
        "build ms",
        "KiB",
        "B/rule",
        "compared",
        "wrong"
    );
}

pub(crate) fn measure(scene: &Scene) {
    let Scene { name, v6, ruleset, keys, expected } = scene;
    let build = median(|| {
        let began = Instant::now();
        black_box(RuleTable::compile(Arc::clone(ruleset)));
        began.elapsed().as_secs_f64() * 1e3
    });
    let table = RuleTable::compile(Arc::clone(ruleset));
    let nanoseconds = median(|| {
        in_chunks(keys, |keys| {
            keys.iter().for_each(|key| {
                black_box(table.lookup(black_box(key)));
            })
        })
    });
    let decided = Decision { action: Action::Drop, cause: Cause::Policy, depends_on: None };
    let mut decisions = [decided; BATCH];
    let in_batches = median(|| {
        in_chunks(keys, |keys| {
            for keys in keys.chunks(BATCH) {
                table.lookup_batch(keys, &mut decisions[..keys.len()]);
                black_box(&decisions);
            }
        })
    });
    let some = &keys[..keys.len().min(LINEAR / ruleset.rules.len().max(1)).max(20)];
    let linear = per_key(some, |key| ruleset.first_match(key));
    let part = table.summary().parts.into_iter().find(|part| part.v6 == *v6);
    let part = part.expect("each family has its part");
    println!(
        "{name:<28} {:>2} {:>7} {:<11} {nanoseconds:>9.1} {in_batches:>6.1} {linear:>9.0} {build:>8.2} {:>7} {:>7.0} {:>8} {:>6}",
        if *v6 { 6 } else { 4 },
        ruleset.rules.len(),
        part.strategy.name(),
        part.bytes / 1024,
        part.bytes as f64 / part.rules.max(1) as f64,
        part.compared,
        wrong(expected.as_deref(), &table, keys, some.len()),
    );
}

/// How many answers are not the reference's, or not those that came with the packets.
fn wrong(expected: Option<&[Option<usize>]>, table: &RuleTable, keys: &[Key], some: usize) -> usize {
    let by_reference =
        keys[..some].iter().filter(|key| table.lookup(key) != table.ruleset().first_match(key)).count();
    let rule = |decision: Decision| match decision.cause {
        Cause::Rule(id) => Some(id.0 as usize),
        Cause::Policy => None,
    };
    let expected = expected.into_iter().flatten().zip(keys);
    by_reference + expected.filter(|(expected, key)| rule(table.lookup(key)) != **expected).count()
}

/// Keys are copied in before each round, since a packet's key has just been made when it is looked up.
fn in_chunks(keys: &[Key], mut decide: impl FnMut(&[Key])) -> f64 {
    let mut chunk = Vec::with_capacity(256);
    let mut all = 0.0;
    for keys in keys.chunks(256) {
        chunk.clear();
        chunk.extend_from_slice(black_box(keys));
        let began = Instant::now();
        decide(black_box(&chunk));
        all += began.elapsed().as_secs_f64();
    }
    all * 1e9 / keys.len() as f64
}

fn per_key(keys: &[Key], decide: impl Fn(&Key) -> Decision) -> f64 {
    let began = Instant::now();
    for key in keys {
        black_box(decide(black_box(key)));
    }
    began.elapsed().as_secs_f64() * 1e9 / keys.len() as f64
}

fn median(mut measure: impl FnMut() -> f64) -> f64 {
    let mut all: [f64; 5] = std::array::from_fn(|_| measure());
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
