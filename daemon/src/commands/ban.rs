//! `ban`, `unban`, `bans`.

use std::path::Path;

use jiff::{SpanRound, Timestamp, Unit};

use super::{
    Outcome,
    daemon::{SOMETHING_ELSE, unreachable_daemon},
    fail,
};
use crate::{
    ban::{Ban, BanList, source_of},
    cli::{BanArgs, BansArgs, UnbanArgs},
    control::{self, BanCommand, Command, Response},
    log::Escaped,
    sessions,
};

pub(super) fn ban(args: &BanArgs) -> Outcome {
    let source = source_of(args.address);
    // Only root can tell which connections are sessions; the daemon looks at port 22.
    let session =
        sessions::open().unwrap_or_default().into_iter().find(|session| source.contains(&session.peer.ip()));
    if let Some(session) = session.filter(|_| !args.force) {
        let why = format!(
            "{source} is not banned: an ssh session from {} is open; --force bans it all the same",
            session.peer
        );
        return fail(Outcome::No, why);
    }
    let seconds = args.length.map(|length| length.as_secs());
    let command = BanCommand { source: args.address, seconds, why: args.why.clone(), force: args.force };
    changed(&args.control.control, Command::Ban(command))
}

pub(super) fn unban(args: &UnbanArgs) -> Outcome {
    changed(&args.control.control, Command::Unban(args.address))
}

fn changed(socket: &Path, command: Command) -> Outcome {
    match control::ask(socket, command) {
        Ok(Response::Done(done)) => {
            println!("{done}");
            Outcome::Fine
        }
        Ok(Response::Refused(why)) => fail(Outcome::No, why),
        Ok(_) => fail(Outcome::No, SOMETHING_ELSE),
        Err(error) => unreachable_daemon(&error),
    }
}

pub(super) fn bans(args: &BansArgs) -> Outcome {
    match control::ask(&args.control.control, Command::Bans) {
        Ok(Response::Bans(list)) if args.json => {
            println!("{}", serde_json::json!(list));
            Outcome::Fine
        }
        Ok(Response::Bans(list)) => {
            print(&list, Timestamp::now());
            Outcome::Fine
        }
        Ok(Response::Refused(why)) => fail(Outcome::No, why),
        Ok(_) => fail(Outcome::No, SOMETHING_ELSE),
        Err(error) => unreachable_daemon(&error),
    }
}

fn print(BanList { enforced, dropped, bans }: &BanList, now: Timestamp) {
    if bans.is_empty() {
        eprintln!("nobody is banned");
    } else {
        println!("{:<24} {:>10}  {:<13}  WHY", "SOURCE", "LEFT", "BY");
    }
    for Ban { source, until, why, by, .. } in bans {
        println!("{:<24} {:>10}  {by:<13}  {}", source.to_string(), left(*until, now), Escaped(why));
    }
    match (enforced, dropped) {
        (false, _) => eprintln!("nothing is dropped: monitor mode, or a hook that is not ours"),
        (true, Some(dropped)) => eprintln!("{dropped} packets dropped since the hook was installed"),
        (true, None) => {}
    }
}

/// `6d 2h`, `1h 30m`, `40s`: the two largest units that say something.
fn left(until: Timestamp, now: Timestamp) -> String {
    let seconds = until.duration_since(now).as_secs();
    let smallest = match seconds {
        86_400.. => Unit::Hour,
        3600.. => Unit::Minute,
        _ => Unit::Second,
    };
    let round = SpanRound::new().largest(Unit::Day).smallest(smallest).days_are_24_hours();
    let span = jiff::Span::new().try_seconds(seconds).and_then(|span| span.round(round));
    span.map_or_else(|_| format!("{seconds}s"), |span| format!("{span:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_short() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let left = |seconds: i64| left(Timestamp::from_second(1_800_000_000 + seconds).unwrap(), now);
        assert_eq!([40, 600, 5400, 93_600].map(left), ["40s", "10m", "1h 30m", "1d 2h"]);
    }
}
