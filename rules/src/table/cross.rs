//! Tables of classes: a few loads for every packet, whatever the rules; for as many rules as the
//! tables stay small.
//!
//! Gupta, McKeown: Packet Classification on Multiple Fields (SIGCOMM 1999), with three steps: each
//! number to its class, the classes of addresses and those of the rest to a class for both, those two
//! to the answer. A class is the set of rules that hold there, so the rules of an answer are those
//! whose extents hold the packet: nothing about the first match is lost.

use super::{
    area::{Address, Extent, Point},
    classes::Classes,
    intervals::Intervals,
};
use crate::RuleId;

/// Tables of classes.
#[derive(Debug, Clone)]
pub(super) struct Cross<A> {
    source: Intervals<A>,
    destination: Intervals<A>,
    source_port: Intervals<u16>,
    port: Intervals<u16>,
    protocol: Intervals<u8>,
    /// Class of source and of destination to class of both.
    addresses: Table,
    /// Class of source port and of port to class of both.
    ports: Table,
    /// Class of ports and of protocol to class of both.
    service: Table,
    /// Class of addresses and of service to the end of `rules` that begins there.
    answers: Table,
    /// Lists of rules, of which all but the last are to be asked. After the last comes `END`, unless
    /// it is exact.
    rules: Box<[u32]>,
}

const END: u32 = u32::MAX;
const EXACT: u32 = 1 << 31;

#[derive(Debug, Clone)]
struct Table {
    columns: u32,
    cells: Box<[u32]>,
}

impl Table {
    #[inline]
    fn at(&self, row: u32, column: u32) -> u32 {
        self.cells[(row * self.columns + column) as usize]
    }
}

impl<A: Address> Cross<A> {
    /// The tables for these rules; `None` where one would have more than `most` cells.
    pub(super) fn new(extents: &[Extent<'_, A>], most: usize) -> Option<Self> {
        let all = || extents.iter();
        let (sources, source) = Classes::of(all().map(|extent| extent.source), most)?;
        let (destinations, destination) = Classes::of(all().map(|extent| extent.destination), most)?;
        let (source_ports, source_port) = Classes::of(all().map(|extent| extent.source_port), most)?;
        let (other_ports, port) = Classes::of(all().map(|extent| extent.port), most)?;
        let (protocols, protocol) = Classes::of(all().map(|extent| Some(extent.protocol.ranges())), most)?;
        let (ports, ports_table) = source_ports.cross(&other_ports, most)?;
        let (services, service) = ports.cross(&protocols, most)?;
        let (pairs, addresses) = sources.cross(&destinations, most)?;
        let (answers, rules) = answers(extents, &pairs, &services, most)?;
        let table = |cells: Vec<u32>, columns: &Classes| Table {
            columns: u32::try_from(columns.len()).expect("below the cap"),
            cells: cells.into(),
        };
        Some(Self {
            source,
            destination,
            source_port,
            port,
            protocol,
            addresses: table(addresses, &destinations),
            ports: table(ports_table, &other_ports),
            service: table(service, &protocols),
            answers: table(answers, &services),
            rules: rules.into(),
        })
    }

    /// The rules whose extents hold `point`, ascending, up to the first that is exact; and whether
    /// they are.
    #[inline]
    pub(super) fn holding(&self, point: &Point<A>) -> impl Iterator<Item = (RuleId, bool)> {
        let source = self.source.value(point.source);
        let destination = self.destination.value(point.destination);
        let ports = self.ports.at(self.source_port.value(point.source_port), self.port.value(point.port));
        let service = self.service.at(ports, self.protocol.value(point.protocol));
        let answer = self.answers.at(self.addresses.at(source, destination), service);
        let mut rest = self.rules[answer as usize..].iter();
        std::iter::from_fn(move || {
            let &rule = rest.next().filter(|&&rule| rule != END)?;
            let exact = rule & EXACT != 0;
            if exact {
                rest = [].iter();
            }
            Some((RuleId(rule & !EXACT), exact))
        })
    }

    pub(super) fn bytes(&self) -> usize {
        let intervals = [self.source.bytes(), self.destination.bytes(), self.source_port.bytes()];
        let tables = [&self.addresses, &self.ports, &self.service, &self.answers];
        intervals.into_iter().sum::<usize>()
            + self.port.bytes()
            + self.protocol.bytes()
            + tables.into_iter().map(|table| size_of_val(&*table.cells)).sum::<usize>()
            + size_of_val(&*self.rules)
    }
}

/// The table of answers, and the lists that they begin.
fn answers<A>(
    extents: &[Extent<'_, A>],
    pairs: &Classes,
    services: &Classes,
    most: usize,
) -> Option<(Vec<u32>, Vec<u32>)> {
    if pairs.len() * services.len() > most {
        return None;
    }
    let mut answers = Vec::with_capacity(pairs.len() * services.len());
    let mut lists = vec![END];
    let mut known = std::collections::HashMap::<Vec<u32>, u32>::new();
    let mut list = Vec::new();
    for pair in pairs.sets() {
        for service in services.sets() {
            list.clear();
            for rule in ones(pair, service) {
                let Extent { rule: RuleId(id), exact, .. } = extents[rule];
                list.push(if exact { id | EXACT } else { id });
                if exact {
                    break;
                }
            }
            answers.push(match known.get(&list) {
                _ if list.is_empty() => 0,
                Some(&answer) => answer,
                None => {
                    let answer = u32::try_from(lists.len()).ok()?;
                    lists.extend(&list);
                    if list.last().is_some_and(|rule| rule & EXACT == 0) {
                        lists.push(END);
                    }
                    known.insert(list.clone(), answer);
                    answer
                }
            });
            if lists.len() > most {
                return None;
            }
        }
    }
    Some((answers, lists))
}

/// The places of the bits that both have.
fn ones<'a>(a: &'a [u64], b: &'a [u64]) -> impl Iterator<Item = usize> + 'a {
    a.iter().zip(b).enumerate().flat_map(|(number, (a, b))| {
        let mut word = a & b;
        std::iter::from_fn(move || {
            let bit = word.trailing_zeros();
            word &= word.wrapping_sub(1);
            (bit < u64::BITS).then_some(number * 64 + bit as usize)
        })
    })
}
