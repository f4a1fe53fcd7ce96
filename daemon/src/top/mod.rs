//! `portcullis top`: what happens now, on a terminal.
//!
//! It reads the ends of the record files, and asks the daemon for its numbers if there is one.
//! Nothing depends on colour.

mod board;
mod draw;
mod spark;

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use jiff::{Timestamp, tz::TimeZone};
use portcullis_rules::Ruleset;
use ratatui::crossterm::event::{Event, KeyEventKind, poll, read};

use self::board::{Board, Wish};
use crate::{
    control::{self, BanCommand, Command, Response},
    log::Stream,
    review::follow::Tail,
};

/// How often the screen is drawn.
const PAUSE: Duration = Duration::from_millis(250);
/// How often the daemon is asked.
const ASK: Duration = Duration::from_secs(1);
/// Of what was written before, in bytes.
const PAST: u64 = 512 << 10;

/// Shows what happens until the reader has seen enough. `ruleset` explains events.
///
/// # Errors
/// When standard output is no terminal, or the records can't be read.
pub fn run(directory: &Path, control: &Path, ruleset: Option<&Ruleset>) -> io::Result<()> {
    let mut feed = Feed::open(directory, control)?;
    let mut board = Board::new(directory.display().to_string(), TimeZone::system());
    let mut terminal = ratatui::try_init()?;
    let outcome = (|| {
        loop {
            feed.read(&mut board)?;
            terminal.draw(|frame| draw::draw(&board, frame))?;
            if !poll(PAUSE)? {
                continue;
            }
            let Event::Key(key) = read()? else { continue };
            if key.kind != KeyEventKind::Press {
                continue;
            }
            match board.key(key, ruleset) {
                Wish::Nothing => {}
                Wish::Quit => return Ok(()),
                Wish::Ban(source) => {
                    let why = Some("by hand, in top".to_owned());
                    let ban = BanCommand { source, seconds: None, why, force: false };
                    board.tell(feed.command(Command::Ban(ban)));
                }
                Wish::Unban(source) => board.tell(feed.command(Command::Unban(source))),
            }
        }
    })();
    ratatui::restore();
    outcome
}

/// Where news comes from.
#[derive(Debug)]
struct Feed {
    packets: Tail,
    incidents: Tail,
    control: PathBuf,
    asked: Option<Instant>,
}

impl Feed {
    fn open(directory: &Path, control: &Path) -> io::Result<Self> {
        std::fs::read_dir(directory)?;
        Ok(Self {
            packets: Tail::with_past(directory, Stream::Blocked, PAST)?,
            incidents: Tail::with_past(directory, Stream::Incidents, PAST)?,
            control: control.to_owned(),
            asked: None,
        })
    }

    /// Tells the daemon to do something; what it answers.
    fn command(&self, command: Command) -> String {
        match control::ask(&self.control, command) {
            Ok(Response::Done(text) | Response::Refused(text)) => text,
            Ok(_) => "The daemon answered something else; is it of another version?".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    fn read(&mut self, board: &mut Board) -> io::Result<()> {
        if self.asked.is_none_or(|asked| asked.elapsed() >= ASK) {
            self.asked = Some(Instant::now());
            let status = match control::ask(&self.control, Command::Status) {
                Ok(Response::Status(status)) => Some(*status),
                _ => None,
            };
            board.hear(status, Timestamp::now());
        }
        board.packets(&self.packets.read()?);
        board.incidents(&self.incidents.read()?);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
