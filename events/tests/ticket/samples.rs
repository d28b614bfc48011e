//! One ticket's events and commands, with times that are easy to count in.

use std::collections::BTreeMap;
use std::sync::Arc;

use punchcard_events::retry::{Jitter, RetryPolicy};
use punchcard_events::ticket::*;
use punchcard_events::{
    BatchId, LabelName, Revision, TaskName, TenantId, TicketId, Timestamp, UserId,
};
use serde_json::json;
use uuid::Uuid;

/// `seconds` after the ticket was issued. Deadlines: answer 60, persist 600, deliver 3600.
pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_795_430_400_000 + seconds * 1_000)
}

pub(crate) fn deadlines() -> Deadlines {
    deadlines_from(0)
}

/// Fresh deadlines, counted from `seconds`.
pub(crate) fn deadlines_from(seconds: u64) -> Deadlines {
    Deadlines {
        answer_by: at(seconds + 60),
        persist_by: at(seconds + 600),
        deliver_by: at(seconds + 3_600),
    }
}

/// Every optional field is set.
pub(crate) fn request() -> TicketRequested {
    TicketRequested {
        tenant: TenantId::new("onehour").expect("a tenant"),
        task: TaskName::new("writing-review").expect("a task"),
        label: None,
        user: Some(UserId::new("학생-17").expect("a user")),
        input: Arc::new(json!({ "essay": "My \"first\" day.\n", "weights": [0.1, 2, -3.5e-7] })),
        metadata: BTreeMap::from([("class".to_owned(), "3-2".to_owned())]),
        idempotency: Some(Idempotency {
            key: "submit-42".to_owned(),
            fingerprint: "ab".repeat(32),
        }),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        requested_at: at(0),
        priority: punchcard_events::ticket::Priority::Normal,
        not_before: None,
        batch: None,
        conversation: None,
        fork: None,
        terms: Terms {
            pre_process: true,
            post_process: true,
            answer_format: AnswerFormat::Text,
            model_retry: retry(),
            callback_retry: retry(),
            deadlines: deadlines(),
            fallback_models: vec![],
        },
    }
}

/// The same, with two models to fall back to.
pub(crate) fn request_with_fallbacks() -> TicketRequested {
    let mut request = request();
    request.terms.fallback_models = vec!["gpt-y".to_owned(), "gpt-z".to_owned()];
    request
}

/// The same, for the version that `staging` points to.
pub(crate) fn requested_by_label() -> TicketEvent {
    let label = LabelName::new("staging").ok();
    TicketEvent::TicketRequested(TicketRequested { label, ..request() })
}

/// A line of a batch, scheduled, behind the tenant's other tickets.
pub(crate) fn requested_for_later() -> TicketEvent {
    TicketEvent::TicketRequested(TicketRequested {
        priority: Priority::Low,
        not_before: Some(at(20)),
        batch: Some(BatchLine {
            batch: BatchId(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_00ba)),
            line: 17,
        }),
        ..request()
    })
}

/// The same run again by a planner: another model, and nobody outside hears of it.
pub(crate) fn fork_request() -> TicketRequested {
    let fork = Fork {
        parent: TicketId(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001)),
        parent_revision: Revision(5),
        from: ForkFrom::PreProcessed,
        by: "pk_plan".to_owned(),
        prepared: prepared(),
        shadow: Some(ShadowCase {
            run: Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_005a),
            case: 3,
        }),
    };
    let mut request = TicketRequested {
        user: None,
        metadata: BTreeMap::new(),
        idempotency: None,
        priority: Priority::Low,
        fork: Some(Arc::new(fork)),
        ..request()
    };
    request.terms.pre_process = false;
    request.terms.post_process = false;
    request
}

pub(crate) fn requested_as_fork() -> TicketEvent {
    TicketEvent::TicketRequested(fork_request())
}

/// What ends a fork: nobody took its answer.
pub(crate) fn kept() -> TicketEvent {
    TicketEvent::TicketDelivered(TicketDelivered {
        channel: Channel::Kept,
        acknowledged_by: "pk_plan".to_owned(),
    })
}

/// The same as a conversation with a model, where no prompt is run.
pub(crate) fn requested_as_conversation() -> TicketEvent {
    let say = |role, content: &str| Message {
        role,
        content: content.to_owned(),
    };
    let conversation = Conversation {
        messages: vec![
            say(Role::System, "Be brief."),
            say(Role::User, "Guten Tag. 안녕"),
        ],
        model: Some("gpt-x".to_owned()),
        parameters: Parameters {
            temperature: Some(0.1),
            top_p: Some(0.9),
            max_tokens: Some(100),
            seed: Some(-7),
            json: true,
        },
    };
    TicketEvent::TicketRequested(TicketRequested {
        input: Arc::new(json!(null)),
        conversation: Some(Arc::new(conversation)),
        fork: None,
        ..request()
    })
}

