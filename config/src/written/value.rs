//! Values as written, before anybody asks whether they make sense where they stand.

use std::{fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use toml::Spanned;

/// A key's value where one is wanted.
pub(crate) type One = Spanned<Scalar>;

/// A key's value where one or a list of them is wanted.
pub(crate) type Many = Spanned<OneOrMany>;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    Text(String),
    Number(i128),
    Boolean(bool),
    /// A date, a time or both, as written.
    Date(String),
    /// A value that no key wants.
    Other(Kind),
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    EmptyText,
    Number,
    Boolean,
    Fraction,
    Date,
    List,
    Table,
}

/// One value, or a list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum OneOrMany {
    One(Scalar),
    Many(Vec<Spanned<Scalar>>),
}

impl Scalar {
    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Text(text) if text.is_empty() => Kind::EmptyText,
            Self::Text(_) => Kind::Text,
            Self::Number(_) => Kind::Number,
            Self::Boolean(_) => Kind::Boolean,
            Self::Date(_) => Kind::Date,
            Self::Other(kind) => *kind,
        }
    }
}

/// The members of a list, or the one value, and where they are.
pub(crate) fn members(many: &Many) -> Vec<(Range<usize>, &Scalar)> {
    match many.get_ref() {
        OneOrMany::One(value) => vec![(many.span(), value)],
        OneOrMany::Many(values) => values.iter().map(|value| (value.span(), value.get_ref())).collect(),
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "a text",
            Self::EmptyText => "an empty text",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Fraction => "a number with a fraction",
            Self::Date => "a date",
            Self::List => "a list",
            Self::Table => "a table",
        })
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Scalar, E> {
        Ok(Scalar::Text(text))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Boolean(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number.into()))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Scalar, E> {
        Ok(Scalar::Number(number))
    }

    fn visit_u128<E>(self, number: u128) -> Result<Scalar, E> {
        Ok(Scalar::Number(i128::try_from(number).unwrap_or(i128::MAX)))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Scalar, E> {
        Ok(Scalar::Other(Kind::Fraction))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other(Kind::List))
    }

    /// The parser hands a date over as a table with one key of its own.
    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Scalar, A::Error> {
        let mut value = Scalar::Other(Kind::Table);
        while let Some(key) = table.next_key::<String>()? {
            if key.starts_with("$__toml_private") {
                value = Scalar::Date(table.next_value()?);
            } else {
                table.next_value::<IgnoredAny>()?;
            }
        }
        Ok(value)
    }
}

struct OneOrManyVisitor;

/// Everything but a list is one value.
macro_rules! as_one {
    ($($visit:ident: $value:ty),*) => {$(
        fn $visit<E: serde::de::Error>(self, value: $value) -> Result<OneOrMany, E> {
            ScalarVisitor.$visit(value).map(OneOrMany::One)
        }
    )*};
}

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or a list")
    }

    as_one!(visit_str: &str, visit_string: String, visit_bool: bool, visit_i64: i64, visit_u64: u64,
            visit_i128: i128, visit_u128: u128, visit_f64: f64);

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<OneOrMany, A::Error> {
        ScalarVisitor.visit_map(table).map(OneOrMany::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(OneOrMany::Many(values))
    }
}
