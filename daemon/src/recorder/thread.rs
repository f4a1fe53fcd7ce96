//! The recorder's thread: it drains the workers' rings, and sleeps when there is nothing to do.

use std::{
    io,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle, Thread},
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};
use portcullis_config::{Detect, Log};

use super::Recorder;
use crate::{
    ban::Asker,
    event::Reports,
    log::{Counters, Show},
    outcome::{self, Heard},
    status::Records,
};

/// Pause between two rounds over the rings.
const PAUSE: Duration = Duration::from_millis(4);

/// What was heard and waits for the recorder.
const HEARD: usize = 1024;

/// Where the recorder looks besides the rings, and where it keeps what it must not forget.
#[derive(Debug, Clone)]
pub struct Tap<'a> {
    /// Netfilter's log group.
    pub group: u16,
    /// The state directory.
    pub state: &'a Path,
    /// Who bans sources, if anybody does.
    pub asker: Option<Asker>,
}

/// The running recorder, as its owner sees it.
#[derive(Debug)]
pub struct Handle {
    thread: JoinHandle<()>,
    shared: Arc<Shared>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Shared {
    finish: AtomicBool,
    settings: Mutex<Option<(Log, Detect)>>,
}

/// Starts the recorder's thread, one ring for each worker. Whoever pushes an event
/// [unparks](Thread::unpark) it afterwards. With `show`, events are also lines on stdout.
///
/// Files that can't be written are no error: the daemon filters without them, says so in its log,
/// and tries again.
///
/// # Errors
/// When the thread can't be started.
pub fn spawn(
    rings: Vec<Reports>,
    log: &Log,
    detect: &Detect,
    tap: Tap<'_>,
    show: bool,
) -> io::Result<Handle> {
    let show = show.then(|| Show::new(Box::new(io::stdout()), TimeZone::system()));
    let mut recorder = Recorder::new(log, detect.clone(), show);
    recorder.remember(tap.state, Timestamp::now());
    if let Some(asker) = tap.asker {
        recorder.ask_for_bans(asker);
    }
    let shared = Arc::new(Shared::default());
    let counters = Arc::clone(recorder.counters());
    let for_thread = Arc::clone(&shared);
    let (ear, heard) = mpsc::sync_channel(HEARD);
    let body = move || run(recorder, rings, &heard, &for_thread);
    let thread = thread::Builder::new().name("recorder".to_owned()).spawn(body)?;
    if let Err(error) = outcome::listen(tap.group, ear, thread.thread().clone()) {
        tracing::warn!(
            "netfilter's log group {} can't be heard ({error}): scans of open hosts are found later",
            tap.group
        );
    }
    Ok(Handle { thread, shared, counters })
}

impl Handle {
    /// The thread to unpark.
    pub fn thread(&self) -> &Thread {
        self.thread.thread()
    }

    /// What has been done so far.
    pub const fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// The same, for a status.
    pub fn records(&self) -> Records {
        let Counters { written, summarised, suppressed, incidents, write_errors, untold, .. } =
            &*self.counters;
        Records {
            patterns: self.counters.patterns(),
            untold: Counters::read(untold),
            written: Counters::read(written),
            summarised: Counters::read(summarised),
            suppressed: Counters::read(suppressed),
            incidents: Counters::read(incidents),
            errors: Counters::read(write_errors),
        }
    }

    /// Makes the recorder go on by other settings, soon.
    pub fn apply(&self, log: &Log, detect: &Detect) {
        *self.shared.settings.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((log.clone(), detect.clone()));
        self.thread().unpark();
    }

    /// Waits until everything that has been pushed before is written.
    pub fn finish(self) {
        self.shared.finish.store(true, Ordering::Release);
        self.thread().unpark();
        if self.thread.join().is_err() {
            tracing::error!("the recorder has panicked: some records are lost");
        }
    }
}

fn run(mut recorder: Recorder, mut rings: Vec<Reports>, heard: &mpsc::Receiver<Heard>, shared: &Shared) {
    loop {
        let settings = shared.settings.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((log, detect)) = settings {
            recorder.configure(&log, detect);
        }
        if shared.finish.load(Ordering::Acquire) {
            // What is there now, and no more: workers may go on pushing.
            drain(&mut recorder, &mut rings);
            recorder.finish();
            return;
        }
        let mut busy = drain(&mut recorder, &mut rings);
        for news in heard.try_iter().take(HEARD) {
            recorder.hear(&news);
            busy = true;
        }
        let now = Timestamp::now();
        recorder.tick(now);
        if busy {
            // Under load there is more every few microseconds, and waking a thread costs a worker more
            // than a packet does: what comes meanwhile waits in the rings.
            thread::sleep(PAUSE);
            continue;
        }
        match recorder.next_deadline() {
            None => thread::park(),
            Some(deadline) => thread::park_timeout(wait(now, deadline)),
        }
    }
}

/// Takes what each ring holds now; whether there was anything.
fn drain(recorder: &mut Recorder, rings: &mut [Reports]) -> bool {
    let mut any = false;
    for ring in rings {
        for _ in 0..ring.waiting() {
            let Some(event) = ring.take() else { break };
            recorder.record(&event);
            any = true;
        }
    }
    any
}

/// A deadline that is past already, or just ahead, is not waited for in a tight loop.
fn wait(now: Timestamp, deadline: Timestamp) -> Duration {
    let wait = Duration::try_from(deadline.duration_since(now)).unwrap_or_default();
    wait.max(Duration::from_millis(10))
}
