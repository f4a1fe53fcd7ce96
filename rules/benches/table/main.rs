//! How fast the compiled table is, beside the linear reference.
//!
//! `cargo bench -p portcullis-rules` measures rules of its own making. With `-- DIR`, or `CLASSBENCH=DIR`
//! in the environment, it also measures each ClassBench file in that folder: `NAME`, and its packets
//! in `NAME.trace` if there are any. With `-- --write DIR` it measures nothing, and writes what it
//! would have measured into that folder instead, so that other classifiers can be given the same.
//! `--only TEXT` keeps the sets whose names have the text in them, `--only =NAME` one set.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "numbers of a benchmark's own making"
)]

mod classbench;
mod generate;
mod measure;
mod set;

use std::{env, error::Error, path::PathBuf};

use self::{generate::Family, set::Set};

const SIZES: [usize; 5] = [10, 100, 1000, 10_000, 100_000];

fn main() -> Result<(), Box<dyn Error>> {
    let mut folder = env::var_os("CLASSBENCH").map(PathBuf::from);
    let mut write = None;
    let mut only = None;
    let mut arguments = env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--bench") => {}
            Some("--write") => write = arguments.next().map(PathBuf::from),
            Some("--only") => only = arguments.next().and_then(|name| name.into_string().ok()),
            _ => folder = Some(argument.into()),
        }
    }
    let mut sets = Vec::new();
    for rules in SIZES {
        for family in [Family::Servers, Family::Gateway, Family::Backbone] {
            let set = generate::set(family, rules);
            if rules >= 10_000 {
                sets.push(set.shuffled());
            }
            sets.push(set);
        }
    }
    sets.extend(generate::adversarial());
    if let Some(folder) = folder {
        sets.extend(classbench::read_folder(&folder)?);
    }
    if let Some(only) = only {
        sets.retain(|set: &Set| match only.strip_prefix('=') {
            Some(name) => set.name == name,
            None => set.name.contains(&only),
        });
    }
    if let Some(folder) = write {
        return sets.iter().try_for_each(|set| classbench::write(set, &folder));
    }
    measure::header();
    for set in sets {
        measure::measure(&set);
    }
    Ok(())
}
