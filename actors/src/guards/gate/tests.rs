//! The policies together, in a time that the test moves.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use proptest::prelude::*;
use punchcard_events::TenantId;
use punchcard_events::tenant::{Limits, TenantLimits};
use punchcard_events::ticket::Priority;

use super::*;
use crate::guards::{BreakerOptions, BudgetOptions};
use crate::ports::Unlimited;
use crate::testing::limits::SetLimits;

const SECOND: Duration = Duration::from_secs(1);

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

fn gate(limit: usize, change: impl FnOnce(&mut GuardOptions)) -> Gate<u32> {
    let mut options = GuardOptions::default();
    change(&mut options);
    let allowances = Arc::new(Allowances::new(Arc::new(Unlimited)));
    Gate::new("p".into(), Concurrency::fixed(limit), &options, allowances)
}

/// A call that counts one.
const fn want(tenant: &TenantId, repeat: bool) -> Want<'_> {
    Want::plain("p", tenant, repeat)
}

fn settle(gate: &mut Gate<u32>, pass: Pass, verdict: Verdict, now: Instant) {
    gate.settle(pass, verdict, now, || Jitter::MAX);
}

/// Lets go whoever may, and gives their passes.
fn let_go(gate: &mut Gate<u32>, now: Instant) -> Vec<(Pass, u32)> {
    std::iter::from_fn(|| gate.next(now)).collect()
}

/// Fails calls until the breaker is open.
fn break_it(gate: &mut Gate<u32>, now: Instant) {
    for _ in 0..10 {
        let pass = gate.try_pass(&want(&tenant("a"), false), now).unwrap();
        settle(gate, pass, Verdict::Failed, now);
    }
    assert_eq!(gate.breaker(), BreakerState::Open);
}

#[test]
fn a_free_gate_lets_a_caller_through_and_a_full_one_does_not() {
    let (mut gate, now) = (gate(2, |_| {}), Instant::now());
    let a = tenant("a");
    let first = gate.try_pass(&want(&a, false), now).unwrap();
    let _second = gate.try_pass(&want(&a, false), now).unwrap();
    assert!(gate.try_pass(&want(&a, false), now).is_none());
    gate.join(&want(&a, false), 7, now);
    assert!(gate.next(now).is_none());
    assert_eq!(
        gate.wake_at(now),
        None,
        "no time lets it through, only a call that ends"
    );
    settle(&mut gate, first, Verdict::Succeeded, now);
    assert!(
        gate.try_pass(&want(&a, false), now).is_none(),
        "nobody jumps the line"
    );
    assert_eq!(gate.next(now).unwrap().1, 7);
}

#[test]
fn while_the_breaker_is_open_everybody_waits_and_then_a_few_go_to_see() {
    let (mut gate, now) = (gate(8, |_| {}), Instant::now());
    break_it(&mut gate, now);
    for n in 0..20 {
        assert!(gate.try_pass(&want(&tenant("a"), false), now).is_none());
        gate.join(&want(&tenant("a"), false), n, now);
    }
    assert!(gate.is_open(now) && gate.next(now).is_none());
    assert_eq!(gate.wake_at(now), Some(now + 5 * SECOND));
    assert!(gate.expected_wait(None, now) >= 5 * SECOND);

    let then = now + 5 * SECOND;
    let probes = let_go(&mut gate, then);
    assert_eq!(probes.len(), 3);
    assert_eq!(gate.breaker(), BreakerState::HalfOpen);
    assert!(gate.is_open(then), "another call would be held up");
    for (pass, _) in probes {
        settle(&mut gate, pass, Verdict::Succeeded, then);
    }
    assert_eq!(gate.breaker(), BreakerState::Closed);
    let back = let_go(&mut gate, then);
    assert_eq!(back.len(), 1, "the ramp begins with one");
    let next = gate.wake_at(then).unwrap();
    assert!(next > then && next < then + SECOND, "{:?}", next - then);
}

#[test]
fn a_probe_that_begins_to_answer_shows_that_the_place_is_back() {
    let (mut gate, now) = (gate(8, |_| {}), Instant::now());
    break_it(&mut gate, now);
    let now = now + 5 * SECOND;
    let mut probes: Vec<_> = (0..3)
        .map(|_| gate.try_pass(&want(&tenant("a"), false), now).unwrap())
        .collect();
    for probe in &mut probes {
        assert!(probe.is_probe());
        gate.answering(probe, now);
        gate.answering(probe, now);
    }
    assert_eq!(gate.breaker(), BreakerState::Closed);
    for probe in probes {
        settle(&mut gate, probe, Verdict::Failed, now);
    }
    assert_eq!(
        gate.breaker(),
        BreakerState::Closed,
        "what began before counts no more"
    );
    assert_eq!(gate.status(now).in_use, 0);
}

