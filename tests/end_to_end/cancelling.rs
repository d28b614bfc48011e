//! Tickets that somebody ends: over HTTP and over the session, keeping the text or not.

use serde_json::{Value, json};

use crate::api::types;
use crate::fake_backend::Gate;
use crate::history::fold;
use crate::session::{Memory, Session};
use crate::world::{World, held};

/// A ticket that has streamed "so far" to its user and waits at a gate.
async fn streaming(world: &World, gate: &Gate) -> (Session, String) {
    world
        .model
        .script("endless", [held("so far", gate, " and so on")]);
    let mut session = world.session("u1", Memory::new()).await;
    let ticket = world
        .api
        .issue("explain", Some("u1"), json!({ "word": "endless" }))
        .await;
    session.until_text(&ticket, "so far").await;
    (session, ticket)
}

/// What is true of every cancelled ticket, once its model has gone on talking.
async fn check(world: &World, ticket: &str, by: &str, mode: &str, text: Option<&str>) {
    let mut expected = json!({ "mode": mode, "by": by });
    if let Some(text) = text {
        expected["text"] = json!(text);
    }
    let shown = world.api.ticket(ticket).await;
    assert_eq!(shown["state"], "cancelled");
    assert_eq!(shown["cancelled"], expected);
    assert_eq!(shown.get("answer"), None);
    let history = world.api.history(ticket).await;
    fold(ticket, &history);
    let expected_types = [
        "TicketRequested",
        "TicketPreProcessed",
        "TicketSent",
        "TicketCancelled",
    ];
    assert_eq!(types(&history), expected_types);
    assert_eq!(history[3]["data"], expected);
    assert_eq!(
        world.backend.deliveries().len(),
        0,
        "nothing was to be persisted"
    );
}

async fn over_http(mode: &str, text: Option<&str>) {
    let world = World::start().await;
    let gate = Gate::closed();
    let (mut session, ticket) = streaming(&world, &gate).await;
    let cancelled = world.api.cancel(&ticket, mode).await.expect(200);
    assert_eq!(cancelled["state"], "cancelled");
    let frame = session.until(&ticket, "cancelled").await;
    assert_eq!(frame["mode"], mode);
    assert_eq!(frame["text"], text.map_or(Value::Null, Value::from));
    gate.open();
    // The same again is no news; another way is refused. Either way nothing changes.
    let repeated = world.api.cancel(&ticket, mode).await;
    assert!(matches!(repeated.status, 200 | 409), "{}", repeated.text);
    let by = cancelled["cancelled"]["by"].as_str().unwrap();
    assert!(by.starts_with("pk_live_"), "{by}");
    check(&world, &ticket, by, mode, text).await;
}

#[tokio::test]
async fn a_ticket_stopped_over_http_keeps_the_text_so_far() {
    over_http("stop", Some("so far")).await;
}

#[tokio::test]
async fn a_ticket_voided_over_http_keeps_nothing() {
    over_http("void", None).await;
}

#[tokio::test]
async fn a_user_stops_a_ticket_over_the_session() {
    let world = World::start().await;
    let gate = Gate::closed();
    let (mut session, ticket) = streaming(&world, &gate).await;
    session.cancel(&ticket, "stop").await;
    let frame = session.until(&ticket, "cancelled").await;
    assert_eq!(frame["text"], "so far");
    gate.open();
    let by = session.welcome["session"].as_str().unwrap();
    check(&world, &ticket, by, "stop", Some("so far")).await;
}

#[tokio::test]
async fn nobody_cancels_what_is_not_theirs_or_has_ended() {
    let world = World::start().await;
    let gate = Gate::closed();
    let (mut session, ticket) = streaming(&world, &gate).await;
    world
        .stranger
        .cancel(&ticket, "void")
        .await
        .expect_problem(404, "not_found");
    let mut other = world.session("u2", Memory::new()).await;
    other.cancel(&ticket, "void").await;
    let refused = other.next().await;
    assert_eq!(
        (&refused["type"], &refused["code"]),
        (&json!("error"), &json!("unknown_ticket"))
    );
    gate.open();
    session.until(&ticket, "answer").await;
    session.ack(&ticket).await;
    session.until_state(&ticket, "delivered").await;
    let refused = world.api.cancel(&ticket, "void").await;
    refused.expect_problem(409, "ticket_already_ended");
    assert_eq!(world.api.ticket(&ticket).await["state"], "delivered");
}
