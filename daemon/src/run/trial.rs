//! The running daemon's side of `apply`, `confirm`, `rollback` and `history`.

use std::{
    mem,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use portcullis_config::{Loaded, Mode};
use tracing::{info, warn};

use super::{Live, publish::Published};
use crate::{
    source::{self, Origin},
    trial::{Entry, Fingerprint, Held, History, How, Trial, Why},
    trouble::Trouble,
};

/// How soon a failed way back is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// A candidate that is live until somebody confirms it, and the way back.
#[derive(Debug)]
pub(super) struct OnTrial {
    before: Loaded,
    origin: Origin,
    /// When it goes back; the clock on the wall may jump meanwhile.
    end: Instant,
    /// How it will have gone live.
    how: How,
}

/// What is asked to go live.
#[derive(Debug)]
pub(super) struct Candidate {
    /// What the one who asks has seen and checked.
    pub(super) fingerprint: Fingerprint,
    /// How long it waits to be confirmed; `None`: it is meant to stay.
    pub(super) confirm: Option<Duration>,
    /// Whether it is the first to be enforced.
    pub(super) enable: bool,
}

/// What was live before, and would be again.
#[derive(Debug)]
pub(super) struct Former {
    pub(super) loaded: Loaded,
    origin: Origin,
    /// Whether the firewall was enabled.
    pub(super) enabled: bool,
}

impl Live {
    /// Puts the files into force, until they are confirmed or go back.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    pub(super) fn apply(&mut self, candidate: Candidate) -> Result<String, String> {
        let Candidate { fingerprint, confirm, enable } = candidate;
        if let Some(on_trial) = self.on_trial() {
            return Err(on_trial);
        }
        let (mut loaded, origin) = source::load_checked(self.options.config.as_deref())?;
        if Fingerprint::of(&loaded.sources) != fingerprint {
            return Err("the files have changed since they were looked at: apply again".into());
        }
        let how = if enable { How::Enable } else { How::Apply };
        source::settle(&mut loaded, &origin, self.standing.enabled || enable);
        let standing = self.standing.clone();
        if let Some(time) = confirm {
            let until = Timestamp::now() + SignedDuration::try_from(time).unwrap_or_default();
            self.standing.trial = Some(Trial { fingerprint, until });
            // Before anything else: a daemon that dies from now on must find the way back.
            if let Err(error) = self.standing.save(&self.options.state) {
                self.standing = standing;
                return Err(format!("cannot keep the way back in {}: {error}", self.options.state.display()));
            }
        }
        let Published { summary, before, origin } = match self.publish(loaded, origin) {
            Ok(published) => published,
            Err(why) => {
                self.standing = standing;
                self.keep_standing();
                return Err(why);
            }
        };
        info!("{summary}");
        let Some(time) = confirm else {
            self.standing.enabled |= enable;
            self.standing.held = None;
            self.settled(how);
            self.tell_how_it_is();
            return Ok(summary);
        };
        self.trial = Some(OnTrial { before, origin, end: Instant::now() + time, how });
        info!("on trial for {} s", time.as_secs());
        self.tell_how_it_is();
        Ok(format!("{summary}, on trial"))
    }

    /// Keeps what is on trial.
    ///
    /// # Errors
    /// When nothing is.
    pub(super) fn confirm(&mut self) -> Result<String, String> {
        let Some(OnTrial { how, .. }) = self.trial.take() else {
            return Err("nothing is on trial: what is live stays".into());
        };
        self.standing.trial = None;
        self.standing.enabled |= how == How::Enable;
        let edited = !self.files_are_live();
        self.standing.held = edited.then(|| Held::now(Why::Edited, None));
        self.settled(how);
        info!("confirmed");
        self.tell_how_it_is();
        let note = if edited { "; the files were edited since, and that is not live" } else { "" };
        Ok(format!("generation {} is confirmed{note}", self.generation.load().number))
    }

    /// What there is to go back to: what was before the trial, or else an entry of the history.
    ///
    /// # Errors
    /// When there is no such entry, or it is of no use.
    pub(super) fn former(&self, number: Option<u64>) -> Result<Former, String> {
        if let (Some(OnTrial { before, origin, .. }), None) = (&self.trial, number) {
            let (loaded, origin) = (before.clone(), origin.clone());
            return Ok(Former { loaded, origin, enabled: self.standing.enabled });
        }
        let history = History::new(&self.options.state);
        let entries = history.entries();
        let live = (Fingerprint::of(&self.sources), self.mode());
        let wanted = |entry: &&Entry| match number {
            Some(number) => entry.number == number,
            None => (&entry.fingerprint, entry.mode.as_str()) != (&live.0, live.1),
        };
        let Some(entry) = entries.iter().rev().find(wanted) else {
            return Err(match number {
                Some(number) => format!("there is no number {number} in the history: portcullis history"),
                None => "nothing else was live before: portcullis history".into(),
            });
        };
        let unreadable = |error| format!("number {} of the history is of no use: {error}", entry.number);
        let sources = history.sources(entry.number).map_err(|error| unreadable(error.to_string()))?;
        let mut loaded = sources.load().map_err(|report| unreadable(report.to_string()))?;
        let origin = Origin::History(entry.number);
        source::settle(&mut loaded, &origin, entry.enabled);
        Ok(Former { loaded, origin, enabled: entry.enabled })
    }

    /// Goes back to [`Self::former`].
    ///
    /// # Errors
    /// Why not; what is live stays live.
    pub(super) fn rollback(
        &mut self,
        number: Option<u64>,
        fingerprint: &Fingerprint,
    ) -> Result<String, String> {
        let Former { loaded, origin, enabled } = self.former(number)?;
        if Fingerprint::of(&loaded.sources) != *fingerprint {
            return Err("what there is to go back to has changed since it was looked at: try again".into());
        }
        if self.trial.is_some() && number.is_none() {
            return self.go_back(Why::RolledBack);
        }
        let Published { summary, .. } = self.publish(loaded, origin)?;
        (self.trial, self.standing.trial) = (None, None);
        self.standing.enabled = enabled;
        self.standing.held = (!self.files_are_live()).then(|| Held::now(Why::RolledBack, None));
        self.settled(How::Rollback);
        info!("{summary}");
        self.tell_how_it_is();
        Ok(summary)
    }

    /// Time until a candidate goes back, if one is on trial.
    pub(super) fn trial_left(&self) -> Option<Duration> {
        Some(self.trial.as_ref()?.end.saturating_duration_since(Instant::now()))
    }

    /// Takes a candidate back whose time is over.
    pub(super) fn end_trial_in_time(&mut self) {
        if self.trial_left().is_some_and(|left| left.is_zero()) {
            match self.go_back(Why::NotConfirmed) {
                Ok(done) => warn!("{}; {done}", Why::NotConfirmed),
                Err(why) => warn!("cannot go back yet: {why}"),
            }
        }
    }

    fn go_back(&mut self, why: Why) -> Result<String, String> {
        let Some(trial) = self.trial.take() else { return Err("nothing is on trial".into()) };
        let OnTrial { before, origin, end: _, how } = trial;
        let candidate = Fingerprint::of(&self.sources);
        match self.publish(before.clone(), origin.clone()) {
            Ok(Published { summary, .. }) => {
                self.standing.trial = None;
                // Only `enable` goes from a configuration to the same one.
                if !self.files_are_live() || matches!(self.origin, Origin::Unconfirmed { .. }) {
                    self.standing.held = Some(Held::now(why, Some(candidate)));
                }
                self.keep_standing();
                self.tell_how_it_is();
                Ok(summary)
            }
            Err(error) => {
                let end = Instant::now() + AGAIN;
                self.trial = Some(OnTrial { before, origin, end, how });
                self.trouble(Trouble::WayBackFailed, Some(error.to_string()));
                self.tell_how_it_is();
                Err(error)
            }
        }
    }

    /// The files, if a reload may put them into force.
    pub(super) fn files_to_reload(&self) -> Result<(Loaded, Origin), String> {
        if let Some(on_trial) = self.on_trial() {
            return Err(on_trial);
        }
        let (mut loaded, origin) = source::load_checked(self.options.config.as_deref())?;
        if let Some(Held { fingerprint: Some(refused), .. }) = &self.standing.held
            && *refused == Fingerprint::of(&loaded.sources)
        {
            return Err(
                "these very rules went back because nobody confirmed them; to put them into force all \
                        the same: portcullis apply"
                    .into(),
            );
        }
        source::settle(&mut loaded, &origin, self.standing.enabled);
        Ok((loaded, origin))
    }

    /// Why nothing else can go live now, if that is so.
    fn on_trial(&self) -> Option<String> {
        let left = self.trial_left()?.as_secs();
        Some(format!(
            "new rules are on trial, for another {left} s: portcullis confirm, or portcullis rollback"
        ))
    }

    /// Whether the files say what is live.
    fn files_are_live(&self) -> bool {
        let files = source::load_checked(self.options.config.as_deref());
        files.is_ok_and(|(loaded, _)| Fingerprint::of(&loaded.sources) == Fingerprint::of(&self.sources))
    }

    /// What is live is meant to stay: it is kept for starts without usable files, and in the history.
    pub(super) fn settled(&self, how: How) {
        self.keep_standing();
        if !matches!(self.origin, Origin::Files(_) | Origin::History(_)) {
            return;
        }
        self.keep_as_last_good();
        let entry = Entry {
            number: 0,
            time: Timestamp::now(),
            how,
            enabled: self.standing.enabled,
            mode: self.mode().to_owned(),
            rules: self.config.ruleset.rules.len(),
            fingerprint: Fingerprint::of(&self.sources),
        };
        if let Err(error) = History::new(&self.options.state).add(entry, &self.sources) {
            warn!("cannot add to the history: {error}");
        }
    }

    /// After a start: what was on trial went back by it.
    pub(super) fn started(&mut self) {
        let held = self.standing.keeps_back();
        let trial = mem::take(&mut self.standing.trial);
        self.standing.held = held.filter(|_| !matches!(self.origin, Origin::Files(_)));
        if trial.is_some() {
            warn!("{}", Why::Restarted);
        }
        self.settled(How::Start);
    }

    fn keep_standing(&self) {
        if let Err(error) = self.standing.save(&self.options.state) {
            warn!("cannot keep how the files stand: {error}");
        }
    }

    /// `enforce` or `monitor`.
    pub(super) const fn mode(&self) -> &'static str {
        match self.config.mode {
            Mode::Enforce => "enforce",
            Mode::Monitor => "monitor",
        }
    }
}
