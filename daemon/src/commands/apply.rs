//! `apply`, `confirm`, `rollback`, `history` and `enable`: going live without cutting oneself off.

use std::{
    path::Path,
    process::Command as Process,
    thread,
    time::{Duration, Instant},
};

use portcullis_config::{Config, Loaded, Mode, Report, Sources};

use super::{
    Outcome,
    daemon::{SOMETHING_ELSE, unreachable_daemon},
    diff::Comparison,
    fail,
};
use crate::{
    cli::{ApplyArgs, ControlArgs, HistoryArgs, RollbackArgs},
    control::{Command, ControlError, Response, ask},
    sessions::{self, CutSession},
    source::{self, Origin},
    trial::{Entry, Fingerprint, Held, STATE, Standing, Why},
};

/// The service of the package.
const SERVICE: &str = "portcullis.service";
/// How long a started service may take until it answers.
const START: Duration = Duration::from_secs(15);

pub(super) fn apply(args: &ApplyArgs) -> Outcome {
    put_on_trial(args, false)
}

pub(super) fn enable(args: &ApplyArgs) -> Outcome {
    let socket = &args.control.control;
    if let Err(ControlError::NotRunning(_)) = ask(socket, Command::Status) {
        // sd_booted(3)
        if !Path::new("/run/systemd/system").exists() {
            return fail(Outcome::NoDaemon, "no daemon is running: portcullis run, or a service that does");
        }
        if let Err(why) = start_service(socket) {
            return fail(Outcome::NoDaemon, why);
        }
    }
    let outcome = put_on_trial(args, true);
    if outcome == Outcome::Fine && Path::new("/run/systemd/system").exists() {
        let systemctl = |act| Process::new("systemctl").args([act, "--quiet", SERVICE]).status();
        if !systemctl("is-enabled").is_ok_and(|status| status.success()) {
            // A service of another name, or none, is the administrator's.
            let _ = systemctl("enable");
        }
    }
    outcome
}

