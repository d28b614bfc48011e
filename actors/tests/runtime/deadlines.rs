//! Nothing is open for ever.

use std::time::Duration;

use punchcard_actors::ports::TicketIndex as _;
use punchcard_actors::testing::callbacks::Reply;
use punchcard_actors::testing::clock::START;
use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{World, in_paused_time, time_passes};
use punchcard_events::ticket::{Stage, StateName, TicketState};

#[test]
fn a_model_that_hangs_fails_the_ticket_at_its_deadline() {
    in_paused_time(async {
        let world = World::new();
        world.model.always(Script::default().text(["A goo"]).hang());
        let run = world.start().await;
        let issued_at = world.now();
        let ticket = run.issue("review").await;
        let news = run.await_state(ticket, StateName::Failed).await;
        assert_eq!(
            stage_and_code(&news.state),
            (Stage::Model, "deadline_exceeded")
        );
        let took = world.now().since(issued_at);
        assert_eq!(
            took.as_secs(),
            3_600,
            "at the deadline, not before and not much later"
        );
        run.teardown().await;
    });
}

#[test]
fn a_tenant_that_hangs_fails_the_ticket_at_either_deadline() {
    in_paused_time(async {
        let world = World::new();
        world.callbacks.next_pre_process(Reply::Hangs);
        world.callbacks.next_post_process(Reply::Hangs);
        let run = world.start().await;
        let ticket = run.issue("essay").await;
        let news = run.await_state(ticket, StateName::Failed).await;
        assert_eq!(
            stage_and_code(&news.state),
            (Stage::PreProcess, "deadline_exceeded")
        );
        let issued_at = world.now();
        let ticket = run.issue("essay").await;
        let news = run.await_state(ticket, StateName::Failed).await;
        assert_eq!(
            stage_and_code(&news.state),
            (Stage::Persist, "deadline_exceeded")
        );
        assert_eq!(world.now().since(issued_at).as_secs(), 7_200);
        run.teardown().await;
    });
}

#[test]
fn a_ticket_that_waits_for_a_permit_fails_at_its_deadline() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.llm.default_max_concurrency = 1;
        world.task("review", |task| {
            task.answer_within = Duration::from_secs(10)
        });
        world.model.always(Script::hangs());
        let run = world.start().await;
        let first = run.issue("review").await;
        let second = run.issue("review").await;
        run.await_state(first, StateName::Failed).await;
        run.await_state(second, StateName::Failed).await;
        assert_eq!(world.model.attempts_of(second), [0; 0]);
        run.teardown().await;
    });
}

#[test]
fn an_answer_that_nobody_takes_is_swept_up_after_its_actor_has_left() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let tickets = [run.issue("review").await, run.issue("review").await];
        for ticket in tickets {
            run.await_state(ticket, StateName::Persisted).await;
        }
        time_passes(Duration::from_hours(2)).await;
        assert_eq!(run.runtime().active_tickets(), 0);
        time_passes(Duration::from_hours(1) + world.options.sweep_interval).await;
        for ticket in tickets {
            let news = run.await_state(ticket, StateName::Failed).await;
            assert_eq!(stage_and_code(&news.state), (Stage::Deliver, "undelivered"));
        }
        time_passes(Duration::from_millis(1)).await;
        assert_eq!(run.runtime().active_tickets(), 0);
        run.teardown().await;
    });
}

#[test]
fn a_ticket_found_past_its_deadline_makes_no_call_to_anybody() {
    let store = MemoryStore::new();
    let ticket = in_paused_time(async {
        let world = World::over(store.clone(), START);
        world.callbacks.next_pre_process(Reply::Hangs);
        let run = world.start().await;
        let ticket = run.issue("essay").await;
        world.callbacks.until(|counts| counts.in_flight == 1).await;
        ticket
    });
    in_paused_time(async {
        let world = World::over(store.clone(), START.plus(Duration::from_hours(5)));
        let run = world.start().await;
        run.runtime().recover(std::num::NonZeroU32::MAX).await;
        let news = run.await_state(ticket, StateName::Failed).await;
        assert_eq!(
            stage_and_code(&news.state),
            (Stage::PreProcess, "deadline_exceeded")
        );
        assert_eq!(world.callbacks.counts().pre_process, 0);
        run.teardown().await;
    });
}

#[test]
fn a_deadline_in_the_far_future_is_no_trouble() {
    in_paused_time(async {
        let world = World::new();
        world.task("review", |task| {
            task.answer_within = Duration::MAX;
            task.persist_within = Duration::MAX;
            task.deliver_within = Duration::MAX;
        });
        let run = world.start().await;
        let ticket = run.issue("review").await;
        run.await_state(ticket, StateName::Persisted).await;
        run.teardown().await;
    });
}

fn stage_and_code(state: &TicketState) -> (Stage, &str) {
    match state {
        TicketState::Failed(failed) => (failed.failure.stage, &failed.failure.code),
        other => unreachable!("not failed: {other:?}"),
    }
}

#[test]
fn overdue_answers_beyond_one_page_are_swept_up_in_one_sweep() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.sweep_interval = Duration::from_hours(4);
        let run = world.start().await;
        let mut last = run.issue("review").await;
        for _ in 0..1_100 {
            last = run.issue("review").await;
        }
        run.await_state(last, StateName::Persisted).await;
        time_passes(Duration::from_hours(4) + Duration::from_secs(1)).await;
        let counts = world
            .store
            .count_by_state()
            .await
            .expect("the list is read");
        assert_eq!(counts, [(StateName::Failed, 1_101)]);
        run.teardown().await;
    });
}
