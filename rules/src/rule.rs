//! A rule: what it matches, and what it says of that.

use std::{fmt, sync::Arc};

use crate::{
    Action, AddressSet, ByteSet, Fact, Hook, HookSet, IcmpSet, InterfaceName, InterfaceSet, Key, RangeSet,
    Rate, StateSet,
};

/// A rule's place in its [`crate::Ruleset`], from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub u32);

/// Where a rule is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The file, as the configuration named it.
    pub file: Arc<str>,
    /// The line of the rule's header, from 1.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// How much a rule writes to the log about what it blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogDetail {
    /// Nothing.
    None,
    /// The first packets of a source and port in a minute, then a count.
    #[default]
    Summary,
    /// Every packet, what it accepts included.
    Every,
}

/// Whether a rule counts at the time that its ruleset is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Standing {
    /// It does.
    #[default]
    InForce,
    /// It did once: its `expires` is past.
    Expired,
    /// It does at other times: by its `schedule`.
    Resting,
    /// The ruleset is for no time in particular: what matches the rule depends.
    Sometimes,
}

/// A rule of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Unique in its ruleset.
    pub name: Arc<str>,
    /// The hooks it applies to.
    pub hooks: HookSet,
    /// What it matches.
    pub matches: Match,
    /// What it says of a packet that matches.
    pub action: Action,
    /// What it writes to the log.
    pub log: LogDetail,
    /// Whether it is also compiled into kernel rules that hold without the daemon.
    pub failsafe: bool,
    /// How many new flows it lets through. The rule decides; what is too much is dropped. It is nothing
    /// that a lookup asks for: whoever carries the decision out counts.
    pub rate: Option<Rate>,
    /// Whether it counts now. A rule that doesn't matches nothing.
    pub standing: Standing,
    /// The fields of which it is written what they are not, such as `["192.0.2.0/24", "!192.0.2.1"]`. Another
    /// value beside those need not make the field wider.
    pub excluding: Vec<Field>,
    /// A remark, for readers of rules and records.
    pub comment: Option<Arc<str>>,
    /// Where it is written.
    pub place: Place,
}

/// What a rule looks at. A field that is `None` matches every packet; a field that is named
/// matches only packets that have it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Match {
    /// The incoming interface on input, the outgoing one on output.
    pub interface: Option<InterfaceSet>,
    /// Where a forwarded packet came in.
    pub in_interface: Option<InterfaceSet>,
    /// Where a forwarded packet goes out.
    pub out_interface: Option<InterfaceSet>,
    /// IP protocol numbers.
    pub protocol: Option<ByteSet>,
    /// The sender's address.
    pub source: Option<Arc<AddressSet>>,
    /// The receiver's address.
    pub destination: Option<Arc<AddressSet>>,
    /// The sender's port.
    pub source_port: Option<RangeSet<u16>>,
    /// The receiver's port.
    pub port: Option<RangeSet<u16>>,
    /// ICMP and ICMPv6 types.
    pub icmp_type: Option<IcmpSet>,
    /// TCP flag bytes.
    pub tcp_flags: Option<ByteSet>,
    /// The flow's state.
    pub state: Option<StateSet>,
    /// The local sender's user id.
    pub user: Option<RangeSet<u32>>,
}

/// A field that a rule can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the Match field of its name")]
pub enum Field {
    Hook,
    Interface,
    InInterface,
    OutInterface,
    Protocol,
    Source,
    Destination,
    SourcePort,
    Port,
    IcmpType,
    TcpFlags,
    State,
    User,
    Expires,
    Schedule,
}

impl Field {
    /// The key in rule files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hook => "hook",
            Self::Interface => "interface",
            Self::InInterface => "in-interface",
            Self::OutInterface => "out-interface",
            Self::Protocol => "protocol",
            Self::Source => "source",
            Self::Destination => "destination",
            Self::SourcePort => "source-port",
            Self::Port => "port",
            Self::IcmpType => "icmp-type",
            Self::TcpFlags => "tcp-flags",
            Self::State => "state",
            Self::User => "user",
            Self::Expires => "expires",
            Self::Schedule => "schedule",
        }
    }
}

/// What a match, or one field of it, says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matched {
    /// It does not match.
    No,
    /// It would, if an unknown fact were as the rule wants it.
    Depends,
    /// It matches.
    Yes,
}

impl From<bool> for Matched {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

impl Rule {
    /// A rule that matches every packet at every hook, and is nothing special.
    pub fn new(name: &str, action: Action) -> Self {
        Self {
            name: name.into(),
            hooks: Hook::ALL.into_iter().collect(),
            matches: Match::default(),
            action,
            log: LogDetail::default(),
            failsafe: false,
            rate: None,
            standing: Standing::default(),
            excluding: Vec::new(),
            comment: None,
            place: Place::default(),
        }
    }

