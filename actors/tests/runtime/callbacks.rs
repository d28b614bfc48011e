//! The tenant's API, when it fails, refuses or is slow.

use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::feed::{Frame, Progress, Taken};
use punchcard_actors::ports::PreProcessReply;
use punchcard_actors::testing::callbacks::Reply;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{World, in_paused_time, issue, tenant, user};
use punchcard_actors::tickets::Issue;
use punchcard_events::LabelName;
use punchcard_events::ticket::{AnswerFormat, CallbackErrorKind, StateName, TicketState};
use serde_json::json;

#[test]
fn a_callback_is_repeated_with_the_same_identity_until_it_succeeds() {
    in_paused_time(async {
        let world = World::new();
        for _ in 0..3 {
            world
                .callbacks
                .next_pre_process(Reply::Fails(CallbackErrorKind::Status));
        }
        let run = world.start().await;
        let ticket = run.issue("essay").await;
        run.await_state(ticket, StateName::Persisted).await;
        let calls = world.callbacks.pre_process_calls();
        assert_eq!(calls.len(), 4);
        assert!(calls.iter().all(|call| *call == calls[0]));
        assert_eq!(calls[0].ticket, ticket);
        run.teardown().await;
    });
}

#[test]
fn a_ticket_runs_the_prompt_that_is_in_effect_when_the_tenant_has_prepared_it() {
    in_paused_time(async {
        let world = World::new();
        let held = world
            .callbacks
            .hold_pre_process(Reply::Gives(PreProcessReply::Unchanged));
        let run = world.start().await;
        let label = LabelName::new("staging").ok();
        let staged = Issue {
            label: label.clone(),
            ..issue("essay")
        };
        let issued = run.tickets().issue(staged).await.expect("a ticket");
        let request = &issued.request;
        assert_eq!(
            (&request.label, request.terms.answer_format),
            (&label, AnswerFormat::Text)
        );
        // Somebody deploys a version that answers in JSON.
        world.task("essay", |task| task.answer_format = AnswerFormat::Json);
        world.model.next(Script::says(["{\"score\": 7}"]));
        held.open();
        let news = run.await_state(issued.ticket, StateName::Persisted).await;
        let prepared = news.state.prepared().expect("it was prepared");
        assert_eq!(prepared.answer_format, Some(AnswerFormat::Json));
        assert_eq!(prepared.prompt.label, label);
        let answer = news.state.final_answer().expect("it is persisted");
        assert_eq!(*answer, json!({ "score": 7 }));
        run.teardown().await;
    });
}

#[test]
fn a_ticket_that_the_tenant_refuses_never_reaches_the_model() {
    in_paused_time(async {
        let world = World::new();
        world
            .callbacks
            .next_pre_process(Reply::Fails(CallbackErrorKind::Refused));
        let run = world.start().await;
        let ticket = run.issue("essay").await;
        let news = run.await_state(ticket, StateName::Failed).await;
        assert_eq!(code_of(&news.state), "refused_by_callback");
        assert_eq!(world.model.counts().begun, 0);
        assert_eq!(world.callbacks.counts().pre_process, 1);
        run.teardown().await;
    });
}

#[test]
fn a_callback_that_never_succeeds_is_given_up_when_its_tries_are_used() {
    in_paused_time(async {
        let world = World::new();
        world
            .callbacks
            .always_pre_process(Reply::Fails(CallbackErrorKind::Timeout));
        let run = world.start().await;
        let ticket = run.issue("essay").await;
        let news = run.await_state(ticket, StateName::Failed).await;
        assert_eq!(code_of(&news.state), "callback_exhausted");
        assert_eq!(world.callbacks.counts().pre_process, 4);
        run.teardown().await;
    });
}

#[test]
fn an_answer_is_offered_until_the_tenant_has_it_and_the_model_is_asked_once() {
    in_paused_time(async {
        let world = World::new();
        world
            .callbacks
            .next_post_process(Reply::Fails(CallbackErrorKind::Connection));
        let pause = Duration::from_mins(5);
        world
            .callbacks
            .next_post_process(Reply::FailsFor(CallbackErrorKind::Status, pause));
        let run = world.start().await;
        let begun = world.now();
        let ticket = run.issue("essay").await;
        run.await_state(ticket, StateName::Persisted).await;
        assert!(world.now().since(begun) >= pause);
        assert_eq!(world.model.attempts_of(ticket), [1]);
        let calls = world.callbacks.post_process_calls();
        assert_eq!(calls.len(), 3);
        assert!(calls.iter().all(|call| *call == calls[0]));
        run.teardown().await;
    });
}

#[test]
fn no_watcher_sees_a_final_answer_before_the_tenant_has_it() {
    in_paused_time(async {
        let world = World::new();
        let better = Arc::new(json!("What the tenant made of it."));
        let gate = world
            .callbacks
            .hold_post_process(Reply::Gives(Some(Arc::clone(&better))));
        let run = world.start().await;
        let watch = run.tickets().watch_user(tenant(), user());
        let ticket = run.issue("essay").await;
        let mut progress = Progress::default();
        let mut told = Vec::new();
        let answered = run.await_state(ticket, StateName::Answered).await;
        world
            .callbacks
            .until(|counts| counts.post_process == 1)
            .await;
        told.extend(drain(&watch, &mut progress));
        told.extend(progress.advance(&answered));
        assert!(answered.state.final_answer().is_none());
        assert!(told.iter().any(|frame| matches!(frame, Frame::Text { .. })));
        assert!(
            !told
                .iter()
                .any(|frame| matches!(frame, Frame::Answer { .. }))
        );
        gate.open();
        let persisted = run.await_state(ticket, StateName::Persisted).await;
        told.extend(progress.advance(&persisted));
        let answers: Vec<_> = told.iter().filter_map(answer).collect();
        assert_eq!(answers, [better]);
        run.teardown().await;
    });
}

#[test]
fn the_answer_of_the_tenants_api_is_what_the_prompt_is_rendered_with() {
    in_paused_time(async {
        let world = World::new();
        let input = Arc::new(json!({ "level": "B1" }));
        world
            .callbacks
            .next_pre_process(Reply::Gives(PreProcessReply::Replaced(input)));
        let run = world.start().await;
        let ticket = run.issue("essay").await;
        run.await_state(ticket, StateName::Persisted).await;
        assert_eq!(
            world.model.calls()[0].messages[0].content,
            r#"{"level":"B1"}"#
        );
        run.teardown().await;
    });
}

fn drain(watch: &punchcard_actors::feed::Watch, progress: &mut Progress) -> Vec<Frame> {
    match watch.inbox().try_take() {
        Some(Taken::News(news)) => news
            .iter()
            .flat_map(|news| progress.advance(news))
            .collect(),
        Some(Taken::Overflowed) | None => vec![],
    }
}

fn answer(frame: &Frame) -> Option<Arc<serde_json::Value>> {
    match frame {
        Frame::Answer { answer, .. } => Some(Arc::clone(answer)),
        _ => None,
    }
}

fn code_of(state: &TicketState) -> &str {
    match state {
        TicketState::Failed(failed) => &failed.failure.code,
        other => unreachable!("not failed: {other:?}"),
    }
}
