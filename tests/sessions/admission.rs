//! How many may come: tabs of one user, sessions of one tenant.

use std::num::NonZeroUsize;

use punchcard::http::Options;
use punchcard_actors::sessions::SessionLimits;
use serde_json::json;

use crate::edge::{Edge, KEY, OTHER_KEY, OTHER_ORIGIN, complete, text};
use crate::wire::{UPGRADE, Wire, upgrade};

const TABS: usize = 16;

#[tokio::test]
async fn every_tab_gets_everything_one_acknowledgement_delivers_and_one_too_many_closes_the_oldest()
{
    let edge = Edge::start();
    let script = edge.model.script();
    let ticket = edge.issue(Some("min")).await;
    let mut tabs = Vec::new();
    for _ in 0..TABS {
        tabs.push(Wire::session(&edge, "min").await);
    }
    for piece in ["한", "🙂 ", "and more"] {
        script.send(text(piece)).expect("a model");
    }
    script.send(complete()).expect("a model");
    for tab in &mut tabs {
        assert_eq!(tab.hear_type("answer").await["answer"], "한🙂 and more");
    }
    let ack = json!({"type": "ack", "ticket": ticket});
    tabs[7].say(&ack).await;
    for tab in &mut tabs {
        assert_eq!(tab.hear_type("state").await["state"], "delivered");
    }
    // A late acknowledgement of every other tab does no harm and is no second delivery.
    for tab in &mut tabs {
        tab.say(&ack).await;
        tab.say(&json!({"type": "ping", "nonce": "after"})).await;
        let next = tab.hear().await;
        assert_eq!(next, json!({"type": "pong", "nonce": "after"}));
    }
    let history = edge.get(KEY, &format!("/v1/tickets/{ticket}/events")).await;
    assert_eq!(history.body.matches("TicketDelivered").count(), 1);

    let mut one_more = Wire::session(&edge, "min").await;
    let mut others = tabs.split_off(1);
    let oldest = tabs.remove(0).closed().await;
    assert_eq!(oldest, (4409, "session_limit".into()));
    for tab in others.iter_mut().chain([&mut one_more]) {
        tab.say(&json!({"type": "ping", "nonce": "still here"}))
            .await;
        assert_eq!(tab.hear().await["nonce"], "still here");
    }
}

#[tokio::test]
async fn a_tenant_that_is_full_gets_no_more_sessions_and_leaves_room_for_another() {
    let limits = SessionLimits {
        sessions_per_tenant: NonZeroUsize::MIN.saturating_add(2),
        ..SessionLimits::default()
    };
    let edge = Edge::start_with(Options::default(), limits);
    let mut inside = Vec::new();
    for user in ["a", "b", "c"] {
        inside.push(Wire::session(&edge, user).await);
    }
    let token = edge.token("d").await;
    let mut refused = Wire::greeted(edge.address, &token, json!([])).await;
    let (code, reason) = refused.closed().await;
    assert_eq!(code, 4503);
    assert!(
        reason.starts_with("going_away;reconnect_in_ms="),
        "{reason}"
    );

    let body = json!({"user": "a"}).to_string();
    let reply = edge
        .send("POST", OTHER_KEY, "/v1/session-tokens", "", &body)
        .await;
    let token = reply.json()["token"].clone();
    let headers = format!("Origin: {OTHER_ORIGIN}\r\n{UPGRADE}");
    let (_, mut other) = upgrade(edge.address, &headers).await;
    other.say(&json!({"type": "hello", "token": token})).await;
    assert_eq!(other.hear().await["type"], "welcome");

    drop(inside.pop());
    crate::until_watched_by(&edge, 3).await;
    Wire::session(&edge, "d").await;
}

#[tokio::test]
async fn a_user_sees_its_own_tickets_and_a_stranger_can_neither_see_nor_cancel_them() {
    let edge = Edge::start();
    let script = edge.model.script();
    let ticket = edge.issue(Some("min")).await;
    let mut tab = edge.session("min", json!([])).await;
    let mut other = edge.session("min", json!([])).await;
    let mut stranger = edge.session("lee", json!([])).await;
    let welcome = tab.hear().await;
    assert_eq!(welcome["tickets"][0]["ticket"], json!(ticket));
    assert_eq!(stranger.hear().await["tickets"], json!([]));

    script.send(text("한🙂")).expect("a model that listens");
    assert_eq!(tab.hear_type("text").await["offset"], 0);
    script.send(text("!")).expect("a model that listens");
    let more = tab.hear_type("text").await;
    assert_eq!(
        (more["offset"].clone(), more["text"].clone()),
        (json!(3), json!("!"))
    );

    tab.say(&json!({"type": "ack", "ticket": ticket})).await;
    assert_eq!(tab.hear_type("error").await["code"], "not_shown");
    stranger
        .say(&json!({"type": "cancel", "ticket": ticket, "mode": "void"}))
        .await;
    assert_eq!(stranger.hear_type("error").await["code"], "unknown_ticket");

    script.send(complete()).expect("a model that listens");
    assert_eq!(tab.hear_type("answer").await["answer"], "한🙂!");
    assert_eq!(other.hear_type("answer").await["answer"], "한🙂!");
    tab.say(&json!({"type": "ack", "ticket": ticket})).await;
    assert_eq!(other.hear_type("state").await["state"], "delivered");
    let read = edge.get(KEY, &format!("/v1/tickets/{ticket}")).await.json();
    assert_eq!(read["delivered"]["channel"], "session");
    assert_eq!(read["delivered"]["acknowledged_by"], welcome["session"]);
}
