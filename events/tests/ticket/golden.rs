//! Stored events are for ever: files written by the versions that were shipped, read by this one.
//!
//! `golden/ticket/<Kind>.v<N>.json` holds a body of schema version N with every field set (`full`)
//! and one with only what is required (`minimal`). Fields that were added to a version later have
//! files of their own, `<Kind>.v<N>.<what>.json`. `golden/ticket/lives/<name>.json` holds a whole
//! stored history with the state and fingerprint it folds to.
//!
//! For a new kind, a new version or a new life, add its sample below and run
//!
//! ```text
//! PUNCHCARD_WRITE_GOLDEN=1 cargo test -p punchcard-events --test ticket golden
//! ```
//!
//! once: files that are missing are written, files that exist are never touched. Commit the new
//! file with the change that made it. A golden that fails is not repaired by hand: the code has
//! stopped reading what is stored, so it needs a new schema version and an upcaster.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use punchcard_events::ticket::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::samples::*;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bodies {
    full: Value,
    minimal: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredLife {
    state: StateName,
    fingerprint: String,
    events: Vec<StoredEvent>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredEvent {
    kind: String,
    schema_version: u16,
    data: Value,
}

#[test]
fn every_version_of_every_kind_is_still_read() {
    for (kind, newest) in TicketEvent::KINDS {
        for version in 1..=*newest {
            let path = folder().join(format!("{kind}.v{version}.json"));
            let bodies: Bodies = golden(&path, || bodies(kind));
            for body in [bodies.full, bodies.minimal] {
                let event = TicketEvent::decode(kind, version, &body.to_string());
                let event = event.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                // A body that was lifted comes out in the newest shape, so only that is compared.
                if version == *newest {
                    assert_eq!(body_of(&event), body, "{}", path.display());
                }
            }
        }
    }
}

#[test]
fn every_field_that_was_added_later_is_read_and_written() {
    for (kind, what, event) in added() {
        let path = folder().join(format!("{kind}.v1.{what}.json"));
        let body: Value = golden(&path, || body_of(&event));
        let read = TicketEvent::decode(kind, 1, &body.to_string());
        let read = read.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(read, event, "{}", path.display());
        assert_eq!(body_of(&read), body, "{}", path.display());
    }
}

#[test]
fn a_full_golden_has_more_fields_than_the_minimal_one_where_fields_are_optional() {
    for kind in ["TicketRequested", "TicketPreProcessed", "TicketPersisted"] {
        let bodies: Bodies = golden(&folder().join(format!("{kind}.v1.json")), || bodies(kind));
        let fields = |body: &Value| body.as_object().expect("an object").len();
        assert!(fields(&bodies.full) > fields(&bodies.minimal), "{kind}");
    }
}

#[test]
fn every_stored_life_still_folds_to_the_same_state() {
    for (name, events) in lives() {
        let path = folder().join("lives").join(format!("{name}.json"));
        let life: StoredLife = golden(&path, || stored(&events));
        let events = life.events.iter().map(|stored| {
            let data = stored.data.to_string();
            TicketEvent::decode(&stored.kind, stored.schema_version, &data)
        });
        let events: Vec<_> = events
            .collect::<Result<_, _>>()
            .expect("a stored life is read");
        let state = replay(&events).expect("a stored life is legal");
        assert_eq!(state.name(), life.state, "{name}");
        assert_eq!(state.fingerprint(), life.fingerprint, "{name}");
    }
}

#[test]
fn no_golden_file_lies_about_unread() {
    let kinds = TicketEvent::KINDS.iter().flat_map(|(kind, newest)| {
        (1..=*newest).map(move |version| format!("{kind}.v{version}.json"))
    });
    let added = added().map(|(kind, what, _)| format!("{kind}.v1.{what}.json"));
    let kinds: Vec<_> = kinds.chain(added).collect();
    for name in names(&folder()) {
        assert!(
            name == "lives" || kinds.contains(&name),
            "{name} is not read"
        );
    }
    let lives: Vec<_> = lives().map(|(name, _)| format!("{name}.json")).into();
    for name in names(&folder().join("lives")) {
        assert!(lives.contains(&name), "{name} is not read");
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/ticket")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("a UTF-8 name");
    entries
        .map(|entry| name(entry.expect("an entry")))
        .collect()
}

/// The golden file, which is first written from `sample` where it is missing and this was asked for.
fn golden<T: Serialize + for<'de> Deserialize<'de>>(path: &Path, sample: impl FnOnce() -> T) -> T {
    if !path.exists() {
        assert!(
            std::env::var_os("PUNCHCARD_WRITE_GOLDEN").is_some(),
            "{} is missing: see the module's documentation for how to write it",
            path.display()
        );
        let text = serde_json::to_string_pretty(&sample()).expect("JSON");
        let mut file = fs::File::create_new(path).expect("a new file");
        writeln!(file, "{text}").expect("it is written");
    }
    let text = fs::read_to_string(path).expect("the file is read");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn body_of(event: &TicketEvent) -> Value {
    serde_json::from_str(&event.encode().expect("finite numbers")).expect("JSON")
}

fn bodies(kind: &str) -> Bodies {
    let find = |events: Vec<TicketEvent>| {
        let event = events.into_iter().find(|event| event.kind() == kind);
        body_of(&event.unwrap_or_else(|| panic!("{kind} has no sample: add one")))
    };
    Bodies {
        full: find(full()),
        minimal: find(minimal()),
    }
}

/// One event of every kind with every field set.
fn full() -> Vec<TicketEvent> {
    let mut attempt = attempt_error(AttemptErrorKind::RateLimited);
    attempt.retry_after_ms = Some(1_500);
    let mut callback = callback_error(CallbackErrorKind::Status);
    callback.retry_after_ms = Some(2_500);
    vec![
        requested(),
        pre_processed(),
        sent(2),
        TicketEvent::AttemptFailed(AttemptFailed {
            attempt: 2,
            error: attempt,
            retry_at: Some(at(5)),
            next_model: None,
            usage: None,
            answer_bytes: 0,
        }),
        answered(2),
        TicketEvent::CallbackFailed(CallbackFailed {
            callback: CallbackKind::PostProcess,
            try_number: 2,
            error: callback,
            retry_at: Some(at(9)),
            call: None,
        }),
        TicketEvent::TicketPersisted(TicketPersisted {
            answer: Some(Arc::new(json!({ "score": 4.5, "comment": "Well done." }))),
            call: None,
        }),
        delivered(),
        failed(Stage::Persist),
        cancelled(CancelMode::Stop, Some("Well d")),
        redriven(deadlines_from(5_000)),
    ]
}

/// One event of every kind with only what is required.
fn minimal() -> Vec<TicketEvent> {
    vec![
        TicketEvent::TicketRequested(TicketRequested {
            user: None,
            metadata: std::collections::BTreeMap::new(),
            idempotency: None,
            traceparent: None,
            ..request()
        }),
        TicketEvent::TicketPreProcessed(TicketPreProcessed {
            input: None,
            parameters: Arc::default(),
            ..prepared()
        }),
        sent(1),
        attempt_failed(1, AttemptErrorKind::Unauthorized, None),
        TicketEvent::TicketAnswered(TicketAnswered {
            usage: None,
            ..answer(1)
        }),
        TicketEvent::CallbackFailed(CallbackFailed {
            callback: CallbackKind::PreProcess,
            try_number: 1,
            error: callback_error(CallbackErrorKind::Refused),
            retry_at: None,
            call: None,
        }),
        persisted(),
        delivered(),
        failed(Stage::PreProcess),
        cancelled(CancelMode::Void, None),
        redriven(deadlines()),
    ]
}

/// Events with fields that no `full` file has: they came later, and files are not touched.
fn added() -> [(&'static str, &'static str, TicketEvent); 15] {
    let request = TicketEvent::TicketRequested(request_with_fallbacks());
    let failed = attempt_gave_way(2, AttemptErrorKind::QuotaExceeded, at(5), "gpt-y");
    let sent = sent_to("gpt-y", 3, Some(("gpt-x", FallbackReason::Failed)));
    let spent = TicketEvent::AttemptFailed(AttemptFailed {
        attempt: 1,
        error: attempt_error(AttemptErrorKind::SchemaViolation),
        retry_at: Some(at(5)),
        next_model: None,
        usage: Some(Usage {
            prompt_tokens: 210,
            completion_tokens: 35,
        }),
        answer_bytes: 128,
    });
    [
        ("TicketRequested", "fallback", request),
        ("AttemptFailed", "fallback", failed),
        ("AttemptFailed", "usage", spent),
        ("TicketSent", "fallback", sent),
        ("TicketRequested", "label", requested_by_label()),
        ("TicketRequested", "scheduled", requested_for_later()),
        ("TicketRequested", "fork", requested_as_fork()),
        ("TicketDelivered", "kept", kept()),
        ("TicketPreProcessed", "label", pre_processed_by_canary()),
        (
            "TicketRequested",
            "conversation",
            requested_as_conversation(),
        ),
        (
            "TicketPreProcessed",
            "no_prompt",
            pre_processed_without_prompt(),
        ),
        (
            "TicketRedriven",
            "from",
            redriven_from_requested(deadlines_from(5_000)),
        ),
        ("TicketPreProcessed", "call", pre_processed_by_call()),
        ("TicketPersisted", "call", persisted_by_call()),
        ("CallbackFailed", "call", callback_failed_measured()),
    ]
}

pub(crate) fn lives() -> [(&'static str, Vec<TicketEvent>); 10] {
    let start = || vec![requested(), pre_processed(), sent(1)];
    let life = |rest: Vec<TicketEvent>| [start(), rest].concat();
    let retried = attempt_failed(1, AttemptErrorKind::Server, Some(at(2)));
    let refused = attempt_failed(1, AttemptErrorKind::Unauthorized, None);
    let stopped = cancelled(CancelMode::Stop, Some("Well d"));
    let end = [answered(2), persisted(), delivered()];
    let redriven = vec![
        refused.clone(),
        failed(Stage::Model),
        redriven(deadlines_from(5_000)),
        sent(2),
    ];
    let with_fallbacks = TicketEvent::TicketRequested(request_with_fallbacks());
    // Two models that fail, a third that answers.
    let fallbacks = vec![
        with_fallbacks.clone(),
        pre_processed(),
        sent(1),
        attempt_failed(1, AttemptErrorKind::Server, Some(at(2))),
        sent(2),
        attempt_gave_way(2, AttemptErrorKind::Unauthorized, at(3), "gpt-y"),
        sent_to("gpt-y", 3, Some(("gpt-x", FallbackReason::Failed))),
        attempt_gave_way(3, AttemptErrorKind::TooLarge, at(4), "gpt-z"),
        sent_to("gpt-z", 4, Some(("gpt-y", FallbackReason::Failed))),
        answered(4),
        persisted(),
        delivered(),
    ];
    // An open breaker, and a fallback that waits for its second try.
    let breaker_open = vec![
        with_fallbacks,
        pre_processed(),
        sent_to("gpt-z", 1, Some(("gpt-x", FallbackReason::BreakerOpen))),
        attempt_failed(1, AttemptErrorKind::RateLimited, Some(at(9))),
    ];
    // A canary whose prompt asks for JSON, where the terms say text.
    let by_canary = vec![
        requested_by_label(),
        pre_processed_by_canary(),
        sent(1),
        answered_json(1),
        persisted(),
        delivered(),
    ];
    let fork = vec![
        requested_as_fork(),
        pre_processed(),
        sent(1),
        answered(1),
        persisted(),
        kept(),
    ];
    let redriven_anew = anew(&[sent(2), answered(2), persisted(), delivered()]);
    let prepared_anew = anew(&[sent(2), answered(2), failed(Stage::Persist)]);
    [
        ("fork", fork),
        ("by_canary", by_canary),
        ("fallbacks", fallbacks),
        ("breaker_open", breaker_open),
        (
            "delivered",
            life([vec![retried, sent(2)], end.to_vec()].concat()),
        ),
        ("failed", life(vec![refused, failed(Stage::Model)])),
        ("cancelled", life(vec![stopped])),
        ("redriven", life([redriven, end.to_vec()].concat())),
        ("redriven_anew", life(redriven_anew)),
        ("failed_anew", life(prepared_anew)),
    ]
}

/// Answered, not persisted, and prepared anew: the numbers of attempts go on.
fn anew(rest: &[TicketEvent]) -> Vec<TicketEvent> {
    let begun = [
        answered(1),
        failed(Stage::Persist),
        redriven_from_requested(deadlines_from(5_000)),
        pre_processed(),
    ];
    [begun.as_slice(), rest].concat()
}

fn stored(events: &[TicketEvent]) -> StoredLife {
    let state = replay(events).expect("a legal life");
    let event = |event: &TicketEvent| StoredEvent {
        kind: event.kind().to_owned(),
        schema_version: event.schema_version(),
        data: body_of(event),
    };
    StoredLife {
        state: state.name(),
        fingerprint: state.fingerprint(),
        events: events.iter().map(event).collect(),
    }
}
