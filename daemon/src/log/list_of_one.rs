//! Suricata's form of a metadata value: a list of strings, here always of one.

use std::{fmt::Display, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// For `#[serde(with)]`.
pub(crate) fn serialize<T: Display, S: Serializer>(
    value: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value.as_ref().map(|value| [value.to_string()]).serialize(serializer)
}

/// For `#[serde(with)]`: the first string of the list counts.
pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    let list = Vec::<String>::deserialize(deserializer)?;
    list.first().map(|text| text.parse()).transpose().map_err(D::Error::custom)
}
