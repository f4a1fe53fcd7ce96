//! How kinds are found.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hash},
};

use super::{
    Classes, Fact, Kinds,
    ask::{Ask, Named},
    list::List,
    rank::rank,
    rough::rough,
};
use crate::{
    ByteSet, Match, RangeSet, Step,
    table::{
        axis::Address,
        classes::{self, Folding, Row, Rows, ones},
        steps::Steps,
    },
};

/// The kinds of packets of which a rule, or many like it, can match some.
#[derive(Debug, Clone, Default)]
pub(in crate::table) struct Taken {
    /// As far as the facts go, it matches all of these.
    pub(in crate::table) certain: RangeSet<u16>,
    /// It names a fact that is unknown of these.
    pub(in crate::table) doubtful: RangeSet<u16>,
    /// What the rule names that the kinds do not know.
    missing: Vec<Ask>,
    /// Something that the rule names is known only roughly: it may not match all that it takes.
    rough: bool,
}

impl Taken {
    /// Whether the kinds know all that such a rule names and geometry doesn't.
    pub(in crate::table) fn is_complete(&self) -> bool {
        self.missing.is_empty() && !self.rough
    }

    /// Whether such a rule names this, and the kinds don't know it.
    pub(in crate::table) fn misses(&self, ask: Ask) -> bool {
        self.missing.contains(&ask)
    }
}

/// So many words of rows may be made for all facts: some milliseconds, and 8 MB for the while.
const MOST_WORDS: usize = 1 << 20;

/// A fact's table has at most so many cells.
const MOST_CELLS: usize = 1 << 15;

/// All manners together may begin or end so many ranges of kinds, and some more each.
const MOST_RANGES: usize = 1 << 15;
const MOST_RANGES_EACH: usize = 6;
/// So many ranges of addresses of long sets are brought into rough classes; more are left to geometry, up to so many.
const MOST_ROUGH_RANGES: usize = 1 << 17;
const MOST_RANGES_OF_ADDRESSES: usize = 1 << 19;

/// Fewer classes are not worth knowing.
const FEWEST_CLASSES: usize = 4;

impl<A: Address> Kinds<A> {
    /// The kinds for these rules; what each takes of them, each different way once; and which way is
    /// whose.
    pub(in crate::table) fn new(rules: &[&Match]) -> (Self, Vec<Taken>, Vec<u32>) {
        // Rules that name the same of everything are one, a *manner*: there are few.
        let mut protocols = Distinct::default();
        // Most rules name nothing of most: that is number 0, and not looked for.
        let mut named: Vec<Distinct<Option<Named<'_>>>> = Vec::new();
        named.resize_with(Ask::ALL.len(), || {
            let mut nothing = Distinct::default();
            nothing.number(None);
            nothing
        });
        let mut manners = Distinct::default();
        let mut manner_of = Vec::with_capacity(rules.len());
        for matches in rules {
            let ports = matches.source_port.is_some() || matches.port.is_some();
            let mut manner = [0; Ask::ALL.len() + 1];
            manner[0] = protocols.number((matches.protocol, ports));
            for ((ask, named), number) in Ask::ALL.into_iter().zip(&mut named).zip(&mut manner[1..]) {
                if let Some(set) = ask.named::<A>(matches) {
                    *number = named.number(Some(set));
                }
            }
            manner_of.push(manners.number(manner));
        }
        let manners = manners.into_values();
        let (mut builder, protocols) = Builder::new(&protocols.into_values(), &manners);
        let mut facts: Vec<_> = Ask::ALL
            .into_iter()
            .enumerate()
            .zip(named)
            .map(|((place, ask), named)| (place + 1, ask, named.into_values()))
            .filter(|(_, _, named)| named.iter().any(Option::is_some))
            .collect();
        // Those with most sets come last, since they are counted by first; see `Builder::add`.
        facts.sort_by_key(|(_, _, named)| named.len());
        let facts = facts.into_iter().filter_map(|(place, ask, named)| {
            builder.add(ask, &named, |manner| manners[manner][place] as usize)
        });
        let facts = facts.collect();
        (Self { protocols, facts, count: builder.rows.len() }, builder.taken(), manner_of)
    }
}

