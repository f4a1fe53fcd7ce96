use std::net::Ipv4Addr;

use super::*;

fn limiter(count: u32, period: RatePeriod, burst: u32, scope: RateScope) -> Limiter {
    Limiter::new(Rate { count, period, burst, scope }, RandomState::new())
}

fn v4(number: u32) -> IpAddr {
    Ipv4Addr::from(number).into()
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// How many of `tries` at the same time get through.
fn admitted(limiter: &Limiter, source: IpAddr, now: Duration, tries: usize) -> usize {
    (0..tries).filter(|_| limiter.admit(source, now)).count()
}

#[test]
fn a_burst_and_then_the_rate() {
    for scope in [RateScope::Source, RateScope::Rule] {
        for start in [0u64, 1, 3_600_000] {
            let limiter = limiter(10, RatePeriod::Second, 20, scope);
            let at = |time| ms(start + time);
            assert_eq!(admitted(&limiter, v4(1), at(0), 100), 20, "a burst from {start}");
            assert_eq!(admitted(&limiter, v4(1), at(99), 100), 0, "not yet");
            assert_eq!(admitted(&limiter, v4(1), at(100), 100), 1, "one each tenth of a second");
            assert_eq!(admitted(&limiter, v4(1), at(600), 100), 5);
            assert_eq!(admitted(&limiter, v4(1), at(60_000), 100), 20, "no more than a burst is saved up");
        }
    }
}

#[test]
fn what_is_refused_costs_nothing() {
    let limiter = limiter(1, RatePeriod::Minute, 1, RateScope::Source);
    assert_eq!(admitted(&limiter, v4(1), ms(0), 1_000), 1);
    assert_eq!(admitted(&limiter, v4(1), ms(59_000), 1_000), 0);
    assert_eq!(admitted(&limiter, v4(1), ms(60_000), 1_000), 1);
}

#[test]
fn sources_are_counted_apart_or_together() {
    let each = limiter(1, RatePeriod::Hour, 2, RateScope::Source);
    let all = limiter(1, RatePeriod::Hour, 2, RateScope::Rule);
    for source in 1..=100 {
        assert_eq!(admitted(&each, v4(source), ms(0), 5), 2);
        assert_eq!(admitted(&all, v4(source), ms(0), 5), if source == 1 { 2 } else { 0 });
    }
}

#[test]
fn an_ipv6_site_is_one_source() {
    let limiter = limiter(1, RatePeriod::Hour, 1, RateScope::Source);
    let admit = |text: &str| limiter.admit(text.parse().unwrap(), ms(0));
    assert!(admit("2001:db8::1"));
    assert!(!admit("2001:db8::ffff:1"), "the same /64");
    assert!(admit("2001:db8:0:1::1"), "the next one");
    assert!(admit("0.0.0.1") && !admit("0.0.0.1"));
}

/// Of a flood from ever new sources no more gets through than from a full table.
#[test]
fn a_flood_of_invented_sources_is_bounded() {
    let limiter = limiter(10, RatePeriod::Second, 5, RateScope::Source);
    let flood = 4 * u32::try_from(CELLS).unwrap();
    let mut through = 0;
    for second in 0..3u32 {
        through =
            (0..flood).filter(|&n| limiter.admit(v4(second * flood + n), ms(second as u64 * 1000))).count();
        assert!(through <= 5 * CELLS, "{through}");
    }
    assert!(through <= 10 * CELLS, "{through} in the last second");
    assert_eq!(limiter.cells.len(), CELLS);
}

/// While a flood of sources that are never seen again fills the table, one that sends a little still
/// gets a part of it through.
#[test]
fn a_flood_does_not_starve_others() {
    let limiter = limiter(10, RatePeriod::Second, 5, RateScope::Source);
    let (mut next, mut through) = (1 << 20, 0);
    for millisecond in 0..1_000 {
        let now = ms(millisecond.into());
        for _ in 0..1_000 {
            next += 1;
            limiter.admit(v4(next), now);
        }
        // Others, one flow each, from when the flood has filled the table.
        if millisecond >= 800 {
            through += usize::from(limiter.admit(v4(millisecond), now));
        }
    }
    assert!(through >= 40, "{through} of 200, in a flood of a million a second");
}

/// One that floods is not forgotten in favour of those who flood with it.
#[test]
fn nobody_gets_more_than_a_share_of_a_set() {
    let limiter = limiter(1, RatePeriod::Hour, 3, RateScope::Source);
    let sources: Vec<u32> = (0..u32::try_from(CELLS).unwrap() * 2).collect();
    let mut total = 0;
    for _ in 0..8 {
        total += sources.iter().filter(|&&source| limiter.admit(v4(source), ms(0))).count();
    }
    assert!(total <= 3 * CELLS, "{total}");
}

/// Only a cell that was written a year ago may look like a debt for a moment, of a burst at most.
#[test]
fn the_clock_may_wrap_around() {
    let year = Duration::from_nanos(TIME * 125);
    let limiter = limiter(10, RatePeriod::Second, 20, RateScope::Source);
    for start in [year - ms(50), year * 3] {
        assert_eq!(admitted(&limiter, v4(1), start, 100), 20, "{start:?}");
        assert_eq!(admitted(&limiter, v4(1), start + ms(200), 100), 2, "{start:?}");
    }
}

#[test]
fn threads_share_one_count() {
    let limiter = limiter(1, RatePeriod::Hour, 1000, RateScope::Rule);
    let through: usize = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| admitted(&limiter, v4(1), ms(1), 1000))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(through, 1000);
}

#[test]
fn a_rate_is_shown_as_it_is_written() {
    let shown = |scope| Rate { count: 10, period: RatePeriod::Minute, burst: 20, scope }.to_string();
    assert_eq!(shown(RateScope::Source), "10/min per source, burst 20");
    assert_eq!(shown(RateScope::Rule), "10/min, burst 20");
}
