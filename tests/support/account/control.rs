//! The control arm: evidence that was doctored, one fault each, and the checker's objection to it.

use serde_json::{Value, json};

use crate::account::{Callback, Evidence, Invariant, Replay, Shown, Told, objections};

const ID: &str = "0192c0de-0000-7000-8000-000000000001";

/// One ticket of the task `review` that was retried once and delivered, and nothing is wrong with it.
fn sound() -> Evidence {
    let body = json!({
        "task": "review", "user": "u", "input": { "essay": "e" }, "metadata": { "word": "w" },
    });
    let mut requested = body.clone();
    requested["terms"] = json!({
        "pre_process": true, "post_process": true,
        "model_retry": { "max_tries": 2 },
        "deadlines": {
            "answer_by": "2026-11-23T10:10:00.000Z",
            "persist_by": "2026-11-24T10:00:00.000Z",
            "deliver_by": "2026-11-30T10:00:00.000Z",
        },
    });
    let life = [
        ("TicketRequested", requested),
        ("CallbackFailed", json!({ "callback": "pre_process" })),
        ("TicketPreProcessed", json!({})),
        ("TicketSent", json!({ "attempt": 1 })),
        (
            "AttemptFailed",
            json!({ "attempt": 1, "error": { "kind": "server" } }),
        ),
        ("TicketSent", json!({ "attempt": 2 })),
        (
            "TicketAnswered",
            json!({ "attempt": 2, "content": "an answer" }),
        ),
        ("TicketPersisted", json!({})),
        ("TicketDelivered", json!({})),
    ];
    let history = life
        .into_iter()
        .zip(0_u64..)
        .map(|((kind, data), revision)| event(kind, data, revision));
    let told = Told {
        key: "k".to_owned(),
        ticket: ID.to_owned(),
        body,
    };
    Evidence {
        told: vec![told.clone(), told],
        reused: vec![("k".to_owned(), 422)],
        histories: [(ID.to_owned(), history.collect())].into(),
        listed: [(ID.to_owned(), "delivered".to_owned())].into(),
        calls: vec!["w".to_owned(), "w".to_owned()],
        callbacks: vec![
            callback("pre", true),
            callback("post", true),
            callback("post", false),
        ],
        shown: [(ID.to_owned(), shown("an ans", "an answer"))].into(),
        damage: None,
        replays: vec![Replay {
            ticket: ID.to_owned(),
            results: ["same".to_owned(), "same".to_owned()],
            calls: 0,
        }],
    }
}

fn event(kind: &str, data: Value, revision: u64) -> Value {
    let cause = revision
        .checked_sub(1)
        .map(|cause| format!("event-{cause}"));
    json!({
        "id": format!("event-{revision}"), "type": kind, "revision": revision,
        "position": 100 + revision, "correlation_id": ID, "causation_id": cause,
        "recorded_at": format!("2026-11-23T10:00:0{revision}.000Z"), "data": data,
    })
}

fn callback(kind: &str, took_effect: bool) -> Callback {
    Callback {
        id: format!("msg_{ID}_{kind}_process"),
        kind: format!("ticket.{kind}_process"),
        ticket: ID.to_owned(),
        data: json!({ "ticket": ID }),
        signed: true,
        took_effect,
    }
}

fn shown(text: &str, answer: &str) -> Shown {
    Shown {
        generation: 2,
        text: text.to_owned(),
        answer: Some(json!(answer)),
    }
}

fn history(evidence: &mut Evidence) -> &mut Vec<Value> {
    evidence.histories.get_mut(ID).unwrap()
}

/// Checks that the checker objects to what `doctor` does, and with this invariant.
#[track_caller]
fn objects(invariant: Invariant, doctor: impl FnOnce(&mut Evidence)) {
    let mut evidence = sound();
    doctor(&mut evidence);
    let found = objections(&evidence);
    let named = found
        .iter()
        .any(|objection| objection.invariant == invariant);
    assert!(
        named,
        "{invariant:?} was broken, and this was found: {found:#?}"
    );
}

#[test]
fn sound_evidence_meets_no_objection() {
    assert_eq!(objections(&sound()), []);
}

#[test]
fn a_lost_ticket_is_seen() {
    objects(Invariant::AcceptedTicketsExist, |evidence| {
        evidence.histories.clear();
    });
    objects(Invariant::NothingIsForgotten, |evidence| {
        evidence.listed.clear();
    });
}

#[test]
fn a_ticket_with_other_content_is_seen() {
    objects(Invariant::AcceptedTicketsExist, |evidence| {
        history(evidence)[0]["data"]["input"]["essay"] = json!("f");
    });
}

#[test]
fn a_ticket_that_nobody_was_told_of_is_seen() {
    objects(Invariant::NothingIsForgotten, |evidence| {
        evidence
            .listed
            .insert("another".to_owned(), "requested".to_owned());
    });
}

