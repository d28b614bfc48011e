//! What a token opens, for how long, and what ends a session that it opened.

use std::time::{Duration, Instant};

use punchcard::http::Options;
use punchcard_actors::sessions::SessionLimits;
use serde_json::json;

use crate::edge::{Edge, KEY, ORIGIN, OTHER_KEY, OTHER_ORIGIN, complete, text};
use crate::wire::{UPGRADE, Wire, upgrade};

fn limited(change: impl FnOnce(&mut SessionLimits)) -> Edge {
    let mut limits = SessionLimits::default();
    change(&mut limits);
    Edge::start_with(Options::default(), limits)
}

/// Opens a socket from `origin` and says hello with `token`.
async fn knock(edge: &Edge, origin: &str, token: &str) -> Wire {
    let (_, mut wire) = upgrade(edge.address, &format!("Origin: {origin}\r\n{UPGRADE}")).await;
    wire.say(&json!({"type": "hello", "token": token})).await;
    wire
}

#[tokio::test]
async fn a_token_opens_one_session_once_and_whatever_is_wrong_with_it_looks_the_same() {
    let edge = limited(|limits| limits.token_ttl = Duration::from_millis(300));
    let used = edge.token("min").await;
    let mut first = knock(&edge, ORIGIN, &used).await;
    assert_eq!(first.hear().await["type"], "welcome");
    let expired = edge.token("min").await;
    tokio::time::sleep(Duration::from_millis(350)).await;
    let malformed = "x".repeat(60_000);
    let shorter = &used[..used.len() - 1];
    for token in [&used, &expired, "", "pst_", KEY, &malformed, shorter] {
        let mut refused = knock(&edge, ORIGIN, token).await;
        assert_eq!(refused.closed().await, (4401, "bad_token".into()));
    }
}

#[tokio::test]
async fn a_token_is_of_no_use_from_another_tenants_origin_and_is_gone_after_the_try() {
    let edge = Edge::start();
    let stolen = edge.token("min").await;
    let mut thief = knock(&edge, OTHER_ORIGIN, &stolen).await;
    assert_eq!(thief.closed().await, (4406, "forbidden_origin".into()));
    let mut owner = knock(&edge, ORIGIN, &stolen).await;
    assert_eq!(owner.closed().await, (4401, "bad_token".into()));
    // The other way round, and within its own walls it works.
    let body = json!({"user": "min"}).to_string();
    for (origin, code) in [(ORIGIN, Some(4406)), (OTHER_ORIGIN, None)] {
        let reply = edge
            .send("POST", OTHER_KEY, "/v1/session-tokens", "", &body)
            .await;
        let token = reply.json()["token"].as_str().expect("a token").to_owned();
        let mut wire = knock(&edge, origin, &token).await;
        match code {
            Some(code) => assert_eq!(wire.closed().await.0, code),
            None => assert_eq!(wire.hear().await["user"], "min"),
        }
    }
}

#[tokio::test]
async fn a_revoked_key_takes_its_sessions_streams_and_tokens_with_it_even_frozen_ones() {
    let edge = Edge::start();
    let script = edge.model.script();
    let ticket = edge.issue(Some("min")).await;
    script.send(text(&"x".repeat(100_000))).expect("a model");
    let unused = edge.token("min").await;
    let mut polite = Wire::session(&edge, "min").await;
    // Reads no more, so it will not see the close frame.
    let mut frozen = Wire::session(&edge, "min").await;
    let path = format!("/v1/tickets/{ticket}/stream");
    let stream = async { edge.get(KEY, &path).await };
    let revoke = async {
        crate::until_watched_by(&edge, 3).await;
        let begun = Instant::now();
        let tenant = punchcard_events::TenantId::new("onehour").expect("a name");
        edge.vouched.revoke(&tenant, "pk_onehour");
        assert_eq!(polite.closed().await, (4403, "revoked".into()));
        drop(polite);
        crate::until_watched_by(&edge, 0).await;
        assert!(begun.elapsed() < Duration::from_secs(5), "it took too long");
    };
    let (stream, ()) = tokio::join!(stream, revoke);
    assert!(!stream.body.contains("event: answer"), "it ended early");
    frozen.ended_within(Duration::from_secs(1)).await;
    let mut late = knock(&edge, ORIGIN, &unused).await;
    assert_eq!(late.closed().await, (4401, "bad_token".into()));
}

#[tokio::test]
async fn a_session_of_the_greatest_age_is_told_to_renew_and_goes_on_where_it_was() {
    let edge = limited(|limits| limits.max_age = Duration::from_secs(1));
    let script = edge.model.script();
    let ticket = edge.issue(Some("min")).await;
    script.send(text("한🙂 old ")).expect("a model");
    let mut old = Wire::session(&edge, "min").await;
    assert_eq!(old.hear_type("text").await["text"], "한🙂 old ");
    assert_eq!(old.closed().await, (4411, "renew".into()));
    script.send(text("and new")).expect("a model");
    let cursors = json!([{"ticket": ticket, "generation": 1, "offset": 8}]);
    let mut new = Wire::greeted(edge.address, &edge.token("min").await, cursors).await;
    let rest = new.hear_type("text").await;
    assert_eq!(
        (&rest["offset"], &rest["text"]),
        (&json!(8), &json!("and new"))
    );
    script.send(complete()).expect("a model");
    assert_eq!(new.hear_type("answer").await["answer"], "한🙂 old and new");
}

#[tokio::test]
async fn while_the_server_drains_nobody_is_let_in_and_each_is_told_another_time() {
    let edge = Edge::start();
    let unused = [edge.token("min").await, edge.token("lee").await];
    let mut present = Wire::session(&edge, "min").await;
    edge.sessions.close_all().await.expect("a supervisor");
    let mut waits = vec![present.closed().await];
    for token in unused {
        waits.push(knock(&edge, ORIGIN, &token).await.closed().await);
    }
    waits.sort();
    waits.dedup();
    assert_eq!(waits.len(), 3, "all at the same time: {waits:?}");
    for (code, reason) in waits {
        assert_eq!(code, 4503);
        let wait = reason.strip_prefix("going_away;reconnect_in_ms=");
        let wait: u64 = wait.expect("a time").parse().expect("milliseconds");
        assert!(wait <= 12_000, "{wait}");
    }
    let body = json!({"user": "min"}).to_string();
    let refused = edge
        .send("POST", KEY, "/v1/session-tokens", "", &body)
        .await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.header("retry-after").is_some());
}
