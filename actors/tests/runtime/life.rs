//! A ticket's life when nothing goes wrong.

use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::ports::{InputRefusal, PreProcessReply};
use punchcard_actors::testing::callbacks::Reply;
use punchcard_actors::testing::model::{DEFAULT_ANSWER, Script};
use punchcard_actors::testing::world::{World, in_paused_time, in_real_time, issue, time_passes};
use punchcard_actors::tickets::IssueError;
use punchcard_events::ticket::{Channel, StateName, TicketState};
use serde_json::json;

const WITHOUT_CALLBACKS: [&str; 5] = [
    "TicketRequested",
    "TicketPreProcessed",
    "TicketSent",
    "TicketAnswered",
    "TicketPersisted",
];

#[test]
fn a_ticket_without_callbacks_is_persisted_after_five_events_in_two_appends() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let ticket = run.issue("review").await;
        let news = run.await_state(ticket, StateName::Persisted).await;
        assert_eq!(
            news.state.final_answer().as_deref(),
            Some(&json!(DEFAULT_ANSWER))
        );
        assert_eq!(world.store.kinds_of(ticket), WITHOUT_CALLBACKS);
        assert_eq!(
            world.store.appends(),
            2,
            "what needs nobody outside is written at once"
        );
        assert_eq!(world.callbacks.counts().pre_process, 0);
        run.teardown().await;
    });
}

#[test]
fn actors_on_threads_of_their_own_live_the_same_life() {
    in_real_time(async {
        let world = World::new().threads();
        world.model.always(Script::says(["A ", "good ", "start."]));
        let run = world.start().await;
        let mut tickets = Vec::new();
        for _ in 0..20 {
            tickets.push(run.issue("review").await);
        }
        for ticket in tickets {
            let news = run.await_state(ticket, StateName::Persisted).await;
            assert_eq!(
                news.state.final_answer().as_deref(),
                Some(&json!("A good start."))
            );
            assert_eq!(world.store.kinds_of(ticket), WITHOUT_CALLBACKS);
        }
        run.teardown().await;
    });
}

#[test]
fn a_ticket_with_callbacks_asks_before_and_after_the_model() {
    in_paused_time(async {
        let world = World::new();
        let replaced = Arc::new(json!({ "essay": "My summer was short." }));
        let better = Arc::new(json!({ "score": 7 }));
        world
            .callbacks
            .next_pre_process(Reply::Gives(PreProcessReply::Replaced(replaced)));
        world
            .callbacks
            .next_post_process(Reply::Gives(Some(Arc::clone(&better))));
        let run = world.start().await;
        let ticket = run.issue("essay").await;
        let news = run.await_state(ticket, StateName::Persisted).await;
        assert_eq!(world.store.kinds_of(ticket), WITHOUT_CALLBACKS);
        assert_eq!(
            world.store.appends(),
            4,
            "each wait for somebody outside ends an append"
        );
        assert_eq!(news.state.final_answer(), Some(better));
        let calls = world.model.calls();
        assert_eq!(
            calls[0].messages[0].content,
            r#"{"essay":"My summer was short."}"#
        );
        let asked = world.callbacks.post_process_calls();
        assert_eq!(asked[0].answer, json!(DEFAULT_ANSWER));
        assert_eq!(asked[0].ticket, ticket);
        run.teardown().await;
    });
}

#[test]
fn every_event_is_caused_by_the_one_before_it() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let ticket = run.issue("essay").await;
        run.await_state(ticket, StateName::Persisted).await;
        let events = run.tickets().history(ticket).await.expect("a history");
        let causes: Vec<_> = events.iter().map(|e| e.event.causation_id).collect();
        let ids = events.iter().map(|e| Some(e.event.id));
        let expected: Vec<_> = std::iter::once(None)
            .chain(ids)
            .take(events.len())
            .collect();
        assert_eq!(causes, expected);
        assert!(events.iter().all(|e| e.event.correlation_id == ticket.0));
        run.teardown().await;
    });
}

#[test]
fn a_delivered_ticket_leaves_no_actor_behind() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let ticket = run.issue("review").await;
        run.await_state(ticket, StateName::Persisted).await;
        let acknowledged = run
            .tickets()
            .acknowledge(ticket, Channel::Session, "s1".into());
        let news = acknowledged
            .await
            .expect("the answer is there to acknowledge");
        assert_eq!(news.state.name(), StateName::Delivered);
        time_passes(Duration::from_millis(1)).await;
        assert_eq!(run.runtime().active_tickets(), 0);
        run.teardown().await;
    });
}

#[test]
fn a_prompt_that_cannot_be_rendered_fails_the_ticket() {
    in_paused_time(async {
        let world = World::new();
        world.task("review", |task| task.broken_prompt = true);
        let run = world.start().await;
        let ticket = run.issue("review").await;
        let news = run.await_state(ticket, StateName::Failed).await;
        let TicketState::Failed(failed) = news.state else {
            unreachable!("awaited");
        };
        assert_eq!(failed.failure.code, "prompt_not_rendered");
        assert_eq!(world.model.counts().begun, 0);
        run.teardown().await;
    });
}

#[test]
fn what_the_task_refuses_is_no_ticket() {
    in_paused_time(async {
        let world = World::new();
        world.task("review", |task| task.required = vec!["level".to_owned()]);
        let run = world.start().await;
        let refused = run.tickets().issue(issue("review")).await;
        let refused = refused.expect_err("a member is missing");
        assert!(matches!(
            refused,
            IssueError::Refused(InputRefusal::InvalidInput { .. })
        ));
        let unknown = run.tickets().issue(issue("no-such-task")).await;
        let unknown = unknown.expect_err("there is no such task");
        assert!(matches!(
            unknown,
            IssueError::Refused(InputRefusal::UnknownTask(_))
        ));
        assert_eq!(world.store.appends(), 0);
        run.teardown().await;
    });
}
