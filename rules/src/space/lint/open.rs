//! Rules that open everything.

use std::sync::Arc;

use super::Finding;
use crate::{
    Action, AddressSet, Cause, Hook, HookSet, Key, Protocol, RangeSet, RuleId, State, TcpFlags,
    space::{
        part::Part,
        region::Region,
        rules::{Rules, Undecided, Work},
    },
};

/// Hooks by which somebody else can come in.
const FROM_OUTSIDE: [Hook; 2] = [Hook::Input, Hook::Forward];
/// Packets of what is open that are tried to find one that the rule decides.
const CORNERS: u32 = 64;
/// The ports that can be knocked at: 0 is reserved.
const PORTS: (u16, u16) = (1, u16::MAX);
/// What a client of Linux sends from by itself (`ip_local_port_range`).
const CLIENT_PORTS: (u16, u16) = (32768, 60999);
/// Where all the addresses of the internet are (RFC 4291, 2.4).
const GLOBAL: (u128, u128) = (0x2000 << 112, (0x4000 << 112) - 1);

/// A finding if a rule lets new connections of TCP or UDP in, nearly whoever sends them and nearly
/// whatever the port, at a hook whose policy refuses them, and rules before it don't refuse most of it.
pub(super) fn opens_everything(
    rules: &Rules<'_>,
    id: RuleId,
    earlier: &[RuleId],
    work: &mut Work,
) -> Result<Option<Finding>, Undecided> {
    if rules.ruleset.rule(id).action != Action::Accept {
        return Ok(None);
    }
    let closed = |hook: &Hook| rules.ruleset.policy.at(*hook).is_some_and(|action| action != Action::Accept);
    for hook in FROM_OUTSIDE.into_iter().filter(closed) {
        let tcp = opened(rules, id, earlier, (hook, Protocol::TCP), work)?;
        let udp = opened(rules, id, earlier, (hook, Protocol::UDP), work)?;
        let protocol = match (&tcp, &udp) {
            (Some(_), None) => Some(Protocol::TCP),
            (None, Some(_)) => Some(Protocol::UDP),
            _ => None,
        };
        let nearly = [&tcp, &udp].into_iter().flatten().any(|opened| opened.nearly);
        if let Some(Opened { witness, chosen_port, .. }) = tcp.or(udp) {
            return Ok(Some(Finding::OpensEverything {
                rule: id,
                hook,
                protocol,
                nearly,
                chosen_port,
                witness,
            }));
        }
    }
    Ok(None)
}

struct Opened {
    nearly: bool,
    chosen_port: bool,
    witness: Key,
}

fn opened(
    rules: &Rules<'_>,
    id: RuleId,
    earlier: &[RuleId],
    (hook, protocol): (Hook, Protocol),
    work: &mut Work,
) -> Result<Option<Opened>, Undecided> {
    let refusing = earlier.iter().copied().filter(|&id| rules.ruleset.rule(id).action != Action::Accept);
    let refusing: Vec<RuleId> = refusing.collect();
    // Only what is as wide can leave less than most: that is few, where there are thousands of others.
    let is_wide = |id: &RuleId| rules.regions(*id).iter().any(is_most);
    let as_wide = || refusing.iter().copied().filter(is_wide);
    for region in rules.regions(id) {
        let chosen_port = !RangeSet::from_iter([CLIENT_PORTS]).is_within(&region.source_port.values);
        for families in [(true, false), (false, true)] {
            let everybody = everybody(rules, region, (hook, protocol), families);
            if !everybody.is_within(region) || !is_most(&everybody) {
                continue;
            }
            let whole = everybody.clone();
            for piece in rules.left(vec![everybody], as_wide(), &mut Vec::new(), work)? {
                if !is_most(&piece) {
                    continue;
                }
                let corners = (0..CORNERS).filter_map(|number| rules.space.corner(&piece, number));
                let decided = |key: &Key| rules.decides(key, earlier.iter().copied()) == Cause::Policy;
                if let Some(witness) = rules.space.witness(&piece).into_iter().chain(corners).find(decided) {
                    let meets = |id: &RuleId| rules.regions(*id).iter().any(|region| region.meets(&whole));
                    let nearly = !piece.source.is_full_in_its_families() || refusing.iter().any(meets);
                    return Ok(Some(Opened { nearly, chosen_port, witness }));
                }
            }
        }
    }
    Ok(None)
}

/// The first packets of every connection that can come by a hook, from the senders and their ports
/// that the rule names.
fn everybody(
    rules: &Rules<'_>,
    region: &Region,
    (hook, protocol): (Hook, Protocol),
    (v4, v6): (bool, bool),
) -> Region {
    let all = rules.space.all(HookSet::EMPTY.with(hook));
    let everybody = Region {
        protocol: [protocol.0].into_iter().collect(),
        source: Arc::new(region.source.of_families(v4, v6)),
        destination: Arc::new(all.destination.of_families(v4, v6)),
        source_port: region.source_port.clone(),
        port: Part::of([PORTS].into_iter().collect()),
        state: [State::New].into_iter().collect(),
        tcp_flags: match protocol {
            Protocol::TCP => Part::of([(TcpFlags::SYN.0, TcpFlags::SYN.0)].into_iter().collect()),
            _ => Part::none(),
        },
        ..all
    };
    everybody.clone().tightened().unwrap_or(everybody)
}

/// Whether it is half of all senders, receivers and ports at the least.
fn is_most(region: &Region) -> bool {
    let ports: u32 =
        region.port.values.ranges().iter().map(|&(first, last)| u32::from(last - first) + 1).sum();
    ports >= 1 << 15 && [&region.source, &region.destination].into_iter().all(|set| is_most_of_a_family(set))
}

fn is_most_of_a_family(set: &AddressSet) -> bool {
    let v4: u64 = set.v4().ranges().iter().map(|&(first, last)| u64::from(last - first) + 1).sum();
    let global = set.v6().intersection(&[GLOBAL].into_iter().collect());
    let v6: u128 = global.ranges().iter().map(|&(first, last)| last - first + 1).sum();
    v4 >= 1 << 31 || v6 > (GLOBAL.1 - GLOBAL.0) >> 1
}
