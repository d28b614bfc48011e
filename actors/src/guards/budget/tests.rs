//! The budget: examples, and its promise over any traffic.

use proptest::prelude::*;

use super::*;

fn options() -> BudgetOptions {
    BudgetOptions {
        ratio: 0.1,
        floor: 1.0,
        window: Duration::from_secs(10),
    }
}

/// Takes as many repeats as are allowed now.
fn drain(budget: &mut RetryBudget, now: Instant) -> u32 {
    let mut taken = 0;
    while budget.allows(now) {
        budget.repeat(now);
        taken += 1;
        assert!(taken < 10_000, "there is an end");
    }
    taken
}

#[test]
fn a_quiet_place_has_the_floor_of_its_window_saved_up_and_no_more() {
    let start = Instant::now();
    let mut budget = RetryBudget::new(options());
    assert_eq!(drain(&mut budget, start), 10);
    assert_eq!(drain(&mut budget, start + Duration::from_millis(3_100)), 3);
    assert_eq!(drain(&mut budget, start + Duration::from_secs(3_600)), 10);
}

#[test]
fn ten_first_calls_pay_for_one_repeat() {
    let now = Instant::now();
    let mut budget = RetryBudget::new(options());
    drain(&mut budget, now);
    for _ in 0..9 {
        budget.first_call(now);
    }
    assert!(!budget.allows(now));
    // The sum of ten tenths falls a hair short of one.
    budget.first_call(now);
    budget.first_call(now);
    assert_eq!(drain(&mut budget, now), 1);
}

#[test]
fn what_a_busy_hour_earned_is_gone_soon_after() {
    let mut now = Instant::now();
    let mut budget = RetryBudget::new(options());
    for _ in 0..36_000 {
        now += Duration::from_millis(100);
        budget.first_call(now);
    }
    assert!(budget.earned < 11.0, "{}", budget.earned);
    now += Duration::from_secs(60);
    assert_eq!(drain(&mut budget, now), 10, "the floor alone");
}

#[test]
fn when_the_next_repeat_may_go_is_known() {
    let start = Instant::now();
    let mut budget = RetryBudget::new(options());
    drain(&mut budget, start);
    let next = budget.next(start);
    assert!(!budget.allows(start + Duration::from_millis(990)));
    assert!(budget.allows(next));
    assert!(next < start + Duration::from_millis(1_001));
}

#[test]
fn the_smallest_floor_lets_a_repeat_go_in_the_end() {
    let mut now = Instant::now();
    let mut budget = RetryBudget::new(BudgetOptions {
        floor: 0.0,
        ..options()
    });
    drain(&mut budget, now);
    now = budget.next(now);
    assert!(budget.allows(now));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// From any moment to any later one: retries <= ratio * first calls + floor * (time + window),
    /// with what earlier first calls had earned in their window on top.
    #[test]
    fn repeats_never_pass_the_share_and_the_floor(
        traffic in proptest::collection::vec((0..400_u64, any::<bool>()), 1..2_000),
    ) {
        let start = Instant::now();
        let mut now = start;
        let mut budget = RetryBudget::new(options());
        let (mut firsts, mut repeats) = (0.0, 0.0);
        for (gap, first) in traffic {
            now += Duration::from_millis(gap);
            if first {
                budget.first_call(now);
                firsts += 1.0;
            } else if budget.allows(now) {
                budget.repeat(now);
                repeats += 1.0;
            }
            let seconds = (now - start).as_secs_f64();
            prop_assert!(repeats <= 0.1 * firsts + seconds + 10.0 + 1e-6);
        }
    }
}