struct Builder {
    manners: usize,
    /// By kind, which manners may match, and after these which do for certain.
    rows: Vec<Row>,
    protocols: usize,
    missing: Vec<Vec<Ask>>,
    rough: Vec<bool>,
    /// How many words of rows may still be made.
    words: usize,
}

impl Builder {
    fn new(
        protocols: &[(Option<ByteSet>, bool)],
        manners: &[[u32; Ask::ALL.len() + 1]],
    ) -> (Self, Box<[u16; 512]>) {
        let mut rows = Rows::default();
        let mut table = Box::new([0; 512]);
        let mut by_rank: Vec<(bool, u8)> =
            (0..=u8::MAX).flat_map(|number| [(false, number), (true, number)]).collect();
        // Protocols that rules often name together become neighbours.
        by_rank.sort_by_key(|&(has_ports, number)| (!has_ports, rank(number)));
        for (has_ports, number) in by_rank {
            let row = row(protocols.len(), |place| {
                let (set, ports) = &protocols[place];
                let holds = set.is_none_or(|set| set.contains(number)) && (has_ports || !ports);
                (holds, holds)
            });
            table[usize::from(number) | usize::from(has_ports) << 8] =
                rows.number(&row).expect("there are 512");
        }
        // Manners are many more than what they name of protocols.
        let rows = rows.into_rows().into_iter().map(|of_named| {
            row(manners.len(), |manner| {
                let place = manners[manner][0] as usize;
                let holds = of_named[place / 64] >> (place % 64) & 1 == 1;
                (holds, holds)
            })
        });
        let rows: Vec<Row> = rows.collect();
        (
            Self {
                manners: manners.len(),
                protocols: rows.len(),
                rows,
                missing: vec![Vec::new(); manners.len()],
                rough: vec![false; manners.len()],
                words: MOST_WORDS,
            },
            table,
        )
    }

