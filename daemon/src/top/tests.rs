use portcullis_config::load_text;
use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    style::Color,
};

use super::*;
use crate::log::{
    describe,
    sample::{echo, later, tcp},
};

fn press(board: &mut Board, code: KeyCode) -> Wish {
    let rules = "[policy]\ninput = \"drop\"\n[[rule]]\nname = \"office\"\nhook = \"input\"\nsource = \"198.51.100.0/24\"\nport = 22\n\
                 action = \"accept\"\n";
    let ruleset = load_text("rules", rules).unwrap().config.ruleset;
    board.key(KeyEvent::new(code, KeyModifiers::NONE), Some(&ruleset))
}

fn board() -> Board {
    let mut board = Board::new("/var/log/portcullis".to_owned(), TimeZone::UTC);
    let knocks =
        (0..40_u16).map(|n| later(i64::from(n) * 1000, tcp("203.0.113.9", 40000, "192.0.2.1", 20 + n % 4)));
    let others = (0..6).map(|n| later(41_000 + n * 100, tcp("2001:db8::7", 40000, "2001:db8:1::1", 22)));
    let pings = (0..2).map(|n| later(42_000 + n, echo("198.51.100.4", "192.0.2.1")));
    let text: Vec<u8> = knocks
        .chain(others)
        .chain(pings)
        .flat_map(|event| describe(&event, "id1".to_owned()).line())
        .collect();
    board.packets(&text);
    let incident = |id: &str, phase: &str| {
        let incident = serde_json::json!({
            "timestamp": "2026-11-23T08:27:00.000000+0000", "event_type": "alert", "src_ip": "203.0.113.9",
            "alert": { "context": { "incident": { "id": id, "source": "203.0.113.9", "pattern": "port scan", "phase": phase, "severity": "medium",
                "first_seen": "2026-11-23T08:26:45.000000+0000", "last_seen": "2026-11-23T08:27:00.000000+0000" },
            "summary": "port scan begins: 203.0.113.9 tried 6 closed ports\u{1b}[2J" } },
        });
        format!("{incident}\n")
    };
    board.incidents((incident("a", "start") + &incident("b", "start") + &incident("b", "end")).as_bytes());
    board
}

fn screen(board: &Board) -> String {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|frame| draw::draw(board, frame)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    assert!(
        buffer.content().iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset),
        "no colour"
    );
    let rows = buffer
        .content()
        .chunks(80)
        .map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>());
    rows.map(|row| row.trim_end().to_owned() + "\n").collect()
}

/// Compares with a file beside this one; `UPDATE_GOLDEN=1` writes it.
fn golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/top/screens").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "\n{actual}");
}

#[test]
fn without_a_daemon_the_records_tell() {
    golden("records.txt", &screen(&board()));
}

#[test]
fn with_a_daemon_rates_and_queues_are_told() {
    let mut board = board();
    let status = |dropped: u64| -> crate::status::Status {
        serde_json::from_value(serde_json::json!({
            "version": "0.1.0", "pid": 1, "mode": "enforce", "generation": 2, "configuration": "", "degraded": [],
            "rules": 3, "hooks": ["input", "output"], "hook_install": "nft",
            "packets": { "accepted": 10, "dropped": dropped, "rejected": 0, "reasons": [], "events_lost": 0, "errors": 0 },
            "records": { "written": 46, "summarised": 2, "suppressed": 0, "incidents": 1, "errors": 0 },
            "queues": [{ "number": 7300, "port_id": 1, "waiting": 3, "dropped_full": 4, "dropped_unsent": 5, "packets": 48 }],
        }))
        .unwrap()
    };
    let at = |second: i64| Timestamp::from_second(1_795_422_450 + second).unwrap();
    board.hear(Some(status(100)), at(0));
    board.hear(Some(status(400)), at(2));
    golden("daemon.txt", &screen(&board));
    board.hear(None, at(3));
    assert!(screen(&board).contains("No daemon answers"));
}

#[test]
fn an_event_is_explained() {
    let mut board = board();
    for _ in 0..3 {
        press(&mut board, KeyCode::Down);
    }
    press(&mut board, KeyCode::Enter);
    golden("explain.txt", &screen(&board));
    press(&mut board, KeyCode::Char('x'));
    assert_eq!(board.mode, board::Mode::Watch);
}

#[test]
fn a_filter_a_pause_and_the_way_out() {
    let mut board = board();
    press(&mut board, KeyCode::Char('/'));
    for c in "2001:db8q".chars() {
        press(&mut board, KeyCode::Char(c));
    }
    press(&mut board, KeyCode::Backspace);
    press(&mut board, KeyCode::Enter);
    assert_eq!(board.shown().count(), 6);
    press(&mut board, KeyCode::Char('p'));
    let chosen = board.shown().nth(board.selected).cloned();
    board.packets(
        &describe(&later(60_000, tcp("2001:db8::7", 40000, "2001:db8:1::1", 23)), "new".to_owned()).line(),
    );
    assert_eq!(board.shown().nth(board.selected).cloned(), chosen, "it stays chosen");
    assert!(screen(&board).contains("REFUSED (only 2001:db8) PAUSED"));
    press(&mut board, KeyCode::Char('?'));
    assert!(screen(&board).contains("KEYS"));
    press(&mut board, KeyCode::Char('?'));
    assert_eq!(press(&mut board, KeyCode::Char('q')), Wish::Quit);
}

#[test]
fn a_ban_is_asked_for_twice() {
    let mut board = board();
    press(&mut board, KeyCode::Char('b'));
    assert!(screen(&board).contains("Drop everything from 198.51.100.4 for a time?"));
    assert_eq!(press(&mut board, KeyCode::Char('n')), Wish::Nothing);
    press(&mut board, KeyCode::Char('b'));
    assert_eq!(press(&mut board, KeyCode::Char('y')), Wish::Ban("198.51.100.4".parse().unwrap()));
    press(&mut board, KeyCode::Char('u'));
    assert_eq!(press(&mut board, KeyCode::Char('y')), Wish::Unban("198.51.100.4".parse().unwrap()));
}

#[test]
fn what_is_old_falls_off() {
    let mut board = board();
    assert!(!board.ports.is_empty());
    board.packets(
        &describe(&later(10_000_000, tcp("203.0.113.9", 40000, "192.0.2.1", 9)), "x".to_owned()).line(),
    );
    assert_eq!((board.ports.len(), board.sources.len(), board.refused.total()), (1, 1, 1));
}
