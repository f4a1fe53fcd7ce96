//! The rule engine of Portcullis, and nothing else: no I/O, no clock, no threads.
//!
//! A packet's bytes become [`Headers`], headers and what the kernel said about the packet become a
//! [`Key`], and a [`RuleTable`] answers a key with a [`Decision`]. [`Ruleset::first_match`] is the
//! meaning that every compiled form has to keep: rules in order, the first that matches decides,
//! then the hook's policy.
#![forbid(unsafe_code)]

mod address;
mod byte_set;
mod decimal;
mod decision;
mod headers;
mod hook;
mod icmp;
mod interface;
mod key;
mod malformed;
mod packet_text;
mod protocol;
mod range_set;
mod rate;
mod rule;
mod ruleset;
mod space;
mod table;
mod tcp_flags;
mod words;

pub use address::AddressSet;
pub use byte_set::ByteSet;
pub use decision::{Action, Cause, Decision, Reason};
pub use headers::{Headers, Transport};
pub use hook::{Hook, HookSet};
pub use icmp::{IcmpSet, IcmpType};
pub use interface::{InterfaceName, InterfacePattern, InterfaceSet};
pub use key::{Fact, Key, Ports, State, StateSet};
pub use malformed::Malformed;
pub use packet_text::{Detail, Expected, Names, NoNames, PacketTextError, PacketTextFault, parse_packet};
pub use protocol::Protocol;
pub use range_set::{RangeSet, Step};
pub use rate::{Limiter, Rate, RatePeriod, RateScope};
pub use rule::{Field, LogDetail, Match, Matched, Place, Rule, RuleId, Standing};
pub use ruleset::{Explanation, NearMiss, Policy, Ruleset};
pub use space::{
    Change, Covers, Difference, Differences, Edit, EditChange, Finding, Lints, Question, Region, Space, diff,
    edits, lint,
};
pub use table::{RuleTable, Strategy, TablePart, TableSummary};
pub use tcp_flags::TcpFlags;
pub use words::{Words, address_range, toml_string};
