//! The running daemon: what it publishes, and how it changes.

use std::{
    io,
    os::fd::AsFd as _,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use portcullis_config::{Config, Install, Sources};
use sd_notify::NotifyState;
use tracing::{error, info, warn};

use super::{
    Options, fd_store::Sockets, guard::Guard, lists::Lists, tidy::Tidying, trial::OnTrial,
    unjudged::PassedUnjudged, wakers::Wakers, watchdog::Watchdog,
};
use crate::{
    ban::{Asker, Bans},
    conntrack::{self, Marked},
    control::Control,
    counters::Counters,
    generation::Generation,
    hits::Tally,
    hook::{Hook, Plan},
    interfaces::{self, Epoch},
    log::{self, Message},
    mark::GenerationMark,
    recorder,
    snapshot::Snapshots,
    source::Origin,
    trial::Standing,
    trouble::Troubles,
    urgency,
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
    /// What workers judge by. `Live::put_into_force` is the only place that publishes.
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
    pub(super) bans: Bans,
    pub(super) asker: Asker,
    pub(super) counters: Vec<Arc<Counters>>,
    pub(super) sockets: Sockets,
    pub(super) lists: Lists,
    pub(super) recorder: recorder::Handle,
    /// What all generations have counted.
    pub(super) tally: Tally,
    pub(super) watchdog: Option<Watchdog>,
    pub(super) tidying: Tidying,
    pub(super) unjudged: PassedUnjudged,
}

impl Live {
    /// For whoever wants somebody banned.
    pub const fn asker(&self) -> &Asker {
        &self.asker
    }

    /// Answers signals and clients until it is told to stop; then takes the hook away, lets workers
    /// answer what is queued, and writes what is left to record.
    ///
    /// # Errors
    /// When waiting fails.
    pub fn serve(mut self, mut control: Control) -> io::Result<()> {
        // Tables are compiled on this thread, and it starts the tools. The start is over: that could not wait.
        urgency::yield_to_packets();
        loop {
            let now = Instant::now();
            let watchdog = self.watchdog.as_ref().map(Watchdog::due);
            let due = [watchdog, self.guard.due(), self.lists.due(), self.tidying.due()];
            let due = due.into_iter().flatten().map(|due| due.saturating_duration_since(now));
            let limit = due.chain(self.trial_left()).min();
            let woken = self.wakers.wait(&control, self.lists.as_fd(), limit)?;
            if woken.links {
                interfaces::changed(&self.epoch);
            }
            if woken.asked {
                control.serve(|command| self.answer(command));
            }
            if woken.lists {
                self.lists.heed();
            }
            self.follow_lists();
            if woken.alarm {
                self.follow_time();
            }
            if woken.bans {
                let requests = self.wakers.ban_requests();
                self.ban_on_request(requests);
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
            self.tidy_in_time();
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
