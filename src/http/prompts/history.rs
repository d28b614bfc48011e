//! The history of a prompt: every event, with a sentence that says what happened.

use actix_web::HttpResponse;
use punchcard_actors::prompts::PromptError;
use punchcard_events::prompt::PromptEvent;
use punchcard_events::{Recorded, Revision, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::params::{Params, invalid};
use super::sentence::sentence;
use super::view::ByView;
use crate::http::dispatch::PromptCall;
use crate::http::errors::Problem;

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct HistoryPage {
    entries: Vec<HistoryEntry>,
    /// What `after` is for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<Revision>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct HistoryEntry {
    revision: Revision,
    at: Timestamp,
    by: ByView,
    kind: &'static str,
    sentence: String,
    event: Value,
}

/// `GET /v1/prompts/{task}/history`
pub(super) async fn read(PromptCall { call, task }: PromptCall) -> Result<HttpResponse, Problem> {
    let params = Params::of(call.request.query_string(), &["limit", "after"])?;
    let limit = params.limit()?;
    let rule = "Use the next_cursor of the page before.";
    let after: Option<u64> = params.get("after", rule)?;
    // A prompt has far fewer events; the largest numbers are none that a store can hold.
    let after = after.map(|after| i64::try_from(after).map(|_| Revision(after)));
    let after = after.transpose().map_err(|_| invalid("after", rule))?;
    let (tenant, prompts) = (&call.caller.tenant, &call.api.prompts);
    if !prompts.book().knows(tenant, &task) {
        return Err(PromptError::NoSuchPrompt(task).into());
    }
    let from = after.map(Revision::next);
    let mut found = prompts
        .history(tenant, &task, from, limit.saturating_add(1))
        .await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| more).map(|event| event.revision);
    let entries = found.iter().map(entry).collect::<Result<_, _>>()?;
    Ok(HttpResponse::Ok().json(HistoryPage {
        entries,
        next_cursor,
    }))
}

fn entry(recorded: &Recorded) -> Result<HistoryEntry, PromptError> {
    let stored = &recorded.event;
    let event = PromptEvent::decode(&stored.kind, stored.schema_version, &stored.data)
        .map_err(|error| PromptError::Damaged(error.to_string()))?;
    Ok(HistoryEntry {
        revision: recorded.revision,
        at: event.act().at,
        by: (&event.act().by).into(),
        kind: event.kind(),
        sentence: sentence(&event),
        event: without_texts(&event),
    })
}

/// An event without whole contents and test sets: a page of them could have a hundred megabytes, and
/// the versions and the test set have routes of their own.
fn without_texts(event: &PromptEvent) -> Value {
    match event {
        PromptEvent::PromptDrafted(drafted) => json!({
            "edit": drafted.edit,
            "based_on": drafted.based_on,
            "hash": drafted.content.hash(),
            "act": drafted.act,
        }),
        PromptEvent::PromptPublished(published) => json!({
            "version": published.version,
            "hash": published.hash,
            "notes": published.notes,
            "act": published.act,
        }),
        PromptEvent::TestSetSaved(saved) => json!({
            "number": saved.test_set.number,
            "cases": saved.test_set.cases.len(),
            "act": saved.act,
        }),
        PromptEvent::DraftDiscarded(discarded) => json!(discarded),
        PromptEvent::LabelMoved(moved) => json!(moved),
        PromptEvent::LabelRemoved(removed) => json!(removed),
        PromptEvent::CanaryStarted(started) => json!(started),
        PromptEvent::CanaryEnded(ended) => json!(ended),
        PromptEvent::PromptTested(tested) => json!(tested),
        PromptEvent::PromptShadowed(shadowed) => json!(shadowed),
        PromptEvent::DeploymentPolicySet(set) => json!(set),
        PromptEvent::PromptRetired(retired) => json!(retired),
        PromptEvent::PromptRestored(restored) => json!(restored),
    }
}
