//! Sets without members.

use std::collections::{BTreeMap, BTreeSet};

use toml::Value;

/// Those of the sets that are empty: nothing is listed, or nothing but other empty sets. (A list that
/// leaves nothing of what it names is an error, and so is an empty file.)
pub(super) fn empty_sets(sets: &BTreeMap<String, Value>) -> BTreeSet<String> {
    let mut empty = BTreeSet::new();
    loop {
        let is_empty = |set: &Value| {
            let members = ["addresses", "ports"].into_iter().find_map(|key| set.get(key));
            match members {
                Some(Value::Array(members)) => members.iter().all(|member| names_one_of(&empty, member)),
                Some(member) => names_one_of(&empty, member),
                None => false,
            }
        };
        let found: BTreeSet<String> =
            sets.iter().filter(|(_, set)| is_empty(set)).map(|(name, _)| name.clone()).collect();
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
