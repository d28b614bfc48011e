//! The calls as a receiver sees them.

use std::time::Duration;

use punchcard_actors::ports::PreProcessReply;
use serde_json::{Value, json};

use super::fake_backend::Behaviour;
use super::{Bench, OLD_SECRET, POST, PRE, TRACEPARENT, options};

/// A secret that the backend does not know.
const NEW_SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";

#[tokio::test]
async fn a_pre_process_call_is_signed_and_says_all_it_should() {
    let bench = Bench::new().await;
    assert_eq!(bench.pre().await, Ok(PreProcessReply::Unchanged));

    let delivery = bench.last();
    assert_eq!(delivery.path, PRE);
    assert_eq!(delivery.signature, Ok(()));
    assert_eq!(
        delivery.id(),
        "msg_01920000-0000-7000-8000-000000000001_pre_process"
    );
    assert_eq!(delivery.header("webhook-timestamp"), "1795430670");
    assert_eq!(delivery.header("content-type"), "application/json");
    assert_eq!(delivery.header("accept"), "application/json");
    assert_eq!(delivery.header("accept-encoding"), "");
    assert_eq!(delivery.header("traceparent"), TRACEPARENT);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        delivery.header("user-agent"),
        format!("punchcard/{version}")
    );
    assert_eq!(
        delivery.json(),
        json!({
            "type": "ticket.pre_process",
            "timestamp": "2026-11-23T10:44:30.123Z",
            "data": {
                "ticket": "01920000-0000-7000-8000-000000000001",
                "task": "writing-review",
                "user": "student-17",
                "metadata": {"class": "5-b"},
                "requested_at": "2026-11-23T10:44:20.000Z",
                "input": {"essay": "나는 학교에 갔다. \"어제\""},
            },
        })
    );
}

#[tokio::test]
async fn a_post_process_call_carries_the_answer_and_where_it_came_from() {
    let bench = Bench::new().await;
    assert_eq!(bench.post().await, Ok(None));

    let delivery = bench.last();
    assert_eq!(delivery.path, POST);
    assert_eq!(delivery.signature, Ok(()));
    assert_eq!(
        delivery.id(),
        "msg_01920000-0000-7000-8000-000000000001_post_process"
    );
    assert_eq!(
        delivery.json(),
        json!({
            "type": "ticket.post_process",
            "timestamp": "2026-11-23T10:44:30.123Z",
            "data": {
                "ticket": "01920000-0000-7000-8000-000000000001",
                "task": "writing-review",
                "user": "student-17",
                "metadata": {"class": "5-b"},
                "requested_at": "2026-11-23T10:44:20.000Z",
                "input": {"essay": "나는 학교에 갔다. \"어제\""},
                "answer": {"score": 4},
                "finish_reason": "stop",
                "usage": {"prompt_tokens": 120, "completion_tokens": 48},
                "prompt": {"version": 3, "hash": "ab12"},
                "model": "small-1",
                "attempt": 2,
            },
        })
    );
}

#[tokio::test]
async fn a_repeat_has_the_same_id_and_a_fresh_timestamp_and_signature() {
    let bench = Bench::new().await;
    bench
        .backend
        .script(POST, [Behaviour::status(500), Behaviour::Reset]);
    assert!(bench.post().await.is_err());
    bench.clock.advance(Duration::from_secs(60));
    assert!(bench.post().await.is_err());
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(bench.post().await, Ok(None));

    let tries = bench.backend.deliveries();
    assert_eq!(tries.len(), 3);
    assert!(
        tries
            .iter()
            .all(|t| t.id() == tries[0].id() && t.signature.is_ok())
    );
    let timestamps: Vec<_> = tries
        .iter()
        .map(|t| t.header("webhook-timestamp"))
        .collect();
    assert_eq!(timestamps, ["1795430670", "1795430730", "1795430790"]);
    let signature = |index: usize| tries[index].header("webhook-signature");
    assert!(signature(0) != signature(1) && signature(1) != signature(2));
    assert_eq!(tries[0].json()["data"], tries[2].json()["data"]);
    // The reset try had done its work; the third was a repeat, and dropped.
    assert_eq!(
        tries.iter().map(|t| t.is_repeat).collect::<Vec<_>>(),
        [false, false, true]
    );
    assert_eq!(bench.backend.effects().len(), 1);
}

#[tokio::test]
async fn while_a_secret_rotates_a_receiver_with_the_old_one_still_verifies() {
    let bench = Bench::with(options(), &[NEW_SECRET, OLD_SECRET]).await;
    assert!(bench.pre().await.is_ok());
    assert_eq!(
        bench.last().header("webhook-signature").split(' ').count(),
        2
    );
    assert_eq!(bench.last().signature, Ok(()));

    let moved_on = Bench::with(options(), &[NEW_SECRET]).await;
    assert!(moved_on.pre().await.is_ok());
    assert!(moved_on.last().signature.is_err());
    assert!(moved_on.backend.effects().is_empty());
}

/// The names of an object's fields, nested ones as paths; what the issuer chose is left out.
fn fields(value: &Value, path: &str, names: &mut Vec<String>) {
    let Some(object) = value.as_object() else {
        return;
    };
    for (name, inner) in object {
        let path = format!("{path}/{name}");
        if !["/data/input", "/data/answer", "/data/metadata"].contains(&path.as_str()) {
            fields(inner, &path, names);
        }
        names.push(path);
    }
}

#[tokio::test]
async fn the_examples_in_the_documentation_are_what_is_sent() {
    let documentation = include_str!("../../docs/callbacks.md");
    let examples: Vec<Value> = documentation
        .split("```json\n")
        .skip(1)
        .map(|rest| serde_json::from_str(rest.split("```").next().unwrap()).unwrap())
        .collect();
    let bench = Bench::new().await;
    bench.pre().await.unwrap();
    bench.post().await.unwrap();
    let sent = bench.backend.deliveries();
    assert_eq!(examples.len(), sent.len());
    for (example, delivery) in examples.iter().zip(&sent) {
        let (mut documented, mut real) = (Vec::new(), Vec::new());
        fields(example, "", &mut documented);
        fields(&delivery.json(), "", &mut real);
        assert_eq!(documented, real);
        assert_eq!(example["type"], delivery.json()["type"]);
    }
}