#[test]
fn a_probe_that_began_to_answer_and_was_cut_opens_the_breaker_again() {
    let (mut gate, now) = (gate(8, |_| {}), Instant::now());
    break_it(&mut gate, now);
    let now = now + 5 * SECOND;
    let mut probe = gate.try_pass(&want(&tenant("a"), false), now).unwrap();
    gate.answering(&mut probe, now);
    settle(&mut gate, probe, Verdict::Failed, now);
    assert_eq!(gate.breaker(), BreakerState::Open);
}

#[test]
fn a_wish_to_be_left_alone_holds_up_everybody_and_halves_the_limit() {
    let (mut gate, now) = (gate(8, |_| {}), Instant::now());
    let (told, other) = (
        gate.try_pass(&want(&tenant("a"), false), now).unwrap(),
        gate.try_pass(&want(&tenant("a"), false), now).unwrap(),
    );
    let retry_after = Some(20 * SECOND);
    settle(&mut gate, told, Verdict::Overloaded { retry_after }, now);
    settle(&mut gate, other, Verdict::Succeeded, now);
    assert!(gate.try_pass(&want(&tenant("b"), false), now).is_none());
    for n in 0..9 {
        gate.join(&want(&tenant("b"), false), n, now);
    }
    assert_eq!(gate.wake_at(now), Some(now + 20 * SECOND));
    assert_eq!(gate.status(now).paused_for, retry_after);
    let then = now + 20 * SECOND;
    assert_eq!(let_go(&mut gate, then).len(), 4);
    assert_eq!(
        gate.breaker(),
        BreakerState::Closed,
        "a place that speaks is not broken"
    );
}

#[test]
fn a_place_that_cannot_bear_one_call_is_given_pauses() {
    let (mut gate, mut now) = (gate(1, |_| {}), Instant::now());
    let mut pauses = vec![];
    for _ in 0..4 {
        let pass = gate.try_pass(&want(&tenant("a"), false), now).unwrap();
        now += Duration::from_millis(1);
        settle(
            &mut gate,
            pass,
            Verdict::Overloaded { retry_after: None },
            now,
        );
        gate.join(&want(&tenant("a"), false), 0, now);
        let at = gate.wake_at(now).unwrap();
        pauses.push((at - now).as_millis());
        now = at;
        let (pass, _) = gate.next(now).unwrap();
        settle(&mut gate, pass, Verdict::Neutral, now);
        now += Duration::from_millis(1);
    }
    assert_eq!(pauses, [500, 1_000, 2_000, 4_000]);
}

#[test]
fn repeats_without_a_budget_stand_back_and_go_when_the_floor_allows() {
    let (mut gate, mut now) = (gate(100, |_| {}), Instant::now());
    let a = tenant("a");
    let passes: Vec<_> = (0..10)
        .map(|_| gate.try_pass(&want(&a, true), now).unwrap())
        .collect();
    for pass in passes {
        settle(&mut gate, pass, Verdict::Succeeded, now);
    }
    assert!(
        gate.try_pass(&want(&a, true), now).is_none(),
        "the budget is spent"
    );
    for n in 0..3 {
        gate.join(&want(&a, true), n, now);
    }
    assert!(gate.next(now).is_none());
    for _ in 0..5 {
        let first = gate.try_pass(&want(&a, false), now).unwrap();
        settle(&mut gate, first, Verdict::Succeeded, now);
    }
    let mut served = vec![];
    while let Some(at) = gate.wake_at(now) {
        now = at;
        for (pass, n) in let_go(&mut gate, now) {
            settle(&mut gate, pass, Verdict::Succeeded, now);
            served.push(n);
        }
    }
    assert_eq!(served, [0, 1, 2], "none is lost, and they keep their order");
    let status = gate.status(now);
    assert_eq!((status.calls, status.retries), (18, 13));
}

#[test]
fn a_tenants_share_is_of_the_permits_and_only_while_others_wait() {
    let (mut gate, now) = (gate(4, |_| {}), Instant::now());
    let (a, b) = (tenant("a"), tenant("b"));
    let held: Vec<_> = (0..4)
        .map(|_| gate.try_pass(&want(&a, false), now).unwrap())
        .collect();
    for n in 0..4 {
        gate.join(&want(&a, false), n, now);
        gate.join(&want(&b, false), 10 + n, now);
    }
    let mut went = vec![];
    for pass in held {
        settle(&mut gate, pass, Verdict::Succeeded, now);
        let (pass, n) = gate.next(now).unwrap();
        went.push((pass, n));
    }
    let order: Vec<_> = went.iter().map(|(_, n)| *n).collect();
    assert_eq!(order, [10, 11, 0, 1], "half for each");
}

