//! An open breaker and a task that has another model.

use punchcard_actors::guards::BreakerState;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{TestRuntime, World, in_paused_time, time_passes};
use punchcard_events::ticket::{AttemptErrorKind, FallbackReason, StateName, TicketEvent};
use tokio::time::Instant;

use super::{SECOND, await_all, issue_many};

async fn breaker_of(run: &TestRuntime, model: &str) -> BreakerState {
    let gates = run.model_gates().await;
    let gate = gates.into_iter().find(|gate| gate.name == model);
    gate.expect("the model was called").breaker
}

/// How many attempts went to a fallback because of an open breaker.
fn passed_over(world: &World) -> usize {
    let events = world.store.all_events();
    let reason = |event: &TicketEvent| match event {
        TicketEvent::TicketSent(sent) => sent.fallback.as_ref().map(|fallback| fallback.reason),
        _ => None,
    };
    let read = events.iter().filter_map(|recorded| {
        let event = &recorded.event;
        TicketEvent::decode(&event.kind, event.schema_version, &event.data).ok()
    });
    read.filter(|event| reason(event) == Some(FallbackReason::BreakerOpen))
        .count()
}

#[test]
fn while_a_models_breaker_is_open_its_fallback_answers_and_then_it_is_asked_again() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.llm.default_max_concurrency = 8;
        world.task("review", |task| {
            task.fallback_models = vec!["large".to_owned()]
        });
        world
            .model
            .of_model("small", Script::refuses(AttemptErrorKind::Server));
        world.model.of_model("large", Script::says(["from large"]));
        let run = world.start().await;
        let begun = Instant::now();
        let tickets = issue_many(&run, "review", 100).await;
        await_all(&run, &tickets, StateName::Persisted).await;
        assert!(begun.elapsed() < 10 * SECOND, "{:?}", begun.elapsed());
        assert_ne!(breaker_of(&run, "small").await, BreakerState::Closed);
        let small = world
            .model
            .calls()
            .iter()
            .filter(|call| call.model == "small")
            .count();
        assert!(
            (10..30).contains(&small),
            "{small} calls of the model that is out"
        );
        let passed_over = passed_over(&world);
        assert!(
            passed_over >= 80,
            "{passed_over} were recorded as passed over"
        );

        world.model.of_model("small", Script::says(["from small"]));
        time_passes(120 * SECOND).await;
        for _ in 0..3 {
            let ticket = run.issue("review").await;
            let news = run.await_state(ticket, StateName::Persisted).await;
            assert_eq!(news.state.model(), Some("small"), "its probe");
        }
        assert_eq!(breaker_of(&run, "small").await, BreakerState::Closed);
        run.teardown().await;
    });
}
