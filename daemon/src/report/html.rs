//! The page.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp, ToSpan as _, Zoned, civil::DateTime, tz::TimeZone};

use super::plots;
use crate::{
    log::Escaped,
    review::{By, Each, History, Value, incidents::Told},
};

const STYLE: &str = include_str!("style.css");
/// Sources with a timeline of their own.
const TIMELINES: usize = 5;
/// More than that many bars are no picture.
const MOST_DAYS: usize = 92;
/// Rows in the table beside the scatter plot.
const LISTED: usize = 30;

/// The whole page.
pub(super) fn page(history: &History, now: &Zoned) -> String {
    let zone = now.time_zone();
    let (since, until) = (minute(history.since, zone), minute(history.until, zone));
    let sections = [
        summary(history),
        days(history, zone),
        heat(history, zone),
        tables(history),
        incidents(history, zone),
        suggestions(history),
        sources(history),
        timelines(history, zone),
    ];
    let caveats: String =
        history.caveats.iter().map(|why| format!("<p class=note>{}</p>\n", text(why))).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\n\
         <meta name=color-scheme content=\"light dark\">\n\
         <meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Portcullis: what was refused, {since} to {until}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <a class=skip href=\"#main\">Skip to the report</a>\n<header>\n<h1>What was refused</h1>\n\
         <p>{since} to {until}, made on {made} ({zone}).</p>\n{contents}</header>\n<main id=main>\n{caveats}{body}</main>\n\
         </body>\n</html>\n",
        made = now.strftime("%Y-%m-%d %H:%M"),
        zone = text(zone.iana_name().unwrap_or("local time")),
        contents = contents(),
        body = sections.concat(),
    )
}

fn contents() -> String {
    let links: String = [
        ("days", "Day by day"),
        ("heat", "Ports by the hour"),
        ("tops", "Most of it"),
        ("incidents", "Incidents"),
        ("mistakes", "Our own mistakes?"),
        ("sources", "Sources"),
        ("timelines", "Timelines"),
    ]
    .map(|(id, title)| format!("<li><a href=\"#{id}\">{title}</a></li>"))
    .concat();
    format!("<nav aria-label=Contents><ul>{links}</ul></nav>\n")
}

fn summary(history: &History) -> String {
    let before: Option<u64> = history.before.as_ref().map(|hours| hours.total());
    let change = match before {
        Some(before) if before > 0 => {
            let change = (history.packets as f64 / before as f64 - 1.0) * 100.0;
            format!(", {change:+.0} % against the {before} of the time before")
        }
        _ => String::new(),
    };
    let sources = history.sources.len();
    format!(
        "<p class=lead><strong>{}</strong> packets were refused{change}. The {sources} most eager sources are looked at \
         below; noise (late replies, backscatter, broadcasts) is left out.</p>\n",
        history.packets
    )
}

fn days(history: &History, zone: &TimeZone) -> String {
    let now = history.hours.local(Each::Day, zone);
    let shift = history.until.duration_since(history.since);
    let before: Vec<(DateTime, u64)> =
        history.before.as_ref().map(|hours| hours.local(Each::Day, zone)).unwrap_or_default();
    let pair = |&(day, count): &(DateTime, u64)| {
        let then = day.checked_sub(shift).ok();
        let then = then.and_then(|then| before.iter().find(|(day, _)| day.date() == then.date()));
        (day, count, (!before.is_empty()).then(|| then.map_or(0, |(_, count)| *count)))
    };
    let days: Vec<_> = every_day(&now, history, zone).iter().map(pair).collect();
    let rows = days.iter().map(|(day, count, before)| {
        [
            day.strftime("%A, %d %B").to_string(),
            count.to_string(),
            before.map(|b| b.to_string()).unwrap_or_default(),
        ]
    });
    let numbers = table("Refused packets by day", &["Day", "Packets", "As long before"], rows);
    let caption = "Refused packets by day (blue), and as long before (orange).";
    section("days", "Day by day", &figure(&plots::days(&days), caption, &numbers))
}

/// Days without packets as well.
fn every_day(counts: &[(DateTime, u64)], history: &History, zone: &TimeZone) -> Vec<(DateTime, u64)> {
    let day = |time: Timestamp| time.to_zoned(zone.clone()).date();
    let last = history.until.checked_sub(SignedDuration::from_micros(1)).unwrap_or(history.until);
    let days = day(history.since).series(1.day()).take_while(|&date| date <= day(last)).take(MOST_DAYS);
    let count = |date| counts.iter().find(|(day, _)| day.date() == date).map_or(0, |(_, count)| *count);
    days.map(|date| (date.at(0, 0, 0, 0), count(date))).collect()
}

fn heat(history: &History, zone: &TimeZone) -> String {
    let rows = history.heat.iter().map(|((port, protocol), counts)| {
        let total: u64 = counts.iter().sum();
        let (peak, most) = counts.iter().enumerate().max_by_key(|(_, count)| **count).unwrap_or((0, &0));
        let column = i64::try_from(peak).unwrap_or(0).saturating_mul(history.column);
        let when = Timestamp::from_microsecond(history.since.as_microsecond().saturating_add(column));
        let when = when.map(|when| minute(when, zone)).unwrap_or_default();
        [Value::Port(*port, protocol.clone()).to_string(), total.to_string(), when, most.to_string()]
    });
    let numbers = table("The most tried ports", &["Port", "Packets", "Most from", "Packets then"], rows);
    let picture = plots::heat(&history.heat, history.since, history.column, zone);
    let caption = "When which port was tried; the stronger the colour, the more packets.";
    section("heat", "Ports by the hour", &figure(&picture, caption, &numbers))
}

