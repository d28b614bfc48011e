//! How many calls go in how much time.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn ramp() -> RampOptions {
    RampOptions {
        from: 5.0,
        over: Duration::from_secs(30),
    }
}

/// Makes every call as soon as it may go, and gives their times.
fn rush(rate: &mut Rate, from: Instant, until: Instant, most: usize) -> Vec<Instant> {
    let mut now = from;
    let mut times = vec![];
    while now < until && times.len() < most {
        match rate.ready_at(now) {
            Some(at) if now < at => now = at,
            Some(_) | None => {
                rate.pass(now);
                times.push(now);
            }
        }
    }
    times
}

fn within(times: &[Instant], from: Instant, until: Instant) -> usize {
    times
        .iter()
        .filter(|at| from <= **at && **at < until)
        .count()
}

#[test]
fn without_a_rate_nothing_waits() {
    let now = Instant::now();
    let mut rate = Rate::new(None, ramp());
    assert_eq!(rush(&mut rate, now, now + SECOND, 10_000).len(), 10_000);
    assert_eq!(rate.per_second(now), None);
}

#[test]
fn a_rate_allows_the_burst_of_a_second_and_then_its_pace() {
    let now = Instant::now();
    let mut rate = Rate::new(Some(20.0), ramp());
    let times = rush(&mut rate, now, now + 10 * SECOND, 10_000);
    assert_eq!(within(&times, now, now + Duration::from_millis(1)), 21);
    assert_eq!(within(&times, now + SECOND, now + 10 * SECOND), 180);
}

#[test]
fn a_ramp_begins_at_its_start_doubles_and_ends() {
    let now = Instant::now();
    let mut rate = Rate::new(None, ramp());
    rate.begin_ramp(now);
    let times = rush(&mut rate, now, now + 30 * SECOND, 100_000);
    assert!(within(&times, now, now + SECOND) <= 7, "{times:?}");
    let fives: Vec<_> = (0..6)
        .map(|n| within(&times, now + SECOND * (5 * n), now + SECOND * (5 * n + 5)))
        .collect();
    for pair in fives.windows(2) {
        let growth = pair[1] as f64 / pair[0] as f64;
        assert!((1.7..2.3).contains(&growth), "{fives:?}");
    }
    let total = times.len();
    assert!((2_000..2_500).contains(&total), "{total}");
    let over = now + 30 * SECOND;
    assert_eq!(rate.per_second(over), None);
    assert_eq!(rush(&mut rate, over, over + SECOND, 10_000).len(), 10_000);
}

#[test]
fn a_ramp_to_a_rate_ends_where_it_meets_it() {
    let now = Instant::now();
    let mut rate = Rate::new(Some(20.0), ramp());
    rate.begin_ramp(now);
    assert_eq!(rate.per_second(now), Some(5.0));
    // It doubles in five seconds, and so meets four times its start after ten.
    assert!(rate.per_second(now + 9 * SECOND).unwrap() < 20.0);
    assert_eq!(rate.per_second(now + 11 * SECOND), Some(20.0));
    assert_eq!(rate.per_second(now + 31 * SECOND), Some(20.0));
    let times = rush(&mut rate, now, now + 20 * SECOND, 10_000);
    for begun in 0..19 {
        let from = now + SECOND * begun;
        let seen = within(&times, from, from + SECOND);
        assert!(
            seen <= 21,
            "{seen} in second {begun}: the end of the ramp is no burst"
        );
    }
}

#[test]
fn no_time_for_a_ramp_is_no_ramp() {
    let now = Instant::now();
    let mut rate = Rate::new(
        None,
        RampOptions {
            from: 1.0,
            over: Duration::ZERO,
        },
    );
    rate.begin_ramp(now);
    assert_eq!(rush(&mut rate, now, now + SECOND, 1_000).len(), 1_000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// However callers come, no stretch of time sees more calls than the rate and one burst.
    #[test]
    fn no_stretch_of_time_sees_more_than_the_rate(
        gaps in proptest::collection::vec(0..300_u64, 1..500),
        per_second in 1..50_u32,
    ) {
        let mut now = Instant::now();
        let mut rate = Rate::new(Some(f64::from(per_second)), ramp());
        let mut times = vec![];
        for gap in gaps {
            now += Duration::from_millis(gap);
            if rate.ready_at(now).is_none_or(|at| at <= now) {
                rate.pass(now);
                times.push(now);
            }
        }
        for (first, begun) in times.iter().enumerate() {
            for (last, ended) in times.iter().enumerate().skip(first) {
                let seconds = (*ended - *begun).as_secs_f64();
                let most = f64::from(per_second) * (seconds + 1.0) + 1.0 + 1e-6;
                let seen = last - first + 1;
                prop_assert!(seen as f64 <= most, "{} in {} s", seen, seconds);
            }
        }
    }
}
