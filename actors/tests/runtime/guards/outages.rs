//! A model or a tenant's API that is out for a while.

use punchcard_actors::guards::Concurrency;
use std::time::Duration;

use punchcard_actors::guards::BreakerState;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{World, in_paused_time, in_real_time, tenant, time_passes};
use punchcard_events::ticket::{AttemptErrorKind, CallbackErrorKind, StateName, TicketState};
use tokio::time::Instant;

use super::{SECOND, assert_ramp, await_all, issue_many, model_gate};

#[test]
fn while_a_model_is_out_only_probes_reach_it_and_every_ticket_is_answered_when_it_is_back() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.llm.default_max_concurrency = 8;
        world
            .model
            .always(Script::refuses(AttemptErrorKind::Server));
        let run = world.start().await;
        let tickets = issue_many(&run, "review", 200).await;
        time_passes(SECOND).await;
        let before = world.model.counts().begun;
        assert!(
            (10..=17).contains(&before),
            "{before} calls opened the breaker"
        );
        assert_eq!(model_gate(&run).await.breaker, BreakerState::Open);

        // It is tried after 5, 15, 35, 75, 155 and 275 seconds.
        time_passes(299 * SECOND).await;
        let probes = world.model.counts().begun - before;
        assert!((6..=6 * 3).contains(&probes), "{probes} probes");
        let gate = model_gate(&run).await;
        assert_eq!(gate.breaker, BreakerState::Open);
        assert!(
            gate.waiting >= 180 && gate.oldest_wait >= 290 * SECOND,
            "{gate:?}"
        );

        world.model.always(Script::says(["ok"]));
        await_all(&run, &tickets, StateName::Persisted).await;
        assert_eq!(model_gate(&run).await.breaker, BreakerState::Closed);
        assert_ramp(&world.model.call_times()[before + probes..]);
        run.teardown().await;
    });
}

#[test]
fn a_model_that_stays_out_fails_no_ticket_before_its_deadline() {
    in_paused_time(async {
        let world = World::new();
        world
            .model
            .always(Script::refuses(AttemptErrorKind::Connection));
        let run = world.start().await;
        let begun = Instant::now();
        // They come one by one: the breaker opens while most are still to come.
        let mut tickets = vec![];
        for _ in 0..60 {
            tickets.push(run.issue("review").await);
            time_passes(SECOND / 4).await;
        }
        let (mut by_deadline, mut by_attempts) = (0, 0);
        for ticket in tickets {
            let news = run.await_state(ticket, StateName::Failed).await;
            let TicketState::Failed(failed) = &news.state else {
                unreachable!("it has failed");
            };
            match failed.failure.code.as_str() {
                "attempts_exhausted" | "no_time_for_retry" => by_attempts += 1,
                _ => {
                    assert!(begun.elapsed() >= Duration::from_hours(1));
                    by_deadline += 1;
                }
            }
        }
        // Some were the probes, four times over.
        assert!(
            by_deadline >= 20,
            "{by_deadline} by deadline, {by_attempts} by attempts"
        );
        let calls = world.model.counts().begun;
        assert!(calls < 150, "{calls} calls in an hour for 60 tickets");
        run.teardown().await;
    });
}

#[test]
fn two_thousand_tickets_that_waited_for_a_tenants_api_do_not_fall_on_it_when_it_is_back() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.callbacks.default_max_concurrency = Concurrency::fixed(8);
        world.task("essay", |task| task.callback_retry.max_tries = 40);
        world.callbacks.take(SECOND / 50);
        world
            .callbacks
            .outage(&tenant(), Some(CallbackErrorKind::Connection));
        let run = world.start().await;
        let tickets = issue_many(&run, "essay", 2_000).await;
        time_passes(Duration::from_mins(10)).await;
        let before = world.callbacks.counts().pre_process;
        assert!(
            (13..60).contains(&before),
            "{before} calls in ten minutes of outage"
        );
        assert_eq!(run.callback_gates().await[0].breaker, BreakerState::Open);

        world.callbacks.outage(&tenant(), None);
        await_all(&run, &tickets, StateName::Persisted).await;
        let times: Vec<_> = world
            .callbacks
            .call_times()
            .iter()
            .map(|(at, _)| *at)
            .collect();
        assert_ramp(&times[before..]);
        assert_eq!(world.callbacks.counts().most_in_flight, 8);
        let most = times[before..].len();
        assert!(
            (4_000..=4_010).contains(&most),
            "{most} calls for 2000 tickets: none was wasted"
        );
        run.teardown().await;
    });
}

#[test]
fn over_threads_an_outage_ends_without_anybody_else_coming() {
    in_real_time(async {
        let mut world = World::new().threads();
        world.options.llm.default_max_concurrency = 4;
        let guard = &mut world.options.llm.guard;
        guard.breaker.open_for = SECOND / 50;
        guard.ramp.from = 200.0;
        guard.ramp.over = SECOND;
        world.task("review", |task| {
            task.model_retry.initial_delay_ms = 10;
            task.model_retry.max_tries = 10;
        });
        for _ in 0..20 {
            world.model.next(Script::refuses(AttemptErrorKind::Server));
        }
        let run = world.start().await;
        let tickets = issue_many(&run, "review", 60).await;
        await_all(&run, &tickets, StateName::Persisted).await;
        assert_eq!(world.model.counts().begun, 80);
        assert!(world.model.counts().most_in_flight <= 4);
        run.teardown().await;
    });
}
