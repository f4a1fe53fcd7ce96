//! Starting: configuration, queues, workers, hook, in this order. What waits in the queues of a daemon that is gone
//! is judged before anything else is looked at.

use std::{fmt, io, path::Path, sync::Arc, thread};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use portcullis_config::{Backend, Config, Install, Loaded};
use tracing::{error, warn};

use super::{
    Live, Options,
    fd_store::{self, Inheritance, Sockets},
    guard::Guard,
    lists::Lists,
    tidy::Tidying,
    unjudged::PassedUnjudged,
    wakers::Wakers,
    watchdog::Watchdog,
};
use crate::{
    ban::{Bans, requests},
    conntrack::{self, Marked},
    control::Control,
    counters::Counters,
    event::{self, Reporter},
    generation::{Generation, connections, fail_open},
    hits::Tally,
    hook::{Clash, Existing, Hook, HookError, Plan, find_clashes},
    interfaces::{Epoch, Interfaces},
    log::{self, Message},
    mark::{Answer, GenerationMark, MarkLayout},
    queue::{self, Queue, QueueError, QueueStatus, Settings},
    recorder,
    snapshot::Snapshots,
    source::{self, Origin},
    trial::Standing,
    trouble::Troubles,
    worker::Worker,
};

/// The first queue, when the configuration names none: 0 is everyone's.
const FIRST_QUEUE: u16 = 7300;
/// The most queues, when the configuration names none.
const MOST_QUEUES: u16 = 4;

