use jiff::Timestamp;

use super::*;
use crate::log::{describe, digest::Folded, directory::rotated_path, sample};

const ROOMY: Limits = Limits::of_size(1 << 20, 1 << 30);

/// A rotated file of `lines` records.
fn rotated_lines(directory: &Path, lines: u16) -> PathBuf {
    let event = |port| describe(&sample::tcp("203.0.113.9", 40000, "192.0.2.1", port), format!("id{port}"));
    let text: Vec<u8> = (1..=lines).flat_map(|port| event(port).line()).collect();
    let path = rotated_path(directory, Stream::Blocked, Timestamp::from_second(1_800_000_000).unwrap());
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn an_archive_is_its_lines_and_each_frame_stands_alone() {
    let directory = tempfile::tempdir().unwrap();
    let lines = rotated_lines(directory.path(), 3000);
    let text = fs::read(&lines).unwrap();
    sweep(directory.path(), ROOMY, Timestamp::now()).unwrap();
    assert!(!lines.exists());
    let archive = rotated(directory.path(), Stream::Blocked).unwrap().remove(0);
    assert!(archive.is_archive() && archive.size * 5 < text.len() as u64);
    let packed = fs::read(&archive.path).unwrap();
    assert_eq!(zstd::stream::decode_all(&packed[..]).unwrap(), text);
    let digest = Folded::open(&archive.digest(), packed.len() as u64).unwrap().unfold().unwrap();
    assert_eq!(digest.len(), 3000);
    assert!(digest.head.blocks.len() > 1);
    for (n, block) in digest.head.blocks.iter().enumerate() {
        let range =
            usize::try_from(block.offset).unwrap()..usize::try_from(block.offset + block.length).unwrap();
        let frame = zstd::stream::decode_all(&packed[range]).unwrap();
        assert_eq!(frame.iter().filter(|&&byte| byte == b'\n').count(), digest.rows_of(n).len());
    }
}

/// What a process that is killed leaves, step by step.
#[test]
fn a_sweep_finishes_what_a_killed_one_began() {
    for (left, lines_stay) in [(&["zst.draft"][..], true), (&["digest"], true), (&["zst", "digest"], false)] {
        let directory = tempfile::tempdir().unwrap();
        let lines = rotated_lines(directory.path(), 10);
        if !lines_stay {
            let text = fs::read(&lines).unwrap();
            sweep(directory.path(), ROOMY, Timestamp::now()).unwrap();
            fs::write(&lines, text).unwrap();
        } else {
            for extension in left {
                fs::write(extended(&lines, extension), "half").unwrap();
            }
        }
        sweep(directory.path(), ROOMY, Timestamp::now()).unwrap();
        let mut names: Vec<String> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names.len(), 2, "{left:?}: {names:?}");
        assert!(names[0].ends_with(".digest") && names[1].ends_with(".zst"));
    }
}

#[test]
fn the_thread_does_it_when_it_is_woken() {
    let directory = tempfile::tempdir().unwrap();
    let lines = rotated_lines(directory.path(), 10);
    let archivist = Archivist::start(directory.path().to_owned(), ROOMY);
    archivist.wake();
    let end = std::time::Instant::now() + Duration::from_secs(10);
    while lines.exists() && std::time::Instant::now() < end {
        thread::sleep(Duration::from_millis(5));
    }
    assert!(!lines.exists());
}
