//! So many calls and tokens a minute, and no more.

use std::collections::BTreeMap;
use std::time::Duration;

use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{World, in_paused_time, issue, task, tenant, time_passes};
use punchcard_events::tenant::{Limits, TenantLimits};
use punchcard_events::ticket::StateName;
use punchcard_events::{TenantId, TicketId};
use tokio::time::Instant;

use super::{SECOND, await_all, issue_for, issue_many, model_gate};

fn requests(requests_per_minute: u32) -> Limits {
    Limits {
        requests_per_minute: Some(requests_per_minute),
        ..Limits::default()
    }
}

fn of_all(all: Limits) -> TenantLimits {
    TenantLimits {
        all,
        ..TenantLimits::default()
    }
}

/// No minute has more calls than allowed.
fn assert_paced(times: &[Instant], most: usize) {
    for (n, first) in times.iter().enumerate() {
        let minute = times[n..]
            .iter()
            .take_while(|at| **at - *first < 60 * SECOND);
        let calls = minute.count();
        assert!(calls <= most, "{calls} calls within a minute");
    }
}

#[test]
fn over_its_minute_a_tenant_waits_others_do_not_and_time_alone_lets_it_go_on() {
    in_paused_time(async {
        let world = World::new();
        world.limits.set(&tenant(), of_all(requests(10)));
        let run = world.start().await;
        let begun = Instant::now();
        let tickets = issue_many(&run, "review", 25).await;
        time_passes(SECOND).await;
        let gate = model_gate(&run).await;
        assert_eq!((gate.calls, gate.waiting, gate.paced), (10, 15, 15));
        let other = TenantId::new("quiet").expect("a valid tenant");
        let before = Instant::now();
        let theirs = issue_for(&run, &other, "review").await;
        run.await_state(theirs, StateName::Persisted).await;
        assert!(
            before.elapsed() < SECOND / 10,
            "it went past those who wait for their minute"
        );
        await_all(&run, &tickets, StateName::Persisted).await;
        let took = begun.elapsed();
        assert!(took >= 120 * SECOND && took < 126 * SECOND, "{took:?}");
        let mut times = world.model.call_times();
        times.remove(10);
        assert_paced(&times, 10);
        run.teardown().await;
    });
}

#[test]
fn the_pace_is_one_for_all_models_and_a_tasks_pace_is_its_own() {
    in_paused_time(async {
        let world = World::new();
        world.task("other", |task| task.model = "large".to_owned());
        world.task("free", |_| {});
        let tasks = BTreeMap::from([(task("other"), requests(2))]);
        world.limits.set(
            &tenant(),
            TenantLimits {
                tasks,
                ..of_all(requests(6))
            },
        );
        let run = world.start().await;
        issue_many(&run, "other", 4).await;
        issue_many(&run, "review", 3).await;
        issue_many(&run, "free", 3).await;
        time_passes(SECOND).await;
        let calls = world.model.calls();
        assert_eq!(calls.len(), 6, "all models together");
        let of_other = calls.iter().filter(|call| call.model == "large").count();
        assert_eq!(of_other, 2, "and its task no more than its own");
        time_passes(62 * SECOND).await;
        assert_eq!(world.model.calls().len(), 10);
        run.teardown().await;
    });
}

#[test]
fn tokens_that_were_reserved_and_not_used_are_free_for_the_next() {
    in_paused_time(async {
        let world = World::new();
        let quick = Script::default()
            .wait(SECOND)
            .text(["ok"])
            .complete_using(50, 50);
        world.model.always(quick);
        // An estimate is above 2,048, as the task limits no answer: one at a time is reserved.
        let all = Limits {
            tokens_per_minute: Some(4_000),
            ..Limits::default()
        };
        world.limits.set(&tenant(), of_all(all));
        let run = world.start().await;
        let begun = Instant::now();
        let tickets = issue_many(&run, "review", 15).await;
        await_all(&run, &tickets, StateName::Persisted).await;
        let took = begun.elapsed();
        assert!(took < 20 * SECOND, "1,500 tokens in truth: {took:?}");
        let more = issue_many(&run, "review", 30).await;
        await_all(&run, &more, StateName::Persisted).await;
        assert!(
            begun.elapsed() > 60 * SECOND,
            "4,500 do not fit in a minute"
        );
        run.teardown().await;
    });
}

#[test]
fn who_waits_for_its_minute_past_its_deadline_leaves_the_line() {
    in_paused_time(async {
        let world = World::new();
        world.task("review", |task| {
            task.answer_within = Duration::from_secs(20);
            task.max_wait = Duration::from_hours(24);
        });
        world.limits.set(&tenant(), of_all(requests(3)));
        let run = world.start().await;
        let tickets = issue_many(&run, "review", 500).await;
        time_passes(SECOND).await;
        assert_eq!(model_gate(&run).await.paced, 497);
        time_passes(25 * SECOND).await;
        let gate = model_gate(&run).await;
        assert_eq!((gate.calls, gate.waiting, gate.tokens_waiting), (3, 0, 0));
        let (went, expired) = tickets.split_at(3);
        await_all(&run, went, StateName::Persisted).await;
        await_all(&run, expired, StateName::Failed).await;
        run.teardown().await;
    });
}

#[test]
fn a_wait_that_the_pace_makes_too_long_is_refused_at_the_issue() {
    in_paused_time(async {
        let world = World::new();
        world.task("review", |task| task.max_wait = Duration::from_secs(90));
        world.limits.set(&tenant(), of_all(requests(10)));
        let run = world.start().await;
        let mut accepted: Vec<TicketId> = vec![];
        let refused = loop {
            match run.tickets().issue(issue("review")).await {
                Ok(issued) => accepted.push(issued.ticket),
                Err(error) => break error,
            }
            assert!(accepted.len() < 100, "nobody is refused");
        };
        // Ten at once, ten in the minute after, half of another ten within the ninety seconds.
        assert!(
            (20..=30).contains(&accepted.len()),
            "{}: {refused}",
            accepted.len()
        );
        let other = TenantId::new("quiet").expect("a valid tenant");
        issue_for(&run, &other, "review").await;
    });
}