/// Why the daemon can't start.
#[derive(Debug)]
pub enum StartError {
    /// The configuration is invalid, and there is no last good one.
    Invalid(String),
    /// The queue can't be had.
    Queue(QueueError),
    /// The kernel rules can't be installed.
    Hook(HookError),
    /// Somebody else's rules use our bits of the mark.
    Clash(Vec<Clash>),
    /// Something else failed.
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(report) => {
                write!(f, "{report}\nthe configuration is invalid, and there is no last good one to run")
            }
            Self::Queue(error) => error.fmt(f),
            Self::Hook(error) => error.fmt(f),
            Self::Clash(clashes) => {
                writeln!(f, "somebody else's rules use our bits of the packet mark:")?;
                for clash in clashes {
                    writeln!(f, "  {clash}")?;
                }
                write!(
                    f,
                    "set hook.mask to bits that nobody uses, or hook.allow-mark-clash = true if it can't hurt here"
                )
            }
            Self::Io { what, source } => write!(f, "{what}: {source}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<QueueError> for StartError {
    fn from(error: QueueError) -> Self {
        Self::Queue(error)
    }
}

impl From<HookError> for StartError {
    fn from(error: HookError) -> Self {
        Self::Hook(error)
    }
}

/// Starts the daemon; when this returns, the rules are in force.
///
/// # Errors
/// See [`StartError`]; nothing is in the kernel then that was not there before.
pub fn start(options: Options) -> Result<(Live, Control), StartError> {
    if !queue::may_administer_network() {
        return Err(QueueError::NotPermitted.into());
    }
    let snapshots = Snapshots::new(options.state.clone());
    let standing = Standing::load(&options.state);
    let (loaded, origin) = source::load_for_start(options.config.as_deref(), &snapshots, &standing)
        .map_err(StartError::Invalid)?;
    match &origin {
        Origin::LastGood { because } => error!("running the last good configuration, because:\n{because}"),
        Origin::Unconfirmed { because, .. } => error!("running in monitor mode, because:\n{because}"),
        _ => {}
    }
    let Loaded { config, sources } = loaded;
    let cannot_listen =
        format!("cannot listen at {} (--control names another place)", options.control.display());
    let control = Control::listen(&options.control).map_err(failed(&cannot_listen))?;
    let (asker, ban_requests) = requests().map_err(failed("cannot open a socket"))?;
    let wakers = Wakers::new(ban_requests).map_err(failed("cannot receive signals"))?;

    let layout = MarkLayout::new(config.hook.mask);
    let numbers = queue_numbers(&config);
    let mut plan = Plan::new(&config, numbers);
    let mut existing = Hook::existing()?;
    let mut inheritance = Inheritance::take();
    refuse_a_living_owner(existing, &inheritance)?;
    if let Some(Existing { layout: old, .. }) = existing
        && old != layout
        && config.hook.install != Install::None
    {
        inheritance.let_go();
        existing = Some(ask_in_other_bits(&config, &plan, old, &options.state)?);
    }
    let bound = Bound::new(&config, numbers, &mut inheritance)?;
    let generation = Arc::new(ArcSwap::from_pointee(Generation::compile(&config, None, workers(numbers))));
    let epoch = Epoch::default();
    let tap = recorder::Tap { group: plan.log_group(), state: &options.state, asker: Some(asker.clone()) };
    // From here on packets are judged, while the rules of the daemon before still stand: what is accepted passes,
    // and is not remembered.
    let (counters, sockets, recorder) = bound.start(&config, &generation, &epoch, tap, options.show)?;
    if QueueStatus::of(numbers.0).is_none() {
        warn!("{} can't be read: nobody sees what waits in the queues, nor who holds them", queue::STATUS);
    }
    if let Some(untold) = queue::original_destinations_untold(&config) {
        warn!("{untold}");
    }
    refuse_clashes(&config, layout)?;
    let mut hook = Hook::probe(config.hook.install)?;
    let mark = next_generation(existing, layout).unwrap_or_else(|| {
        plan.remember_nothing();
        layout.first_generation()
    });
    let now = Timestamp::now();
    let bans = Bans::load(&options.state, now);
    if config.hook.install != Install::None {
        hook.install(&plan, mark, bans.remaining(now)).inspect_err(|_| remove_half(existing))?;
    } else {
        let text = plan.shell_script(hook.dialect(), mark);
        warn!("hook.install is \"none\": nothing is judged until these rules are in place:\n{text}");
    }
    if plan.remembers() {
        generation.load().remember_as(mark);
    }
    // Not before the kernel's rules send nothing to them any more.
    inheritance.forget();
    sockets.keep_or_forget(&config);
    let tally = Tally::load(&options.state);
    let mut live = Live {
        options,
        snapshots,
        wakers,
        epoch,
        generation,
        config,
        sources,
        standing,
        trial: None,
        origin,
        hook,
        plan,
        mark,
        bans,
        asker,
        counters,
        sockets,
        lists: Lists::new().map_err(failed("cannot watch files"))?,
        recorder,
        tally,
        troubles: Troubles::default(),
        guard: Guard::default(),
        last_reload_succeeded: true,
        watchdog: Watchdog::from_environment(),
        tidying: Tidying::default(),
        unjudged: PassedUnjudged::default(),
    };
    if live.config.hook.install != Install::None {
        live.expect_hook();
    }
    live.started();
    live.begin_to_count_unjudged();
    live.take_stock();
    live.wind_alarm();
    live.watch_lists();
    log::tell(Message::Ready, &format!("ready: {}", live.status().sentence()));
    live.tell_systemd();
    live.tidy_soon();
    Ok((live, control))
}

fn failed(what: &str) -> impl FnOnce(io::Error) -> StartError {
    let what = what.to_owned();
    move |source| StartError::Io { what, source }
}

fn refuse_clashes(config: &Config, layout: MarkLayout) -> Result<(), StartError> {
    let (fatal, harmless): (Vec<Clash>, Vec<Clash>) =
        find_clashes(layout).into_iter().partition(Clash::is_fatal);
    for clash in &harmless {
        warn!("{clash}");
    }
    if fatal.is_empty() {
        return Ok(());
    }
    if !config.hook.allow_mark_clash {
        return Err(StartError::Clash(fatal));
    }
    for clash in &fatal {
        warn!("{clash} (allowed by hook.allow-mark-clash)");
    }
    Ok(())
}

/// The kernel's rules are one daemon's: another would take them over, and away when it stops.
fn refuse_a_living_owner(existing: Option<Existing>, inheritance: &Inheritance) -> Result<(), QueueError> {
    let Some(Existing { queues: (first, last), .. }) = existing else { return Ok(()) };
    let theirs =
        |queue: &QueueStatus| (first..=last).contains(&queue.number) && !inheritance.holds(queue.number);
    let held = queue::status().into_iter().find(theirs);
    held.map_or(Ok(()), |queue| Err(QueueError::Taken { number: queue.number, owner: Some(queue.owner()) }))
}

/// The first and the last queue.
pub fn queue_numbers(config: &Config) -> (u16, u16) {
    if let Some(numbers) = &config.queue.numbers {
        return (*numbers.start(), *numbers.end());
    }
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let queues = u16::try_from(cpus).unwrap_or(MOST_QUEUES).min(MOST_QUEUES);
    (FIRST_QUEUE, FIRST_QUEUE + queues - 1)
}

/// How many workers there are: one for each queue.
pub(super) fn workers((first, last): (u16, u16)) -> usize {
    usize::from(last - first) + 1
}

/// The number after the one in the kernel's own rules, with no connection left that carries it;
/// `None` when connections can't be walked, so that marks on them can't be trusted.
fn next_generation(existing: Option<Existing>, layout: MarkLayout) -> Option<GenerationMark> {
    let next = match existing {
        Some(Existing { layout: old, generation, .. }) if old == layout => layout.next_generation(generation),
        _ => layout.first_generation(),
    };
    let walked = match existing {
        Some(Existing { layout: old, .. }) if old == layout => {
            // What the rules of the last daemon cut, those of this one may allow again.
            conntrack::clear(layout, Marked::With(Answer::Accept(next)))
                .and_then(|_| conntrack::clear(layout, Marked::With(Answer::Cut)))
        }
        _ => conntrack::clear(layout, Marked::Any),
    };
    match walked {
        Ok(_) => Some(next),
        Err(error) => {
            warn!(
                "connections can't be walked ({error}), so none is remembered: every packet is judged here"
            );
            None
        }
    }
}

/// Questions of the rules before would be misread in the bits that are ours now. So the new rules come first, and nobody
/// is at the queues meanwhile: packets follow `queue.on-exit`.
fn ask_in_other_bits(
    config: &Config,
    plan: &Plan,
    old: MarkLayout,
    state: &Path,
) -> Result<Existing, StartError> {
    let layout = plan.layout();
    refuse_clashes(config, layout)?;
    warn!("hook.mask is another than before: what waits to be judged is dropped");
    let (now, generation) = (Timestamp::now(), layout.first_generation());
    let mut plan = plan.clone();
    if let Err(error) = conntrack::clear(old, Marked::Any).and_then(|_| conntrack::clear(layout, Marked::Any))
    {
        warn!("connections can't be walked ({error}), so they keep their marks");
        plan.remember_nothing();
    }
    Hook::probe(config.hook.install)?.install(&plan, generation, Bans::load(state, now).remaining(now))?;
    Ok(Existing { layout, generation, queues: plan.queues() })
}

/// After a failed installation: where nothing of ours was before, nothing of ours is left.
fn remove_half(existing: Option<Existing>) {
    if existing.is_none()
        && let Err(error) = Hook::remove()
    {
        error!("cannot remove what was installed so far: {error}");
    }
}

/// Queues that are held, so that packets wait in them, but not yet judged.
struct Bound {
    queues: Vec<(u16, Queue)>,
    settings: Settings,
}

impl Bound {
    fn new(
        config: &Config,
        (first, last): (u16, u16),
        inheritance: &mut Inheritance,
    ) -> Result<Self, QueueError> {
        let settings = Settings {
            gso: config.queue.gso,
            fail_open: fail_open(config),
            connections: connections(&config.ruleset),
        };
        let bind = |number| {
            let queue = match (inheritance.remove(number), config.queue.backend) {
                (Some(socket), Backend::Batched) => Queue::inherit(number, socket, settings)?,
                (Some(socket), Backend::Nfq) => {
                    fd_store::let_go(number, socket);
                    Queue::bind(number, Backend::Nfq, settings)?
                }
                (None, backend) => Queue::bind(number, backend, settings)?,
            };
            Ok((number, queue))
        };
        Ok(Self { queues: (first..=last).map(bind).collect::<Result<_, _>>()?, settings })
    }