/// Prepared without a prompt.
pub(crate) fn pre_processed_without_prompt() -> TicketEvent {
    TicketEvent::TicketPreProcessed(TicketPreProcessed {
        prompt: PromptRef::none(),
        ..prepared()
    })
}

/// Prepared with the version of a canary, whose answers are JSON where the terms say text.
pub(crate) fn pre_processed_by_canary() -> TicketEvent {
    let prepared = prepared();
    TicketEvent::TicketPreProcessed(TicketPreProcessed {
        prompt: PromptRef {
            label: Some(LabelName::production()),
            canary: Some(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_00ca)),
            ..prepared.prompt
        },
        answer_format: Some(AnswerFormat::Json),
        ..prepared
    })
}

/// Prepared by the tenant's API, at the second try.
pub(crate) fn pre_processed_by_call() -> TicketEvent {
    TicketEvent::TicketPreProcessed(TicketPreProcessed {
        call: Some(call_made(2, Some(200))),
        ..prepared()
    })
}

/// Persisted by the tenant's API.
pub(crate) fn persisted_by_call() -> TicketEvent {
    TicketEvent::TicketPersisted(TicketPersisted {
        answer: None,
        call: Some(call_made(1, Some(204))),
    })
}

/// A call to prepare the input that no connection was had for.
pub(crate) fn callback_failed_measured() -> TicketEvent {
    TicketEvent::CallbackFailed(CallbackFailed {
        callback: CallbackKind::PreProcess,
        try_number: 1,
        error: callback_error(CallbackErrorKind::Connection),
        retry_at: Some(at(2)),
        call: Some(call_made(1, None)),
    })
}

/// A call that waited 15 ms and took 85 ms.
pub(crate) const fn call_made(try_number: u32, status: Option<u16>) -> CallMade {
    CallMade {
        try_number,
        waited_ms: 15,
        took_ms: 85,
        status,
    }
}

/// Three tries; with the shortest jitter 1 s, then 2 s apart.
pub(crate) const fn retry() -> RetryPolicy {
    RetryPolicy {
        max_tries: 3,
        initial_delay_ms: 2_000,
        max_delay_ms: 10_000,
    }
}

pub(crate) fn prepared() -> TicketPreProcessed {
    TicketPreProcessed {
        input: Some(Arc::new(json!({ "essay": "My first day." }))),
        prompt: PromptRef {
            version: 7,
            hash: "cd".repeat(32),
            label: None,
            canary: None,
        },
        messages: Arc::new([
            message(Role::System, "Review kindly."),
            message(Role::User, "My first day."),
            message(Role::Assistant, "{"),
        ]),
        model: "gpt-x".to_owned(),
        parameters: Arc::new(Parameters {
            temperature: Some(0.7),
            top_p: Some(0.95),
            max_tokens: Some(800),
            seed: Some(-42),
            json: true,
        }),
        answer_format: None,
        call: None,
    }
}

fn message(role: Role, content: &str) -> Message {
    Message {
        role,
        content: content.to_owned(),
    }
}

pub(crate) fn answer(attempt: u32) -> TicketAnswered {
    TicketAnswered {
        attempt,
        content: "Well done.".into(),
        finish_reason: "stop".to_owned(),
        usage: Some(Usage {
            prompt_tokens: 120,
            completion_tokens: 3,
        }),
        timings: Timings {
            first_token_ms: 210,
            total_ms: 900,
        },
    }
}

pub(crate) fn attempt_error(kind: AttemptErrorKind) -> AttemptError {
    AttemptError {
        kind,
        message: "the model's server said no".to_owned(),
        retry_after_ms: None,
    }
}

pub(crate) fn callback_error(kind: CallbackErrorKind) -> CallbackError {
    CallbackError {
        kind,
        message: "the tenant's API said no".to_owned(),
        retry_after_ms: None,
        blame: punchcard_events::ticket::Blame::default(),
    }
}

pub(crate) fn requested() -> TicketEvent {
    TicketEvent::TicketRequested(request())
}

pub(crate) fn pre_processed() -> TicketEvent {
    TicketEvent::TicketPreProcessed(prepared())
}

pub(crate) fn sent(attempt: u32) -> TicketEvent {
    sent_to("gpt-x", attempt, None)
}

/// An attempt at `model`, and why it is asked: whose turn it was before, and what happened.
pub(crate) fn sent_to(
    model: &str,
    attempt: u32,
    fallback: Option<(&str, FallbackReason)>,
) -> TicketEvent {
    TicketEvent::TicketSent(TicketSent {
        attempt,
        model: model.to_owned(),
        fallback: fallback.map(|(from, reason)| Fallback {
            from: from.to_owned(),
            reason,
        }),
    })
}

