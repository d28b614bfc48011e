//! The history of a tenant: every event, with a sentence that says what was done.

use actix_web::HttpResponse;
use punchcard_actors::tenants::TenantError;
use punchcard_events::tenant::TenantEvent;
use punchcard_events::{Recorded, Revision, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::sentence::sentence;
use crate::http::dispatch::OperatorCall;
use crate::http::errors::Problem;
use crate::http::prompts::params::{Params, invalid};
use crate::http::prompts::view::ByView;

#[derive(Debug, Serialize)]
struct HistoryPage {
    entries: Vec<HistoryEntry>,
    /// What `after` is for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<Revision>,
}

#[derive(Debug, Serialize)]
struct HistoryEntry {
    revision: Revision,
    at: Timestamp,
    by: ByView,
    kind: &'static str,
    sentence: String,
    event: Value,
}

/// `GET /admin/v1/tenants/{tenant}/history`
pub(super) async fn read(call: OperatorCall) -> Result<HttpResponse, Problem> {
    let params = Params::of(call.request.query_string(), &["limit", "after"])?;
    let limit = params.limit()?;
    let rule = "Use the next_cursor of the page before.";
    let after: Option<u64> = params.get("after", rule)?;
    // A tenant has far fewer events; the largest numbers are none that a store can hold.
    let after = after.map(|after| i64::try_from(after).map(|_| Revision(after)));
    let after = after.transpose().map_err(|_| invalid("after", rule))?;
    let tenant = call.tenant()?;
    call.state(&tenant)?;
    let from = after.map(Revision::next);
    let read = call
        .api
        .tenants
        .history(&tenant, from, limit.saturating_add(1));
    let mut found = read.await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| more).map(|event| event.revision);
    let entries = found.iter().map(entry).collect::<Result<_, _>>()?;
    Ok(HttpResponse::Ok().json(HistoryPage {
        entries,
        next_cursor,
    }))
}

fn entry(recorded: &Recorded) -> Result<HistoryEntry, TenantError> {
    let stored = &recorded.event;
    let event = TenantEvent::decode(&stored.kind, stored.schema_version, &stored.data)
        .map_err(|error| TenantError::Damaged(error.to_string()))?;
    Ok(HistoryEntry {
        revision: recorded.revision,
        at: event.act().at,
        by: (&event.act().by).into(),
        kind: event.kind(),
        sentence: sentence(&event),
        event: shown(&event),
    })
}

/// The event without the hashes of keys: they open nothing, and nobody needs them.
fn shown(event: &TenantEvent) -> Value {
    let mut shown = match event {
        TenantEvent::TenantCreated(body) => serde_json::to_value(body),
        TenantEvent::TenantRenamed(body) => serde_json::to_value(body),
        TenantEvent::TenantSuspended(body) => serde_json::to_value(body),
        TenantEvent::TenantResumed(body) => serde_json::to_value(body),
        TenantEvent::LimitsChanged(body) => serde_json::to_value(body),
        TenantEvent::OriginsChanged(body) => serde_json::to_value(body),
        TenantEvent::CallbackChanged(body) => serde_json::to_value(body),
        TenantEvent::HooksChanged(body) => serde_json::to_value(body),
        TenantEvent::KeyIssued(body) => serde_json::to_value(body),
        TenantEvent::KeyRotated(body) => serde_json::to_value(body),
        TenantEvent::KeyRevoked(body) => serde_json::to_value(body),
    }
    .unwrap_or_default();
    if let Some(key) = shown.get_mut("key").and_then(Value::as_object_mut) {
        key.remove("sha256");
    }
    shown
}
