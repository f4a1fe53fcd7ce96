//! A question, and each way to answer it.

use std::{
    collections::VecDeque,
    io::{self, Write},
    net::IpAddr,
    path::Path,
    sync::Arc,
};

use super::{
    LogArgs, Screen, Seen,
    export::Form,
    filter::{Filter, Selection},
    follow::{Tail, follow},
    hours::{self, Each, Hours},
    incidents,
    parallel::{in_order, sums},
    parts::{Part, Segment, parts},
    table::{self, Accepted},
    top::{By, Most, ROWS, Top},
};
use crate::log::{
    Stream,
    digest::{Head, Shape},
    escape_json,
};

/// Files of which the first line is told that is no record.
const MOST_PLACES: usize = 3;
/// Sources whose last acceptance is remembered.
const MOST_ACCEPTED: usize = 1_000_000;

/// What is asked of which files.
#[derive(Debug)]
pub(super) struct Query<'a> {
    args: &'a LogArgs,
    directory: &'a Path,
    screen: &'a Screen,
    filter: Filter,
}

/// What was found in a part, and its text.
type Shown = (Arc<Segment>, Selection, Vec<u8>);

/// What was found in a part.
pub(super) type Found = io::Result<Option<(Arc<Segment>, Selection)>>;

impl<'a> Query<'a> {
    /// # Errors
    /// When a time can't be, or there is no such incident.
    pub(super) fn new(args: &'a LogArgs, directory: &'a Path, screen: &'a Screen) -> io::Result<Self> {
        let mut filter = Filter::new(args, &screen.now)?;
        if let Some(id) = &args.incident {
            let told = incidents::find(directory, id)?.ok_or_else(|| {
                let why = format!("there is no incident {id:?} in {}", directory.display());
                io::Error::new(io::ErrorKind::NotFound, why)
            })?;
            let incident = told.incident;
            // Summaries carry the time of their last packet, up to a minute later.
            let last = incident.last_seen.as_microsecond().saturating_add(60_000_000);
            filter = filter.within(incident.sources(), incident.first_seen.as_microsecond()..last);
        }
        Ok(Self { args, directory, screen, filter })
    }

    /// The records themselves.
    pub(super) fn records(&self, out: &mut dyn Write) -> io::Result<Seen> {
        // Before anything is read, so that nothing is missed in between.
        let mut tail = self.args.follow.then(|| Tail::new(self.directory, Stream::Blocked)).transpose()?;
        let form = self.args.form(self.screen);
        let parts = self.parts()?;
        let mut seen = Seen::default();
        let accepted = if form.is_none() { self.accepted(&parts) } else { Accepted::new() };
        let headings = form.map_or_else(|| table::headings(self.screen) + "\n", Form::headings);
        let number = self.args.number.or_else(|| self.args.follow.then_some(ROWS));
        match number {
            Some(number) => {
                let texts = self.last(number, &parts, form, &accepted, &mut seen)?;
                if seen.found > 0 || self.args.follow {
                    out.write_all(headings.as_bytes())?;
                }
                texts.iter().try_for_each(|text| out.write_all(text))?;
            }
            None => {
                let mut apart = [0; 3];
                let work = |part: &Part| -> io::Result<Option<Shown>> {
                    let Some((segment, selection)) = self.found(part)? else { return Ok(None) };
                    let text = self.text(&segment, &selection.rows, form, &accepted)?;
                    Ok(Some((segment, selection, text)))
                };
                in_order(&parts, work, |found| {
                    if let Some((segment, selection, text)) = seen.note(found) {
                        if seen.found == 0 && !selection.rows.is_empty() {
                            out.write_all(headings.as_bytes())?;
                        }
                        seen.add(&segment, &selection);
                        add(&mut apart, selection.apart);
                        out.write_all(&text)?;
                    }
                    io::Result::Ok(())
                })?;
                self.tell_apart(apart, out, &mut seen)?;
            }
        }
        if let Some(tail) = &mut tail {
            out.flush()?;
            follow(tail, &self.filter, form, self.screen, out)?;
        }
        Ok(seen)
    }

