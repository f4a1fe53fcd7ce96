//! Banning and unbanning, in the kernel, in the list and in its file.

use std::{io, net::IpAddr, time::Duration};

use jiff::Timestamp;
use portcullis_config::{Install, Mode};
use tracing::{error, info, warn};

use super::Live;
use crate::{
    ban::{self, Ban, BanList, BanRequest, By, Full, MOST, source_of, spared},
    control::BanCommand,
    hook::Hook,
};

impl Live {
    /// Bans by command.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    pub(super) fn ban(&mut self, command: BanCommand) -> Result<String, String> {
        let BanCommand { source: address, seconds, why, force } = command;
        let now = Timestamp::now();
        let source = source_of(address);
        if self.config.hook.install == Install::None {
            return Err("hook.install is \"none\": the kernel rules, bans among them, are yours".to_owned());
        }
        if let Some(reason) = spared(source, &self.config.detect.allow)
            && (!force || reason == ban::Spared::NoSource)
        {
            let anyway = if reason == ban::Spared::NoSource { "" } else { "; --force bans it all the same" };
            return Err(format!("{source} is not banned: {reason}{anyway}"));
        }
        let length = seconds.map_or(self.config.detect.ban.first, Duration::from_secs);
        let until = ban::end(now, length);
        let why = why.unwrap_or_else(|| "by command".to_owned());
        let kept = self.put(vec![Ban { source, since: now, until, why, by: By::Administrator }], now)?;
        let monitor = self.config.mode == Mode::Monitor;
        let passes = if monitor { "; in monitor mode its packets pass all the same" } else { "" };
        let lost = kept.err().map(|error| format!("; a restart will forget it: {error}")).unwrap_or_default();
        Ok(format!("{source} is banned until {}{passes}{lost}", until.strftime("%Y-%m-%d %H:%M:%SZ")))
    }

    /// Ends a ban by command.
    ///
    /// # Errors
    /// When there is none, or the kernel refuses.
    pub(super) fn unban(&mut self, address: IpAddr) -> Result<String, String> {
        let (source, now) = (source_of(address), Timestamp::now());
        if self.bans.of(source, now).is_none() {
            return Err(format!("{source} is not banned"));
        }
        Hook::unban(&[source]).map_err(|error| error.to_string())?;
        self.bans.remove(source);
        let lost = self.save_bans(now).err();
        let lost = lost.map(|error| format!("; a restart will ban it again: {error}")).unwrap_or_default();
        Ok(format!("{source} is no longer banned{lost}"))
    }

    /// Carries out what the detector asked for.
    pub(super) fn ban_on_request(&mut self, requests: Vec<BanRequest>) {
        let now = Timestamp::now();
        let mut bans = Vec::new();
        for BanRequest { source, length, why } in requests {
            let source = source_of(source);
            let mine = self.bans.of(source, now);
            if let Some(reason) = spared(source, &self.config.detect.allow) {
                info!("{source} is not banned, although the detector asks for it: {reason}");
            } else if self.config.hook.install == Install::None
                || mine.is_some_and(|ban| ban.until >= ban::end(now, length))
            {
                // Nothing that a ban would change.
            } else {
                info!("{source} is banned for {} s: {}", length.as_secs(), why.escape_debug());
                bans.push(Ban { source, since: now, until: ban::end(now, length), why, by: By::Detector });
            }
        }
        if !bans.is_empty()
            && let Err(why) = self.put(bans, now)
        {
            error!("a ban asked for by the detector is not in force: {why}");
        }
    }

    /// The kernel first: what it refuses is in no list. Says whether they are kept for the next start.
    fn put(&mut self, bans: Vec<Ban>, now: Timestamp) -> Result<io::Result<()>, String> {
        let room = self.bans.current(now).count() + bans.len() <= MOST;
        if !room && bans.iter().any(|ban| self.bans.of(ban.source, now).is_none()) {
            return Err(format!(
                "{MOST} sources are banned already; for more, a rule with a set is the means"
            ));
        }
        let elements: Vec<_> = bans.iter().map(|ban| (ban.source, ban.left(now))).collect();
        Hook::ban(&elements).map_err(|error| error.to_string())?;
        for ban in bans {
            self.bans.add(ban).map_err(|Full| format!("{MOST} sources are banned already"))?;
        }
        Ok(self.save_bans(now))
    }

    /// The clock was set, or the machine has slept: what is left of bans in the kernel runs by neither.
    pub(super) fn time_bans_anew(&self) {
        if self.bans.is_empty() || self.config.hook.install == Install::None {
            return;
        }
        if let Err(error) = Hook::ban_only(self.bans.remaining(Timestamp::now())) {
            warn!("bans end as if the clock had not been set: {error}");
        }
    }

    fn save_bans(&mut self, now: Timestamp) -> io::Result<()> {
        let kept = self.bans.save(now);
        if let Err(error) = &kept {
            warn!("bans are in force, but can't be kept for the next start: {error}");
        }
        kept
    }

    /// Who is banned.
    pub(super) fn ban_list(&self) -> BanList {
        let now = Timestamp::now();
        BanList {
            enforced: self.config.mode == Mode::Enforce && self.config.hook.install != Install::None,
            dropped: Hook::dropped_by_ban(),
            bans: self.bans.current(now).cloned().collect(),
        }
    }
}
