//! The running daemon: what it publishes, and how it changes.

use std::{
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use portcullis_config::{Config, Install, Loaded, Sources};
use sd_notify::NotifyState;
use tracing::{error, info, warn};

use super::{
    Options,
    fd_store::Sockets,
    guard::Guard,
    health::first_line,
    start::{queue_numbers, workers},
    trial::OnTrial,
    wakers::Wakers,
    watchdog::Watchdog,
};
use crate::{
    conntrack::{self, Marked},
    control::Control,
    counters::Counters,
    generation::Generation,
    hits::Tally,
    hook::{Hook, Plan},
    interfaces::{self, Epoch},
    log::{self, Message},
    mark::{Answer, GenerationMark},
    recorder,
    snapshot::Snapshots,
    source::Origin,
    trial::{How, Standing},
    trouble::{Trouble, Troubles},
};

/// How long a stopping daemon waits for its queues to be empty.
const DRAIN: Duration = Duration::from_millis(400);

/// A started daemon.
#[derive(Debug)]
pub struct Live {
    pub(super) options: Options,
    pub(super) snapshots: Snapshots,
    pub(super) wakers: Wakers,
    pub(super) epoch: Epoch,
    /// What workers judge by. [`Live::reload`] is the only place that publishes.
    pub(super) generation: Arc<ArcSwap<Generation>>,
    pub(super) config: Config,
    pub(super) origin: Origin,
    /// What it was made from.
    pub(super) sources: Sources,
    /// How the files stand to that.
    pub(super) standing: Standing,
    /// What waits to be confirmed.
    pub(super) trial: Option<OnTrial>,
    /// What is wrong, and is not mended yet.
    pub(super) troubles: Troubles,
    /// The start counts, too.
    pub(super) last_reload_succeeded: bool,
    pub(super) hook: Hook,
    pub(super) guard: Guard,
    pub(super) plan: Plan,
    pub(super) mark: GenerationMark,
    pub(super) counters: Vec<Arc<Counters>>,
    pub(super) sockets: Sockets,
    pub(super) recorder: recorder::Handle,
    /// What all generations have counted.
    pub(super) tally: Tally,
    pub(super) watchdog: Option<Watchdog>,
}

/// What went live, and what was until then.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) summary: String,
    pub(super) before: Loaded,
    pub(super) origin: Origin,
}

impl Live {
    /// Answers signals and clients until it is told to stop; then takes the hook away, lets workers
    /// answer what is queued, and writes what is left to record.
    ///
    /// # Errors
    /// When waiting fails.
    pub fn serve(mut self, mut control: Control) -> io::Result<()> {
        loop {
            let now = Instant::now();
            let due = [self.watchdog.as_ref().map(Watchdog::due), self.guard.due()];
            let due = due.into_iter().flatten().map(|due| due.saturating_duration_since(now));
            let limit = due.chain(self.trial_left()).min();
            let woken = self.wakers.wait(&control, limit)?;
            if woken.links {
                interfaces::changed(&self.epoch);
            }
            if woken.asked {
                control.serve(|command| self.answer(command));
            }
            if woken.reload {
                // Told in the log; nobody waits for an answer to a signal.
                let _ = self.reload();
            }
            if woken.stop {
                self.stop();
                return Ok(());
            }
            self.guard.heed(&woken.rules, Instant::now());
            self.mind_the_hook();
            self.end_trial_in_time();
            self.feed_watchdog();
        }
    }

    /// Reads the configuration again and publishes it: the table first, then the kernel's rules.
    ///
    /// # Errors
    /// Why not; everything is as it was then.
    pub(super) fn reload(&mut self) -> Result<String, String> {
        let outcome = self.try_reload();
        self.last_reload_succeeded = outcome.is_ok();
        match &outcome {
            Ok(done) => log::tell(Message::Reloaded, done),
            Err(why) => {
                let text = format!("reload refused, the old rules stay:\n{why}");
                log::tell(Message::ReloadRefused, &text);
            }
        }
        if let Err(why) = &outcome {
            self.trouble(Trouble::ReloadRefused, Some(first_line(why).to_owned()));
        }
        self.tell_systemd();
        outcome
    }

    fn try_reload(&mut self) -> Result<String, String> {
        let (loaded, origin) = self.files_to_reload()?;
        let Published { summary, .. } = self.publish(loaded, origin)?;
        self.standing.held = None;
        self.settled(How::Reload);
        Ok(summary)
    }