    /// Which values there are most of.
    pub(super) fn top(&self, by: By, out: &mut dyn Write) -> io::Result<Seen> {
        let (top, apart, mut seen) =
            self.sum(|top: &mut Top, segment, rows| top.add(by, &segment.digest, rows), Top::merge)?;
        top.most(by, self.args.number.unwrap_or(ROWS)).print(out)?;
        self.tell_apart(apart, out, &mut seen)?;
        Ok(seen)
    }

    /// The most frequent of what was refused, or would have been.
    pub(super) fn refused(&self, by: By, rows: usize) -> io::Result<Most> {
        let add = |top: &mut Top, segment: &Segment, rows: &[u32]| top.add(by, &segment.digest, rows);
        self.refused_sum(add, Top::merge).map(|(top, ..)| top.most(by, rows))
    }

    /// What the rows of refused packets add up to.
    pub(super) fn refused_sum<S: Default + Send>(
        &self,
        add_rows: impl Fn(&mut S, &Segment, &[u32]) + Sync,
        merge: impl Fn(S, S) -> S,
    ) -> io::Result<(S, [u64; 3], Seen)> {
        let refused = |sum: &mut S, segment: &Segment, rows: &[u32]| {
            let refused = |row: &u32| !segment.digest.shape(*row as usize).accepted();
            let rows: Vec<u32> = rows.iter().copied().filter(refused).collect();
            add_rows(sum, segment, &rows);
        };
        self.sum(refused, merge)
    }

    /// What a record has to be like.
    pub(super) const fn filter(&self) -> &Filter {
        &self.filter
    }

    /// How many packets there were when.
    pub(super) fn by(&self, each: Each, out: &mut dyn Write) -> io::Result<Seen> {
        let (hours, apart, mut seen) =
            self.sum(|hours: &mut Hours, segment, rows| hours.add(&segment.digest, rows), Hours::merge)?;
        hours::print(&hours, each, self.args.number, &self.screen.now, self.screen.width, out)?;
        self.tell_apart(apart, out, &mut seen)?;
        Ok(seen)
    }

    /// What the detector concluded.
    pub(super) fn incidents(&self, out: &mut dyn Write) -> io::Result<Seen> {
        let mut found = 0;
        let mut tail: VecDeque<String> = VecDeque::new();
        let show = |text: &str, out: &mut dyn Write| writeln!(out, "{text}");
        let mut seen = incidents::each(self.directory, &self.filter, |told, line| {
            let text = match self.args.form(self.screen) {
                Some(Form::JsonForTerminal) => escape_json(&String::from_utf8_lossy(line)),
                Some(_) => String::from_utf8_lossy(line).into_owned(),
                None => table::cut(told.line(self.screen.now.time_zone()), self.screen.width),
            };
            found += 1;
            match self.args.number {
                None => show(&text, out),
                Some(number) => {
                    tail.push_back(text);
                    if tail.len() > number {
                        tail.pop_front();
                    }
                    Ok(())
                }
            }
        })?;
        tail.iter().try_for_each(|text| show(text, out))?;
        seen.found = found;
        Ok(seen)
    }

    pub(super) fn parts(&self) -> io::Result<Vec<Part>> {
        let mut parts = parts(self.directory, Stream::Blocked)?;
        parts.retain(|part| self.filter.may_be_in(part));
        Ok(parts)
    }

    pub(super) fn found(&self, part: &Part) -> Found {
        let segment = part.load(|head| self.filter.may_hold(head))?;
        Ok(segment.map(|segment| {
            let selection = self.filter.select(&segment.digest);
            (segment, selection)
        }))
    }

    /// The last `number` records that are asked for, from the newest part backwards.
    fn last(
        &self,
        number: usize,
        parts: &[Part],
        form: Option<Form>,
        accepted: &Accepted,
        seen: &mut Seen,
    ) -> io::Result<VecDeque<Vec<u8>>> {
        let mut texts = VecDeque::new();
        let mut wanted = number;
        for part in parts.iter().rev() {
            if wanted == 0 {
                break;
            }
            let Some((segment, mut selection)) = seen.note(self.found(part)) else { continue };
            selection.rows.drain(..selection.rows.len().saturating_sub(wanted));
            wanted -= selection.rows.len();
            seen.add(&segment, &selection);
            texts.push_front(self.text(&segment, &selection.rows, form, accepted)?);
        }
        Ok(texts)
    }

