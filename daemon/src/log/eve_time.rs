//! Suricata's form of a time: `2026-11-23T08:26:45.123456+0000`, microseconds, UTC.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// The text of `time`.
pub(crate) fn text(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6f+0000").to_string()
}

/// For `#[serde(with)]`.
pub(crate) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*time))
}

/// For `#[serde(with)]`: any UTC offset is understood.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", &text).map_err(D::Error::custom)
}
