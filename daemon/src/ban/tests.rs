use std::fs;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn ban(source: &str, since: i64, until: i64) -> Ban {
    let source = source_of(source.parse().unwrap());
    Ban { source, since: at(since), until: at(until), why: "because".into(), by: By::Administrator }
}

fn sources(bans: &Bans, now: i64) -> Vec<String> {
    bans.current(at(now)).map(|ban| ban.source.to_string()).collect()
}

#[test]
fn an_ipv6_source_is_its_network() {
    let source = |text: &str| source_of(text.parse().unwrap()).to_string();
    assert_eq!(source("203.0.113.9"), "203.0.113.9/32");
    assert_eq!(source("::ffff:203.0.113.9"), "203.0.113.9/32");
    assert_eq!(source("2001:db8:1:2:3::9"), "2001:db8:1:2::/64");
}

#[test]
fn bans_end_and_outlive_the_daemon() {
    let state = tempfile::tempdir().unwrap();
    let mut bans = Bans::load(&state.path().join("not/yet"), at(0));
    bans.add(ban("203.0.113.9", 0, 100)).unwrap();
    bans.add(ban("2001:db8::7", 0, 200)).unwrap();
    bans.add(ban("203.0.113.8", 0, 300)).unwrap();
    assert_eq!(bans.remove(source_of("203.0.113.8".parse().unwrap())).map(|ban| ban.until), Some(at(300)));
    assert_eq!(sources(&bans, 50), ["203.0.113.9/32", "2001:db8::/64"]);
    bans.save(at(50)).unwrap();
    let again = Bans::load(&state.path().join("not/yet"), at(150));
    assert_eq!(sources(&again, 150), ["2001:db8::/64"]);
    let left: Vec<_> = again.remaining(at(150)).map(|(_, left)| left.as_secs()).collect();
    assert_eq!(left, [50], "not longer for the restart");
}

#[test]
fn a_clock_that_is_set_makes_no_ban_longer_than_it_was_given() {
    let state = tempfile::tempdir().unwrap();
    let mut bans = Bans::load(state.path(), at(0));
    bans.add(ban("203.0.113.9", 0, 100)).unwrap();
    let left = |now| bans.remaining(at(now)).map(|(_, left)| left.as_secs()).collect::<Vec<_>>();
    assert_eq!([left(0), left(30), left(-1_000_000)], [[100], [70], [100]]);
    assert_eq!(left(100), [0; 0]);
}

#[test]
fn a_second_ban_replaces_the_first() {
    let state = tempfile::tempdir().unwrap();
    let mut bans = Bans::load(state.path(), at(0));
    bans.add(ban("203.0.113.9", 0, 100)).unwrap();
    bans.add(ban("203.0.113.9", 10, 50)).unwrap();
    assert_eq!(bans.of(source_of("203.0.113.9".parse().unwrap()), at(20)).map(|ban| ban.until), Some(at(50)));
}

#[test]
fn the_list_is_bounded() {
    let state = tempfile::tempdir().unwrap();
    let mut bans = Bans::load(state.path(), at(0));
    for n in 0..u32::try_from(MOST).unwrap() {
        let address = IpAddr::from((0x0a00_0000 + n).to_be_bytes());
        bans.add(ban(&address.to_string(), 0, 100)).unwrap();
    }
    assert_eq!(bans.add(ban("203.0.113.9", 0, 100)), Err(Full));
    assert_eq!(bans.add(ban("10.0.0.9", 0, 200)), Ok(()), "banned already");
    assert_eq!(bans.add(ban("203.0.113.9", 101, 200)), Ok(()), "the others are over");
}

#[test]
fn an_unreadable_file_is_put_aside() {
    let state = tempfile::tempdir().unwrap();
    for text in ["{", r#"{"version":9,"bans":[]}"#] {
        fs::write(state.path().join("bans.json"), text).unwrap();
        let mut bans = Bans::load(state.path(), at(0));
        assert_eq!(sources(&bans, 0), [""; 0]);
        bans.add(ban("203.0.113.9", 0, 100)).unwrap();
        bans.save(at(0)).unwrap();
        assert_eq!(fs::read_to_string(state.path().join("bans.json.unreadable")).unwrap(), text);
    }
}

#[test]
fn requests_are_bounded_and_wake() {
    let (asker, taken) = requests().unwrap();
    let request = BanRequest {
        source: "203.0.113.9".parse().unwrap(),
        length: Duration::from_secs(60),
        why: "a scan".into(),
    };
    let asked = (0..2000).filter(|_| asker.ask(request.clone())).count();
    assert_eq!(taken.take().len(), asked);
    assert_eq!(asked, 1024);
    assert!(taken.take().is_empty());
}