/// Starts it with what was live last, or in monitor mode: what is to be enforced goes on trial after that.
fn start_service(socket: &Path) -> Result<(), String> {
    let state = Path::new(STATE);
    let mut standing = Standing::load(state);
    if standing.keeps_back().is_none() {
        standing.held = Some(Held::now(Why::FirstStart, None));
        standing.save(state).map_err(|error| format!("cannot write to {STATE}: {error}"))?;
    }
    let started = Process::new("systemctl").args(["start", SERVICE]).status();
    if !started.is_ok_and(|status| status.success()) {
        return Err(format!("{SERVICE} does not start: journalctl -u {SERVICE}, and portcullis doctor"));
    }
    let end = Instant::now() + START;
    while Instant::now() < end {
        if ask(socket, Command::Status).is_ok() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Err(format!("{SERVICE} does not answer: journalctl -u {SERVICE}"))
}

fn put_on_trial(args: &ApplyArgs, enable: bool) -> Outcome {
    let socket = &args.control.control;
    let (mut loaded, origin) = match source::load_checked(args.config.config.as_deref()) {
        Ok(found) => found,
        Err(report) => {
            eprintln!("{report}");
            return fail(Outcome::Invalid, "nothing has changed");
        }
    };
    if enable && origin == Origin::BuiltIn {
        let why = format!("there is no {}: nothing is configured that could be enforced", source::FILE);
        return fail(Outcome::Invalid, why);
    }
    let (live, enabled) = match ask(socket, Command::Configuration) {
        Ok(Response::Configuration { sources, enabled, .. }) => (sources.load(), enabled || enable),
        Ok(Response::Refused(why)) => return fail(Outcome::No, why),
        Ok(_) => return fail(Outcome::No, SOMETHING_ELSE),
        Err(error) => return unreachable_daemon(&error),
    };
    source::settle(&mut loaded, &origin, enabled);
    tell_changes(live, &loaded.config);
    if let Err(outcome) = protect_sessions(socket, &loaded.config, args.force) {
        return outcome;
    }
    if enable && loaded.config.mode == Mode::Monitor {
        eprintln!("portcullis: {origin} says mode = \"monitor\": nothing is blocked until that is changed");
    }
    let command = Command::Apply {
        fingerprint: Fingerprint::of(&loaded.sources),
        confirm: args.confirm.map(|time| time.as_secs()),
        enable,
    };
    let outcome = told(socket, command);
    if let (Outcome::Fine, Some(time)) = (outcome, args.confirm) {
        println!(
            "In {} s the former rules come back, unless you say: portcullis confirm\n\
             Say it over a new connection: that shows that one can still get in.",
            time.as_secs()
        );
    }
    outcome
}

/// Shows what another configuration opens and closes.
fn tell_changes(live: Result<Loaded, Report>, new: &Config) {
    match live {
        Ok(live) => print!("{}", Comparison::at_all_times(&live.config, new).in_words()),
        Err(_) => eprintln!("portcullis: the live rules can't be read here, so what changes is not shown"),
    }
}

/// Tells of every ssh session that would be cut; that is a no unless it is wanted, or comes by the time
/// of day.
fn protect_sessions(socket: &Path, config: &Config, force: bool) -> Result<(), Outcome> {
    let sessions = match sessions::open() {
        Ok(sessions) => sessions,
        Err(_) if force => return Ok(()),
        Err(error) => {
            let why = format!("cannot see which ssh sessions are open ({error}); --force does without");
            return Err(fail(Outcome::No, why));
        }
    };
    let banned = match ask(socket, Command::Bans) {
        Ok(Response::Bans(list)) => list.bans.into_iter().map(|ban| ban.source).collect(),
        _ => Vec::new(),
    };
    let cut = sessions::cut_by(config, &banned, &sessions);
    for session in &cut {
        eprintln!("would be cut: {session}");
    }
    if force || cut.iter().all(CutSession::is_later) {
        return Ok(());
    }
    Err(fail(Outcome::No, "nothing has changed; let these sessions in, or use --force"))
}

pub(super) fn confirm(args: &ControlArgs) -> Outcome {
    told(&args.control, Command::Confirm)
}

pub(super) fn rollback(args: &RollbackArgs) -> Outcome {
    let RollbackArgs { number, force, control: ControlArgs { control: socket } } = args;
    let (live, former) =
        match (asked(socket, Command::Configuration), asked(socket, Command::Former { number: *number })) {
            (Ok(live), Ok(former)) => (live, former),
            (Err(outcome), _) | (_, Err(outcome)) => return outcome,
        };
    let ((live, enforced), (sources, enforces)) = (live, former);
    if enforced && !enforces {
        eprintln!("portcullis: those rules only watched: nothing is blocked with them");
    }
    match sources.load() {
        Ok(mut former) => {
            former.config.mode = if enforces { Mode::Enforce } else { Mode::Monitor };
            tell_changes(live.load(), &former.config);
            if let Err(outcome) = protect_sessions(socket, &former.config, *force) {
                return outcome;
            }
        }
        Err(report) if !force => {
            eprintln!("{report}");
            return fail(Outcome::No, "whom these rules would cut can't be told here; --force does without");
        }
        Err(_) => {}
    }
    told(socket, Command::Rollback { number: *number, fingerprint: Fingerprint::of(&sources) })
}

/// The configuration that the daemon speaks of, and whether it enforces it.
fn asked(socket: &Path, command: Command) -> Result<(Sources, bool), Outcome> {
    match ask(socket, command) {
        Ok(Response::Configuration { sources, enforces, .. }) => Ok((sources, enforces)),
        Ok(Response::Refused(why)) => Err(fail(Outcome::No, why)),
        Ok(_) => Err(fail(Outcome::No, SOMETHING_ELSE)),
        Err(error) => Err(unreachable_daemon(&error)),
    }
}

/// Has it done, and says what was.
fn told(socket: &Path, command: Command) -> Outcome {
    match ask(socket, command) {
        Ok(Response::Done(done)) => {
            println!("{done}");
            Outcome::Fine
        }
        Ok(Response::Refused(why)) => fail(Outcome::No, why),
        Ok(_) => fail(Outcome::No, SOMETHING_ELSE),
        Err(error) => unreachable_daemon(&error),
    }
}

pub(super) fn history(args: &HistoryArgs) -> Outcome {
    let entries = match ask(&args.control.control, Command::History) {
        Ok(Response::History(entries)) => entries,
        Ok(Response::Refused(why)) => return fail(Outcome::No, why),
        Ok(_) => return fail(Outcome::No, SOMETHING_ELSE),
        Err(error) => return unreachable_daemon(&error),
    };
    if args.json {
        println!("{}", serde_json::json!(entries));
        return Outcome::Fine;
    }
    println!(
        "{:>6}  {:<19}  {:<8}  {:<7}  {:>5}  FINGERPRINT",
        "NUMBER", "LIVE SINCE", "BY", "MODE", "RULES"
    );
    for Entry { number, time, how, mode, rules, fingerprint, .. } in entries.iter().rev() {
        let time = time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string();
        println!("{number:>6}  {time}  {:<8}  {mode:<7}  {rules:>5}  {}", how.name(), fingerprint.short());
    }
    Outcome::Fine
}
