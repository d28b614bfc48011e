//! A store that fails, does not say, or was written to by somebody else.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::feed::Taken;
use punchcard_actors::ports::{EventStore as _, ExpectedRevision, PreProcessReply};
use punchcard_actors::testing::callbacks::Reply;
use punchcard_actors::testing::memory_store::{Fault, MemoryStore};
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{World, in_paused_time, issue, tenant, time_passes};
use punchcard_actors::tickets::{IssueError, TicketError};
use punchcard_events::ticket::{
    AttemptErrorKind, CallbackErrorKind, CancelMode, Channel, StateName, TicketEvent,
    TicketPreProcessed, TicketSent,
};
use punchcard_events::{EventId, NewEvent, Revision, TicketId};
use uuid::Uuid;

#[test]
fn a_store_that_takes_nothing_refuses_the_issuer_at_once_and_no_ticket_is_left() {
    in_paused_time(async {
        let world = World::new();
        world.store.set_down(true);
        let run = world.start().await;
        let begun = world.now();
        let refused = run.tickets().issue(issue("review")).await;
        assert!(matches!(refused, Err(IssueError::Unavailable(_))));
        assert_eq!(world.now(), begun, "at once");
        world.store.set_down(false);
        time_passes(Duration::from_mins(1)).await;
        assert!(world.store.all_events().is_empty());
        assert_eq!(world.store.faults_fired().unavailable, 1);
        assert_eq!(run.runtime().active_tickets(), 0);
        run.teardown().await;
    });
}

/// The whole life of a ticket in which every kind of event occurs that a run can write.
async fn eventful_life(world: &World, fault: Option<(&str, Fault)>) -> Vec<String> {
    world
        .callbacks
        .next_pre_process(Reply::Fails(CallbackErrorKind::Status));
    world.model.next(
        Script::default()
            .text(["half"])
            .fail(AttemptErrorKind::Server),
    );
    let run = world.start().await;
    if let Some((kind, fault)) = fault {
        world.store.fail_kind(kind, fault);
    }
    let ticket = run.issue("essay").await;
    run.await_state(ticket, StateName::Persisted).await;
    let acknowledged = run
        .tickets()
        .acknowledge(ticket, Channel::Fetch, "key".into())
        .await;
    acknowledged.expect("acknowledged");
    run.teardown().await;
    world.store.kinds_of(ticket)
}

#[test]
fn an_unknown_outcome_of_any_append_has_exactly_one_effect() {
    in_paused_time(async {
        let expected = eventful_life(&World::new(), None).await;
        for kind in &expected {
            for fault in [
                Fault::UnknownWritten,
                Fault::UnknownNotWritten,
                Fault::Unavailable,
            ] {
                if kind == "TicketRequested" && fault == Fault::Unavailable {
                    continue; // Refused at once: see above.
                }
                let world = World::new();
                let kinds = eventful_life(&world, Some((kind, fault))).await;
                assert_eq!(kinds, expected, "{fault:?} of {kind}");
                let fired = world.store.faults_fired();
                let fired = fired.unavailable + fired.unknown_written + fired.unknown_not_written;
                assert_eq!(fired, 1, "{fault:?} of {kind} fired");
                assert_eq!(world.model.counts().begun, 2, "{fault:?} of {kind}");
                let counts = world.callbacks.counts();
                assert_eq!((counts.pre_process, counts.post_process), (2, 1));
            }
        }
    });
}

#[test]
fn an_unknown_outcome_of_a_cancellation_has_exactly_one_effect() {
    in_paused_time(async {
        for fault in [Fault::UnknownWritten, Fault::UnknownNotWritten] {
            let world = World::new();
            world.model.always(Script::hangs());
            world.store.fail_kind("TicketCancelled", fault);
            let run = world.start().await;
            let ticket = run.issue("review").await;
            let cancelled = run
                .tickets()
                .cancel(ticket, CancelMode::Stop, "key".into())
                .await;
            assert_eq!(
                cancelled.expect("cancelled").state.name(),
                StateName::Cancelled
            );
            let kinds = world.store.kinds_of(ticket);
            assert_eq!(
                kinds
                    .iter()
                    .filter(|kind| *kind == "TicketCancelled")
                    .count(),
                1
            );
            run.teardown().await;
        }
    });
}

#[test]
fn a_ticket_outlasts_a_store_that_is_down_for_long() {
    in_paused_time(async {
        let world = World::new();
        let held = world.model.hold_next();
        let run = world.start().await;
        let ticket = run.issue("review").await;
        held.text("A good start.");
        run.await_text(ticket, "A good start.").await;
        world.store.set_down(true);
        held.complete();
        time_passes(Duration::from_mins(40)).await;
        let asked = run
            .tickets()
            .cancel(ticket, CancelMode::Stop, "key".into())
            .await;
        assert!(
            matches!(asked, Err(TicketError::Unavailable(_))),
            "{asked:?}"
        );
        let appends = world.store.appends();
        assert!(
            appends < 500,
            "{appends} tries in forty minutes are a storm"
        );
        world.store.set_down(false);
        run.await_state(ticket, StateName::Persisted).await;
        assert!(world.store.faults_fired().unavailable > 1);
        run.teardown().await;
    });
}

