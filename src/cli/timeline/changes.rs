//! What one event changed, in a few words each. No prompt, input or answer is repeated here.

use punchcard_events::Timestamp;
use punchcard_events::ticket::{
    AttemptFailed, CallbackFailed, CancelMode, Channel, Failure, Fallback, FallbackReason,
    PromptRef, TicketAnswered, TicketEvent, TicketPreProcessed, TicketRequested, TicketState,
};
use serde::Serialize;
use serde_json::Value;

use super::Change;
use crate::cli::style;

/// What `event`, recorded `at`, changed between `before` and `after`.
pub(super) fn of(
    before: &TicketState,
    event: &TicketEvent,
    after: &TicketState,
    at: Timestamp,
) -> Vec<Change> {
    let mut changes = Vec::new();
    if before.name() != after.name() {
        changes.push(Change {
            what: "state",
            from: Some(before.name().as_str().to_owned()),
            to: after.name().as_str().to_owned(),
        });
    }
    match event {
        TicketEvent::TicketRequested(e) => requested(e, &mut changes),
        TicketEvent::TicketPreProcessed(e) => pre_processed(e, &mut changes),
        TicketEvent::TicketSent(e) => {
            let from = Some(before.attempt()).filter(|attempt| *attempt > 0);
            changes.push(Change {
                what: "attempt",
                from: from.map(|attempt| attempt.to_string()),
                to: e.attempt.to_string(),
            });
            changes.push(says("model", &e.model));
            if let Some(fallback) = &e.fallback {
                changes.push(says("fallback", because(fallback)));
            }
        }
        TicketEvent::AttemptFailed(e) => attempt_failed(e, at, &mut changes),
        TicketEvent::TicketAnswered(e) => answered(e, &mut changes),
        TicketEvent::CallbackFailed(e) => callback_failed(e, at, &mut changes),
        TicketEvent::TicketPersisted(e) => {
            let whose = match e.answer {
                Some(_) => "replaced by the backend",
                None => "the model's",
            };
            changes.push(says("answer", whose));
        }
        TicketEvent::TicketDelivered(e) => {
            let way = match e.channel {
                Channel::Session => "session",
                Channel::Webhook => "webhook",
                Channel::Kept => "nobody: a fork is kept",
                Channel::Fetch => "fetched by the issuer",
            };
            changes.push(says("channel", way));
            changes.push(says("by", &e.acknowledged_by));
        }
        TicketEvent::TicketFailed(e) => failed(&e.failure, &mut changes),
        TicketEvent::TicketCancelled(e) => {
            changes.push(says("mode", word(e.mode)));
            changes.push(says("by", &e.by));
            if let (CancelMode::Stop, Some(text)) = (e.mode, &e.text) {
                changes.push(says("kept", characters(text)));
            }
        }
        TicketEvent::TicketRedriven(e) => {
            changes.push(says("by", &e.by));
            if let Some(from) = e.from {
                changes.push(says("from", word(from)));
            }
            if let Some(redrive) = e.redrive {
                changes.push(says("redrive", redrive));
            }
            changes.push(says("answer by", style::time(e.deadlines.answer_by)));
        }
    }
    changes
}

fn requested(event: &TicketRequested, changes: &mut Vec<Change>) {
    changes.push(says("tenant", &event.tenant));
    changes.push(says("task", &event.task));
    if let Some(label) = &event.label {
        changes.push(says("label", label));
    }
    if let Some(user) = &event.user {
        changes.push(says("user", user));
    }
    if !event.priority.is_normal() {
        changes.push(says("priority", word(event.priority)));
    }
    if let Some(not_before) = event.not_before {
        changes.push(says("not before", style::time(not_before)));
    }
    if let Some(line) = event.batch {
        changes.push(says("batch", format!("{}, line {}", line.batch, line.line)));
    }
    for (name, value) in &event.metadata {
        changes.push(says("metadata", format!("{name}={value}")));
    }
    if event.idempotency.is_some() {
        changes.push(says("idempotency", "key given"));
    }
}

fn pre_processed(event: &TicketPreProcessed, changes: &mut Vec<Change>) {
    if event.input.is_some() {
        changes.push(says("input", "replaced by the backend"));
    }
    changes.push(says("prompt", prompt_in_words(&event.prompt)));
    let messages = event.messages.len();
    changes.push(says("messages", messages));
    changes.push(says("model", &event.model));
    let parameters = serde_json::to_value(event.parameters.as_ref());
    if let Some(parameters) = parameters.ok().as_ref().and_then(parameters_in_words) {
        changes.push(says("parameters", parameters));
    }
}

