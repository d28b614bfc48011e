//! Tasks with more than one model: which is called, and what is recorded.

use std::time::Duration;

use punchcard_actors::guards::BreakerState;
use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{TestRuntime, World, in_paused_time, time_passes};
use punchcard_events::TicketId;
use punchcard_events::ticket::{
    AttemptErrorKind, Fallback, FallbackReason, StateName, TicketEvent, TicketSent, TicketState,
};

fn world() -> World {
    let world = World::new();
    for task in ["review", "essay"] {
        world.task(task, |task| {
            task.fallback_models = vec!["large".to_owned(), "spare".to_owned()];
        });
    }
    world
}

fn failed(from: &str) -> Option<Fallback> {
    Some(Fallback {
        from: from.to_owned(),
        reason: FallbackReason::Failed,
    })
}

#[test]
fn the_fallback_is_called_when_the_first_models_tries_are_used_up() {
    in_paused_time(async {
        let world = world();
        let kind = AttemptErrorKind::Server;
        world.model.of_model("small", Script::refuses(kind));
        world.model.of_model("large", Script::says(["From large."]));
        let run = world.start().await;
        let ticket = run.issue("review").await;
        let news = run.await_state(ticket, StateName::Persisted).await;
        assert_eq!(news.state.model(), Some("large"));
        let called: Vec<_> = world.model.calls().into_iter().map(|c| c.model).collect();
        assert_eq!(called, ["small", "small", "small", "small", "large"]);
        let recorded = sent(&world.store, ticket);
        let models: Vec<_> = recorded.iter().map(|sent| sent.model.clone()).collect();
        assert_eq!(models, called, "what is recorded is what is called");
        assert_eq!(recorded[3].fallback, None);
        assert_eq!(recorded[4].fallback, failed("small"));
        run.teardown().await;
    });
}

#[test]
fn a_key_that_is_refused_moves_the_ticket_on_at_once() {
    in_paused_time(async {
        let world = world();
        for (model, kind) in [
            ("small", AttemptErrorKind::Unauthorized),
            ("large", AttemptErrorKind::QuotaExceeded),
        ] {
            world.model.of_model(model, Script::refuses(kind));
        }
        let run = world.start().await;
        let begun = world.now();
        let ticket = run.issue("review").await;
        run.await_state(ticket, StateName::Persisted).await;
        assert!(world.now().since(begun) < Duration::from_secs(1));
        let fallbacks = sent(&world.store, ticket).into_iter().map(|s| s.fallback);
        let fallbacks: Vec<_> = fallbacks.collect();
        assert_eq!(fallbacks, [None, failed("small"), failed("large")]);
        run.teardown().await;
    });
}

#[test]
fn content_that_a_filter_refused_is_shown_to_no_other_model() {
    in_paused_time(async {
        let world = world();
        let kind = AttemptErrorKind::ContentFiltered;
        world.model.of_model("small", Script::refuses(kind));
        let run = world.start().await;
        let ticket = run.issue("review").await;
        let news = run.await_state(ticket, StateName::Failed).await;
        assert!(
            matches!(&news.state, TicketState::Failed(f) if f.failure.code == "content_filtered")
        );
        assert_eq!(world.model.attempts_of(ticket), [1]);
        run.teardown().await;
    });
}

#[test]
fn the_next_ticket_begins_with_the_first_model_again() {
    in_paused_time(async {
        let world = world();
        world
            .model
            .next(Script::refuses(AttemptErrorKind::InvalidRequest));
        let run = world.start().await;
        for models in [&["small", "large"][..], &["small"]] {
            let ticket = run.issue("review").await;
            run.await_state(ticket, StateName::Persisted).await;
            let asked = sent(&world.store, ticket).into_iter().map(|s| s.model);
            assert_eq!(asked.collect::<Vec<_>>(), models);
        }
        run.teardown().await;
    });
}

#[test]
fn a_call_to_a_fallback_holds_a_permit_of_the_fallback() {
    in_paused_time(async {
        let world = world();
        world
            .model
            .next(Script::refuses(AttemptErrorKind::QuotaExceeded));
        let mut held = world.model.hold_next();
        let run = world.start().await;
        let ticket = run.issue("review").await;
        held.begun().await;
        let in_use = run
            .model_gates()
            .await
            .into_iter()
            .filter(|gate| gate.in_use > 0);
        let in_use: Vec<_> = in_use.map(|gate| gate.name).collect();
        assert_eq!(in_use, ["large"]);
        held.text("Well done.");
        held.complete();
        run.await_state(ticket, StateName::Persisted).await;
        run.teardown().await;
    });
}

#[test]
fn the_tenant_is_told_which_model_answered() {
    in_paused_time(async {
        let world = world();
        world
            .model
            .of_model("small", Script::refuses(AttemptErrorKind::Unauthorized));
        world.task("essay", |task| {
            task.fallback_models = vec!["large".to_owned()];
        });
        let run = world.start().await;
        let ticket = run.issue("essay").await;
        run.await_state(ticket, StateName::Persisted).await;
        let told = world.callbacks.post_process_calls();
        let told: Vec<_> = told.into_iter().map(|call| call.model).collect();
        assert_eq!(told, ["large"]);
        run.teardown().await;
    });
}