fn tables(history: &History) -> String {
    let tables: String = history
        .tops
        .iter()
        .map(|(by, values)| {
            let (caption, what) = match by {
                By::Ports => ("Ports", "Port"),
                By::Sources => ("Sources", "Source"),
                By::Rules => ("Rules that refused", "Rule"),
                By::Pairs => ("Who tried what", "Source and port"),
            };
            let rows = values.iter().map(|(value, count)| [value.to_string(), count.to_string()]);
            table(caption, &[what, "Packets"], rows)
        })
        .collect();
    section("tops", "Most of it", &format!("<div class=tables>{tables}</div>\n"))
}

fn incidents(history: &History, zone: &TimeZone) -> String {
    if history.incidents.is_empty() {
        return section("incidents", "Incidents", "<p>None.</p>\n");
    }
    let rows = history.incidents.iter().map(|told: &Told| {
        let incident = &told.incident;
        [
            minute(incident.first_seen, zone),
            incident.severity.clone(),
            incident.source.clone(),
            incident.pattern.clone(),
            told.summary.clone(),
        ]
    });
    let head = ["Begun", "Severity", "Source", "Pattern", "What happened"];
    section("incidents", "Incidents", &table("Incidents, the latest first", &head, rows))
}

fn suggestions(history: &History) -> String {
    if history.suggestions.is_empty() {
        let none = "<p>No internal source was refused again and again.</p>\n";
        return section("mistakes", "Our own mistakes?", none);
    }
    let mut out = "<p>Sources of our own networks that were refused again and again. If one is meant to get in, its rule \
                   would be:</p>\n"
        .to_owned();
    for suggestion in &history.suggestions {
        let _ = write!(
            out,
            "<h3>{} tried {}/{} in vain, {} packets</h3>\n<pre tabindex=0>{}</pre>\n",
            text(&suggestion.source.to_string()),
            suggestion.port,
            text(&suggestion.protocol),
            suggestion.packets,
            text(&suggestion.toml())
        );
    }
    section("mistakes", "Our own mistakes?", &out)
}

fn sources(history: &History) -> String {
    let rows = history.sources.iter().take(LISTED).map(|(address, profile)| {
        [
            address.to_string(),
            profile.ports.len().to_string(),
            profile.hosts.len().to_string(),
            profile.packets.to_string(),
        ]
    });
    let numbers = table("The most eager sources", &["Source", "Ports", "Hosts", "Packets"], rows);
    let picture = plots::scatter(history.sources.iter().map(|(_, profile)| profile));
    let caption = "Each source by the ports and the hosts that it tried: scans of ports are on the right, sweeps of hosts on top.";
    section("sources", "Sources", &figure(&picture, caption, &numbers))
}

fn timelines(history: &History, zone: &TimeZone) -> String {
    let body: String = history
        .sources
        .iter()
        .take(TIMELINES)
        .map(|(address, profile)| {
            let mut ports: Vec<u16> = profile.ports.iter().copied().collect();
            ports.sort_unstable();
            let listed: Vec<String> = ports.iter().take(40).map(u16::to_string).collect();
            let more = if ports.len() > 40 { ", …" } else { "" };
            let numbers = format!("<p>Ports: {}{more}</p>\n", listed.join(", "));
            let picture = plots::timeline(profile, history.since, history.until, zone);
            let address = text(&address.to_string());
            let caption = format!("Which ports {address} tried, and when.");
            format!("<h3>{address}</h3>\n{}", figure(&picture, &caption, &numbers))
        })
        .collect();
    section("timelines", "Timelines", &body)
}

fn section(id: &str, title: &str, body: &str) -> String {
    format!("<section aria-labelledby={id}>\n<h2 id={id}>{title}</h2>\n{body}</section>\n")
}

/// A picture for who sees it, and its numbers for everybody.
fn figure(picture: &str, caption: &str, numbers: &str) -> String {
    if picture.is_empty() {
        return format!("<p>Nothing to show.</p>\n{numbers}");
    }
    format!(
        "<figure>\n<div class=plot role=img aria-label=\"{caption} The numbers follow.\">\n{picture}\n</div>\n\
         <figcaption>{caption}</figcaption>\n</figure>\n<details>\n<summary>The numbers</summary>\n{numbers}</details>\n"
    )
}

/// A table; the first cell of a row is its heading, numbers are set right.
fn table<const N: usize>(caption: &str, head: &[&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let is_number = |cell: &String| cell.bytes().all(|byte| byte.is_ascii_digit());
    let rows: Vec<[String; N]> = rows.collect();
    let numbers: [bool; N] = std::array::from_fn(|n| n > 0 && rows.iter().all(|row| is_number(&row[n])));
    let class = |numbers: bool| if numbers { " class=number" } else { "" };
    let head: String = head
        .iter()
        .zip(numbers)
        .map(|(cell, numbers)| format!("<th scope=col{}>{cell}</th>", class(numbers)))
        .collect();
    let mut body = String::new();
    for row in &rows {
        let cells = row.iter().zip(numbers).enumerate().map(|(n, (cell, numbers))| match n {
            0 => format!("<th scope=row>{}</th>", text(cell)),
            _ => format!("<td{}>{}</td>", class(numbers), text(cell)),
        });
        let _ = writeln!(body, "<tr>{}</tr>", cells.collect::<String>());
    }
    format!(
        "<div class=scroll tabindex=0 role=region aria-label=\"{caption}\">\n<table>\n<caption>{caption}</caption>\n\
         <thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n</div>\n"
    )
}

/// Text that can be nothing but text. Line feeds are its author's, not the wire's.
fn text(raw: &str) -> String {
    let lines: Vec<String> = raw.split('\n').map(|line| Escaped(line).to_string()).collect();
    let mut safe = String::with_capacity(raw.len());
    for c in lines.join("\n").chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

fn minute(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}
