//! Rules that contradict themselves.

use std::fmt;

use portcullis_rules::{Action, Field, Hook, Protocol};

use super::{Quoted, Span};

/// What is wrong with a rule as a whole.
#[derive(Debug)]
pub(crate) enum RuleProblem {
    NameTaken {
        name: String,
        first: Span,
    },
    /// Records use the name for something else, or it cannot be shown.
    BadName {
        name: String,
    },
    /// It names a hook that has no policy.
    HookNotOurs {
        hook: Hook,
    },
    /// Packets at the hook never have the field.
    WrongHook {
        field: Field,
        hook: Hook,
        /// Whether the rule names the hook, or has it because it names none.
        named: bool,
    },
    /// Packets of the protocol never have the field.
    WrongProtocol {
        field: Field,
        protocol: Protocol,
    },
    /// The rule's protocols know none of its ICMP types.
    OtherIcmp,
    Failsafe(FailsafeObstacle),
    /// A rule that drops everything has a rate.
    RateOfNothing,
    RateTooHigh {
        count: u32,
    },
    /// It would take too long until a burst is paid for.
    BurstTooLarge {
        burst: u32,
    },
}

/// Why a rule cannot be a failsafe.
#[derive(Debug)]
pub(crate) enum FailsafeObstacle {
    Action(Action),
    Field(Field),
    Rate,
}

impl RuleProblem {
    pub(super) fn help(&self) -> Option<String> {
        let help = match self {
            Self::NameTaken { .. } => {
                "give each rule a name of its own: the log and `explain` speak of rules by name"
            }
            Self::BadName { .. } => {
                "use a short text of visible letters that does not begin with \"policy \""
            }
            Self::HookNotOurs { hook } => {
                return Some(format!(
                    "write {hook} = \"drop\" or \"accept\" in [policy] to filter there, or take the hook out of the rule"
                ));
            }
            Self::WrongHook { field: Field::Interface, named: false, .. } => {
                "write hook = [\"input\", \"output\"]; forwarded packets have `in-interface` and `out-interface`"
            }
            Self::WrongHook { field: Field::Interface, .. } => {
                "a forwarded packet has two interfaces: write `in-interface` or `out-interface`"
            }
            Self::WrongHook { field: Field::User, .. } => {
                "write hook = \"output\": only there the sender is known"
            }
            Self::WrongHook { named: false, .. } => {
                "write hook = \"forward\"; on input and output there is `interface` alone"
            }
            Self::WrongHook { .. } => {
                "write `interface`: it is the incoming one on input, the outgoing one on output"
            }
            Self::WrongProtocol { field, .. } => {
                return Some(format!(
                    "leave the protocol out, or name only those that have it: {}",
                    match field {
                        Field::IcmpType => "icmp, icmpv6",
                        Field::TcpFlags => "tcp",
                        _ => "tcp, udp, sctp, dccp, udplite",
                    }
                ));
            }
            Self::OtherIcmp => "icmp is IPv4's, icmpv6 is IPv6's; each has its own types",
            Self::Failsafe(FailsafeObstacle::Action(_)) => {
                "a failsafe rule keeps a door open while the daemon is away: write action = \"accept\""
            }
            Self::RateOfNothing => {
                "a rate says how much a rule that accepts or rejects lets through; what is too much is dropped"
            }
            Self::RateTooHigh { .. } => {
                "at most 100000 can be counted in a second; leave the rate out for more"
            }
            Self::BurstTooLarge { .. } => {
                "at this rate it would take more than 30 days until such a burst may come again"
            }
            Self::Failsafe(FailsafeObstacle::Field(Field::Expires | Field::Schedule)) => {
                "a failsafe rule is the kernel's, which keeps it at all times"
            }
            Self::Failsafe(FailsafeObstacle::Field(_) | FailsafeObstacle::Rate) => {
                "a failsafe rule is the kernel's: interfaces, protocol, addresses, ports and icmp-type only"
            }
        };
        Some(help.into())
    }
}

impl fmt::Display for RuleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTaken { name, .. } => write!(f, "two rules have the name {}", Quoted(name)),
            Self::BadName { name } => write!(f, "{} cannot be a rule's name", Quoted(name)),
            Self::HookNotOurs { hook } => {
                write!(f, "[policy] does not mention {hook}, so no rule can apply there")
            }
            Self::WrongHook { field, hook, named: true } => {
                write!(f, "on {hook} a packet never has `{}`", field.name())
            }
            Self::WrongHook { field, hook, named: false } => write!(
                f,
                "this rule names no hook, so it applies to {hook} too, where a packet never has `{}`",
                field.name()
            ),
            Self::WrongProtocol { field, protocol } => {
                write!(f, "a packet of protocol {protocol} never has `{}`", field.name())
            }
            Self::OtherIcmp => f.write_str("the rule's protocol has no such type"),
            Self::Failsafe(FailsafeObstacle::Action(action)) => {
                write!(f, "a rule that says {action} cannot be a failsafe")
            }
            Self::Failsafe(FailsafeObstacle::Rate) => f.write_str("a rule with `rate` cannot be a failsafe"),
            Self::RateOfNothing => f.write_str("a rule that drops has nothing to limit"),
            Self::RateTooHigh { count } => write!(f, "{count} is too high a rate"),
            Self::BurstTooLarge { burst } => write!(f, "a burst of {burst} is too large"),
            Self::Failsafe(FailsafeObstacle::Field(field)) => {
                write!(f, "a rule with `{}` cannot be a failsafe", field.name())
            }
        }
    }
}
