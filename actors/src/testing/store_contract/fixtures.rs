//! Events to fill a store with.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use punchcard_events::retry::RetryPolicy;
use punchcard_events::ticket::{
    AnswerFormat, AttemptError, AttemptErrorKind, AttemptFailed, Channel, Deadlines, Failure,
    Message, Parameters, PromptRef, Role, Stage, Terms, TicketAnswered, TicketDelivered,
    TicketEvent, TicketFailed, TicketPersisted, TicketPreProcessed, TicketRedriven,
    TicketRequested, TicketSent, Timings, Usage,
};
use punchcard_events::{EventId, NewEvent, StreamName, TenantId, TicketId, Timestamp};
use serde_json::json;
use uuid::Uuid;

/// A time to count from.
pub const NOON: Timestamp = Timestamp::from_millis(1_795_430_670_000);

/// The time some seconds after [`NOON`].
pub fn at(seconds: u64) -> Timestamp {
    NOON.plus(Duration::from_secs(seconds))
}

/// An event of no known kind with a fresh id, whose body carries `number`.
pub fn plain(number: u64) -> NewEvent {
    NewEvent {
        id: EventId(Uuid::now_v7()),
        kind: Cow::Borrowed("SomethingHappened"),
        schema_version: 1,
        tenant: tenant("onehour"),
        correlation_id: Uuid::from_u128(7),
        causation_id: None,
        recorded_at: NOON,
        data: json!({ "number": number }).to_string(),
    }
}

/// A stream of no ticket.
pub fn stream(name: &str) -> StreamName {
    StreamName::new(name).expect("a valid stream name")
}

/// A tenant.
pub fn tenant(name: &str) -> TenantId {
    TenantId::new(name).expect("a valid tenant")
}

/// The ticket with this number; numbers order as ids do.
pub fn ticket(number: u64) -> TicketId {
    TicketId(Uuid::from_u128(
        0x0192_0000_0000_7000_8000_0000_0000_0000 | u128::from(number),
    ))
}

/// `event` of `ticket`, ready to be appended.
pub fn recorded(ticket: TicketId, event: &TicketEvent, when: Timestamp) -> NewEvent {
    let of = match event {
        TicketEvent::TicketRequested(request) => request.tenant.clone(),
        TicketEvent::TicketPreProcessed(_)
        | TicketEvent::TicketSent(_)
        | TicketEvent::AttemptFailed(_)
        | TicketEvent::TicketAnswered(_)
        | TicketEvent::CallbackFailed(_)
        | TicketEvent::TicketPersisted(_)
        | TicketEvent::TicketDelivered(_)
        | TicketEvent::TicketFailed(_)
        | TicketEvent::TicketCancelled(_)
        | TicketEvent::TicketRedriven(_) => tenant("onehour"),
    };
    NewEvent {
        id: EventId(Uuid::now_v7()),
        kind: Cow::Borrowed(event.kind()),
        schema_version: event.schema_version(),
        tenant: of,
        correlation_id: ticket.0,
        causation_id: Some(EventId(ticket.0)),
        recorded_at: when,
        data: event.encode().expect("an event that JSON can hold"),
    }
}

/// The deadlines of a ticket issued at `when`: one, two and three minutes later.
pub fn deadlines(when: Timestamp) -> Deadlines {
    let after = |minutes| when.plus(Duration::from_mins(minutes));
    Deadlines {
        answer_by: after(1),
        persist_by: after(2),
        deliver_by: after(3),
    }
}

/// A ticket issued at `when` by `tenant` for `user`.
pub fn request(tenant_name: &str, task: &str, user: Option<&str>, when: Timestamp) -> TicketEvent {
    let retry = RetryPolicy {
        max_tries: 3,
        initial_delay_ms: 500,
        max_delay_ms: 5_000,
    };
    TicketEvent::TicketRequested(TicketRequested {
        tenant: tenant(tenant_name),
        task: task.parse().expect("a valid task"),
        label: None,
        user: user.map(|user| user.parse().expect("a valid user")),
        input: Arc::new(json!({ "essay": "My summer was long. ".repeat(20), "level": "B1" })),
        metadata: BTreeMap::from([("course".to_owned(), "english-2".to_owned())]),
        idempotency: None,
        traceparent: None,
        requested_at: when,
        priority: punchcard_events::ticket::Priority::Normal,
        not_before: None,
        batch: None,
        conversation: None,
        fork: None,
        terms: Terms {
            pre_process: true,
            post_process: true,
            answer_format: AnswerFormat::Text,
            model_retry: retry,
            callback_retry: retry,
            deadlines: deadlines(when),
            fallback_models: vec![],
        },
    })
}

/// The ticket is ready for the model.
pub fn pre_processed() -> TicketEvent {
    let message = |role, content: String| Message { role, content };
    TicketEvent::TicketPreProcessed(TicketPreProcessed {
        input: None,
        prompt: PromptRef {
            version: 1,
            hash: "0".repeat(64),
            label: None,
            canary: None,
        },
        messages: Arc::new([
            message(Role::System, "You are a patient teacher. ".repeat(8)),
            message(Role::User, "My summer was long. ".repeat(20)),
        ]),
        model: "small".to_owned(),
        parameters: Arc::new(Parameters::default()),
        answer_format: None,
        call: None,
    })
}

/// An attempt begins.
pub fn sent(attempt: u32) -> TicketEvent {
    TicketEvent::TicketSent(TicketSent {
        attempt,
        model: "small".to_owned(),
        fallback: None,
    })
}

/// An attempt failed, to be tried again.
pub fn attempt_failed(attempt: u32) -> TicketEvent {
    TicketEvent::AttemptFailed(AttemptFailed {
        attempt,
        error: AttemptError {
            kind: AttemptErrorKind::Server,
            message: "the model's server answered 500".to_owned(),
            retry_after_ms: None,
        },
        retry_at: Some(NOON),
        next_model: None,
        usage: None,
        answer_bytes: 0,
    })
}

/// The model answered.
pub fn answered(attempt: u32) -> TicketEvent {
    TicketEvent::TicketAnswered(TicketAnswered {
        attempt,
        content: "A good start; mind the tenses. ".repeat(20).into(),
        finish_reason: "stop".to_owned(),
        usage: Some(Usage {
            prompt_tokens: 200,
            completion_tokens: 150,
        }),
        timings: Timings::default(),
    })
}

/// The tenant's API has the answer.
pub fn persisted() -> TicketEvent {
    TicketEvent::TicketPersisted(TicketPersisted {
        answer: None,
        call: None,
    })
}

/// The user has it.
pub fn delivered() -> TicketEvent {
    TicketEvent::TicketDelivered(TicketDelivered {
        channel: Channel::Session,
        acknowledged_by: "session-1".to_owned(),
    })
}

/// The ticket failed.
pub fn failed(stage: Stage) -> TicketEvent {
    TicketEvent::TicketFailed(TicketFailed {
        failure: Failure {
            stage,
            code: "deadline_exceeded".to_owned(),
            message: "it took too long".to_owned(),
        },
    })
}

/// An admin opened it again.
pub fn redriven(when: Timestamp) -> TicketEvent {
    TicketEvent::TicketRedriven(TicketRedriven {
        by: "admin".to_owned(),
        deadlines: deadlines(when),
        redrive: None,
        from: None,
    })
}
