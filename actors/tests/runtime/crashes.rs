//! Actors that panic: noticed, replayed, and in the end given up.

use std::time::Duration;

use punchcard_actors::testing::callbacks::Reply;
use punchcard_actors::testing::memory_store::Fault;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{World, in_paused_time, in_real_time, time_passes};
use punchcard_events::ticket::{CancelMode, Stage, StateName, TicketState};

#[test]
fn an_actor_that_panics_is_replayed_and_goes_on_while_its_neighbour_notices_nothing() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.arbiters = std::num::NonZeroUsize::MIN;
        let mut neighbour_call = world.model.hold_next();
        let run = world.start().await;
        let neighbour = run.issue("review").await;
        neighbour_call.begun().await;
        neighbour_call.text("I am ");
        world.model.next(Script::default().text(["lost "]).panic());
        let crashing = run.issue("review").await;
        let news = run.await_state(crashing, StateName::Persisted).await;
        assert_eq!(world.model.counts().panics, 1, "the panic happened");
        assert_eq!(news.state.attempt(), 2);
        assert_eq!(
            world.store.kinds_of(crashing),
            [
                "TicketRequested",
                "TicketPreProcessed",
                "TicketSent",
                "AttemptFailed",
                "TicketSent",
                "TicketAnswered",
                "TicketPersisted"
            ]
        );
        neighbour_call.text("fine.");
        neighbour_call.complete();
        let news = run.await_state(neighbour, StateName::Persisted).await;
        assert_eq!(news.state.attempt(), 1);
        run.teardown().await;
    });
}

#[test]
fn a_panic_on_a_thread_of_its_own_is_noticed_too() {
    in_real_time(async {
        let world = World::new().threads();
        world.model.next(Script::panics());
        let run = world.start().await;
        let ticket = run.issue("review").await;
        run.await_state(ticket, StateName::Persisted).await;
        assert_eq!(world.model.counts().panics, 1);
        assert_eq!(world.model.attempts_of(ticket), [1, 2]);
        run.teardown().await;
    });
}

#[test]
fn a_panic_in_either_callback_repeats_that_callback() {
    in_paused_time(async {
        let world = World::new();
        world.callbacks.next_pre_process(Reply::Panics);
        world.callbacks.next_post_process(Reply::Panics);
        let run = world.start().await;
        let ticket = run.issue("essay").await;
        run.await_state(ticket, StateName::Persisted).await;
        let counts = world.callbacks.counts();
        assert_eq!(
            (counts.panics, counts.pre_process, counts.post_process),
            (2, 2, 2)
        );
        assert_eq!(world.model.attempts_of(ticket), [1]);
        assert_eq!(
            world.store.kinds_of(ticket).len(),
            5,
            "a repeat leaves no event"
        );
        run.teardown().await;
    });
}

#[test]
fn three_panics_of_the_model_make_a_ticket_poison() {
    in_paused_time(async {
        let world = World::new();
        world.model.always(Script::panics());
        let run = world.start().await;
        let ticket = run.issue("review").await;
        let news = run.await_state(ticket, StateName::Failed).await;
        assert_poison(&news.state, Stage::Model);
        assert_eq!(world.model.counts().panics, 3);
        time_passes(Duration::from_secs(60)).await;
        assert_eq!(world.model.counts().panics, 3, "it is left alone then");
        assert_eq!(run.runtime().active_tickets(), 0);
        run.teardown().await;
    });
}

#[test]
fn three_panics_of_a_callback_make_a_ticket_poison_in_that_stage() {
    in_paused_time(async {
        let world = World::new();
        world.callbacks.always_pre_process(Reply::Panics);
        let run = world.start().await;
        let ticket = run.issue("essay").await;
        let news = run.await_state(ticket, StateName::Failed).await;
        assert_poison(&news.state, Stage::PreProcess);

        world.callbacks.always_pre_process(Reply::Gives(
            punchcard_actors::ports::PreProcessReply::Unchanged,
        ));
        world.callbacks.always_post_process(Reply::Panics);
        let ticket = run.issue("essay").await;
        let news = run.await_state(ticket, StateName::Failed).await;
        assert_poison(&news.state, Stage::Persist);
        assert_eq!(world.callbacks.counts().panics, 6);
        run.teardown().await;
    });
}

#[test]
fn a_poisoned_ticket_that_the_store_does_not_take_is_failed_later_and_not_run_again() {
    in_paused_time(async {
        let world = World::new();
        world.model.always(Script::panics());
        for _ in 0..12 {
            world.store.fail_kind("TicketFailed", Fault::Unavailable);
        }
        let run = world.start().await;
        let ticket = run.issue("review").await;
        let news = run.await_state(ticket, StateName::Failed).await;
        assert_poison(&news.state, Stage::Model);
        assert_eq!(world.model.counts().panics, 3);
        assert_eq!(world.store.faults_fired().unavailable, 12);
        run.teardown().await;
    });
}

#[test]
fn a_question_asked_while_the_actor_is_dying_is_answered_by_the_next_one() {
    in_paused_time(async {
        let world = World::new();
        let mut held = world.model.hold_next();
        world.model.next(Script::hangs());
        let run = world.start().await;
        let ticket = run.issue("review").await;
        held.begun().await;
        held.panic();
        let cancelled = run.tickets().cancel(ticket, CancelMode::Stop, "key".into());
        let news = cancelled.await.expect("somebody answers");
        assert_eq!(news.state.name(), StateName::Cancelled);
        time_passes(Duration::from_secs(1)).await;
        assert_eq!(run.runtime().active_tickets(), 0);
        drop(run);
        world.assert_histories();
    });
}

fn assert_poison(state: &TicketState, stage: Stage) {
    let TicketState::Failed(failed) = state else {
        unreachable!("not failed: {state:?}");
    };
    assert_eq!(
        (failed.failure.code.as_str(), failed.failure.stage),
        ("poison", stage)
    );
}
