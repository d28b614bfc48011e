//! A place that says that it is asked too much.

use std::time::Duration;

use punchcard_actors::testing::callbacks::Reply;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{World, in_paused_time, time_passes};
use punchcard_events::ticket::{AttemptErrorKind, CallbackErrorKind, StateName};
use tokio::time::Instant;

use super::{SECOND, await_all, issue_many, model_gate};

#[test]
fn a_retry_after_holds_for_every_ticket_of_the_model() {
    in_paused_time(async {
        let world = World::new();
        let wait = 30 * SECOND;
        world
            .model
            .next(Script::refuses_for(AttemptErrorKind::RateLimited, wait));
        let run = world.start().await;
        let begun = Instant::now();
        let told = run.issue("review").await;
        time_passes(SECOND).await;
        let others = issue_many(&run, "review", 20).await;
        let gate = model_gate(&run).await;
        assert_eq!((gate.in_use, gate.waiting), (0, 20));
        assert_eq!(gate.paused_for, Some(29 * SECOND));
        await_all(&run, &others, StateName::Persisted).await;
        run.await_state(told, StateName::Persisted).await;
        let times = world.model.call_times();
        assert_eq!(times.len(), 22);
        let early = times[1..].iter().filter(|at| **at < begun + wait).count();
        assert_eq!(early, 0, "nobody called before the time was over");
        run.teardown().await;
    });
}

#[test]
fn a_retry_after_beyond_the_ceiling_holds_up_its_own_ticket_only() {
    in_paused_time(async {
        let world = World::new();
        let wait = Duration::from_mins(10);
        world
            .model
            .next(Script::refuses_for(AttemptErrorKind::RateLimited, wait));
        let run = world.start().await;
        let begun = Instant::now();
        let told = run.issue("review").await;
        time_passes(SECOND).await;
        let other = run.issue("review").await;
        run.await_state(other, StateName::Persisted).await;
        let times = world.model.call_times();
        assert!(times[1] >= begun + 60 * SECOND && times[1] < begun + 61 * SECOND);
        run.await_state(told, StateName::Persisted).await;
        assert!(world.model.call_times()[2] >= begun + wait);
        run.teardown().await;
    });
}

#[test]
fn a_tenants_api_that_asks_to_be_left_alone_is_left_alone_by_all_its_tickets() {
    in_paused_time(async {
        let world = World::new();
        let wait = 20 * SECOND;
        world
            .callbacks
            .next_pre_process(Reply::FailsFor(CallbackErrorKind::Status, wait));
        let run = world.start().await;
        let begun = Instant::now();
        let mut tickets = vec![run.issue("essay").await];
        time_passes(SECOND).await;
        tickets.extend(issue_many(&run, "essay", 5).await);
        await_all(&run, &tickets, StateName::Persisted).await;
        let times = world.callbacks.call_times();
        let early = times[1..]
            .iter()
            .filter(|(at, _)| *at < begun + wait)
            .count();
        assert_eq!((times.len(), early), (13, 0));
        run.teardown().await;
    });
}

#[test]
fn a_model_that_says_nothing_but_429_is_not_run_into_by_the_whole_line() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.llm.default_max_concurrency = 16;
        world.task("review", |task| task.model_retry.max_tries = 10);
        world
            .model
            .always(Script::refuses(AttemptErrorKind::RateLimited));
        let run = world.start().await;
        let tickets = issue_many(&run, "review", 300).await;
        time_passes(Duration::from_mins(5)).await;
        let calls = world.model.counts().begun;
        // Sixteen at a time, eight, four, two, one, and then one per pause of up to a minute.
        assert!((12..60).contains(&calls), "{calls} calls in five minutes");
        assert_eq!(model_gate(&run).await.limit, 1);
        world.model.always(Script::says(["ok"]));
        await_all(&run, &tickets, StateName::Persisted).await;
        run.teardown().await;
    });
}