    /// Starts the recorder and a worker for each queue.
    fn start(
        self,
        config: &Config,
        generation: &Arc<ArcSwap<Generation>>,
        epoch: &Epoch,
        tap: recorder::Tap<'_>,
        show: bool,
    ) -> Result<(Vec<Arc<Counters>>, Sockets, recorder::Handle), StartError> {
        let (rings, reports): (Vec<_>, Vec<_>) = self.queues.iter().map(|_| event::ring()).unzip();
        let recorder = recorder::spawn(reports, &config.log, &config.detect, tap, show)
            .map_err(failed("cannot start the recorder"))?;
        let (mut counters, mut sockets) = (Vec::new(), Sockets::default());
        for (place, ((number, queue), ring)) in self.queues.into_iter().zip(rings).enumerate() {
            let counted = Arc::<Counters>::default();
            let worker = Worker {
                number: place,
                layout: MarkLayout::new(config.hook.mask),
                live: Arc::clone(generation),
                batch: None,
                interfaces: Interfaces::new(Arc::clone(epoch)).map_err(failed("cannot open a socket"))?,
                reporter: Reporter::new(ring, recorder.thread().clone(), Arc::clone(&counted)),
                counters: counted,
                settings: self.settings,
            };
            counters.push(Arc::clone(&worker.counters));
            sockets.add(number, &queue).map_err(failed("cannot hold a queue"))?;
            let judge = move || {
                if let Err(error) = worker.run(queue) {
                    error!("queue {number} is lost: {error}");
                    // Without a worker its packets would wait for ever: what on-exit says is better.
                    std::process::exit(1);
                }
            };
            thread::Builder::new()
                .name(format!("queue-{number}"))
                .spawn(judge)
                .map_err(failed("cannot start a worker"))?;
        }
        Ok((counters, sockets, recorder))
    }
}