    /// Crosses the kinds so far with the classes of another fact. `of` says which of the sets each
    /// manner names. Where that takes too much, the fact is known roughly; or not at all.
    fn add<A: Address>(
        &mut self,
        ask: Ask,
        named: &[Option<Named<'_>>],
        of: impl Fn(usize) -> usize,
    ) -> Option<Fact<A>> {
        let exact = classes(named, None).and_then(|classes| self.crossed(ask, named, &of, classes));
        let (crossed, rough) = match exact {
            Some(crossed) => (Some(crossed), false),
            None => (self.crossed_roughly(ask, named, &of), true),
        };
        let names = |manner: usize| named[of(manner)].is_some();
        match crossed {
            Some((rows, fact)) => {
                self.rows = rows;
                (0..self.manners).for_each(|manner| self.rough[manner] |= rough && names(manner));
                Some(fact)
            }
            // What is too much for geometry, too, is asked of the rules.
            None if ranges_of_addresses::<A>(named) > MOST_RANGES_OF_ADDRESSES => {
                (0..self.manners).for_each(|manner| self.rough[manner] |= names(manner));
                None
            }
            None => {
                let missing = self.missing.iter_mut().enumerate();
                missing.filter(|(manner, _)| names(*manner)).for_each(|(_, missing)| missing.push(ask));
                None
            }
        }
    }

    /// The same with as many classes as there is room for.
    fn crossed_roughly<A: Address>(
        &mut self,
        ask: Ask,
        named: &[Option<Named<'_>>],
        of: &impl Fn(usize) -> usize,
    ) -> Option<(Vec<Row>, Fact<A>)> {
        // Ranges of ports are told apart better where they are.
        if matches!(ask, Ask::SourcePort | Ask::Port) || ranges_of_addresses::<A>(named) > MOST_ROUGH_RANGES {
            return None;
        }
        let room = MOST_CELLS.min(self.words / 2 / self.words_in_a_row()) / self.rows.len();
        let mut most = room.checked_sub(2)?;
        while most >= FEWEST_CLASSES {
            let classes = classes(named, Some(most))?;
            most = classes.0.len() / 2;
            if let Some(crossed) = self.crossed(ask, named, of, classes) {
                return Some(crossed);
            }
        }
        None
    }

    const fn words_in_a_row(&self) -> usize {
        2 * self.manners.div_ceil(64)
    }

    fn crossed<A: Address>(
        &mut self,
        ask: Ask,
        named: &[Option<Named<'_>>],
        of: &impl Fn(usize) -> usize,
        (sets, classes): (Vec<Row>, Classes<A>),
    ) -> Option<(Vec<Row>, Fact<A>)> {
        let words = self.words_in_a_row();
        let cells = self.rows.len() * (sets.len() + 2);
        if cells > MOST_CELLS {
            return None;
        }
        self.words = self.words.checked_sub(cells.saturating_mul(words))?;
        // A packet without the fact meets what does not name it; one of which it is unknown may meet all.
        let unnamed = |manner: usize| named[of(manner)].is_none();
        let mut naming: Vec<Vec<usize>> = vec![Vec::new(); named.len()];
        (0..self.manners).for_each(|manner| naming[of(manner)].push(manner));
        let mut columns: Vec<Row> = sets
            .iter()
            .map(|set| {
                let mut row: Row = vec![0; words].into();
                for &manner in ones(set).flat_map(|set| &naming[set]) {
                    row[manner / 64] |= 1 << (manner % 64);
                }
                let (may, must) = row.split_at_mut(words / 2);
                must.copy_from_slice(may);
                row
            })
            .collect();
        columns.push(row(self.manners, |manner| (unnamed(manner), unnamed(manner))));
        columns.push(row(self.manners, |manner| (true, unnamed(manner))));
        let mut rows = Rows::default();
        let mut kinds = vec![0; self.rows.len() * columns.len()];
        let mut both = Vec::with_capacity(words);
        // What has most classes is counted by first, so that a rule that names one of many interfaces
        // takes one range of kinds, whatever else there is.
        let by_fact = columns.len() > self.protocols;
        for step in 0..kinds.len() {
            let (row, column) = if by_fact {
                (step % self.rows.len(), step / self.rows.len())
            } else {
                (step / columns.len(), step % columns.len())
            };
            both.clear();
            both.extend(self.rows[row].iter().zip(&columns[column]).map(|(a, b)| a & b));
            kinds[row * columns.len() + column] = rows.number(&both)?;
        }
        let columns = u16::try_from(columns.len()).ok()?;
        let rows = rows.into_rows();
        let ranges = |pair: &[Row]| -> usize {
            pair[0].iter().zip(&pair[1]).map(|(a, b)| (a ^ b).count_ones() as usize).sum()
        };
        if rows.windows(2).map(ranges).sum::<usize>() > MOST_RANGES + MOST_RANGES_EACH * self.manners {
            return None;
        }
        Some((rows, Fact { ask, classes, kinds: kinds.into(), columns }))
    }

    fn taken(self) -> Vec<Taken> {
        let mut begun: Vec<[Option<u16>; 2]> = vec![[None; 2]; self.manners];
        let mut ranges: Vec<[Vec<(u16, u16)>; 2]> = vec![Default::default(); self.manners];
        let words = self.manners.div_ceil(64);
        let mut before: Row = vec![0; 2 * words].into();
        let none: Row = before.clone();
        let kinds = self.rows.iter().map(|row| {
            let (may, must) = row.split_at(words);
            must.iter().copied().chain(may.iter().zip(must).map(|(may, must)| may & !must)).collect::<Row>()
        });
        for (kind, row) in (0u16..).zip(kinds.chain([none])) {
            let changed: Row = row.iter().zip(&before).map(|(now, before)| now ^ before).collect();
            for place in ones(&changed) {
                let (doubtful, manner) = (place / (64 * words), place % (64 * words));
                match begun[manner][doubtful].take() {
                    Some(first) => ranges[manner][doubtful].push((first, kind - 1)),
                    None => begun[manner][doubtful] = Some(kind),
                }
            }
            before = row;
        }
        let known = self.missing.into_iter().zip(self.rough);
        let taken = ranges.into_iter().zip(known).map(|([certain, doubtful], (missing, rough))| Taken {
            certain: certain.into_iter().collect(),
            doubtful: doubtful.into_iter().collect(),
            missing,
            rough,
        });
        taken.collect()
    }
}

/// A row of two bits for each manner: whether it may match, and whether it does.
fn row(manners: usize, of: impl Fn(usize) -> (bool, bool)) -> Row {
    let words = manners.div_ceil(64);
    let mut row = vec![0; 2 * words];
    for manner in 0..manners {
        let (may, must) = of(manner);
        row[manner / 64] |= u64::from(may) << (manner % 64);
        row[words + manner / 64] |= u64::from(must) << (manner % 64);
    }
    row.into()
}

fn ranges_of_addresses<A: Address>(named: &[Option<Named<'_>>]) -> usize {
    let ranges = named.iter().map(|named| match named {
        Some(Named::Addresses(set)) => A::ranges(set.0).len(),
        _ => 0,
    });
    ranges.sum()
}

/// Which of the sets hold each class, and how a key's class is found; or at most so many rough classes, and which of
/// the sets hold some of each.
fn classes<A: Address>(named: &[Option<Named<'_>>], most: Option<usize>) -> Option<(Vec<Row>, Classes<A>)> {
    fn of<T: Step>(sets: &[Option<&[(T, T)]>], most: Option<usize>) -> Option<classes::Classes<T>> {
        match most {
            Some(most) => Some(rough(sets, most)),
            None => classes::Classes::of(sets.iter().map(|set| set.map(|ranges| ranges.iter().copied()))),
        }
    }
    let beyond = |rows: &[Row]| u16::try_from(rows.len() + 1).ok().map(|unknown| (unknown - 1, unknown));
    match named.iter().flatten().next()? {
        Named::Numbers(_) => {
            let sets = named.iter().map(|named| match named {
                Some(Named::Numbers(set)) => Some(set.ranges()),
                _ => None,
            });
            let classes::Classes { rows, steps } = of(&sets.collect::<Vec<_>>(), most)?;
            let (absent, unknown) = beyond(&rows)?;
            Some((rows, Classes::Numbers { known: Steps::new(steps), absent, unknown }))
        }
        Named::Names(_) => {
            let sets = named.iter().map(|named| match named {
                Some(Named::Names(set)) => Some(set.ranges()),
                _ => None,
            });
            let classes::Classes { rows, steps } = of(&sets.collect::<Vec<_>>(), most)?;
            let (absent, unknown) = beyond(&rows)?;
            Some((rows, Classes::Names { known: Steps::new(steps), absent, unknown }))
        }
        Named::Addresses(_) => {
            let sets = named.iter().map(|named| match named {
                Some(Named::Addresses(set)) => Some(A::ranges(set.0)),
                _ => None,
            });
            let classes::Classes { rows, steps } = of(&sets.collect::<Vec<_>>(), most)?;
            Some((rows, Classes::Addresses(List::new(&steps))))
        }
    }
}

/// Different values, numbered as they come.
struct Distinct<T>(HashMap<T, u32, BuildHasherDefault<Folding>>);

impl<T> Default for Distinct<T> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<T: Eq + Hash> Distinct<T> {
    fn number(&mut self, value: T) -> u32 {
        let next = u32::try_from(self.0.len()).expect("no more than there are rules");
        *self.0.entry(value).or_insert(next)
    }

    fn into_values(self) -> Vec<T> {
        let mut values: Vec<(T, u32)> = self.0.into_iter().collect();
        values.sort_unstable_by_key(|&(_, number)| number);
        values.into_iter().map(|(value, _)| value).collect()
    }
}