/// The command that sends attempt `attempt` to `model`.
pub(crate) fn send_to(model: &str, attempt: u32) -> Command {
    let model = model.to_owned();
    Command::Send { attempt, model }
}

pub(crate) fn attempt_failed(
    attempt: u32,
    kind: AttemptErrorKind,
    retry_at: Option<Timestamp>,
) -> TicketEvent {
    TicketEvent::AttemptFailed(AttemptFailed {
        attempt,
        error: attempt_error(kind),
        retry_at,
        next_model: None,
        usage: None,
        answer_bytes: 0,
    })
}

/// Attempt `attempt` failed at `now`, and it is the turn of `next`.
pub(crate) fn attempt_gave_way(
    attempt: u32,
    kind: AttemptErrorKind,
    now: Timestamp,
    next: &str,
) -> TicketEvent {
    TicketEvent::AttemptFailed(AttemptFailed {
        attempt,
        error: attempt_error(kind),
        retry_at: Some(now),
        next_model: Some(next.to_owned()),
        usage: None,
        answer_bytes: 0,
    })
}

pub(crate) fn answered(attempt: u32) -> TicketEvent {
    TicketEvent::TicketAnswered(answer(attempt))
}

/// An answer that is a JSON document.
pub(crate) fn answered_json(attempt: u32) -> TicketEvent {
    TicketEvent::TicketAnswered(TicketAnswered {
        content: r#"{"score":4}"#.into(),
        ..answer(attempt)
    })
}

pub(crate) fn persisted() -> TicketEvent {
    TicketEvent::TicketPersisted(TicketPersisted {
        answer: None,
        call: None,
    })
}

pub(crate) fn delivered() -> TicketEvent {
    TicketEvent::TicketDelivered(TicketDelivered {
        channel: Channel::Session,
        acknowledged_by: "session-9".to_owned(),
    })
}

pub(crate) fn failure(stage: Stage) -> Failure {
    Failure {
        stage,
        code: "poison".to_owned(),
        message: "it crashed three times".to_owned(),
    }
}

pub(crate) fn failed(stage: Stage) -> TicketEvent {
    let failure = failure(stage);
    TicketEvent::TicketFailed(TicketFailed { failure })
}

pub(crate) fn cancelled(mode: CancelMode, text: Option<&str>) -> TicketEvent {
    TicketEvent::TicketCancelled(TicketCancelled {
        mode,
        by: "key-1".to_owned(),
        text: text.map(Into::into),
    })
}

pub(crate) fn redriven(deadlines: Deadlines) -> TicketEvent {
    let by = "admin".to_owned();
    TicketEvent::TicketRedriven(TicketRedriven {
        by,
        deadlines,
        redrive: None,
        from: None,
    })
}

/// Prepared anew, as a part of a redrive of many.
pub(crate) fn redriven_from_requested(deadlines: Deadlines) -> TicketEvent {
    TicketEvent::TicketRedriven(TicketRedriven {
        by: "pk_live_0aB1cD2e".to_owned(),
        deadlines,
        redrive: Some(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_004e)),
        from: Some(RedriveFrom::Requested),
    })
}

pub(crate) fn cancel(mode: CancelMode, text: Option<&str>) -> Command {
    Command::Cancel {
        mode,
        by: "key-1".to_owned(),
        text: text.map(Into::into),
    }
}

pub(crate) fn acknowledge() -> Command {
    Command::Acknowledge {
        channel: Channel::Session,
        by: "session-9".to_owned(),
    }
}

pub(crate) fn redrive(deadlines: Deadlines, now: Timestamp) -> Command {
    let by = "admin".to_owned();
    Command::Redrive {
        by,
        deadlines,
        redrive: None,
        from: None,
        now,
    }
}

/// The command that has a ticket prepared anew.
pub(crate) fn redrive_from_requested(deadlines: Deadlines, now: Timestamp) -> Command {
    let by = "admin".to_owned();
    Command::Redrive {
        by,
        deadlines,
        redrive: None,
        from: Some(RedriveFrom::Requested),
        now,
    }
}

/// Attempt `attempt` fails at `now`; the shortest jitter.
pub(crate) fn fail_attempt(attempt: u32, error: AttemptError, now: Timestamp) -> Command {
    Command::RecordAttemptFailure {
        attempt,
        error,
        spent: Spent::default(),
        now,
        jitter: Jitter::MIN,
    }
}

/// Try `try_number` of a callback fails at `now`; the shortest jitter.
pub(crate) fn fail_callback(
    callback: CallbackKind,
    try_number: u32,
    error: CallbackError,
    now: Timestamp,
) -> Command {
    Command::RecordCallbackFailure {
        callback,
        try_number,
        error,
        call: None,
        now,
        jitter: Jitter::MIN,
    }
}
