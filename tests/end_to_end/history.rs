//! What every history of a ticket must be, whatever happened to the ticket.

use punchcard_events::ticket::{TicketEvent, TicketState, replay};
use serde_json::Value;

/// Checks that a history is whole and legal, and gives the state it leads to.
#[track_caller]
pub(crate) fn fold(ticket: &str, history: &[Value]) -> TicketState {
    let mut last_position = None;
    let mut ids = std::collections::BTreeSet::new();
    for (revision, event) in history.iter().enumerate() {
        assert_eq!(event["revision"], revision, "{ticket}: {history:#?}");
        assert_eq!(event["correlation_id"], ticket);
        let position = event["position"].as_u64();
        assert!(position > last_position, "positions rise: {history:#?}");
        last_position = position;
        let id = event["id"].as_str().unwrap();
        assert!(ids.insert(id), "an event is there twice: {history:#?}");
        match event["causation_id"].as_str() {
            None => assert_eq!(revision, 0, "only the first has no cause: {history:#?}"),
            Some(cause) => assert!(ids.contains(cause), "a cause from nowhere: {history:#?}"),
        }
    }
    let events: Vec<TicketEvent> = history.iter().map(decode).collect();
    replay(&events).unwrap_or_else(|error| panic!("{ticket}: {error}: {history:#?}"))
}

/// Reads an event as the API shows it.
#[track_caller]
pub(crate) fn decode(event: &Value) -> TicketEvent {
    let version = event["schema_version"]
        .as_u64()
        .unwrap()
        .try_into()
        .unwrap();
    let kind = event["type"].as_str().unwrap();
    TicketEvent::decode(kind, version, &event["data"].to_string()).unwrap()
}