#[test]
fn a_crash_at_a_fallback_goes_on_at_that_fallback() {
    let store = MemoryStore::new();
    let start = punchcard_actors::testing::clock::START;
    let over = |store: &MemoryStore| {
        let world = World::over(store.clone(), start);
        world.task("review", |task| {
            task.fallback_models = vec!["large".to_owned()];
        });
        world
    };
    let ticket = in_paused_time(async {
        let world = over(&store);
        world
            .model
            .next(Script::refuses(AttemptErrorKind::Unauthorized));
        let held = world.model.hold_next();
        let run = world.start().await;
        let ticket = run.issue("review").await;
        held.text("half an ans");
        run.await_text(ticket, "half an ans").await;
        ticket
    });
    in_paused_time(async {
        let world = over(&store);
        let run = world.start().await;
        run.runtime().recover(std::num::NonZeroU32::MAX).await;
        let news = run.await_state(ticket, StateName::Persisted).await;
        assert_eq!(
            (news.state.model(), news.state.attempt()),
            (Some("large"), 3)
        );
        let models = sent(&store, ticket).into_iter().map(|s| s.model);
        assert_eq!(models.collect::<Vec<_>>(), ["small", "large", "large"]);
        run.teardown().await;
    });
}

fn sent(store: &MemoryStore, ticket: TicketId) -> Vec<TicketSent> {
    let events = store.all_events();
    let of = events.iter().filter(|e| e.stream == ticket.stream());
    of.filter_map(|e| {
        let event = TicketEvent::decode(&e.event.kind, e.event.schema_version, &e.event.data);
        match event.expect("readable") {
            TicketEvent::TicketSent(sent) => Some(sent),
            _ => None,
        }
    })
    .collect()
}

fn breaker_open(from: &str) -> Option<Fallback> {
    Some(Fallback {
        from: from.to_owned(),
        reason: FallbackReason::BreakerOpen,
    })
}

async fn breaker_of(run: &TestRuntime, model: &str) -> BreakerState {
    let gates = run.model_gates().await;
    let gate = gates.into_iter().find(|gate| gate.name == model);
    gate.expect("the model was called").breaker
}

#[test]
fn while_a_models_breaker_is_open_tickets_go_to_the_fallback_at_once() {
    in_paused_time(async {
        let world = world();
        let kind = AttemptErrorKind::Server;
        world.model.of_model("small", Script::refuses(kind));
        let run = world.start().await;
        let mut first = vec![];
        for _ in 0..40 {
            first.push(run.issue("review").await);
        }
        for ticket in first {
            run.await_state(ticket, StateName::Persisted).await;
        }
        assert_eq!(breaker_of(&run, "small").await, BreakerState::Open);

        let before = calls_of(&world, "small");
        let begun = world.now();
        let ticket = run.issue("review").await;
        run.await_state(ticket, StateName::Persisted).await;
        assert!(world.now().since(begun) < Duration::from_secs(1));
        let sent_to = sent(&world.store, ticket);
        assert_eq!(sent_to.len(), 1);
        assert_eq!(sent_to[0].model, "large");
        assert_eq!(sent_to[0].fallback, breaker_open("small"));
        assert_eq!(
            calls_of(&world, "small"),
            before,
            "the open model is left alone"
        );

        // The next ticket after the outage begins with the first model again.
        world.model.of_model("small", Script::says(["I am back."]));
        let mut models = vec![];
        for _ in 0..20 {
            time_passes(Duration::from_mins(1)).await;
            let ticket = run.issue("review").await;
            run.await_state(ticket, StateName::Persisted).await;
            models.extend(sent(&world.store, ticket).into_iter().map(|s| s.model));
        }
        assert_eq!(
            models.last().map(String::as_str),
            Some("small"),
            "{models:?}"
        );
        assert_eq!(breaker_of(&run, "small").await, BreakerState::Closed);
        run.teardown().await;
    });
}

#[test]
fn tickets_that_wait_in_line_leave_it_when_the_breaker_opens() {
    in_paused_time(async {
        let mut world = world();
        world.options.llm.default_max_concurrency = 1;
        let kind = AttemptErrorKind::Connection;
        let slow = || Script::default().wait(Duration::from_secs(1));
        world.model.of_model("small", slow().fail(kind));
        let run = world.start().await;
        let begun = world.now();
        let mut tickets = vec![];
        for _ in 0..100 {
            tickets.push(run.issue("review").await);
        }
        let mut left = 0;
        for ticket in tickets {
            run.await_state(ticket, StateName::Persisted).await;
            let sent = sent(&world.store, ticket);
            left += usize::from(sent[0].fallback == breaker_open("small"));
        }
        // Alone, the first model would have taken a second for each of them, four times over.
        let took = world.now().since(begun);
        assert!(took < Duration::from_secs(60), "{took:?}");
        assert!(left >= 50, "only {left} tickets left the line");
        assert!(calls_of(&world, "small") < 50);
        run.teardown().await;
    });
}

#[test]
fn where_every_breaker_is_open_a_ticket_waits_and_does_not_fail() {
    in_paused_time(async {
        let world = world();
        world
            .model
            .always(Script::refuses(AttemptErrorKind::Server));
        let run = world.start().await;
        for _ in 0..60 {
            run.issue("review").await;
        }
        time_passes(Duration::from_mins(1)).await;
        for model in ["small", "large", "spare"] {
            assert_eq!(breaker_of(&run, model).await, BreakerState::Open, "{model}");
        }
        let ticket = run.issue("review").await;
        time_passes(Duration::from_secs(1)).await;
        assert_eq!(sent(&world.store, ticket), [], "nobody may be called");
        world.model.always(Script::says(["We are back."]));
        run.await_state(ticket, StateName::Persisted).await;
        run.teardown().await;
    });
}

fn calls_of(world: &World, model: &str) -> usize {
    let calls = world.model.calls().into_iter();
    calls.filter(|call| call.model == model).count()
}
