//! Classes of addresses, where lists are long.

use std::hint::select_unpredictable;

use crate::table::{axis::Address, slots::Slots, steps::Steps};

/// From an address to its class: single addresses are found by a hash, and steps tell what else there is apart.
#[derive(Debug, Clone)]
pub(super) struct List<A> {
    hosts: Option<Hosts<A>>,
    others: Steps<A, u16>,
}

/// Addresses that are of another class than both of their neighbours, which are of one.
#[derive(Debug, Clone)]
struct Hosts<A> {
    slots: Slots,
    /// By slot; of one that nobody has, any other's.
    hosts: Box<[A]>,
    classes: Box<[u16]>,
}

/// Fewer are steps like others.
const FEWEST: usize = 256;
/// Where there are not so many hosts to each step of what else there is, searching for both is not worth it.
const MANY: usize = 4;

impl<A: Address> List<A> {
    /// The classes that begin at these steps; they ascend, and the first is at the smallest address.
    pub(super) fn new(steps: &[(A, u16)]) -> Self {
        // Where there are MANY hosts, nearly half of the steps are followed by the next address.
        let single = |pair: &&[(A, u16)]| pair[0].0.next() == Some(pair[1].0);
        let singles = steps.windows(2).filter(single).count();
        if singles < FEWEST || 8 * singles < 3 * steps.len() {
            return Self { hosts: None, others: Steps::new(steps.iter().copied()) };
        }
        let mut hosts = Vec::new();
        let mut others: Vec<(A, u16)> = Vec::with_capacity(steps.len());
        for &(start, class) in steps {
            // The one before was for a single address, if after it all is as it was before.
            if let [.., (_, before), (host, of_host)] = others[..]
                && before == class
                && host.next() == Some(start)
            {
                hosts.push((host, of_host));
                others.pop();
            } else if others.last().is_none_or(|&(_, before)| before != class) {
                others.push((start, class));
            }
        }
        if hosts.len() >= FEWEST + MANY * others.len()
            && let Some(hosts) = Hosts::new(&hosts)
        {
            return Self { hosts: Some(hosts), others: Steps::new(others) };
        }
        Self { hosts: None, others: Steps::new(steps.iter().copied()) }
    }

    #[inline]
    pub(super) fn at(&self, address: A) -> u16 {
        let class = self.others.at(address);
        match &self.hosts {
            Some(hosts) => hosts.at(address, class),
            None => class,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.hosts.as_ref().map_or(0, Hosts::bytes) + self.others.bytes()
    }
}

impl<A: Address> Hosts<A> {
    fn new(hosts: &[(A, u16)]) -> Option<Self> {
        let (slots, slot_of) = Slots::new(hosts.iter().map(|&(host, _)| host.into()))?;
        let &(any, of_any) = hosts.first()?;
        let (mut by_slot, mut classes) = (vec![any; slots.count()], vec![of_any; slots.count()]);
        for (&(host, class), slot) in hosts.iter().zip(slot_of) {
            by_slot[slot] = host;
            classes[slot] = class;
        }
        Some(Self { slots, hosts: by_slot.into(), classes: classes.into() })
    }

    #[inline]
    fn at(&self, address: A, other: u16) -> u16 {
        let slot = self.slots.of(address.into());
        select_unpredictable(self.hosts[slot] == address, self.classes[slot], other)
    }
}

impl<A> Hosts<A> {
    fn bytes(&self) -> usize {
        self.slots.bytes() + size_of_val(&*self.hosts) + size_of_val(&*self.classes)
    }
}

#[cfg(test)]
mod tests {
    use super::List;

    #[test]
    fn the_last_step_at_or_below_counts() {
        let mut steps = vec![(0u32, 0u16), (5, 1), (6, 0), (7, 2), (8, 3), (9, 2), (u32::MAX, 3)];
        let same = |steps: &[(u32, u16)], hashed: bool| {
            let list = List::new(steps);
            assert_eq!(list.hosts.is_some(), hashed);
            let near = steps
                .iter()
                .flat_map(|&(start, _)| [start.saturating_sub(1), start, start.saturating_add(1)]);
            for at in near {
                let (_, class) = steps.iter().rfind(|&&(start, _)| start <= at).unwrap();
                assert_eq!(list.at(at), *class, "{at}");
            }
        };
        same(&steps, false);
        steps.pop();
        // Neighbours of different classes, gaps of one address, and hosts at both ends.
        let hosts =
            (0..600).map(|n| 10 + n * n).flat_map(|host| [(host, 4 + (host % 3) as u16), (host + 1, 2)]);
        steps.extend(hosts);
        steps.push((u32::MAX, 3));
        same(&steps, true);
        same(&[&[(0, 7), (1, 2)], &steps[5..]].concat(), true);
    }
}
