//! What the guards show at `/metrics`, while a model and a tenant's API are out.

use std::time::Duration;

use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{World, in_paused_time, tenant, time_passes};
use punchcard_events::ticket::{AttemptErrorKind, CallbackErrorKind};

use super::*;

#[test]
fn an_outage_shows_in_the_metrics_with_breakers_lines_and_retries() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        in_paused_time(async {
            let world = World::new();
            world
                .model
                .always(Script::refuses(AttemptErrorKind::Server));
            world
                .callbacks
                .outage(&tenant(), Some(CallbackErrorKind::Timeout));
            let run = world.start().await;
            for _ in 0..20 {
                run.issue("review").await;
                run.issue("essay").await;
            }
            time_passes(Duration::from_secs(3)).await;
        });
    });
    let text = handle.render();
    for line in [
        "llm_breaker_state{model=\"small\"} 2",
        "llm_breaker_transitions_total{model=\"small\",to=\"open\"} 1",
        "llm_concurrency_limit{model=\"small\"} 64",
        "llm_calls_total{model=\"small\"} ",
        "llm_retries_total{model=\"small\"} ",
        "llm_calls_waiting{model=\"small\"} ",
        "llm_oldest_wait_seconds{model=\"small\"} ",
        "llm_paused{model=\"small\"} 0",
        "callback_breaker_state{tenant=\"onehour\"} 2",
        "callback_breaker_transitions_total{tenant=\"onehour\",to=\"open\"} 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
