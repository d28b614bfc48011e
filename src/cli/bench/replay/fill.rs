//! A store full of delivered tickets, written without a server.

use std::path::Path;

use anyhow::Context;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use punchcard_actors::ports::{EventStore as _, ExpectedRevision};
use punchcard_events::{EventId, NewEvent, TenantId, TicketId, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::setup::TENANT;
use crate::adapters::store_sqlite::{Options, SqliteStore};

/// Tickets written at a time.
const AT_A_TIME: usize = 512;

/// When the first was issued: a time like any other.
const THEN: u64 = 1_795_430_670_000;

/// The ticket with this number: an id as they are given, one a millisecond.
pub(super) fn ticket(number: u64) -> TicketId {
    let id = (u128::from(THEN + number) << 80) | (0x7 << 76) | (0x2 << 62) | u128::from(number);
    TicketId(Uuid::from_u128(id))
}

/// Writes delivered tickets of six events each.
pub(super) async fn fill(data_dir: &Path, tickets: u64) -> anyhow::Result<()> {
    let options = Options::new(data_dir);
    let store = tokio::task::spawn_blocking(move || SqliteStore::open(options)).await??;
    let tenant = TenantId::new(TENANT)?;
    stream::iter(0..tickets)
        .map(|number| write(&store, &tenant, number))
        .buffer_unordered(AT_A_TIME)
        .try_collect::<()>()
        .await?;
    tokio::task::spawn_blocking(move || store.close()).await?;
    Ok(())
}

/// One ticket, in one append.
async fn write(store: &SqliteStore, tenant: &TenantId, number: u64) -> anyhow::Result<()> {
    let ticket = ticket(number);
    let at = Timestamp::from_millis(THEN + number);
    let events = life(tenant, number, at).into_iter().zip(0_u128..);
    let events = events.map(|((kind, body), place)| NewEvent {
        id: EventId(Uuid::from_u128(ticket.0.as_u128() ^ ((place + 1) << 32))),
        kind: kind.into(),
        schema_version: 1,
        tenant: tenant.clone(),
        correlation_id: ticket.0,
        causation_id: None,
        recorded_at: at,
        data: body.to_string(),
    });
    let events: Vec<_> = events.collect();
    let stream = ticket.stream();
    let written = store.append(&stream, ExpectedRevision::NoStream, &events);
    written.await.context("cannot write the tickets")?;
    Ok(())
}

/// A ticket as they usually go.
fn life(tenant: &TenantId, number: u64, at: Timestamp) -> [(&'static str, Value); 6] {
    let essay = format!("My summer, number {number}. {}", "It was long. ".repeat(30));
    let retry = json!({"max_tries": 3, "initial_delay_ms": 500, "max_delay_ms": 5_000});
    let system = "You review essays of learners of English, kindly and in plain words. ".repeat(2);
    [
        (
            "TicketRequested",
            json!({
                "tenant": tenant, "task": "writing-review", "user": format!("u-{}", number % 1_000),
                "input": {"text": essay, "level": "B1"}, "metadata": {"course": "english-2"},
                "requested_at": at,
                "terms": {
                    "pre_process": false, "post_process": false, "answer_format": "text",
                    "model_retry": retry, "callback_retry": retry,
                    "deadlines": {"answer_by": at, "persist_by": at, "deliver_by": at},
                },
            }),
        ),
        (
            "TicketPreProcessed",
            json!({
                "prompt": {"version": 3, "hash": "4f".repeat(32)},
                "messages": [
                    {"role": "system", "content": system},
                    {"role": "user", "content": essay},
                ],
                "model": "small", "parameters": {"temperature": 0.3, "max_tokens": 800},
            }),
        ),
        ("TicketSent", json!({"attempt": 1, "model": "small"})),
        (
            "TicketAnswered",
            json!({
                "attempt": 1, "content": "A good start; mind the tenses. ".repeat(20),
                "finish_reason": "stop",
                "usage": {"prompt_tokens": 200, "completion_tokens": 150},
                "timings": {"first_token_ms": 300, "total_ms": 2_400},
            }),
        ),
        ("TicketPersisted", json!({})),
        (
            "TicketDelivered",
            json!({"channel": "session", "acknowledged_by": "session-1"}),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use punchcard_events::ticket::{StateName, TicketEvent, replay};

    use super::*;

    #[test]
    fn the_tickets_that_are_filled_in_are_tickets() {
        let tenant = TenantId::new(TENANT).expect("a name");
        let life = life(&tenant, 7, Timestamp::from_millis(THEN));
        let events: Vec<_> = life
            .iter()
            .map(|(kind, body)| TicketEvent::decode(kind, 1, &body.to_string()).expect("an event"))
            .collect();
        let state = replay(&events).expect("a history");
        assert_eq!(state.name(), StateName::Delivered);
        assert_eq!(ticket(7).0.get_version_num(), 7);
        assert_ne!(ticket(7), ticket(8));
    }
}
