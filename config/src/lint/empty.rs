//! Sets without members.

use std::collections::{BTreeMap, BTreeSet};

use toml::Value;

/// Those of the sets that are empty: nothing is listed, or nothing but other empty sets, among them those of
/// files without a line. (A list that leaves nothing of what it names is an error.)
pub(super) fn empty_sets(sets: &BTreeMap<String, Value>, mut empty: BTreeSet<String>) -> BTreeSet<String> {
    loop {
        let is_empty = |set: &Value| {
            let members = ["addresses", "ports"].into_iter().find_map(|key| set.get(key));
            match members {
                Some(Value::Array(members)) => members.iter().all(|member| names_one_of(&empty, member)),
                Some(member) => names_one_of(&empty, member),
                None => false,
            }
        };
        let found: BTreeSet<String> = sets
            .iter()
            .filter(|(name, set)| is_empty(set) || empty.contains(*name))
            .map(|(name, _)| name.clone())
            .collect();
        if found == empty {
            return empty;
        }
        empty = found;
    }
}

fn names_one_of(sets: &BTreeSet<String>, member: &Value) -> bool {
    let name = member.as_str().and_then(|text| text.trim().strip_prefix('@'));
    name.is_some_and(|name| sets.contains(name))
}