#[test]
fn how_long_one_more_would_wait_is_known_for_all_and_for_a_quiet_tenant() {
    let (mut gate, mut now) = (gate(1, |_| {}), Instant::now());
    let (loud, quiet) = (tenant("loud"), tenant("quiet"));
    assert_eq!(gate.expected_wait(None, now), Duration::ZERO);
    let mut pass = gate.try_pass(&want(&loud, false), now).unwrap();
    for n in 0..1_000 {
        gate.join(&want(&loud, false), n, now);
    }
    now += 3 * SECOND;
    assert_eq!(
        gate.expected_wait(None, now),
        3 * SECOND,
        "nothing ended yet: so long at least"
    );
    for _ in 0..300 {
        now += Duration::from_millis(100);
        settle(&mut gate, pass, Verdict::Succeeded, now);
        pass = gate.next(now).unwrap().0;
    }
    let all = gate.expected_wait(None, now).as_secs_f64();
    assert!((65.0..75.0).contains(&all), "700 at 10/s: {all}");
    let one = gate
        .expected_wait(Some(&want(&quiet, false)), now)
        .as_secs_f64();
    assert!(one < 0.2, "one turn: {one}");
    assert!(
        gate.expected_wait(Some(&want(&loud, false)), now)
            .as_secs_f64()
            > 65.0
    );
}

/// A gate whose tenants have limits.
fn limited(limit: usize) -> (Gate<u32>, SetLimits) {
    let book = SetLimits::default();
    let allowances = Arc::new(Allowances::new(Arc::new(book.clone())));
    let options = GuardOptions::default();
    let gate = Gate::new("p".into(), Concurrency::fixed(limit), &options, allowances);
    (gate, book)
}

fn per_minute(requests: u32) -> TenantLimits {
    let all = Limits {
        requests_per_minute: Some(requests),
        ..Limits::default()
    };
    TenantLimits {
        all,
        ..TenantLimits::default()
    }
}

#[test]
fn who_is_over_its_minute_stands_aside_others_pass_and_an_alarm_brings_it_back() {
    let (mut gate, book) = limited(8);
    let now = Instant::now();
    let (a, b) = (tenant("a"), tenant("b"));
    book.set(&a, per_minute(1));
    let pass = gate.try_pass(&want(&a, false), now).unwrap();
    assert!(gate.try_pass(&want(&a, false), now).is_none());
    gate.join(&want(&a, false), 7, now);
    assert!(gate.next(now).is_none());
    assert_eq!(gate.status(now).paced, 1);
    assert_eq!(gate.wake_at(now), Some(now + SECOND));
    let other = gate.try_pass(&want(&b, false), now).unwrap();
    settle(&mut gate, other, Verdict::Succeeded, now);
    book.set(&a, TenantLimits::default());
    assert!(
        gate.try_pass(&want(&a, false), now).is_none(),
        "nobody goes before its own that stand aside"
    );
    settle(&mut gate, pass, Verdict::Neutral, now);
    assert_eq!(
        gate.next(now).unwrap().1,
        7,
        "a call that ends is an occasion"
    );
}

#[test]
fn a_pass_that_was_never_used_costs_neither_turn_nor_minute() {
    let (mut gate, book) = limited(8);
    let (now, a) = (Instant::now(), tenant("a"));
    book.set(&a, per_minute(1));
    for _ in 0..5 {
        let pass = gate.try_pass(&want(&a, false), now).unwrap();
        settle(&mut gate, pass, Verdict::Neutral, now);
    }
    let mut pass = gate.try_pass(&want(&a, false), now).unwrap();
    pass.begin(now);
    settle(&mut gate, pass, Verdict::Neutral, now);
    assert!(
        gate.try_pass(&want(&a, false), now).is_none(),
        "this one was"
    );
}

#[test]
fn the_expected_wait_knows_weights_urgency_and_minutes() {
    let (mut gate, book) = limited(1);
    let mut now = Instant::now();
    let (a, b) = (tenant("a"), tenant("b"));
    let weight = Some(9);
    book.set(
        &b,
        TenantLimits {
            weight,
            ..TenantLimits::default()
        },
    );
    let call = |tenant, priority| Want {
        priority,
        tokens: 100,
        ..Want::plain("p", tenant, false)
    };
    let mut pass = gate.try_pass(&call(&a, Priority::Normal), now).unwrap();
    for n in 0..100 {
        gate.join(&call(&a, Priority::Low), n, now);
        gate.join(&call(&b, Priority::Normal), n, now);
    }
    for _ in 0..10 {
        now += SECOND;
        settle(&mut gate, pass, Verdict::Succeeded, now);
        pass = gate.next(now).unwrap().0;
    }
    let wait = |gate: &Gate<u32>, tenant, priority| {
        gate.expected_wait(Some(&call(tenant, priority)), now)
            .as_secs()
    };
    // All that waits goes before one more of a's batch, some of b's before one of a's that is urgent.
    assert!((180..=195).contains(&wait(&gate, &a, Priority::Low)));
    assert!(wait(&gate, &a, Priority::High) <= 12);
    // One more of b waits for b, and for the ninth part that a is due meanwhile.
    let of_b = wait(&gate, &b, Priority::Normal);
    assert!((90..=105).contains(&of_b), "{of_b}");
    book.set(&b, per_minute(10));
    assert!(wait(&gate, &b, Priority::Normal) >= 8 * 60);
}

