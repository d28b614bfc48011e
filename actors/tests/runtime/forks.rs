//! Forks: past tickets run again, of which nobody outside hears.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::forks::{ForkError, ForkPrompt, ForkSpec, Forks};
use punchcard_actors::ports::{AgainError, PreProcessReply};
use punchcard_actors::testing::callbacks::Reply;
use punchcard_actors::testing::clock::START;
use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_actors::testing::model::{DEFAULT_ANSWER, Script};
use punchcard_actors::testing::world::{
    TestRuntime, World, in_paused_time, task, tenant, time_passes, user,
};
use punchcard_actors::tickets::{IssueError, Issued};
use punchcard_events::ticket::{
    AttemptErrorKind, CancelMode, Channel, ForkFrom, Idempotency, Parameters, Priority, StateName,
    TicketState,
};
use punchcard_events::{LabelName, TenantId, TicketId};
use serde_json::json;
use uuid::Uuid;

const WHOLE: [&str; 6] = [
    "TicketRequested",
    "TicketPreProcessed",
    "TicketSent",
    "TicketAnswered",
    "TicketPersisted",
    "TicketDelivered",
];

fn again() -> ForkSpec {
    ForkSpec::again(tenant(), "pk_plan".to_owned())
}

async fn fork(run: &TestRuntime, parent: TicketId, spec: ForkSpec) -> Issued {
    let forks = Forks::new(run.tickets().clone());
    forks.fork(parent, spec).await.expect("it is forked")
}

async fn refused(run: &TestRuntime, parent: TicketId, spec: ForkSpec) -> ForkError {
    let forks = Forks::new(run.tickets().clone());
    forks.fork(parent, spec).await.expect_err("a refusal")
}

/// A ticket whose input the tenant's API replaced, and which is safe with it.
async fn hooked_parent(world: &World, run: &TestRuntime) -> TicketId {
    let replaced = Arc::new(json!({ "essay": "replaced" }));
    let reply = Reply::Gives(PreProcessReply::Replaced(replaced));
    world.callbacks.next_pre_process(reply);
    let parent = run.issue("essay").await;
    run.await_state(parent, StateName::Persisted).await;
    parent
}

#[test]
fn a_fork_runs_the_prepared_input_again_and_calls_no_hook() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let parent = hooked_parent(&world, &run).await;
        let before = world.callbacks.counts();
        let issued = fork(&run, parent, again()).await;
        let news = run.await_state(issued.ticket, StateName::Delivered).await;
        assert_eq!(world.store.kinds_of(issued.ticket), WHOLE);
        assert_eq!(world.callbacks.counts(), before, "no call was made for it");
        assert_eq!(
            news.state.final_answer().as_deref(),
            Some(&json!(DEFAULT_ANSWER))
        );
        let sent = &world.model.calls()[1];
        assert_eq!(sent.messages[0].content, r#"{"essay":"replaced"}"#);
        let TicketState::Delivered(delivered) = &news.state else {
            panic!("it is not delivered");
        };
        assert_eq!(delivered.delivered.channel, Channel::Kept);
        assert_eq!(delivered.delivered.acknowledged_by, "pk_plan");
        run.teardown().await;
    });
}

#[test]
fn a_fork_names_its_parent_waits_behind_others_and_is_for_nobody() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let parent = hooked_parent(&world, &run).await;
        let sessions = run.tickets().watch_user(tenant(), user());
        let issued = fork(&run, parent, again()).await;
        run.await_state(issued.ticket, StateName::Delivered).await;
        let request = &issued.request;
        assert_eq!(
            (request.priority, &request.user, request.metadata.len()),
            (Priority::Low, &None, 0)
        );
        assert!(!request.terms.pre_process && !request.terms.post_process);
        let made = request.fork.as_ref().expect("it is a fork");
        assert_eq!((made.parent, made.parent_revision.0), (parent, 4));
        assert_eq!(made.from, ForkFrom::Requested);
        let history = run.tickets().history(issued.ticket).await.expect("read");
        assert!(history.iter().all(|event| event.is_of_fork()));
        assert!(history.iter().all(|e| e.event.correlation_id == parent.0));
        let history = run.tickets().history(parent).await.expect("read");
        assert!(!history.iter().any(|event| event.is_of_fork()));
        let told = tokio::time::timeout(Duration::from_secs(60), sessions.inbox().take());
        assert!(told.await.is_err(), "the user's sessions hear nothing");
        run.teardown().await;
    });
}

