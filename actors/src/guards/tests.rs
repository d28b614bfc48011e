//! Those who wait: futures that are polled, dropped and woken, in paused time.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use futures_util::poll;
use tokio::task::JoinSet;

use super::*;
use crate::testing::clock::TestClock;

const SECOND: Duration = Duration::from_secs(1);

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

/// Guards whose alarms ring.
fn guards(limit: usize) -> Arc<Guards> {
    let guards = Guards::new(
        Kind::Model,
        HashMap::from([("m".to_owned(), Concurrency::fixed(limit))]),
        Concurrency::fixed(1),
        GuardOptions::default(),
        Arc::new(crate::ports::Unlimited),
        Arc::new(TestClock::new()),
    );
    tokio::spawn(guards.keep_time());
    Arc::new(guards)
}

const fn want<'a>(place: &'a str, tenant: &'a TenantId) -> Want<'a> {
    Want::plain(place, tenant, false)
}

/// Fails calls of `m` until its breaker is open.
fn break_it(guards: &Guards, tenant: &TenantId) {
    for _ in 0..10 {
        guards
            .try_permit(want("m", tenant))
            .unwrap()
            .settle(Verdict::Failed);
    }
    assert!(guards.is_open("m"));
}

#[tokio::test(start_paused = true)]
async fn callers_over_the_limit_wait_in_line_and_go_first_come_first_served() {
    let (guards, a) = (guards(1), tenant("a"));
    let first = guards.permit(want("m", &a)).await;
    let mut second = pin!(guards.permit(want("m", &a)));
    let mut third = pin!(guards.permit(want("m", &a)));
    assert!(poll!(second.as_mut()).is_pending());
    assert!(poll!(third.as_mut()).is_pending());
    let status = guards.status();
    assert_eq!((status[0].in_use, status[0].waiting), (1, 2));

    drop(first);
    assert!(
        guards.try_permit(want("m", &a)).is_none(),
        "nobody jumps the line"
    );
    assert!(poll!(third.as_mut()).is_pending());
    let held = poll!(second.as_mut());
    assert!(held.is_ready());
    assert_eq!(guards.status()[0].waiting, 1);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_gives_up_leaves_the_line() {
    let (guards, a) = (guards(1), tenant("a"));
    let held = guards.permit(want("m", &a)).await;
    {
        let mut waiter = pin!(guards.permit(want("m", &a)));
        assert!(poll!(waiter.as_mut()).is_pending());
    }
    assert_eq!(guards.status()[0].waiting, 0);
    drop(held);
    assert!(guards.try_permit(want("m", &a)).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_permit_given_to_a_waiter_that_is_dropped_before_it_looks_goes_to_the_next() {
    let (guards, a) = (guards(1), tenant("a"));
    let held = guards.permit(want("m", &a)).await;
    let mut last = pin!(guards.permit(want("m", &a)));
    {
        let mut chosen = Box::pin(guards.permit(want("m", &a)));
        assert!(poll!(chosen.as_mut()).is_pending());
        assert!(poll!(last.as_mut()).is_pending());
        drop(held);
        assert_eq!(guards.status()[0].waiting, 1, "the first was chosen");
        assert!(poll!(last.as_mut()).is_pending());
    }
    assert!(poll!(last.as_mut()).is_ready());
    let status = guards.status();
    assert_eq!((status[0].in_use, status[0].waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_was_never_polled_stands_in_no_line() {
    let (guards, a) = (guards(1), tenant("a"));
    drop(guards.permit(want("m", &a)));
    assert!(guards.status().is_empty());
}

#[tokio::test(start_paused = true)]
async fn places_have_nothing_to_do_with_each_other() {
    let (guards, a) = (guards(3), tenant("a"));
    break_it(&guards, &a);
    assert!(!guards.is_open("other"));
    assert!(guards.try_permit(want("other", &a)).is_some());
    assert_eq!(guards.expected_wait("other"), Duration::ZERO);
    assert!(guards.expected_wait("m") > Duration::ZERO);
    assert!(guards.expected_wait_of(want("m", &a)) > Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_open_breakers_time_ends_the_wait_without_anything_else_happening() {
    let (guards, a) = (guards(8), tenant("a"));
    break_it(&guards, &a);
    let begun = tokio::time::Instant::now();
    let probe = guards.permit(want("m", &a)).await;
    let waited = begun.elapsed();
    assert!(waited >= 5 * SECOND && waited < 6 * SECOND, "{waited:?}");
    assert_eq!(guards.status()[0].breaker, BreakerState::HalfOpen);
    drop(probe);
}

#[tokio::test(start_paused = true)]
async fn probes_that_are_dropped_are_replaced() {
    let (guards, a) = (guards(8), tenant("a"));
    break_it(&guards, &a);
    tokio::time::advance(5 * SECOND).await;
    for _ in 0..20 {
        drop(guards.permit(want("m", &a)).await);
    }
    assert_eq!(guards.status()[0].breaker, BreakerState::HalfOpen);
    for _ in 0..3 {
        guards
            .permit(want("m", &a))
            .await
            .settle(Verdict::Succeeded);
    }
    assert_eq!(guards.status()[0].breaker, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn the_one_alarm_serves_thousands_who_wait_through_an_outage_and_its_ramp() {
    let (guards, a) = (guards(8), tenant("a"));
    break_it(&guards, &a);
    let mut calls = JoinSet::new();
    for _ in 0..2_000 {
        let (guards, a) = (Arc::clone(&guards), a.clone());
        calls.spawn(async move {
            let permit = guards.permit(want("m", &a)).await;
            let at = tokio::time::Instant::now();
            permit.settle(Verdict::Succeeded);
            at
        });
    }
    let begun = tokio::time::Instant::now();
    let mut times = calls.join_all().await;
    times.sort();
    let early = times.iter().filter(|at| **at - begun < 10 * SECOND).count();
    assert!(
        (20..60).contains(&early),
        "{early} within the ramp's first five seconds"
    );
    let took = *times.last().unwrap() - begun;
    assert!(took < 40 * SECOND, "{took:?}");
    assert_eq!(guards.status()[0].waiting, 0);
}

#[test]
fn over_threads_no_permit_is_lost_and_none_is_given_twice() {
    const THREADS: usize = 4;
    const CALLERS: usize = 500;
    let here = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap()
    };
    let keeper = here();
    let guards = keeper.block_on(async { guards(3) });
    let running = AtomicUsize::new(0);
    let most = AtomicUsize::new(0);
    let served = AtomicUsize::new(0);
    let call = async |n: usize| {
        let who = tenant(&format!("t{}", n % 7));
        let permit = guards.permit(want("m", &who));
        if n.is_multiple_of(3) {
            // Some give up at any moment, chosen or not.
            tokio::select! {
                biased;
                () = tokio::task::yield_now() => {}
                permit = permit => drop(permit),
            }
            return;
        }
        let permit = permit.await;
        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        running.fetch_sub(1, Ordering::SeqCst);
        served.fetch_add(1, Ordering::SeqCst);
        permit.settle(Verdict::Succeeded);
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| here().block_on(join_all((0..CALLERS).map(&call))));
        }
    });
    let stay = (0..CALLERS)
        .filter(|n: &usize| !n.is_multiple_of(3))
        .count();
    assert_eq!(served.load(Ordering::SeqCst), THREADS * stay);
    assert_eq!(most.load(Ordering::SeqCst), 3);
    let status = guards.status();
    assert_eq!((status[0].in_use, status[0].waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_keeper_of_the_time_ends_with_the_guards() {
    let (guards, a) = (guards(1), tenant("a"));
    let keeper = tokio::spawn(guards.keep_time());
    break_it(&guards, &a);
    {
        let mut waiter = pin!(guards.permit(want("m", &a)));
        assert!(poll!(waiter.as_mut()).is_pending());
    }
    drop(guards);
    assert!(keeper.await.is_ok());
}