#[derive(Debug, Clone)]
enum Step {
    Ask(usize, bool),
    Leave(usize),
    End(usize, u8),
    Answer(usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..5_usize, any::<bool>()).prop_map(|(who, repeat)| Step::Ask(who, repeat)),
        1 => any::<usize>().prop_map(Step::Leave),
        4 => (any::<usize>(), 0..6_u8).prop_map(|(which, verdict)| Step::End(which, verdict)),
        1 => any::<usize>().prop_map(Step::Answer),
        2 => (1..4_000_u64).prop_map(Step::Pass),
    ]
}

fn verdict(n: u8) -> Verdict {
    match n {
        0 | 1 => Verdict::Succeeded,
        2 => Verdict::Failed,
        3 => Verdict::Neutral,
        4 => Verdict::Overloaded { retry_after: None },
        _ => Verdict::Overloaded {
            retry_after: Some(3 * SECOND),
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever happened: never more run than the limit, the counts are right, an open breaker
    /// lets nobody go, and once calls succeed everybody in line goes, by the alarms alone.
    #[test]
    fn no_history_leaves_anybody_in_line_for_ever(
        steps in proptest::collection::vec(step(), 1..300),
        limit in 1..6_usize,
        rate in proptest::option::of(1..100_u32),
    ) {
        let mut gate = gate(limit, |options| {
            options.rate = rate.map(f64::from);
            options.breaker = BreakerOptions {
                min_calls: NonZeroUsize::new(3).unwrap(),
                ..BreakerOptions::default()
            };
            options.budget = BudgetOptions { window: SECOND, ..BudgetOptions::default() };
        });
        let mut now = Instant::now();
        let mut running: Vec<Pass> = vec![];
        let mut waiting: Vec<(u32, Spot)> = vec![];
        for (n, step) in (0_u32..).zip(steps) {
            match step {
                Step::Ask(who, repeat) => {
                    let who = tenant(&format!("t{who}"));
                    match gate.try_pass(&want(&who, repeat), now) {
                        Some(pass) => running.push(pass),
                        None => waiting.push((n, gate.join(&want(&who, repeat), n, now))),
                    }
                }
                Step::Leave(which) if !waiting.is_empty() => {
                    let (n, spot) = waiting.swap_remove(which % waiting.len());
                    prop_assert_eq!(gate.leave(spot), Some(n));
                }
                Step::End(which, said) if !running.is_empty() => {
                    let pass = running.swap_remove(which % running.len());
                    settle(&mut gate, pass, verdict(said), now);
                }
                Step::Answer(which) if !running.is_empty() => {
                    let which = which % running.len();
                    gate.answering(&mut running[which], now);
                }
                Step::Leave(_) | Step::End(..) | Step::Answer(_) => {}
                Step::Pass(ms) => now += Duration::from_millis(ms),
            }
            let open = gate.breaker() == BreakerState::Open && gate.is_open(now);
            let before = running.len();
            while let Some((pass, n)) = gate.next(now) {
                waiting.retain(|(other, _)| *other != n);
                running.push(pass);
                prop_assert!(running.len() <= limit);
            }
            prop_assert!(!(open && running.len() > before));
            let status = gate.status(now);
            prop_assert_eq!((status.in_use, status.waiting), (running.len(), waiting.len()));
            prop_assert!(status.limit <= limit);
        }
        let mut left: BTreeSet<u32> = waiting.iter().map(|(n, _)| *n).collect();
        let deadline = now + 3_600 * SECOND;
        while !left.is_empty() {
            for pass in running.drain(..) {
                settle(&mut gate, pass, Verdict::Succeeded, now);
            }
            while let Some((pass, n)) = gate.next(now) {
                left.remove(&n);
                running.push(pass);
            }
            if running.is_empty() && !left.is_empty() {
                let at = gate.wake_at(now);
                prop_assert!(at.is_some_and(|at| at > now), "nobody would come back: {:?}", gate);
                now = at.unwrap_or(now);
            }
            prop_assert!(now < deadline, "{} are still in line", left.len());
        }
    }
}
