//! Tickets that begin later, and tickets that must be answered by a time.

use std::num::NonZeroU32;
use std::time::Duration;

use punchcard_actors::ports::TicketIndex as _;
use punchcard_actors::schedule::MAX_AHEAD;
use punchcard_actors::testing::clock::START;
use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{World, in_paused_time, issue, time_passes};
use punchcard_actors::tickets::{Issue, IssueError};
use punchcard_events::ticket::{CancelMode, Idempotency, StateName, TicketState};
use punchcard_events::{TicketId, Timestamp};

const DAY: Duration = Duration::from_hours(24);
const HOUR: Duration = Duration::from_hours(1);

fn after(wait: Duration) -> Timestamp {
    START.plus(wait)
}

fn later(task: &str, wait: Duration) -> Issue {
    Issue {
        not_before: Some(after(wait)),
        ..issue(task)
    }
}

/// Real days of a paused clock are long: this much patience for them.
fn patient() -> World {
    let mut world = World::new();
    world.patience = DAY * 100;
    world
}

#[test]
fn a_scheduled_ticket_leaves_memory_and_is_done_in_its_time() {
    in_paused_time(async {
        for task in ["review", "essay"] {
            let world = patient();
            let run = world.start().await;
            let issued = run
                .tickets()
                .issue(later(task, HOUR * 7))
                .await
                .expect("taken");
            time_passes(Duration::from_secs(1)).await;
            assert_eq!(run.runtime().active_tickets(), 0, "{task}");
            time_passes(HOUR * 6).await;
            assert!(world.model.calls().is_empty() && world.callbacks.call_times().is_empty());
            let answered = run.await_state(issued.ticket, StateName::Persisted).await;
            let deadlines = &answered.state.request().expect("asked").terms.deadlines;
            assert!(
                deadlines.answer_by > after(HOUR * 7),
                "they count from its time"
            );
            assert!(world.now() >= after(HOUR * 7), "{task} came early");
            assert!(world.now() <= after(HOUR * 7 + Duration::from_secs(120)));
            run.teardown().await;
        }
    });
}

#[test]
fn one_that_is_nearly_due_waits_in_memory_and_begins_on_time() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let soon = Duration::from_millis(7_300);
        let issued = run
            .tickets()
            .issue(later("review", soon))
            .await
            .expect("taken");
        assert_eq!(issued.news.state.name(), StateName::Requested);
        run.await_state(issued.ticket, StateName::Persisted).await;
        let took = world.now().since(START);
        assert!(
            took >= soon && took < soon + Duration::from_secs(1),
            "{took:?}"
        );
        run.teardown().await;
    });
}

#[test]
fn a_time_that_has_passed_means_at_once() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let past = Issue {
            not_before: Some(Timestamp::from_millis(1)),
            ..issue("review")
        };
        let issued = run.tickets().issue(past).await.expect("taken");
        assert_eq!(issued.request.not_before, None);
        run.await_state(issued.ticket, StateName::Persisted).await;
        run.teardown().await;
    });
}

#[test]
fn a_scheduled_ticket_is_cancelled_before_its_time() {
    in_paused_time(async {
        let world = patient();
        let run = world.start().await;
        let issued = run
            .tickets()
            .issue(later("essay", DAY))
            .await
            .expect("taken");
        time_passes(Duration::from_secs(60)).await;
        let cancelled = run
            .tickets()
            .cancel(issued.ticket, CancelMode::Void, "k".to_owned());
        let news = cancelled.await.expect("cancelled");
        assert!(matches!(news.state, TicketState::Cancelled(_)));
        time_passes(DAY * 2).await;
        assert!(world.callbacks.call_times().is_empty());
        assert_eq!(world.store.due(None, after(DAY * 90), 10).await, Ok(vec![]));
        run.teardown().await;
    });
}