    fn text(
        &self,
        segment: &Segment,
        rows: &[u32],
        form: Option<Form>,
        accepted: &Accepted,
    ) -> io::Result<Vec<u8>> {
        match form {
            Some(form) => form.lines(segment, rows),
            None => Ok(table::lines(&segment.digest, rows, self.screen, accepted).into_bytes()),
        }
    }

    /// What the rows of all parts add up to.
    fn sum<S: Default + Send>(
        &self,
        add_rows: impl Fn(&mut S, &Segment, &[u32]) + Sync,
        merge: impl Fn(S, S) -> S,
    ) -> io::Result<(S, [u64; 3], Seen)> {
        let parts = self.parts()?;
        let add_part = |(sum, apart, seen): &mut (S, [u64; 3], Seen), part: &Part| {
            if let Some((segment, selection)) = seen.note(self.found(part)) {
                add_rows(sum, &segment, &selection.rows);
                add(apart, selection.apart);
                seen.add(&segment, &selection);
            }
        };
        let mut total: (S, [u64; 3], Seen) = Default::default();
        for (sum, apart, seen) in sums(&parts, add_part) {
            total.0 = merge(total.0, sum);
            add(&mut total.1, apart);
            total.2.merge(seen);
        }
        Ok(total)
    }

    /// When each source was last let in, where the records tell. Parts that can't be read are told
    /// of when their rows are asked for.
    fn accepted(&self, parts: &[Part]) -> Accepted {
        let tells = |head: &Head| self.filter.may_hold(head) && head.shapes.iter().any(Shape::accepted);
        let add_part = |accepted: &mut Accepted, part: &Part| {
            let Ok(Some(segment)) = part.load(tells) else { return };
            let digest = &segment.digest;
            for row in (0..digest.len()).filter(|&row| digest.shape(row).accepted()) {
                if let Some(source) = digest.address(digest.rows.source[row]) {
                    remember(accepted, source, digest.rows.time[row]);
                }
            }
        };
        let mut all = Accepted::new();
        for accepted in sums(parts, add_part) {
            accepted.into_iter().for_each(|(source, time)| remember(&mut all, source, time));
        }
        all
    }

    fn tell_apart(&self, apart: [u64; 3], out: &mut dyn Write, seen: &mut Seen) -> io::Result<()> {
        if self.args.json || self.args.csv {
            return Ok(());
        }
        if let Some(sentence) = table::apart(apart) {
            seen.found += 1;
            writeln!(out, "{sentence}")?;
        }
        Ok(())
    }
}

impl Seen {
    fn add(&mut self, segment: &Segment, selection: &Selection) {
        self.found += selection.rows.len() as u64;
        self.add_foreign(selection.foreign, || selection.first_foreign.map(|row| segment.place(row)));
    }

    /// Adds a file's lines that are no records, and where the first is.
    pub(super) fn add_foreign(&mut self, lines: u64, place: impl FnOnce() -> Option<String>) {
        self.foreign += lines;
        if self.foreign_at.len() < MOST_PLACES {
            self.foreign_at.extend(place());
        }
    }

    fn merge(&mut self, other: Self) {
        let Self { found, foreign, foreign_at, unreadable } = other;
        self.found += found;
        self.foreign += foreign;
        self.foreign_at.extend(foreign_at);
        // The files were read in any order.
        self.foreign_at.sort_unstable();
        self.foreign_at.truncate(MOST_PLACES);
        self.unreadable.extend(unreadable);
    }

    /// What was found; what can't be read is remembered, and the rest goes on.
    fn note<T>(&mut self, found: io::Result<Option<T>>) -> Option<T> {
        found.unwrap_or_else(|error| {
            self.unreadable.push(error.to_string());
            None
        })
    }
}

fn remember(accepted: &mut Accepted, source: IpAddr, time: i64) {
    if accepted.len() < MOST_ACCEPTED || accepted.contains_key(&source) {
        let last = accepted.entry(source).or_insert(time);
        *last = time.max(*last);
    }
}

fn add(sum: &mut [u64; 3], more: [u64; 3]) {
    sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}
