//! Matches in the words of the rule language, such that they load again as what they are.

mod icmp;
mod values;

pub use self::values::address_range;
pub(crate) use self::{
    icmp::icmp_types,
    values::{addresses, numbers, patterns, protocols, range, states, tcp_flags},
};
use crate::{Field, IcmpSet, Match, Rule};

/// A key of a rule and its values, as a rule file writes them: `port`, `[22, "8000-8099"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The key.
    pub field: Field,
    /// The values, each as it is written without quotes. None: the field fits nothing, as an empty set does.
    pub values: Vec<String>,
}

impl Words {
    pub(crate) const fn new(field: Field, values: Vec<String>) -> Self {
        Self { field, values }
    }

    /// As TOML, `port = [22, 443]`, with at most so many values; how many are left out is told.
    pub fn toml(&self, most: usize) -> String {
        let name = self.field.name();
        match &self.values[..] {
            [one] => format!("{name} = {}", self.value(one)),
            all => {
                let shown: Vec<String> = all.iter().take(most).map(|value| self.value(value)).collect();
                let more = match all.len().saturating_sub(most) {
                    0 => String::new(),
                    more => format!(", … {more} more"),
                };
                format!("{name} = [{}{more}]", shown.join(", "))
            }
        }
    }

    /// Whether a value is a number, and the key takes numbers without quotes.
    pub fn is_bare(&self, value: &str) -> bool {
        let takes_numbers = matches!(
            self.field,
            Field::Port | Field::SourcePort | Field::Protocol | Field::User | Field::IcmpType
        );
        takes_numbers && !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())
    }

    fn value(&self, value: &str) -> String {
        if self.is_bare(value) { value.to_owned() } else { toml_string(value) }
    }
}

/// A TOML basic string.
pub fn toml_string(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            c if c.is_control() => quoted += &format!("\\u{:04X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

impl Rule {
    /// What the rule names, key by key. A rule that came out of a rule file loads again from them; of other
    /// sets of ICMP types the language may say the types of either protocol only together.
    pub fn words(&self) -> Vec<Words> {
        // Destructured, so that a new field does not compile until it has words here.
        let Match {
            interface,
            in_interface,
            out_interface,
            protocol,
            source,
            destination,
            source_port,
            port,
            icmp_type,
            tcp_flags,
            state,
            user,
        } = &self.matches;
        let types = |types: &IcmpSet| {
            icmp_types(types, &types.complement()).or_else(|| icmp_types(types, &IcmpSet::default()))
        };
        let hooks = self.hooks.iter().map(|hook| hook.to_string()).collect();
        let named = [
            (Field::Interface, interface.as_ref().map(patterns)),
            (Field::InInterface, in_interface.as_ref().map(patterns)),
            (Field::OutInterface, out_interface.as_ref().map(patterns)),
            (Field::Protocol, protocol.as_ref().map(protocols)),
            (Field::Source, source.as_deref().map(addresses)),
            (Field::Destination, destination.as_deref().map(addresses)),
            (Field::SourcePort, source_port.as_ref().map(numbers)),
            (Field::Port, port.as_ref().map(numbers)),
            (Field::IcmpType, icmp_type.as_ref().and_then(types)),
            (Field::TcpFlags, tcp_flags.as_ref().map(values::tcp_flags)),
            (Field::State, state.map(states)),
            (Field::User, user.as_ref().map(numbers)),
        ];
        let named = named.into_iter().filter_map(|(field, values)| Some(Words::new(field, values?)));
        std::iter::once(Words::new(Field::Hook, hooks)).chain(named).collect()
    }
}
