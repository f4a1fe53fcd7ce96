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
mod site;

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
    let wanted = |name: &str| match only.as_deref().map(|only| (only, only.strip_prefix('='))) {
        None => true,
        Some((_, Some(only))) => name == only,
        Some((only, None)) => name.contains(only),
    };
    sets.retain(|set: &Set| wanted(&set.name));
    if let Some(folder) = write {
        return sets.iter().try_for_each(|set| classbench::write(set, &folder));
    }
    let sites = SIZES.iter().map(|&count| site::site(count));
    let lists = [false, true].into_iter().flat_map(|v6| {
        [site::hosts(100_000, v6), site::blocklists(1, 600_000, v6), site::blocklists(8, 600_000, v6)]
    });
    let scenes = sets.iter().flat_map(|set| [set.scene(false), set.scene(true)]);
    measure::header();
    for scene in scenes.chain(sites).chain(lists).filter(|scene| wanted(&scene.name)) {
        measure::measure(&scene);
    }
    Ok(())
}
