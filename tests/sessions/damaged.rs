//! A user one of whose tickets is damaged in the store.

use std::borrow::Cow;

use punchcard_actors::ports::{EventStore as _, ExpectedRevision};
use punchcard_events::{EventId, NewEvent, TicketId};
use serde_json::json;
use uuid::Uuid;

use crate::edge::{Edge, KEY, text};

/// Stores a ticket like `sound` with an event in its history that nobody can read.
async fn damaged_like(edge: &Edge, sound: TicketId) -> TicketId {
    let ticket = TicketId(Uuid::now_v7());
    let events = edge.store.all_events();
    let first = events.iter().find(|e| e.stream == sound.stream());
    let requested = NewEvent {
        id: EventId(Uuid::now_v7()),
        correlation_id: ticket.0,
        ..first.expect("it is stored").event.clone()
    };
    let unreadable = NewEvent {
        id: EventId(Uuid::now_v7()),
        kind: Cow::Borrowed("TicketEaten"),
        ..requested.clone()
    };
    let (stream, events) = (ticket.stream(), [requested, unreadable]);
    let written = edge
        .store
        .append(&stream, ExpectedRevision::NoStream, &events);
    written.await.expect("written");
    ticket
}

#[tokio::test]
async fn a_damaged_ticket_is_left_out_and_its_user_hears_of_all_others() {
    let edge = Edge::start();
    let script = edge.model.script();
    let sound = edge.issue(Some("min")).await;
    let id = TicketId(sound.parse().expect("an id"));
    let damaged = damaged_like(&edge, id).await;
    let reply = edge.get(KEY, &format!("/v1/tickets/{damaged}")).await;
    assert!(reply.status >= 500, "it is damaged: {reply:?}");

    let mut session = edge.session("min", json!([])).await;
    let welcome = session.hear_type("welcome").await;
    let tickets = welcome["tickets"].as_array().expect("a list");
    let ids: Vec<_> = tickets.iter().map(|line| &line["ticket"]).collect();
    assert_eq!(ids, [&json!(sound)]);
    script.send(text("all the same")).expect("a model");
    assert_eq!(session.hear_type("text").await["ticket"], json!(sound));
}
