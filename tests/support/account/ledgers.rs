//! What the model, the tenant's API and the users saw, against the histories.

use std::collections::BTreeMap;

use serde_json::Value;

use super::history::{count, failures, interruptions};
use super::{Callback, Evidence, Invariant, Objections, Shown};

/// Checks all ledgers.
pub(super) fn check(evidence: &Evidence, found: &mut Objections) {
    calls(evidence, found);
    callbacks(evidence, found);
    for (ticket, shown) in &evidence.shown {
        if let Some(history) = evidence.histories.get(ticket) {
            shown_text(ticket, shown, history, found);
        }
    }
}

fn calls(evidence: &Evidence, found: &mut Objections) {
    let mut called: BTreeMap<&str, usize> = BTreeMap::new();
    for word in &evidence.calls {
        *called.entry(word).or_default() += 1;
    }
    for (ticket, history) in &evidence.histories {
        let Some(first) = history.first() else {
            continue;
        };
        let word = first["data"]["metadata"]["word"]
            .as_str()
            .unwrap_or_default();
        let called = called.remove(word).unwrap_or_default();
        let sent = count(history, "TicketSent");
        let mut check = |holds, what: String| {
            found.unless(holds, Invariant::CallsHaveIntents, ticket, what);
        };
        check(called <= sent, format!("{called} calls, {sent} intents"));
        // What these say of the model can be known only from the model.
        let unheard = ["interrupted", "connection", "timeout"];
        let heard = failures(history)
            .filter(|kind| !unheard.contains(kind))
            .count();
        let heard = heard + count(history, "TicketAnswered");
        check(called >= heard, format!("{called} calls, {heard} outcomes"));
        let limit = limit(first) * (1 + count(history, "TicketRedriven"));
        let counted = sent - interruptions(history).min(sent);
        check(
            counted <= limit,
            format!("{counted} tries, and {limit} are allowed"),
        );
    }
    for (word, calls) in called {
        let what = format!("{calls} calls about {word}, a ticket nobody was told of");
        found.unless(false, Invariant::CallsHaveIntents, "", what);
    }
}

/// The most tries by the terms of the ticket: so many for each of its models.
fn limit(first: &Value) -> usize {
    let terms = &first["data"]["terms"];
    let models = 1 + terms["fallback_models"].as_array().map_or(0, Vec::len);
    let tries = terms["model_retry"]["max_tries"]
        .as_u64()
        .unwrap_or_default();
    models * usize::try_from(tries).unwrap_or(usize::MAX).max(1)
}

fn callbacks(evidence: &Evidence, found: &mut Objections) {
    let mut first: BTreeMap<&str, &Callback> = BTreeMap::new();
    let mut effects: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for callback in &evidence.callbacks {
        let mut check = |holds, what: &str| {
            let what = format!("{what}: {callback:?}");
            found.unless(holds, Invariant::EffectsAreSingle, &callback.ticket, what);
        };
        check(callback.signed, "not signed");
        check(
            evidence.histories.contains_key(&callback.ticket),
            "of a ticket nobody was told of",
        );
        let before = first.entry(&callback.id).or_insert(callback);
        check(before.data == callback.data, "a repeat says something else");
        check(before.kind == callback.kind, "a repeat is of another kind");
        if callback.took_effect {
            *effects
                .entry((&callback.ticket, &callback.kind))
                .or_default() += 1;
        }
    }
    for ((ticket, kind), times) in &effects {
        // By ticket and kind, not by id: a second id would be the mistake, except after a redrive that
        // has the ticket prepared anew.
        let what = format!("{kind} took effect {times} times");
        let most = 1 + evidence
            .histories
            .get(*ticket)
            .map_or(0, |history| prepared_anew(history));
        found.unless(
            (1..=most).contains(times),
            Invariant::EffectsAreSingle,
            ticket,
            what,
        );
    }
    for (ticket, history) in &evidence.histories {
        let terms = history.first().map(|event| &event["data"]["terms"]);
        for (hook, event) in [
            ("pre_process", "TicketPreProcessed"),
            ("post_process", "TicketPersisted"),
        ] {
            let hooked = terms.is_some_and(|terms| terms[hook] == true);
            if hooked && count(history, event) > 0 {
                let kind = format!("ticket.{hook}");
                let done = effects.contains_key(&(ticket.as_str(), kind.as_str()));
                let what = format!("{event} without its effect at the tenant's");
                found.unless(done, Invariant::EffectsAreSingle, ticket, what);
            }
        }
    }
}

/// How often a redrive had the ticket prepared anew.
fn prepared_anew(history: &[Value]) -> usize {
    let redriven = history
        .iter()
        .filter(|event| event["type"] == "TicketRedriven");
    redriven
        .filter(|event| event["data"]["from"] == "requested")
        .count()
}

fn shown_text(ticket: &str, shown: &Shown, history: &[Value], found: &mut Objections) {
    let find = |kind: &str| history.iter().rfind(|event| event["type"] == kind);
    let answered = find("TicketAnswered").map(|event| &event["data"]);
    let content = answered.and_then(|data| data["content"].as_str());
    if let (Some(answered), Some(content)) = (answered, content)
        && answered["attempt"] == shown.generation
    {
        let what = format!("{:?} was streamed, {content:?} is stored", shown.text);
        found.unless(
            content.starts_with(&shown.text),
            Invariant::TextIsTheAnswers,
            ticket,
            what,
        );
    }
    let Some(answer) = &shown.answer else { return };
    let replaced = find("TicketPersisted").and_then(|event| event["data"].get("answer"));
    let is_stored = match (replaced, content) {
        (Some(replaced), _) => answer == replaced,
        (None, Some(content)) => {
            let parsed = serde_json::from_str::<Value>(content).ok();
            answer == content || Some(answer) == parsed.as_ref()
        }
        (None, None) => false,
    };
    let what = format!("{answer} was shown, and is not what is stored");
    found.unless(is_stored, Invariant::TextIsTheAnswers, ticket, what);
}
