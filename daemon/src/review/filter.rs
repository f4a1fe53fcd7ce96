//! Which records are asked for.

use std::{io, net::IpAddr, ops::Range, str::FromStr};

use ipnet::IpNet;
use jiff::Zoned;

use super::{LogArgs, When, parts::Part};
use crate::log::digest::{Class, Digest, Door, Head, NOBODY, Shape};

/// An address or a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceFilter(pub(super) IpNet);

impl FromStr for SourceFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let prefix = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        prefix.map(Self).map_err(|_| "neither an address nor a prefix such as 203.0.113.0/24".to_owned())
    }
}

/// What a record has to be like.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    /// Microseconds since 1970.
    times: Range<i64>,
    source: Option<IpNet>,
    port: Option<u16>,
    rule: Option<String>,
    hook: Option<String>,
    reason: Option<String>,
    /// Whether noise is among the rest.
    noise: bool,
}

/// The rows of a digest that are asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection {
    /// In order.
    pub(super) rows: Vec<u32>,
    /// Packets of noise that are kept apart, by [`Class::NOISE`].
    pub(super) apart: [u64; 3],
    /// Lines that are no records.
    pub(super) foreign: u64,
    /// The first of them.
    pub(super) first_foreign: Option<u32>,
}

impl Filter {
    /// The filter of `args`.
    ///
    /// # Errors
    /// When there is no such time.
    pub(super) fn new(args: &LogArgs, now: &Zoned) -> io::Result<Self> {
        let moment = |when: &Option<When>, otherwise: i64| match when {
            Some(when) => when.before(now).map(|moment| moment.as_microsecond()),
            None => Ok(otherwise),
        };
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
        let times = moment(&args.since, i64::MIN).map_err(invalid)?
            ..moment(&args.until, i64::MAX).map_err(invalid)?;
        Ok(Self {
            times,
            source: args.source.map(|SourceFilter(prefix)| prefix),
            port: args.port,
            rule: args.rule.clone(),
            hook: args.hook.clone(),
            reason: args.reason.clone(),
            noise: args.noise || args.json || args.csv,
        })
    }

    /// The same, of an incident's source and time only.
    pub(super) fn within(self, source: Option<IpNet>, times: Range<i64>) -> Self {
        let times = self.times.start.max(times.start)..self.times.end.min(times.end);
        Self { source: source.or(self.source), times, ..self }
    }

    /// Whether a part can hold a record that is asked for. A summary is as old as the last packet
    /// that it counts, so nothing in a file is younger than its name.
    pub(super) fn may_be_in(&self, part: &Part) -> bool {
        part.until.is_none_or(|until| until.as_microsecond() >= self.times.start)
    }

    /// Whether `time` is asked for, in microseconds since 1970.
    pub(super) fn includes(&self, time: i64) -> bool {
        self.times.contains(&time)
    }

    /// Whether a source is asked for.
    pub(super) fn includes_source(&self, source: Option<IpAddr>) -> bool {
        self.source.is_none_or(|prefix| source.is_some_and(|address| prefix.contains(&address)))
    }

    /// Whether a digest can have rows that are asked for.
    pub(super) fn may_hold(&self, head: &Head) -> bool {
        let foreign = || head.shapes.iter().any(|shape| shape.class == Class::Foreign);
        let Some((first, last)) = head.times else { return foreign() };
        last >= self.times.start
            && first < self.times.end
            && self.source.is_none_or(|prefix| head.addresses.iter().any(|address| prefix.contains(address)))
            && (head.shapes.iter().any(|shape| self.fits(shape)) || foreign())
    }

    /// The rows that are asked for.
    pub(super) fn select(&self, digest: &Digest) -> Selection {
        let fits: Vec<bool> = digest.head.shapes.iter().map(|shape| self.fits(shape)).collect();
        let sources: Option<Vec<bool>> =
            self.source.map(|prefix| digest.head.addresses.iter().map(|a| prefix.contains(a)).collect());
        let from = |place: u32| match &sources {
            None => true,
            Some(sources) => place != NOBODY && sources[place as usize],
        };
        let noise: Vec<Option<usize>> = digest.head.shapes.iter().map(noise).collect();
        let rows = &digest.rows;
        let mut selection = Selection::default();
        for (row, &shape) in (0..).zip(&rows.shape) {
            let (at, shape) = (row as usize, shape as usize);
            if !fits[shape] {
                if digest.head.shapes[shape].class == Class::Foreign {
                    selection.foreign += 1;
                    selection.first_foreign.get_or_insert(row);
                }
                continue;
            }
            let wanted = self.times.contains(&rows.time[at])
                && self
                    .port
                    .is_none_or(|port| rows.door[at] == port && digest.head.shapes[shape].door == Door::Port)
                && from(rows.source[at]);
            match noise[shape].filter(|_| !self.noise) {
                _ if !wanted => {}
                Some(class) => selection.apart[class] += rows.count[at],
                None => selection.rows.push(row),
            }
        }
        selection
    }

    fn fits(&self, shape: &Shape) -> bool {
        shape.class != Class::Foreign
            && self.rule.as_ref().is_none_or(|rule| *rule == shape.rule)
            && self.hook.as_ref().is_none_or(|hook| shape.hook.as_ref() == Some(hook))
            && self.reason.as_ref().is_none_or(|reason| shape.reason.as_ref() == Some(reason))
    }
}

fn noise(shape: &Shape) -> Option<usize> {
    Class::NOISE.iter().position(|&class| class == shape.class)
}
