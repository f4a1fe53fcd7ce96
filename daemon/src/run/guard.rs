//! The kernel's rules are nobody else's to change: `nft flush ruleset`, a firewall's reload, a wrong
//! `iptables -F` would leave the host open, or shut. The kernel tells of each change; what is not as it
//! should be is put back.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use portcullis_config::{Config, Install};
use tracing::warn;

use super::Live;
use crate::{
    hook::{Changes, Dialect, HookError, Plan, Standing},
    mark::GenerationMark,
    trouble::Trouble,
};

/// The first pause after the rules were put back; each further one is twice as long, so that whoever
/// insists on another state of affairs isn't fought in a loop.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// After so long without a change the next one is answered at once.
const CALM: Duration = Duration::from_secs(120);
/// iptables-legacy's rules change without a notice: they are looked at so often.
const LOOK_AFTER_LEGACY: Duration = Duration::from_secs(30);

/// What should stand in the kernel, and when to look whether it does.
#[derive(Debug, Default)]
pub(super) struct Guard {
    expected: Option<Standing>,
    due: Option<Instant>,
    /// Who changed rules last.
    by: Option<String>,
    pause: Duration,
    not_before: Option<Instant>,
    restored: u64,
    legacy: bool,
}

impl Guard {
    /// When to look at the rules again, if there is reason to.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// How often the rules were put back.
    pub(super) const fn restored(&self) -> u64 {
        self.restored
    }

    /// Takes note of what the kernel has told.
    pub(super) fn heed(&mut self, changes: &Changes, now: Instant) {
        if changes.withdrawn {
            // By our own command: that is not to be fought.
            (self.expected, self.due) = (None, None);
            self.by = Some("portcullis hook remove or disable".to_owned());
            return;
        }
        if changes.ours && self.expected.is_some() {
            self.by.clone_from(&changes.by);
            self.due = Some(self.not_before.map_or(now, |pause| pause.max(now)));
        }
    }

    /// These are the rules, from now on.
    fn expect(&mut self, standing: Option<Standing>, dialect: Dialect) {
        self.legacy = matches!(dialect, Dialect::Iptables { security: 50 });
        self.expected = standing;
        self.rest(Instant::now());
    }

    /// Nothing to do until there is a notice.
    fn rest(&mut self, now: Instant) {
        self.due = (self.legacy && self.expected.is_some()).then(|| now + LOOK_AFTER_LEGACY);
    }

    /// The rules are being put back: how long to leave it at that.
    fn pause(&mut self, now: Instant) -> Duration {
        let calm = self.not_before.is_none_or(|before| now.saturating_duration_since(before) > CALM);
        self.pause = if calm { FIRST_PAUSE } else { (self.pause * 2).min(LONGEST_PAUSE) };
        self.not_before = Some(now + self.pause);
        self.pause
    }
}

impl Live {
    /// Installs the kernel's rules, unless they are the administrator's, and remembers what they are.
    pub(super) fn install_hook(
        &mut self,
        config: &Config,
        plan: &Plan,
        mark: GenerationMark,
    ) -> Result<(), HookError> {
        if config.hook.install == Install::None {
            self.guard.expect(None, self.hook.dialect());
            return Ok(());
        }
        self.hook.install(plan, mark, self.bans.remaining(Timestamp::now()))?;
        self.expect_hook();
        Ok(())
    }

    /// The rules that stand now are those that should.
    pub(super) fn expect_hook(&mut self) {
        self.wakers.forget_rules();
        match self.hook.look() {
            Ok(standing) => self.guard.expect(standing, self.hook.dialect()),
            Err(error) => warn!("cannot look after the kernel rules: {error}"),
        }
        self.trouble(Trouble::HookMissing, None);
    }

    /// When there is reason to, looks whether the kernel's rules are as they should be, and puts them back.
    pub(super) fn mind_the_hook(&mut self) {
        let now = Instant::now();
        if self.guard.expected.is_none() && self.guard.by.is_some() {
            let detail =
                self.guard.by.take().map(|by| format!("taken away by {by}; a reload puts them back"));
            self.trouble(Trouble::HookMissing, detail);
            self.tell_systemd();
        }
        if self.guard.due.is_none_or(|due| due > now) {
            return;
        }
        match self.hook.look() {
            Ok(found) if found == self.guard.expected => return self.guard.rest(now),
            Ok(_) => {}
            Err(error) => warn!("cannot look at the kernel rules: {error}"),
        }
        let by = self.guard.by.take().unwrap_or_else(|| "somebody".to_owned());
        self.trouble(Trouble::HookMissing, Some(format!("changed by {by}")));
        let pause = self.guard.pause(now);
        match self.hook.install(&self.plan, self.mark, self.bans.remaining(Timestamp::now())) {
            Ok(()) => {
                self.guard.restored += 1;
                warn!("{by} removed or changed the kernel rules: they are back (not again within {pause:?})");
                self.expect_hook();
                self.take_stock();
            }
            Err(error) => {
                warn!("{by} removed or changed the kernel rules, and they can't be put back: {error}");
                self.guard.due = Some(now + pause);
            }
        }
        self.tell_systemd();
    }
}
