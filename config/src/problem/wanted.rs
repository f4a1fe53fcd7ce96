//! What keys want, in words.

use std::fmt;

use super::{Choice, ValueProblem};
use crate::written::Kind;

/// What a key wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Text,
    Flag,
    Choice(&'static Choice),
    Address,
    Port,
    Protocol,
    Interface,
    IcmpType,
    TcpFlags,
    User,
    QueueNumbers,
    Mask,
    Threshold,
    Path,
    Size,
    Duration,
    Moment,
    Schedule,
    Zone,
    Rate,
    Packet,
}

impl Wanted {
    pub(crate) fn kind(self, found: Kind) -> ValueProblem {
        ValueProblem::Kind { wanted: self, found }
    }

    pub(crate) fn word(self, written: impl Into<String>) -> ValueProblem {
        self.word_near(written, None)
    }

    pub(crate) fn word_near(self, written: impl Into<String>, nearest: Option<String>) -> ValueProblem {
        ValueProblem::Word { wanted: self, written: written.into(), nearest }
    }

    /// What it may look like.
    pub(crate) fn forms(self) -> String {
        match self {
            Self::Text => "write some words in quotes",
            Self::Flag => "write true or false, without quotes",
            Self::Choice(choice) => return format!("write {choice}"),
            Self::Address => {
                "an address is written \"192.0.2.1\" or \"2001:db8::1\", a prefix \"192.0.2.0/24\", a range \
                 \"192.0.2.10-192.0.2.20\", a set \"@name\""
            }
            Self::Port => {
                "a port is a number from 0 to 65535, a service name, a range \"8000-8099\", a class (\"well-known\", \
                 \"registered\", \"dynamic\"), or a set \"@name\""
            }
            Self::Protocol => "a protocol is a name such as \"tcp\", \"udp\", \"icmp\", \"icmpv6\", or a number from 0 to 255",
            Self::Interface => {
                "an interface is a name of at most 15 letters such as \"eth0\", or a beginning such as \"wg*\""
            }
            Self::IcmpType => {
                "an ICMP type is a name such as \"echo-request\" or a number, and may end in a code: \"3/4\""
            }
            Self::TcpFlags => {
                "flags are written \"syn\", \"syn,ack\" or \"syn / syn,ack,fin,rst\" (these set, of those); \
                 their names are fin, syn, rst, psh, ack, urg, ece, cwr, none and all"
            }
            Self::User => "a user is a name from /etc/passwd, a number, or a range \"1000-1999\"",
            Self::QueueNumbers => "write a number from 0 to 65535, or a range such as \"7300-7303\"",
            Self::Mask => "write a number of 32 bits such as 0x7f000000",
            Self::Threshold => "write a number from 1 to 4294967295",
            Self::Path => "write a path in quotes",
            Self::Size => "a size is a whole number and a unit, such as \"64 MiB\" or \"1 GiB\"",
            Self::Duration => "a time is a whole number and a unit, such as \"90 s\", \"10 min\", \"2 h\" or \"7 d\"",
            Self::Moment => {
                "a time is written 2027-01-01, which is the day's beginning, \"2027-01-01 18:00\" or \
                 \"2027-01-01 18:00 Europe/Berlin\""
            }
            Self::Schedule => {
                "a schedule is days, hours or both, and perhaps a time zone: \"mon-fri 08:00-18:00 Europe/Berlin\", \
                 \"sat,sun\", \"22:00-06:00\"; a whole day is 00:00-24:00"
            }
            Self::Zone => "a time zone is written \"Europe/Berlin\" or \"UTC\", after days and hours",
            Self::Rate => "a rate is written \"10/s\" or \"10/min per source, burst 20\"; the times are s, min and h",
            Self::Packet => "a packet is written \"input tcp 192.0.2.9:40000 -> 192.0.2.1:22\", for example",
        }
        .into()
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "some text",
            Self::Flag => "true or false",
            Self::Choice(choice) => choice.noun,
            Self::Address => "an address",
            Self::Port => "a port",
            Self::Protocol => "a protocol",
            Self::Interface => "an interface",
            Self::IcmpType => "an ICMP type",
            Self::TcpFlags => "a combination of TCP flags",
            Self::User => "a user",
            Self::QueueNumbers => "a queue number or range",
            Self::Mask => "a mask",
            Self::Threshold => "a threshold",
            Self::Path => "a path",
            Self::Size => "a size",
            Self::Duration => "a time",
            Self::Moment => "a date or time",
            Self::Schedule => "a schedule",
            Self::Zone => "a time zone",
            Self::Rate => "a rate",
            Self::Packet => "a packet",
        })
    }
}
