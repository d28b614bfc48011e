//! The system's clock is set a day ahead or back while tickets are open.

use std::time::Duration;

use punchcard_actors::ports::{Direction, EventStore as _};
use punchcard_actors::testing::callbacks::Reply;
use punchcard_actors::testing::clock::START;
use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{TestRuntime, World, in_paused_time, time_passes};
use punchcard_events::ticket::{AttemptErrorKind, Stage, StateName, TicketState};
use punchcard_events::{Recorded, TicketId};
use tokio::time::Instant;

const DAY_MS: i64 = 86_400_000;
const BOTH_WAYS: [i64; 2] = [DAY_MS, -DAY_MS];

async fn history(world: &World, ticket: TicketId) -> Vec<Recorded> {
    let stream = ticket.stream();
    let read = world
        .store
        .read_stream(&stream, None, Direction::Forwards, 100);
    read.await.expect("the history is read")
}

/// The clock shows another day, and what follows the time has seen it.
async fn jump(world: &World, millis: i64) {
    let before = world.now();
    world.clock.jump(millis);
    assert_ne!(world.now(), before, "the fault did not fire");
    time_passes(Duration::from_secs(3)).await;
}

fn is_in_order(history: &[Recorded]) {
    for pair in history.windows(2) {
        assert_eq!(pair[0].revision.next(), pair[1].revision);
        assert!(pair[0].event.recorded_at <= pair[1].event.recorded_at);
    }
}

async fn state(run: &TestRuntime, ticket: TicketId) -> StateName {
    let looked = run.tickets().look(ticket).await;
    let news = looked.expect("the ticket is looked at");
    news.expect("the ticket is there").state.name()
}

#[test]
fn a_step_after_a_jump_neither_ends_the_ticket_nor_delays_it() {
    for millis in BOTH_WAYS {
        in_paused_time(async {
            let world = World::new();
            let mut held = world.model.hold_next();
            let run = world.start().await;
            let ticket = run.issue("essay").await;
            held.begun().await;
            jump(&world, millis).await;
            let begun = Instant::now();
            // The retry is due in moments, and the callbacks after it are made at once.
            held.fail(AttemptErrorKind::Server);
            run.await_state(ticket, StateName::Persisted).await;
            assert!(begun.elapsed() < Duration::from_secs(60), "{millis}");
            assert_eq!(world.model.attempts_of(ticket), [1, 2]);
            is_in_order(&history(&world, ticket).await);
            run.teardown().await;
        });
    }
}

#[test]
fn a_deadline_is_kept_by_the_time_that_passes() {
    for millis in BOTH_WAYS {
        in_paused_time(async {
            let world = World::new();
            world.model.always(Script::hangs());
            let run = world.start().await;
            let begun = Instant::now();
            let ticket = run.issue("review").await;
            run.await_state(ticket, StateName::Sent).await;
            jump(&world, millis).await;
            assert_eq!(state(&run, ticket).await, StateName::Sent, "ended early");
            let news = run.await_state(ticket, StateName::Failed).await;
            let TicketState::Failed(failed) = &news.state else {
                unreachable!("{:?}", news.state);
            };
            assert_eq!(failed.failure.stage, Stage::Model);
            // An hour, give or take what the clock may run fast or slow.
            let took = begun.elapsed().as_secs();
            assert!((3_580..=3_620).contains(&took), "{millis}: {took} s");
            run.teardown().await;
        });
    }
}

#[test]
fn an_answer_that_nobody_takes_is_kept_its_time_and_no_longer() {
    for millis in BOTH_WAYS {
        in_paused_time(async {
            let world = World::new();
            let run = world.start().await;
            let ticket = run.issue("review").await;
            run.await_state(ticket, StateName::Persisted).await;
            jump(&world, millis).await;
            time_passes(Duration::from_secs(2 * 3_600 + 3_000)).await;
            assert_eq!(state(&run, ticket).await, StateName::Persisted);
            time_passes(Duration::from_secs(900)).await;
            assert_eq!(state(&run, ticket).await, StateName::Failed);
            is_in_order(&history(&world, ticket).await);
            run.teardown().await;
        });
    }
}

#[test]
fn a_start_a_day_earlier_than_the_last_run_goes_on_with_every_ticket() {
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
        let world = World::over(store.clone(), START);
        world.clock.jump(-DAY_MS);
        let run = world.start().await;
        run.runtime().recover(std::num::NonZeroU32::MAX).await;
        run.await_state(ticket, StateName::Persisted).await;
        let revisions = history(&world, ticket).await;
        for (number, event) in revisions.iter().enumerate() {
            assert_eq!(event.revision.0, number as u64, "ordered by revision");
        }
        run.teardown().await;
    });
}