#[test]
fn after_a_crash_scheduled_tickets_stay_in_the_store_until_their_time() {
    let store = MemoryStore::new();
    let tickets: Vec<TicketId> = in_paused_time(async {
        let run = World::over(store.clone(), START).start().await;
        let mut tickets = vec![];
        for day in 1..=3 {
            let issued = run.tickets().issue(later("review", DAY * day)).await;
            tickets.push(issued.expect("taken").ticket);
        }
        tickets
    });
    in_paused_time(async {
        // Down over the time of the first.
        let mut world = World::over(store.clone(), after(DAY + Duration::from_secs(60)));
        world.patience = DAY * 100;
        let run = world.start().await;
        let recovered = run.runtime().recover(NonZeroU32::MIN).await;
        assert_eq!(recovered.tickets, 1);
        run.await_state(tickets[0], StateName::Persisted).await;
        let second = run.await_state(tickets[1], StateName::Persisted).await;
        assert!(
            world.now()
                >= second
                    .state
                    .request()
                    .and_then(|r| r.not_before)
                    .expect("a time")
        );
        run.await_state(tickets[2], StateName::Persisted).await;
        assert_eq!(world.model.calls().len(), 3, "each was asked once");
        run.teardown().await;
    });
}

#[test]
fn a_thousand_tickets_that_fall_due_together_are_all_woken() {
    in_paused_time(async {
        let world = patient();
        let run = world.start().await;
        let mut tickets = vec![];
        for _ in 0..1_200 {
            let issued = run.tickets().issue(later("review", DAY)).await;
            tickets.push(issued.expect("taken").ticket);
        }
        time_passes(Duration::from_secs(1)).await;
        assert_eq!(run.runtime().active_tickets(), 0);
        for ticket in tickets {
            run.await_state(ticket, StateName::Persisted).await;
        }
        run.teardown().await;
    });
}

#[test]
fn a_ticket_that_is_not_answered_by_its_deadline_fails_with_that_code() {
    in_paused_time(async {
        let world = World::new();
        world.model.always(Script::default().hang());
        let run = world.start().await;
        let deadline = after(Duration::from_secs(5));
        let hurried = Issue {
            deadline: Some(deadline),
            ..issue("review")
        };
        let issued = run.tickets().issue(hurried).await.expect("taken");
        assert_eq!(issued.request.terms.deadlines.answer_by, deadline);
        let failed = run.await_state(issued.ticket, StateName::Failed).await;
        let TicketState::Failed(failed) = &failed.state else {
            panic!("it failed");
        };
        assert_eq!(failed.failure.code, "deadline_exceeded");
        assert!(world.now() >= deadline);
        run.teardown().await;
    });
}

#[test]
fn a_deadline_never_gives_more_time_than_the_task_does() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let plain = run.tickets().issue(issue("review")).await.expect("taken");
        let patient = Issue {
            deadline: Some(after(DAY)),
            ..issue("review")
        };
        let patient = run.tickets().issue(patient).await.expect("taken");
        let of = |issued: &punchcard_actors::tickets::Issued| {
            let request = &issued.request;
            request
                .terms
                .deadlines
                .answer_by
                .since(request.requested_at)
        };
        assert_eq!(of(&plain), of(&patient));
        run.teardown().await;
    });
}

#[test]
fn times_that_do_not_fit_are_refused_but_a_repeat_is_still_answered() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let keyed = |deadline| Issue {
            deadline: Some(deadline),
            idempotency: Some(Idempotency {
                key: "k".to_owned(),
                fingerprint: "f".to_owned(),
            }),
            ..issue("review")
        };
        let hurried = keyed(after(Duration::from_secs(30)));
        let first = run.tickets().issue(hurried.clone()).await.expect("taken");
        time_passes(Duration::from_secs(60)).await;
        let again = run.tickets().issue(hurried).await.expect("a repeat");
        assert_eq!((again.ticket, again.repeated), (first.ticket, true));
        let far = later("review", MAX_AHEAD * 2);
        let refused = run.tickets().issue(far).await.expect_err("too far ahead");
        assert!(matches!(refused, IssueError::BadTime(bad) if bad.field == "/not_before"));
        run.teardown().await;
    });
}