#[test]
fn another_version_model_and_parameters_are_what_is_sent() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let parent = run.issue("review").await;
        run.await_state(parent, StateName::Persisted).await;
        let asked = ForkSpec {
            prompt: Some(ForkPrompt::Version(2)),
            model: Some("large".to_owned()),
            any_model: true,
            parameters: Parameters {
                temperature: Some(0.5),
                max_tokens: Some(9),
                ..Parameters::default()
            },
            ..again()
        };
        let issued = fork(&run, parent, asked).await;
        let news = run.await_state(issued.ticket, StateName::Delivered).await;
        let prepared = news.state.prepared().expect("it was prepared");
        assert_eq!(
            (prepared.prompt.version, prepared.model.as_str()),
            (2, "large")
        );
        let sent = &world.model.calls()[1];
        assert_eq!(sent.model, "large");
        assert_eq!(sent.parameters.temperature, Some(0.5));
        assert_eq!(sent.parameters.max_tokens, Some(9));
        run.teardown().await;
    });
}

#[test]
fn messages_are_sent_again_word_for_word_whatever_the_prompt_has_become() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let parent = run.issue("review").await;
        run.await_state(parent, StateName::Persisted).await;
        world.task("review", |task| task.broken_prompt = true);
        let asked = ForkSpec {
            from: ForkFrom::PreProcessed,
            ..again()
        };
        let issued = fork(&run, parent, asked).await;
        run.await_state(issued.ticket, StateName::Delivered).await;
        let calls = world.model.calls();
        assert_eq!(calls[0].messages, calls[1].messages);
        let error = refused(&run, parent, again()).await;
        assert!(
            matches!(error, ForkError::Again(AgainError::Template(_))),
            "{error}"
        );
        run.teardown().await;
    });
}

/// What is asked of a ticket that has an answer, of one whose input is not ready yet, and of one that is
/// not there; and what each is refused with.
fn misfits(parent: TicketId, unready: TicketId) -> Vec<(TicketId, ForkSpec, ForkError)> {
    let other = TenantId::new("other").expect("a tenant");
    let spec = |change: &dyn Fn(&mut ForkSpec)| {
        let mut spec = again();
        change(&mut spec);
        spec
    };
    let of_messages = |spec: &mut ForkSpec| spec.from = ForkFrom::PreProcessed;
    let version = |spec: &mut ForkSpec, number| spec.prompt = Some(ForkPrompt::Version(number));
    let no_version = AgainError::NoSuchVersion {
        task: task("review"),
        version: 3,
    };
    let out_of_range = ForkError::BadParameter {
        name: "temperature",
        range: "0 to 2",
    };
    vec![
        (
            TicketId(Uuid::from_u128(7)),
            again(),
            ForkError::NoSuchTicket,
        ),
        (
            parent,
            spec(&|spec| spec.tenant = other.clone()),
            ForkError::NoSuchTicket,
        ),
        (unready, again(), ForkError::NotPrepared),
        (unready, spec(&of_messages), ForkError::NoMessages),
        (
            parent,
            spec(&|spec| {
                of_messages(spec);
                version(spec, 1);
            }),
            ForkError::VersionOfMessages,
        ),
        (
            parent,
            spec(&|spec| version(spec, 3)),
            ForkError::Again(no_version),
        ),
        (
            parent,
            spec(&|spec| spec.model = Some("gone".to_owned())),
            ForkError::UnknownModel("gone".to_owned()),
        ),
        (
            parent,
            spec(&|spec| spec.parameters.temperature = Some(f64::NAN)),
            out_of_range,
        ),
    ]
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_stored() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let parent = run.issue("review").await;
        run.await_state(parent, StateName::Persisted).await;
        world.callbacks.next_pre_process(Reply::Hangs);
        let unready = run.issue("essay").await;
        world.callbacks.until(|counts| counts.in_flight == 1).await;
        let appends = world.store.appends();
        for (ticket, spec, expected) in misfits(parent, unready) {
            assert_eq!(refused(&run, ticket, spec).await, expected);
        }
        assert_eq!(world.store.appends(), appends);
        let cancelled = run
            .tickets()
            .cancel(unready, CancelMode::Void, "key".into());
        cancelled.await.expect("cancelled");
        run.teardown().await;
    });
}

