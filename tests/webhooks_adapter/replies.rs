//! What receivers answer, and what it means.

use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::ports::PreProcessReply;
use punchcard_events::ticket::CallbackErrorKind;
use serde_json::json;

use super::fake_backend::{Behaviour, FakeBackend};
use super::{Bench, OLD_SECRET, kind, options, secrets};

#[tokio::test]
async fn a_reply_replaces_what_it_names() {
    let bench = Bench::new().await;
    let input = json!({"essay": "새 글"});
    let reply = Behaviour::json(200, &json!({"input": input}));
    let replaced = PreProcessReply::Replaced(Arc::new(input));
    assert_eq!(bench.pre_given(reply).await, Ok(replaced));

    let reply = Behaviour::json(200, &json!({"answer": {"score": 5}}));
    let replaced = bench.post_given(reply).await.unwrap();
    assert_eq!(replaced.as_deref(), Some(&json!({"score": 5})));
    for unchanged in [
        Behaviour::status(200),
        Behaviour::status(202),
        Behaviour::json(201, &json!({"id": 7})),
        Behaviour::json(200, &json!({"answer": null})),
        Behaviour::body(200, "text/plain", "OK"),
    ] {
        assert_eq!(bench.post_given(unchanged).await, Ok(None));
    }
}

#[tokio::test]
async fn every_status_has_its_meaning_for_both_calls() {
    use CallbackErrorKind::{Body, Gone, Refused, Status};
    let bench = Bench::new().await;
    for (status, expected) in [
        (300, Status),
        (304, Status),
        (400, Status),
        (401, Status),
        (403, Status),
        (404, Status),
        (409, Status),
        (410, Gone),
        (413, Status),
        (422, Refused),
        (429, Status),
        (500, Status),
        (502, Status),
        (503, Status),
        (504, Status),
    ] {
        let behaviour = Behaviour::status(status);
        assert_eq!(
            kind(bench.pre_given(behaviour.clone()).await),
            expected,
            "{status}"
        );
        assert_eq!(
            kind(bench.post_given(behaviour).await),
            expected,
            "{status}"
        );
    }
    for status in [200, 201, 202, 205] {
        let unclear = bench.pre_given(Behaviour::status(status)).await;
        assert_eq!(kind(unclear), Body, "{status}");
    }
    let broken = Behaviour::body(200, "application/json", "{\"answer\":");
    assert_eq!(kind(bench.post_given(broken).await), Body);
    assert_eq!(bench.backend.deliveries().len(), 2 * 15 + 5);
}

#[tokio::test]
async fn a_refusal_carries_its_reason_even_where_the_rest_is_broken() {
    let bench = Bench::new().await;
    let refusal = Behaviour::json(422, &json!({"reason": "글이\n너무 짧아요"}));
    let error = bench.pre_given(refusal).await.unwrap_err();
    assert_eq!(error.kind, CallbackErrorKind::Refused);
    assert_eq!(error.message, "글이 너무 짧아요");

    let huge = Behaviour::body(422, "application/json", &" ".repeat(100 << 10));
    let error = bench.post_given(huge).await.unwrap_err();
    assert_eq!(error.kind, CallbackErrorKind::Refused);
}

#[tokio::test]
async fn the_wait_that_the_backend_asks_for_is_handed_on() {
    let bench = Bench::new().await;
    let busy =
        |status: u16, after: &str| Behaviour::status(status).with_header("retry-after", after);
    let error = bench.pre_given(busy(429, "120")).await.unwrap_err();
    assert_eq!(error.retry_after_ms, Some(120_000));
    // The clock stands at 10:44:30.123.
    let error = bench
        .post_given(busy(503, "Mon, 23 Nov 2026 10:45:00 GMT"))
        .await;
    assert_eq!(error.unwrap_err().retry_after_ms, Some(29_877));
    let error = bench.pre_given(busy(500, "120")).await.unwrap_err();
    assert_eq!(error.retry_after_ms, None);
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_its_target_hears_nothing() {
    let bench = Bench::new().await;
    let target = FakeBackend::start(secrets(&[OLD_SECRET])).await;
    for status in [301, 302, 303, 307, 308] {
        let behaviour = Behaviour::redirect(status, &target.url());
        let error = bench.post_given(behaviour).await.unwrap_err();
        assert_eq!(error.kind, CallbackErrorKind::Status, "{status}");
        assert!(error.message.contains("not followed"), "{}", error.message);
    }
    assert_eq!(bench.backend.deliveries().len(), 5);
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn a_reply_over_the_cap_is_given_up_announced_or_not() {
    let bench = Bench::new().await;
    for announced in [true, false] {
        let huge = Behaviour::Huge {
            status: 200,
            bytes: 256 << 20,
            announced,
        };
        assert_eq!(
            kind(bench.pre_given(huge.clone()).await),
            CallbackErrorKind::TooLarge
        );
        assert_eq!(
            kind(bench.post_given(huge).await),
            CallbackErrorKind::TooLarge
        );
        let within = Behaviour::Huge {
            status: 200,
            bytes: 64 << 10,
            announced,
        };
        // Blanks only: not JSON, but read to the end.
        assert_eq!(
            kind(bench.post_given(within).await),
            CallbackErrorKind::Body
        );
    }
    assert_eq!(bench.backend.deliveries().len(), 6);
}

#[tokio::test]
async fn a_reply_that_never_comes_or_never_ends_times_out() {
    let mut options = options();
    options.total_timeout = Duration::from_millis(150);
    let bench = Bench::with(options, &[OLD_SECRET]).await;
    let drip = Behaviour::Drip {
        pause: Duration::from_millis(5),
    };
    assert_eq!(
        kind(bench.pre_given(Behaviour::Stall).await),
        CallbackErrorKind::Timeout
    );
    assert_eq!(
        kind(bench.post_given(drip).await),
        CallbackErrorKind::Timeout
    );
    assert_eq!(bench.backend.deliveries().len(), 2);
}