    /// Whether the rule can match packets at `hook` at all, now.
    pub fn applies_at(&self, hook: Hook) -> bool {
        self.standing.may_count() && self.hooks.contains(hook)
    }

    /// Whether the rule matches `key`.
    pub fn matches(&self, key: &Key) -> Matched {
        match self.standing {
            Standing::Expired | Standing::Resting => Matched::No,
            Standing::Sometimes => self.fits(key).min(Matched::Depends),
            Standing::InForce => self.fits(key),
        }
    }

    /// Whether the rule matches `key` while it counts.
    pub(crate) fn fits(&self, key: &Key) -> Matched {
        if !self.hooks.contains(key.hook) {
            return Matched::No;
        }
        let fields = self.matches.fields(key).into_iter();
        fields.fold(Matched::Yes, |weakest, (_, matched)| weakest.min(matched))
    }

    /// The fields that keep the rule from matching `key`, in the order of [`Field`].
    pub fn failing(&self, key: &Key) -> Vec<Field> {
        let hook = (!self.hooks.contains(key.hook)).then_some(Field::Hook);
        let time = match self.standing {
            Standing::Expired => Some(Field::Expires),
            Standing::Resting => Some(Field::Schedule),
            Standing::InForce | Standing::Sometimes => None,
        };
        let fields = self.matches.fields(key).into_iter().filter(|&(_, matched)| matched == Matched::No);
        hook.into_iter().chain(fields.map(|(field, _)| field)).chain(time).collect()
    }
}

impl Standing {
    /// Whether a rule of this standing may match anything.
    pub const fn may_count(self) -> bool {
        matches!(self, Self::InForce | Self::Sometimes)
    }
}

impl From<Standing> for Matched {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::InForce => Self::Yes,
            Standing::Sometimes => Self::Depends,
            Standing::Expired | Standing::Resting => Self::No,
        }
    }
}

impl Match {
    /// For each field that is named, the match without it.
    pub(crate) fn each_left_out(&self) -> Vec<(Field, Self)> {
        let mut without = Vec::new();
        macro_rules! leave_out { ($($key:ident: $field:ident),*) => {$(
            if self.$key.is_some() {
                without.push((Field::$field, Self { $key: None, ..self.clone() }));
            }
        )*}; }
        leave_out!(
            interface: Interface, in_interface: InInterface, out_interface: OutInterface, protocol: Protocol,
            source: Source, destination: Destination, source_port: SourcePort, port: Port, icmp_type: IcmpType,
            tcp_flags: TcpFlags, state: State, user: User
        );
        without
    }

    /// What each field says of `key`; a field that is not named says yes.
    fn fields(&self, key: &Key) -> [(Field, Matched); 12] {
        // Destructured, so that a new field does not compile until it is consulted here.
        let Self {
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
        } = self;
        let named = |set: &InterfaceSet, name: InterfaceName| set.contains(&name);
        [
            (Field::Interface, on_fact(interface.as_ref(), key.interface(), named)),
            (Field::InInterface, on_fact(in_interface.as_ref(), key.in_interface, named)),
            (Field::OutInterface, on_fact(out_interface.as_ref(), key.out_interface, named)),
            (Field::Protocol, on_part(protocol.as_ref(), Some(key.protocol), |set, p| set.contains(p.0))),
            (Field::Source, on_part(source.as_ref(), Some(key.source), |set, a| set.contains(a))),
            (
                Field::Destination,
                on_part(destination.as_ref(), Some(key.destination), |set, a| set.contains(a)),
            ),
            (Field::SourcePort, on_part(source_port.as_ref(), key.ports, |set, p| set.contains(p.source))),
            (Field::Port, on_part(port.as_ref(), key.ports, |set, p| set.contains(p.destination))),
            (Field::IcmpType, on_part(icmp_type.as_ref(), key.icmp, |set, t| set.contains(key.protocol, t))),
            (Field::TcpFlags, on_part(tcp_flags.as_ref(), key.tcp_flags, |set, flags| set.contains(flags.0))),
            (Field::State, on_part(state.as_ref(), Some(key.state), |set, state| set.contains(state))),
            (Field::User, on_fact(user.as_ref(), key.user, |set, user| set.contains(user))),
        ]
    }
}

/// `Unknown` facts make a named field depend.
fn on_fact<S, T>(set: Option<&S>, fact: Fact<T>, contains: impl Fn(&S, T) -> bool) -> Matched {
    match (set, fact) {
        (None, _) => Matched::Yes,
        (Some(_), Fact::Unknown) => Matched::Depends,
        (Some(_), Fact::Absent) => Matched::No,
        (Some(set), Fact::Known(value)) => contains(set, value).into(),
    }
}

/// Absent parts of the packet make a named field fail.
fn on_part<S, T>(set: Option<&S>, part: Option<T>, contains: impl Fn(&S, T) -> bool) -> Matched {
    on_fact(set, part.map_or(Fact::Absent, Fact::Known), contains)
}