#[test]
fn a_fork_with_an_id_of_its_own_is_issued_once() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let parent = run.issue("review").await;
        run.await_state(parent, StateName::Persisted).await;
        let id = TicketId(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_00f0));
        let asked = || ForkSpec {
            id: Some(id),
            ..again()
        };
        let first = fork(&run, parent, asked()).await;
        assert_eq!((first.ticket, first.repeated), (id, false));
        run.await_state(id, StateName::Delivered).await;
        world.task("review", |task| task.broken_prompt = true);
        let second = fork(&run, parent, asked()).await;
        assert_eq!((second.ticket, second.repeated), (id, true));
        assert_eq!(world.model.counts().begun, 2, "the parent and one fork");
        run.teardown().await;
    });
}

#[test]
fn a_fork_with_an_idempotency_key_is_issued_once() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let parent = run.issue("review").await;
        run.await_state(parent, StateName::Persisted).await;
        let asked = |fingerprint: &str| ForkSpec {
            idempotency: Some(Idempotency {
                key: "again-1".to_owned(),
                fingerprint: fingerprint.to_owned(),
            }),
            ..again()
        };
        let first = fork(&run, parent, asked("a")).await;
        let second = fork(&run, parent, asked("a")).await;
        assert_eq!((second.ticket, second.repeated), (first.ticket, true));
        let other = refused(&run, parent, asked("b")).await;
        assert_eq!(other, ForkError::Issue(IssueError::KeyReused));
        run.await_state(first.ticket, StateName::Delivered).await;
        run.teardown().await;
    });
}

#[test]
fn a_fork_of_a_fork_is_one_too() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let parent = hooked_parent(&world, &run).await;
        let first = fork(&run, parent, again()).await.ticket;
        run.await_state(first, StateName::Delivered).await;
        let second = fork(&run, first, again()).await;
        run.await_state(second.ticket, StateName::Delivered).await;
        let made = second.request.fork.as_ref().expect("it is a fork");
        assert_eq!(made.parent, first);
        let calls = world.model.calls();
        assert_eq!(calls[1].messages, calls[2].messages);
        run.teardown().await;
    });
}

#[test]
fn a_failed_ticket_is_forked_from_what_it_had() {
    in_paused_time(async {
        let world = World::new();
        world
            .model
            .next(Script::refuses(AttemptErrorKind::Unauthorized));
        let run = world.start().await;
        let parent = run.issue("review").await;
        run.await_state(parent, StateName::Failed).await;
        let issued = fork(&run, parent, again()).await;
        run.await_state(issued.ticket, StateName::Delivered).await;
        let failed = run
            .tickets()
            .look(parent)
            .await
            .expect("read")
            .expect("there");
        assert_eq!(failed.state.name(), StateName::Failed, "it stays as it was");
        run.teardown().await;
    });
}

#[test]
fn a_fork_that_fails_at_its_model_asks_no_other() {
    in_paused_time(async {
        let world = World::new();
        world.task("review", |task| {
            task.fallback_models = vec!["spare".to_owned()]
        });
        let run = world.start().await;
        let parent = run.issue("review").await;
        run.await_state(parent, StateName::Persisted).await;
        world
            .model
            .next(Script::refuses(AttemptErrorKind::Unauthorized));
        let label = LabelName::new("staging").expect("a label");
        let asked = ForkSpec {
            prompt: Some(ForkPrompt::Label(label)),
            ..again()
        };
        let issued = fork(&run, parent, asked).await;
        run.await_state(issued.ticket, StateName::Failed).await;
        let asked: Vec<_> = world.model.calls().into_iter().map(|c| c.model).collect();
        assert_eq!(asked, ["small", "small"]);
        run.teardown().await;
    });
}

#[test]
fn a_fork_that_a_crash_cut_in_mid_answer_goes_on_and_calls_no_hook() {
    let store = MemoryStore::new();
    let forked = in_paused_time(async {
        let world = World::over(store.clone(), START);
        let run = world.start().await;
        let parent = hooked_parent(&world, &run).await;
        world.model.always(Script::default().text(["half"]).hang());
        let issued = fork(&run, parent, again()).await;
        run.await_text(issued.ticket, "half").await;
        issued.ticket
    });
    in_paused_time(async {
        let world = World::over(store.clone(), START.plus(Duration::from_secs(1)));
        let run = world.start().await;
        run.runtime().recover(NonZeroU32::MAX).await;
        run.await_state(forked, StateName::Delivered).await;
        time_passes(Duration::from_secs(600)).await;
        let counts = world.callbacks.counts();
        assert_eq!((counts.pre_process, counts.post_process), (0, 0));
        assert_eq!(world.model.attempts_of(forked), [2]);
        assert_eq!(
            world.store.kinds_of(forked).last(),
            Some(&"TicketDelivered".to_owned())
        );
        run.teardown().await;
    });
}