#[test]
fn a_foreign_writers_event_is_read_and_the_command_decided_again() {
    in_paused_time(async {
        let world = World::new();
        let held = world.model.hold_next();
        let run = world.start().await;
        let ticket = run.issue("review").await;
        held.text("A good start.");
        run.await_text(ticket, "A good start.").await;
        let cancelled = punchcard_events::ticket::TicketCancelled {
            mode: CancelMode::Void,
            by: "another node".to_owned(),
            text: None,
        };
        write(
            &world.store,
            ticket,
            2,
            &[TicketEvent::TicketCancelled(cancelled)],
        )
        .await;
        held.complete();
        run.await_state(ticket, StateName::Cancelled).await;
        let kinds = world.store.kinds_of(ticket);
        assert_eq!(kinds.last().map(String::as_str), Some("TicketCancelled"));
        time_passes(Duration::from_millis(1)).await;
        assert_eq!(run.runtime().active_tickets(), 0);
        run.teardown().await;
    });
}

#[test]
fn an_attempt_that_a_foreign_writer_recorded_is_closed_and_not_run() {
    in_paused_time(async {
        let world = World::new();
        let gate = world
            .callbacks
            .hold_pre_process(Reply::Gives(PreProcessReply::Unchanged));
        let run = world.start().await;
        let ticket = run.issue("essay").await;
        world.callbacks.until(|counts| counts.in_flight == 1).await;
        let model = "small".to_owned();
        let foreign = [
            TicketEvent::TicketPreProcessed(prepared()),
            TicketEvent::TicketSent(TicketSent {
                attempt: 1,
                model,
                fallback: None,
            }),
        ];
        write(&world.store, ticket, 0, &foreign).await;
        gate.open();
        run.await_state(ticket, StateName::Persisted).await;
        assert_eq!(
            world.model.attempts_of(ticket),
            [2],
            "attempt 1 is not ours to run"
        );
        assert_eq!(world.store.kinds_of(ticket)[3], "AttemptFailed");
        run.teardown().await;
    });
}

fn prepared() -> TicketPreProcessed {
    TicketPreProcessed {
        input: None,
        prompt: punchcard_events::ticket::PromptRef {
            version: 2,
            hash: "1".repeat(64),
            label: None,
            canary: None,
        },
        messages: Arc::new([]),
        model: "small".to_owned(),
        parameters: Arc::default(),
        answer_format: None,
        call: None,
    }
}

async fn write(store: &MemoryStore, ticket: TicketId, after: u64, events: &[TicketEvent]) {
    let envelope = |event: &TicketEvent| NewEvent {
        id: EventId(Uuid::now_v7()),
        kind: Cow::Borrowed(event.kind()),
        schema_version: event.schema_version(),
        tenant: tenant(),
        correlation_id: ticket.0,
        causation_id: None,
        recorded_at: punchcard_actors::testing::clock::START,
        data: event.encode().expect("an event that JSON can hold"),
    };
    let events: Vec<_> = events.iter().map(envelope).collect();
    let expected = ExpectedRevision::Exact(Revision(after));
    store
        .append(&ticket.stream(), expected, &events)
        .await
        .expect("written");
}

#[test]
fn what_the_store_took_without_saying_so_is_announced_by_the_next_actor() {
    in_paused_time(async {
        let world = World::new();
        let mut call = world.model.hold_next();
        let run = world.start().await;
        let ticket = run.issue("review").await;
        call.begun().await;
        let watch = run.tickets().watch_ticket(ticket);
        world
            .store
            .fail_kind("TicketPersisted", Fault::UnknownWritten);
        // So often that the actor's patience ends.
        for _ in 0..8 {
            world.store.fail_kind("TicketPersisted", Fault::Unavailable);
        }
        call.text("fine");
        call.complete();
        let persisted = async {
            loop {
                if let Taken::News(all) = watch.inbox().take().await
                    && all
                        .iter()
                        .any(|news| news.state.name() == StateName::Persisted)
                {
                    return;
                }
            }
        };
        let told = tokio::time::timeout(Duration::from_secs(600), persisted).await;
        assert!(told.is_ok(), "whoever watches is told, and asks nobody");
        let fired = world.store.faults_fired();
        assert_eq!((fired.unknown_written, fired.unavailable), (1, 8));
        run.teardown().await;
    });
}
