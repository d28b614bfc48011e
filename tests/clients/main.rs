//! The official clients and verifiers, unchanged, against the whole program.
//!
//! They come from their registries by `tests/clients/setup`, in exact versions. Where they cannot be
//! had these tests fail: skipped, they would say nothing.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and shows why"
)]

#[path = "../support/api.rs"]
mod api;
#[path = "../support/fake_backend.rs"]
mod fake_backend;
#[path = "../support/punchcard.rs"]
mod punchcard;
#[path = "../support/scripted_model.rs"]
mod scripted_model;
#[path = "../support/session.rs"]
mod session;
#[path = "../end_to_end/world.rs"]
mod world;

mod program;

use std::time::Duration;

use serde_json::json;

use fake_backend::Gate;
use program::{node, python, run};
use scripted_model::{Step, saying};
use world::{POST, WEBHOOK_SECRET, World};

/// A world whose model answers to words as the clients' scripts expect it.
async fn world(gate: &Gate) -> World {
    let world = World::with(include_str!("more.toml")).await;
    let turns = |turn: Vec<Step>| std::iter::repeat_n(turn, 50);
    let slow = vec![
        Step::Pause(Duration::from_millis(1_000)),
        Step::say("at last"),
        Step::Finish,
    ];
    // The first text is read before the connection breaks; the next try says something else.
    let turning = vec![
        Step::say("one "),
        Step::Pause(Duration::from_millis(200)),
        Step::Cut,
    ];
    let refused = vec![Step::Refuse(400, r#"{"error":{"message":"no"}}"#)];
    let held = vec![Step::Wait(gate.clone()), Step::Finish];
    world.model.script("ping", turns(saying(&["pong ", "🙂"])));
    world.model.script("slow", turns(slow));
    world.model.script("refused", turns(refused));
    world.model.script("turning", [turning, saying(&["two"])]);
    world.model.script("held", turns(held));
    world
}

/// How many calls of the model had `word` in their last message.
fn calls_about(world: &World, word: &str) -> usize {
    let calls = world.model.calls();
    calls.iter().filter(|c| c.prompt().contains(word)).count()
}

#[tokio::test]
async fn the_official_python_client_passes_unchanged() {
    let gate = Gate::closed();
    let world = world(&gate).await;
    run(python("openai_client.py").await.envs(place(&world)), "").await;
    assert_eq!(calls_about(&world, "slow"), 2, "repeats asked no model");
    assert_eq!(calls_about(&world, "refused"), 1);
    gate.open();
}

#[tokio::test]
async fn the_official_javascript_client_passes_unchanged() {
    let gate = Gate::closed();
    let world = world(&gate).await;
    run(node("openai_client.mjs").await.envs(place(&world)), "").await;
    assert_eq!(calls_about(&world, "slow"), 2, "repeats asked no model");
    assert_eq!(calls_about(&world, "refused"), 1);
    gate.open();
}

#[tokio::test]
async fn the_official_webhook_verifiers_take_what_is_signed_and_nothing_else() {
    let world = world(&Gate::closed()).await;
    let ask = json!({ "model": "explain", "messages": [{ "role": "user", "content": "ping" }] });
    let answer = world.api.post("/v1/chat/completions", &ask).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let delivered = world.backend.deliveries();
    let delivered = delivered.iter().find(|d| d.path.ends_with(POST)).unwrap();
    let call = json!({
        "secret": WEBHOOK_SECRET,
        "headers": delivered.headers,
        "body": String::from_utf8(delivered.body.clone()).unwrap(),
    });
    let call = call.to_string();
    run(&mut python("webhook_verifier.py").await, &call).await;
    run(&mut node("webhook_verifier.mjs").await, &call).await;
}

fn place(world: &World) -> [(&'static str, String); 3] {
    [
        ("PUNCHCARD_URL", world.api.base().to_owned()),
        ("PUNCHCARD_KEY", world.key().to_owned()),
        ("PUNCHCARD_FULL_KEY", world.strangers_key().to_owned()),
    ]
}