/// Which version it was, the start of its hash, and how the ticket came to it.
pub(crate) fn prompt_in_words(prompt: &PromptRef) -> String {
    let hash: String = prompt.hash.chars().take(12).collect();
    let mut words = format!("version {}, {hash}", prompt.version);
    if let Some(label) = &prompt.label {
        words.push_str(&format!(", label {label}"));
    }
    if let Some(canary) = &prompt.canary {
        words.push_str(&format!(", canary {canary}"));
    }
    words
}

/// The parameters that are set, if any is; also those that a newer server has.
pub(crate) fn parameters_in_words(parameters: &Value) -> Option<String> {
    let set = parameters
        .as_object()?
        .iter()
        .filter_map(|(name, value)| match value {
            Value::Null | Value::Bool(false) => None,
            Value::Bool(true) => Some(name.clone()),
            value => Some(format!("{name} {value}")),
        });
    let set: Vec<_> = set.collect();
    (!set.is_empty()).then(|| set.join(", "))
}

fn attempt_failed(event: &AttemptFailed, at: Timestamp, changes: &mut Vec<Change>) {
    changes.push(says("error", word(event.error.kind)));
    changes.push(says("because", &event.error.message));
    changes.push(retry("retry", event.retry_at, at));
    if let Some(next) = &event.next_model {
        changes.push(says("next model", next));
    }
}

/// Why a fallback is asked.
pub(crate) fn because(fallback: &Fallback) -> String {
    let Fallback { from, reason } = fallback;
    match reason {
        FallbackReason::Failed => format!("{from} failed"),
        FallbackReason::BreakerOpen => format!("the breaker of {from} is open"),
    }
}

fn answered(event: &TicketAnswered, changes: &mut Vec<Change>) {
    changes.push(says("finish", &event.finish_reason));
    if let Some(usage) = event.usage {
        let (sent, received) = (usage.prompt_tokens, usage.completion_tokens);
        changes.push(says("tokens", format!("{sent} in, {received} out")));
    }
    let (first, total) = (event.timings.first_token_ms, event.timings.total_ms);
    changes.push(says(
        "model time",
        format!("{total} ms, first text after {first} ms"),
    ));
    changes.push(says("text", characters(&event.content)));
}

fn callback_failed(event: &CallbackFailed, at: Timestamp, changes: &mut Vec<Change>) {
    changes.push(says("callback", event.callback.as_str()));
    changes.push(says("try", event.try_number));
    changes.push(says("error", word(event.error.kind)));
    changes.push(says("because", &event.error.message));
    changes.push(retry("retry", event.retry_at, at));
}

fn failed(failure: &Failure, changes: &mut Vec<Change>) {
    changes.push(says("stage", word(failure.stage)));
    changes.push(says("code", &failure.code));
    changes.push(says("because", &failure.message));
}

fn retry(what: &'static str, retry_at: Option<Timestamp>, at: Timestamp) -> Change {
    match retry_at {
        Some(retry_at) => {
            let wait = style::duration(retry_at.since(at));
            says(what, format!("in {wait}, at {}", style::time(retry_at)))
        }
        None => says(what, "none"),
    }
}

fn characters(text: &str) -> String {
    match text.chars().count() {
        1 => "1 character".to_owned(),
        count => format!("{count} characters"),
    }
}

fn says(what: &'static str, to: impl ToString) -> Change {
    Change {
        what,
        from: None,
        to: style::one_line(&to.to_string()),
    }
}

/// A word of the events as their JSON has it.
fn word(word: impl Serialize) -> String {
    match serde_json::to_value(word) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(kind: &str, data: &serde_json::Value) -> Vec<String> {
        let event = TicketEvent::decode(kind, 1, &data.to_string()).unwrap();
        let state = TicketState::Unrequested;
        let changes = of(&state, &event, &state, Timestamp::default());
        let told = changes.iter().map(|c| format!("{}: {}", c.what, c.to));
        told.collect()
    }

    #[test]
    fn a_fallback_is_named_with_its_reason() {
        let error = json!({ "kind": "unauthorized", "message": "401" });
        let failed = json!({
            "attempt": 1, "error": error, "retry_at": "1970-01-01T00:00:00.000Z",
            "next_model": "large",
        });
        let failed = told("AttemptFailed", &failed);
        assert_eq!(failed.last().unwrap(), "next model: large");
        for (reason, expected) in [
            ("failed", "fallback: small failed"),
            ("breaker_open", "fallback: the breaker of small is open"),
        ] {
            let sent = json!({
                "attempt": 2, "model": "large", "fallback": { "from": "small", "reason": reason },
            });
            let sent = told("TicketSent", &sent);
            assert_eq!(sent[1..], ["model: large", expected]);
        }
    }
}