#[test]
fn a_repeated_revision_and_a_gap_are_seen() {
    objects(Invariant::StreamsAreWhole, |evidence| {
        let again = history(evidence)[8].clone();
        history(evidence).push(again);
    });
    objects(Invariant::StreamsAreWhole, |evidence| {
        history(evidence).remove(1);
    });
    objects(Invariant::StreamsAreWhole, |evidence| {
        history(evidence)[4]["position"] = json!(3);
    });
}

#[test]
fn damage_in_the_store_is_seen() {
    objects(Invariant::StreamsAreWhole, |evidence| {
        evidence.damage = Some("a broken chain".to_owned());
    });
}

#[test]
fn an_illegal_order_is_seen() {
    objects(Invariant::TransitionsAreLegal, |evidence| {
        history(evidence)[2]["type"] = json!("TicketPersisted");
    });
    objects(Invariant::TransitionsAreLegal, |evidence| {
        history(evidence)[8]["type"] = json!("TicketRedriven");
    });
    objects(Invariant::TransitionsAreLegal, |evidence| {
        history(evidence)[5]["data"]["attempt"] = json!(3);
    });
}

#[test]
fn a_second_end_is_seen() {
    objects(Invariant::TransitionsAreLegal, |evidence| {
        let end = event("TicketCancelled", json!({}), 9);
        history(evidence).push(end);
    });
}

#[test]
fn a_call_without_an_intent_is_seen() {
    objects(Invariant::CallsHaveIntents, |evidence| {
        evidence.calls.push("w".to_owned());
    });
    objects(Invariant::CallsHaveIntents, |evidence| {
        evidence.calls.push("nobody's".to_owned());
    });
}

#[test]
fn an_outcome_without_a_call_is_seen() {
    objects(Invariant::CallsHaveIntents, |evidence| {
        evidence.calls.pop();
    });
}

#[test]
fn more_tries_than_allowed_are_seen() {
    objects(Invariant::CallsHaveIntents, |evidence| {
        history(evidence)[0]["data"]["terms"]["model_retry"]["max_tries"] = json!(1);
    });
}

#[test]
fn a_doubled_effect_is_seen_even_under_a_second_id() {
    objects(Invariant::EffectsAreSingle, |evidence| {
        evidence.callbacks[2].took_effect = true;
    });
    objects(Invariant::EffectsAreSingle, |evidence| {
        evidence.callbacks[2].id = "msg_another".to_owned();
        evidence.callbacks[2].took_effect = true;
    });
}

#[test]
fn a_repeat_that_says_something_else_is_seen() {
    objects(Invariant::EffectsAreSingle, |evidence| {
        evidence.callbacks[2].data["answer"] = json!("another");
    });
}

#[test]
fn a_persisted_answer_that_the_tenant_never_got_is_seen() {
    objects(Invariant::EffectsAreSingle, |evidence| {
        evidence.callbacks.truncate(1);
    });
}

#[test]
fn a_callback_that_nobody_signed_is_seen() {
    objects(Invariant::EffectsAreSingle, |evidence| {
        evidence.callbacks[0].signed = false;
    });
}

#[test]
fn text_that_is_not_the_answers_is_seen() {
    objects(Invariant::TextIsTheAnswers, |evidence| {
        evidence
            .shown
            .insert(ID.to_owned(), shown("another", "an answer"));
    });
    objects(Invariant::TextIsTheAnswers, |evidence| {
        evidence
            .shown
            .insert(ID.to_owned(), shown("an ans", "another answer"));
    });
}

#[test]
fn a_ticket_that_is_listed_in_another_state_is_seen() {
    objects(Invariant::NothingIsForgotten, |evidence| {
        evidence.listed.insert(ID.to_owned(), "failed".to_owned());
    });
}

#[test]
fn a_ticket_that_is_open_past_its_deadline_is_seen() {
    objects(Invariant::NothingIsForgotten, |evidence| {
        history(evidence).truncate(6);
        evidence.listed.insert(ID.to_owned(), "sent".to_owned());
        history(evidence)[5]["recorded_at"] = json!("2026-11-23T10:10:00.001Z");
    });
}

#[test]
fn a_key_with_two_tickets_is_seen() {
    objects(Invariant::KeysAreKept, |evidence| {
        let mut other = evidence.told[0].clone();
        other.ticket = "another".to_owned();
        let history = evidence.histories[ID].clone();
        evidence.histories.insert(other.ticket.clone(), history);
        evidence.told.push(other);
    });
}

#[test]
fn a_used_key_that_took_another_body_is_seen() {
    objects(Invariant::KeysAreKept, |evidence| {
        evidence.reused.push(("k".to_owned(), 202));
    });
}

#[test]
fn a_replay_that_differs_or_calls_is_seen() {
    objects(Invariant::ReplayIsPure, |evidence| {
        evidence.replays[0].results[1] = "other".to_owned();
    });
    objects(Invariant::ReplayIsPure, |evidence| {
        evidence.replays[0].calls = 1;
    });
}
