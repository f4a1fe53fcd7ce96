//! The screen, at 80 columns and 24 lines and more.

use std::{cmp::Reverse, collections::HashMap, fmt::Display, hash::Hash, net::SocketAddr};

use portcullis_config::port_name;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Modifier, Style},
    text::{Line, Text},
    widgets::{Block, Clear, Paragraph, Wrap},
};

use super::{
    board::{Board, Mode, Wish},
    spark::{BARS, SECONDS, Spark},
};
use crate::{
    log::{Escaped, Record},
    queue::QueueStatus,
};

const KEYS: &str = " q quit  p pause  / filter  ↑↓ choose  Enter explain  b ban  u unban  ? help";
const HELP: &str = "\
q, Esc    quit
p, Space  pause: the list of packets stands still, counting goes on
/         show only a port, a source (or how it begins), or a rule (a part of its name); Esc ends it
↑ ↓ k j   choose a packet
Enter     what the rules say of it, and which nearly let it in
b, u      ban its source for a time, or no longer: asks first, and needs root
any key   back";

/// Draws everything.
pub(super) fn draw(board: &Board, frame: &mut Frame<'_>) {
    let incidents = u16::try_from(board.open.len().clamp(1, 4)).unwrap_or(4) + 1;
    let [head, tops, open, recent, foot] = Layout::vertical([
        Constraint::Length(4),
        Constraint::Length(8),
        Constraint::Length(incidents),
        Constraint::Min(4),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let [ports, sources] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(tops);
    frame.render_widget(header(board), head);
    let name = |(port, protocol): &(u16, String)| {
        let service = port_name(*port).map(|name| format!(" {name}")).unwrap_or_default();
        format!("{port}/{}{service}", Escaped(protocol))
    };
    top(frame, ports, "PORTS", &board.ports, name);
    top(frame, sources, "SOURCES", &board.sources, ToString::to_string);
    incident_list(frame, open, board);
    packet_list(frame, recent, board);
    let foot_text = match &board.mode {
        Mode::Filter => format!(" filter: {}_  (Enter keeps it, Esc ends it)", Escaped(&board.filter)),
        _ => KEYS.to_owned(),
    };
    frame.render_widget(Line::styled(foot_text, Style::new().add_modifier(Modifier::REVERSED)), foot);
    match &board.mode {
        Mode::Explain(lines) => popup(frame, "WHY", lines.join("\n")),
        Mode::Help => popup(frame, "KEYS", HELP.to_owned()),
        Mode::Ask(Wish::Ban(source)) => {
            popup(
                frame,
                "BAN",
                format!("Drop everything from {source} for a time? y: yes, any other key: no"),
            );
        }
        Mode::Ask(Wish::Unban(source)) => {
            popup(frame, "UNBAN", format!("No longer ban {source}? y: yes, any other key: no"));
        }
        Mode::Ask(Wish::Nothing | Wish::Quit) => {}
        Mode::Watch | Mode::Filter => {}
    }
}

fn header(board: &Board) -> Paragraph<'static> {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let clock = board.now.to_zoned(board.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let minutes = BARS as i64 * SECONDS / 60;
    let spark =
        format!("{} refused in {minutes} minutes  {}", board.refused.total(), board.refused.line(BARS));
    let Some(status) = &board.status else {
        let lines = vec![
            Line::styled(format!("portcullis  {clock}"), bold),
            Line::raw(format!("No daemon answers: the records in {}", Escaped(&board.directory))),
            Line::raw(spark),
        ];
        return Paragraph::new(Text::from(lines));
    };
    let [accepted, dropped, rejected] = board.rates;
    let waiting: u64 = status.queues.iter().map(|queue| u64::from(queue.waiting)).sum();
    let lost: u64 = status
        .queues
        .iter()
        .map(|QueueStatus { dropped_full, dropped_unsent, .. }| dropped_full + dropped_unsent)
        .sum();
    let records = &status.records;
    Paragraph::new(Text::from(vec![
        Line::styled(
            format!("portcullis {}  {clock}  {}", Escaped(&status.version), Escaped(&status.sentence())),
            bold,
        ),
        Line::raw(format!("a second: {accepted} accepted, {dropped} dropped, {rejected} rejected")),
        Line::raw(format!(
            "queues: {waiting} waiting, {lost} lost; records: {} written, {} in summaries, {} failed",
            records.written, records.summarised, records.errors
        )),
        Line::raw(spark),
    ]))
}

fn top<K: Hash + Eq + Ord>(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &str,
    sparks: &HashMap<K, Spark>,
    name: impl Fn(&K) -> String,
) {
    let mut most: Vec<(&K, &Spark)> = sparks.iter().collect();
    most.sort_by_key(|&(key, spark)| (Reverse(spark.total()), key));
    let block = Block::new().title(Line::styled(title.to_owned(), Style::new().add_modifier(Modifier::BOLD)));
    let inner = block.inner(area);
    let bars = 10;
    let room = usize::from(inner.width).saturating_sub(bars + 10);
    let rows = most.iter().take(usize::from(inner.height)).map(|(key, spark)| {
        Line::raw(format!("{} {:>7} {}", fitted(&name(key), room), spark.total(), spark.line(bars)))
    });
    let rows: Vec<Line<'_>> = rows.collect();
    frame.render_widget(
        Paragraph::new(if rows.is_empty() { vec![Line::raw("none")] } else { rows }).block(block),
        area,
    );
}

fn incident_list(frame: &mut Frame<'_>, area: Rect, board: &Board) {
    let title = format!("OPEN INCIDENTS: {}", board.open.len());
    let block = Block::new().title(Line::styled(title, Style::new().add_modifier(Modifier::BOLD)));
    let rows: Vec<Line<'_>> = board
        .open
        .iter()
        .rev()
        .take(usize::from(area.height.saturating_sub(1)))
        .map(|told| Line::raw(format!("{:<6} {}", Escaped(&told.incident.severity), Escaped(&told.summary))))
        .collect();
    frame.render_widget(Paragraph::new(rows).block(block), area);
}

fn packet_list(frame: &mut Frame<'_>, area: Rect, board: &Board) {
    let filter =
        if board.filter.is_empty() { String::new() } else { format!(" (only {})", Escaped(&board.filter)) };
    let paused = if board.paused { " PAUSED" } else { "" };
    let title = format!("REFUSED{filter}{paused}");
    let block = Block::new().title(Line::styled(title, Style::new().add_modifier(Modifier::BOLD)));
    let height = usize::from(area.height.saturating_sub(1));
    let first = board.selected.saturating_sub(height.saturating_sub(1));
    let rows: Vec<Line<'_>> = board
        .shown()
        .enumerate()
        .skip(first)
        .take(height)
        .map(|(n, record)| {
            let time = record.timestamp.to_zoned(board.zone.clone()).strftime("%H:%M:%S").to_string();
            let style = if n == board.selected {
                Style::new().add_modifier(Modifier::REVERSED)
            } else {
                Style::new()
            };
            Line::styled(format!("{time} {:>5}  {}", record.count(), packet(record)), style)
        })
        .collect();
    frame.render_widget(Paragraph::new(rows).block(block), area);
}

/// `TCP 203.0.113.9 -> 192.0.2.1:23 (policy input)`
pub(super) fn packet(record: &Record) -> String {
    let end = |ip: Option<std::net::IpAddr>, port: Option<u16>| match (ip, port) {
        (Some(ip), Some(port)) => SocketAddr::new(ip, port).to_string(),
        (Some(ip), None) => ip.to_string(),
        (None, _) => "?".to_owned(),
    };
    let protocol = record.proto.as_deref().unwrap_or("?");
    let (from, to) = (end(record.src_ip, None), end(record.dest_ip, record.dest_port));
    format!("{} {from} -> {to} ({})", Escaped(protocol), Escaped(&record.alert.signature))
}

fn popup(frame: &mut Frame<'_>, title: &str, text: String) {
    let area = frame.area();
    let lines = u16::try_from(
        text.lines().map(|line| line.chars().count() / usize::from(area.width.max(9) - 8) + 1).sum::<usize>(),
    );
    let height = (lines.unwrap_or(u16::MAX).saturating_add(2)).min(area.height);
    let [_, middle, _] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(height), Constraint::Fill(1)]).areas(area);
    let [_, middle, _] =
        Layout::horizontal([Constraint::Length(2), Constraint::Fill(1), Constraint::Length(2)]).areas(middle);
    frame.render_widget(Clear, middle);
    let block = Block::bordered().title(title.to_owned());
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }).block(block), middle);
}

/// Exactly as wide as there is room.
fn fitted(text: &impl Display, room: usize) -> String {
    let text = text.to_string();
    if text.chars().count() <= room {
        return format!("{text:<room$}");
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}
