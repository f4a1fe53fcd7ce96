use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::log::{rotated, sample::at};

const ROOMY: Limits = Limits::of_size(1 << 20, 1 << 20);

fn live(directory: &Path) -> String {
    fs::read_to_string(directory.join("blocked.jsonl")).unwrap()
}

#[test]
fn appends_lines_to_a_file_that_only_the_group_may_read() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("portcullis");
    let mut segment = Segment::new(inner.clone(), Stream::Blocked, ROOMY);
    for line in ["one\n", "two\n"] {
        segment.append(line.as_bytes(), at(0)).unwrap();
    }
    assert_eq!(live(&inner), "one\ntwo\n");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner.join("blocked.jsonl")) & !0o640, 0);
    assert_eq!(mode(&inner) & !0o750, 0);
}

#[test]
fn files_of_both_streams_stay_within_bounds() {
    let directory = tempfile::tempdir().unwrap();
    let (file, total) = (1000, 6000);
    let mut segments = Stream::ALL
        .map(|stream| Segment::new(directory.path().to_owned(), stream, Limits::within(file, total)));
    let line = format!("{}\n", "x".repeat(99));
    for n in 0..500 {
        segments[usize::from(n % 5 == 0)].append(line.as_bytes(), at(n)).unwrap();
        let sizes: Vec<u64> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .collect();
        assert!(sizes.iter().sum::<u64>() <= total, "{sizes:?}");
        assert!(sizes.iter().all(|&size| size <= file), "{sizes:?}");
    }
    let kept = rotated(directory.path(), Stream::Blocked).unwrap();
    assert!(kept.len() >= 2 && kept.iter().all(|file| file.size == 1000));
}

#[test]
fn two_rotations_in_a_moment_keep_both_files() {
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits::of_size(4, 1000);
    let mut segment = Segment::new(directory.path().to_owned(), Stream::Blocked, limits);
    for line in ["1\n", "22\n", "33\n", "44\n"] {
        segment.append(line.as_bytes(), at(0)).unwrap();
    }
    let texts = rotated(directory.path(), Stream::Blocked).unwrap().into_iter().map(|file| file.path);
    let texts: Vec<String> = texts.map(|path| fs::read_to_string(path).unwrap()).collect();
    assert_eq!(texts, ["1\n", "22\n", "33\n"]);
    assert_eq!(live(directory.path()), "44\n");
}

/// A process that is killed, or a machine that loses power, at every possible byte.
#[test]
fn a_torn_line_spoils_no_other() {
    for cut in 0..=8 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("blocked.jsonl");
        fs::write(&path, &"one\ntwo\n"[..cut]).unwrap();
        Segment::new(directory.path().to_owned(), Stream::Blocked, ROOMY).append(b"new\n", at(0)).unwrap();
        let text = live(directory.path());
        let whole: Vec<&str> = text.lines().filter(|line| ["one", "two", "new"].contains(line)).collect();
        assert_eq!(whole.last(), Some(&"new"), "{text:?}");
        assert_eq!(whole.len(), cut / 4 + usize::from(cut % 4 == 3) + 1, "{text:?}");
    }
}

#[test]
fn goes_on_when_the_directory_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let blocker = directory.path().join("log");
    fs::write(&blocker, "").unwrap();
    let mut segment = Segment::new(blocker.clone(), Stream::Blocked, ROOMY);
    assert!(segment.append(b"1\n", at(0)).is_err());
    fs::remove_file(&blocker).unwrap();
    assert!(segment.append(b"2\n", at(500)).is_err(), "not yet tried again");
    segment.append(b"3\n", at(1000)).unwrap();
    assert_eq!(live(&blocker), "3\n");
}

#[test]
fn a_full_disk_leaves_no_part_of_a_line() {
    let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
    let mut live = Live { file: full, length: 0, began: at(0), torn: false };
    assert_eq!(live.append(b"line\n").unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(live.length, 0);

    // What could not be taken back is ended by the next line.
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, "par").unwrap();
    Live::open(file.path(), at(0)).unwrap().append(b"whole\n").unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "par\nwhole\n");
}

#[test]
fn a_day_is_a_file_also_across_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let hour = |hours: i64| at(hours * 3_600_000);
    let record = |hours| {
        let event = crate::log::sample::tcp("203.0.113.9", 40000, "192.0.2.1", 23);
        let event = crate::event::Event { time: hour(hours), ..event };
        crate::log::describe(&event, "id".to_owned()).line()
    };
    for hours in [0, 10, 23, 24, 30, 47, 48] {
        let mut segment = Segment::new(directory.path().to_owned(), Stream::Blocked, ROOMY);
        segment.append(&record(hours), hour(hours)).unwrap();
    }
    let rotated = rotated(directory.path(), Stream::Blocked).unwrap();
    let lines: Vec<usize> =
        rotated.iter().map(|file| fs::read_to_string(&file.path).unwrap().lines().count()).collect();
    assert_eq!((lines, live(directory.path()).lines().count()), (vec![3, 3], 1));
    // A quiet host has nothing to append, and its file ends all the same.
    let limits = Limits { age: Some(SignedDuration::from_hours(48)), ..ROOMY };
    let mut segment = Segment::new(directory.path().to_owned(), Stream::Blocked, limits);
    segment.open(hour(50)).unwrap();
    assert_eq!(segment.deadline(), Some(hour(72)));
    segment.tick(hour(71)).unwrap();
    assert_eq!(live(directory.path()).lines().count(), 1);
    segment.tick(hour(72)).unwrap();
    assert!(!directory.path().join("blocked.jsonl").exists());
    assert_eq!(segment.deadline(), None);
}
