//! The limit up and down.

use std::num::NonZeroUsize;

use proptest::prelude::*;

use super::*;

const CALL: Duration = Duration::from_millis(100);

fn adaptive(min: usize, max: usize) -> Limit {
    let count = |n| NonZeroUsize::new(n).unwrap();
    let bounds = AdaptiveOptions {
        min: count(min),
        max: count(max),
    };
    Limit::new(Concurrency::Adaptive, &bounds)
}

fn fixed(limit: usize) -> Limit {
    Limit::new(Concurrency::fixed(limit), &AdaptiveOptions::default())
}

/// A place that serves `capacity` calls in 100 ms, queues more, and refuses above twice that.
/// Plays rounds of calls as many as the limit allows, and gives the limits.
fn play(limit: &mut Limit, capacity: usize, rounds: usize, now: &mut Instant) -> Vec<usize> {
    (0..rounds)
        .map(|_| {
            let (begun, running) = (*now, limit.get());
            let load = running as f64 / capacity as f64;
            let took = CALL.mul_f64(load.max(1.0));
            *now += took;
            for call in 0..running {
                if call >= capacity * 2 {
                    limit.overloaded(begun, *now);
                } else {
                    limit.succeeded(begun, running, *now);
                }
            }
            limit.get()
        })
        .collect()
}

#[test]
fn a_fixed_limit_is_what_was_configured_until_the_place_is_overloaded() {
    let mut now = Instant::now();
    let mut limit = fixed(32);
    for _ in 0..1_000 {
        let begun = now;
        now += CALL * 50;
        limit.succeeded(begun, 32, now);
        limit.failed(begun, now);
    }
    assert_eq!(
        limit.get(),
        32,
        "neither latency nor failures lower it, and nothing raises it"
    );
    assert!(limit.overloaded(now, now));
    assert_eq!(limit.get(), 16);
    for _ in 0..2_000 {
        now += CALL;
        limit.succeeded(now, 1, now);
    }
    assert_eq!(limit.get(), 32, "successes bring it back");
}

#[test]
fn calls_that_ran_together_are_one_message() {
    let begun = Instant::now();
    let now = begun + CALL;
    let mut limit = fixed(32);
    let news: Vec<_> = (0..32).map(|_| limit.overloaded(begun, now)).collect();
    assert_eq!(news.iter().filter(|news| **news).count(), 1);
    assert_eq!(limit.get(), 16);
    assert!(
        limit.overloaded(now, now + CALL),
        "a later round is another"
    );
    assert_eq!(limit.get(), 8);
}

#[test]
fn a_limit_never_falls_below_its_least() {
    let mut now = Instant::now();
    let mut limit = fixed(4);
    for _ in 0..10 {
        now += CALL;
        limit.overloaded(now, now);
    }
    assert_eq!(limit.get(), 1);
    assert!(limit.is_lowest());
}

#[test]
fn an_adaptive_limit_finds_what_the_place_bears_and_follows_when_that_changes() {
    let mut now = Instant::now();
    let mut limit = adaptive(1, 1_000);
    let found = play(&mut limit, 40, 300, &mut now);
    let late = &found[200..];
    assert!(late.iter().all(|n| (20..=100).contains(n)), "{late:?}");
    let shrunk = play(&mut limit, 10, 300, &mut now);
    let late = &shrunk[200..];
    assert!(late.iter().all(|n| (5..=30).contains(n)), "{late:?}");
    let grown = play(&mut limit, 200, 2_000, &mut now);
    assert!(
        grown.last().is_some_and(|n| *n >= 100),
        "{:?}",
        grown.last()
    );
}

#[test]
fn an_adaptive_limit_that_nobody_comes_near_stays() {
    let mut now = Instant::now();
    let mut limit = adaptive(1, 1_000);
    for _ in 0..1_000 {
        now += CALL;
        limit.succeeded(now, 1, now + CALL);
    }
    assert_eq!(limit.get(), 8);
}

#[test]
fn calls_that_get_slow_lower_an_adaptive_limit() {
    let mut now = Instant::now();
    let mut limit = adaptive(1, 20);
    let mut run = |limit: &mut Limit, took: Duration, calls: usize| {
        for _ in 0..calls {
            let begun = now;
            now += took;
            limit.succeeded(begun, 20, now);
        }
        limit.get()
    };
    assert_eq!(run(&mut limit, CALL, 200), 20);
    let slow = run(&mut limit, CALL * 10, 30);
    assert!(slow < 10, "{slow}");
    let usual = run(&mut limit, CALL, 2_000);
    assert_eq!(usual, 20);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn no_history_takes_a_limit_out_of_its_bounds(
        steps in proptest::collection::vec((0..3_u8, 0..100_000_u64, 1..500_usize), 1..500),
        (min, more) in (1..50_usize, 0..500_usize),
        is_fixed: bool,
    ) {
        let mut now = Instant::now();
        let (mut limit, min, max) = if is_fixed {
            (fixed(min + more), 1, min + more)
        } else {
            (adaptive(min, min + more), min, min + more)
        };
        for (what, ms, running) in steps {
            let begun = now;
            now += Duration::from_millis(ms);
            match what {
                0 => limit.succeeded(begun, running, now),
                1 => limit.failed(begun, now),
                _ => { limit.overloaded(begun, now); }
            }
            prop_assert!((min..=max).contains(&limit.get()), "{}", limit.get());
        }
    }
}
