use super::*;
use crate::lower::hours;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn schedule(any_of: &[&str], none_of: &[&str]) -> Schedule {
    let read = |texts: &[&str]| texts.iter().map(|text| hours(text).unwrap()).collect();
    Schedule { any_of: read(any_of), none_of: read(none_of) }
}

#[test]
fn days_and_hours_by_the_clocks_of_a_place() {
    // 2026-11-23 is a Monday; Berlin is an hour ahead of UTC in winter, two in summer.
    let cases = [
        ("mon-fri 08:00-18:00 Europe/Berlin", "2026-11-23T06:59:59Z", false),
        ("mon-fri 08:00-18:00 Europe/Berlin", "2026-11-23T07:00:00Z", true),
        ("mon-fri 08:00-18:00 Europe/Berlin", "2026-11-23T16:59:59Z", true),
        ("mon-fri 08:00-18:00 Europe/Berlin", "2026-11-23T17:00:00Z", false),
        ("mon-fri 08:00-18:00 Europe/Berlin", "2026-07-20T06:30:00Z", true),
        ("mon-fri 08:00-18:00 Europe/Berlin", "2026-11-28T12:00:00Z", false),
        ("sat,sun UTC", "2026-11-28T23:59:59Z", true),
        ("sat,sun UTC", "2026-11-30T00:00:00Z", false),
        ("08:00-09:30 UTC", "2026-11-28T09:29:00Z", true),
        ("daily 00:00-24:00 UTC", "2026-11-28T09:29:00Z", true),
        // Over midnight: the hours belong to the day on which they begin.
        ("fri 22:00-06:00 UTC", "2026-11-27T21:59:00Z", false),
        ("fri 22:00-06:00 UTC", "2026-11-27T23:00:00Z", true),
        ("fri 22:00-06:00 UTC", "2026-11-28T05:59:00Z", true),
        ("fri 22:00-06:00 UTC", "2026-11-28T06:00:00Z", false),
        ("fri 22:00-06:00 UTC", "2026-11-27T05:00:00Z", false),
        ("sun-mon 12:00-13:00 UTC", "2026-11-29T12:00:00Z", true),
        ("sun-mon 12:00-13:00 UTC", "2026-11-24T12:00:00Z", false),
        // Other sides of the date line.
        ("mon 00:00-24:00 Pacific/Kiritimati", "2026-11-22T10:00:00Z", true),
        ("mon 00:00-24:00 Pacific/Pago_Pago", "2026-11-24T10:59:00Z", true),
    ];
    for (written, time, within) in cases {
        assert_eq!(schedule(&[written], &[]).contains(at(time)), within, "{written} at {time}");
        assert_eq!(schedule(&[], &[written]).contains(at(time)), !within, "!{written} at {time}");
    }
}

#[test]
fn changes_are_found_and_those_that_change_nothing_are_not() {
    type Case<'a> = (&'a [&'a str], &'a [&'a str], &'a str, Option<&'a str>);
    let cases: [Case<'_>; 9] = [
        (&["mon-fri 08:00-18:00 UTC"], &[], "2026-11-23T07:00:00Z", Some("2026-11-23T08:00:00Z")),
        (&["mon-fri 08:00-18:00 UTC"], &[], "2026-11-23T08:00:00Z", Some("2026-11-23T18:00:00Z")),
        (&["mon-fri 08:00-18:00 UTC"], &[], "2026-11-27T18:00:00Z", Some("2026-11-30T08:00:00Z")),
        (&["daily UTC"], &[], "2026-11-23T07:00:00Z", None),
        (&["mon-fri UTC"], &[], "2026-11-23T07:00:00Z", Some("2026-11-28T00:00:00Z")),
        (&["08:00-12:00 UTC", "12:00-18:00 UTC"], &[], "2026-11-23T09:00:00Z", Some("2026-11-23T18:00:00Z")),
        (&["daily UTC"], &["12:00-13:00 UTC"], "2026-11-23T07:00:00Z", Some("2026-11-23T12:00:00Z")),
        (&[], &["12:00-13:00 UTC"], "2026-11-23T12:00:00Z", Some("2026-11-23T13:00:00Z")),
        (&["mon UTC"], &["daily UTC"], "2026-11-23T12:00:00Z", None),
    ];
    for (any_of, none_of, after, change) in cases {
        let found = schedule(any_of, none_of).next_change(at(after));
        assert_eq!(found, change.map(at), "{any_of:?} {none_of:?} after {after}");
        // What begins there has lasted since then, and what comes to an end there began before it.
        let schedule = schedule(any_of, none_of);
        let Some(change) = found else {
            assert_eq!(schedule.last_change(at(after)), None);
            continue;
        };
        assert_eq!(schedule.last_change(change), Some(change));
        let last = schedule.last_change(at(after)).expect("it comes again each week");
        assert!(
            last <= at(after) && schedule.next_change(last) == Some(change),
            "{any_of:?} {none_of:?} {last}"
        );
    }
}

#[test]
fn summer_time_moves_hours_but_takes_none_away() {
    let nights = schedule(&["02:00-03:00 Europe/Berlin"], &[]);
    // 2027-03-28, 02:00 to 03:00 is left out: the night's hour is over before it begins.
    assert_eq!(nights.next_change(at("2027-03-27T22:00:00Z")), Some(at("2027-03-29T00:00:00Z")));
    // 2027-10-31, 02:00 to 03:00 comes twice: from the first two o'clock to the only three o'clock.
    assert_eq!(nights.next_change(at("2027-10-30T22:00:00Z")), Some(at("2027-10-31T00:00:00Z")));
    assert_eq!(nights.next_change(at("2027-10-31T00:30:00Z")), Some(at("2027-10-31T02:00:00Z")));
    let through = schedule(&["22:00-06:00 Europe/Berlin"], &[]);
    assert_eq!(through.next_change(at("2027-03-27T21:00:00Z")), Some(at("2027-03-28T04:00:00Z")));
    assert_eq!(through.next_change(at("2027-10-30T20:00:00Z")), Some(at("2027-10-31T05:00:00Z")));
    // Only the hour that is left out, on Sundays: the next one is a week later.
    let sundays = schedule(&["sun 02:00-03:00 Europe/Berlin"], &[]);
    assert_eq!(sundays.next_change(at("2027-03-22T00:00:00Z")), Some(at("2027-04-04T00:00:00Z")));
}

#[test]
fn a_schedule_is_shown_as_it_is_written() {
    let cases = [
        ("mon-fri 08:00-18:00 Europe/Berlin", "mon-fri 08:00-18:00 Europe/Berlin"),
        ("Saturday,sun UTC", "sat-sun 00:00-24:00 UTC"),
        ("fri-mon 22:00-06:00 UTC", "mon,fri-sun 22:00-06:00 UTC"),
        ("daily 09:30-10:00 UTC", "daily 09:30-10:00 UTC"),
    ];
    for (written, shown) in cases {
        assert_eq!(hours(written).unwrap().to_string(), shown);
    }
}