    /// Makes this configuration what is live: the table first, then the kernel's rules.
    ///
    /// # Errors
    /// Why not; everything is as it was then.
    pub(super) fn publish(&mut self, loaded: Loaded, origin: Origin) -> Result<Published, String> {
        let Loaded { config, sources } = loaded;
        self.refuse_what_needs_a_restart(&config)?;

        let layout = self.plan.layout();
        let mut plan = Plan::new(&config, queue_numbers(&config));
        if !self.plan.remembers() {
            plan.remember_nothing();
        }
        // Before a number is used again, no connection may carry it from its last time.
        let mark = layout.next_generation(self.mark);
        let walk = |answer| {
            let cleared = conntrack::clear(layout, Marked::With(answer));
            cleared.map_err(|error| format!("connections can't be walked: {error}"))
        };
        if plan.remembers() {
            walk(Answer::Accept(mark))?;
        }
        let before = self.generation.load_full();
        let generation =
            Generation::compile(&config, &plan, mark, before.number + 1, workers(queue_numbers(&config)));
        let summary = format!(
            "generation {} is live: {} rules from {origin}",
            generation.number,
            config.ruleset.rules.len()
        );
        self.generation.store(Arc::new(generation));
        if let Err(error) = self.install_hook(&config, &plan, mark) {
            self.generation.store(before);
            return Err(error.to_string());
        }
        self.tally.retire(before);
        // Flows that the old rules cut are judged anew: the new ones may allow them again.
        if plan.remembers()
            && let Err(error) = walk(Answer::Cut)
        {
            warn!("flows that were cut stay cut: {error}");
        }
        if (&self.config.log, &self.config.detect) != (&config.log, &config.detect) {
            self.recorder.apply(&config.log, &config.detect);
        }
        self.sockets.keep_or_forget(&config);
        for mended in [Trouble::ReloadRefused, Trouble::WayBackFailed] {
            self.trouble(mended, None);
        }
        (self.plan, self.mark) = (plan, mark);
        let before = Loaded {
            config: std::mem::replace(&mut self.config, config),
            sources: std::mem::replace(&mut self.sources, sources),
        };
        let origin = std::mem::replace(&mut self.origin, origin);
        Ok(Published { summary, before, origin })
    }

    /// Queues and mark bits are laid once.
    fn refuse_what_needs_a_restart(&self, new: &Config) -> Result<(), String> {
        let old = &self.config;
        let changed = [
            ("queue.numbers", queue_numbers(new) != queue_numbers(old)),
            ("queue.backend", new.queue.backend != old.queue.backend),
            ("queue.gso", new.queue.gso != old.queue.gso),
            ("hook.install", new.hook.install != old.hook.install),
            ("hook.mask", new.hook.mask != old.hook.mask),
        ];
        let keys: Vec<&str> =
            changed.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect();
        if keys.is_empty() {
            return Ok(());
        }
        Err(format!("a change of {} takes a restart, not a reload", keys.join(", ")))
    }

    /// Keeps what has just gone live for a start without usable files.
    pub(super) fn keep_as_last_good(&self) {
        if let Err(error) = self.snapshots.save(&self.sources) {
            warn!(file = %self.snapshots.file().display(), "cannot keep this configuration as the last good one: {error}");
        }
    }

    fn stop(self) {
        log::tell(Message::Stopping, "stopping");
        let _ = sd_notify::notify(&[NotifyState::Stopping]);
        let begun = Instant::now();
        let ours = !self.options.keep_hook && self.config.hook.install != Install::None;
        if ours {
            if let Err(error) = Hook::quiet() {
                error!("cannot take the hook away: {error}");
            }
            // When a base chain goes, the kernel drops all that is queued: first let it be answered.
            while self.queues().iter().any(|queue| queue.waiting > 0) && begun.elapsed() < DRAIN {
                thread::sleep(Duration::from_millis(2));
            }
            match Hook::remove().map(|_| conntrack::clear(self.plan.layout(), Marked::Any)) {
                Ok(Ok(_)) => info!("the hook is removed"),
                Ok(Err(error)) => warn!("the hook is removed, but connections keep their marks: {error}"),
                Err(error) => error!("cannot remove the hook ({error}); try: portcullis disable"),
            }
        }
        if let Err(error) = self.tally.save(&self.generation.load(), &self.options.state) {
            warn!("cannot keep how often each rule has decided: {error}");
        }
        self.recorder.finish();
    }
}
