//! The pure core alone: `decide`, `evolve` and `next_effect` under a scheduler of a few lines, at a
//! rate that the runtime cannot be driven at.
//!
//! A history is a ticket that is mostly given what it owes and now and then something else, at any
//! time, by anybody. What must hold is checked after every decision.

use std::sync::Arc;
use std::time::Duration;

use punchcard_events::retry::{Jitter, RetryPolicy};
use punchcard_events::ticket::{
    AnswerFormat, AttemptError, AttemptErrorKind, AttemptStatus, CallbackError, CallbackErrorKind,
    CallbackKind, CancelMode, Channel, Command, Deadlines, Effect, Failure, Message, Parameters,
    PromptRef, Role, Spent, Stage, StateName, Terms, TicketAnswered, TicketEvent,
    TicketPreProcessed, TicketRequested, TicketState, Timings, apply, decide, next_effect, replay,
};
use punchcard_events::{TaskName, TenantId, Timestamp};
use serde_json::{Value, json};

use crate::chance::Chance;

/// The most decisions before a history is let come to its end.
const MOST_DECISIONS: u64 = 30;

/// More than a ticket needs to end when nothing but what it owes is done.
const STEPS_TO_THE_END: usize = 60;

struct History {
    chance: Chance,
    now: Timestamp,
    state: TicketState,
    events: Vec<TicketEvent>,
}

/// Lives the history of that seed and gives how many events it has.
///
/// # Errors
/// What does not hold.
pub(crate) fn live(seed: u64) -> Result<usize, String> {
    let mut history = History {
        chance: Chance::of(seed),
        now: Timestamp::from_millis(1_795_430_670_000),
        state: TicketState::Unrequested,
        events: vec![],
    };
    history.request()?;
    for _ in 0..history.chance.below(MOST_DECISIONS) {
        let pause = history.chance.of_these(&[0, 0, 5, 300, 20_000]);
        history.now = history.now.plus(Duration::from_millis(pause));
        let command = if history.chance.in_percent(70) {
            history.owed()
        } else {
            Some(history.anything())
        };
        if let Some(command) = command {
            history.decide(command)?;
        }
    }
    history.end()?;
    history.check_whole(seed)?;
    Ok(history.events.len())
}

impl History {
    fn request(&mut self) -> Result<(), String> {
        let request = self.a_request();
        self.decide(Command::Request(request))
    }

    /// The outcome of what is owed, if it is time.
    fn owed(&mut self) -> Option<Command> {
        let effect = next_effect(&self.state)?;
        let due = match effect {
            Effect::PreProcess { not_before, .. }
            | Effect::Send { not_before, .. }
            | Effect::PostProcess { not_before, .. } => not_before,
            Effect::CallModel { .. } | Effect::Deliver => None,
        };
        if due.is_some_and(|due| due > self.now) {
            return Some(self.resume_or_expire());
        }
        let fails = self.chance.in_percent(35);
        Some(match effect {
            Effect::PreProcess { callback: true, .. } if fails => {
                self.callback_failure(CallbackKind::PreProcess)
            }
            Effect::PreProcess { .. } => Command::RecordPreProcessed(prepared()),
            Effect::Send { attempt, model, .. } => Command::Send {
                attempt,
                model: self.perhaps_another(model),
            },
            Effect::CallModel { attempt } if fails => self.attempt_failure(attempt),
            Effect::CallModel { attempt } => Command::RecordAnswer(answered(attempt)),
            Effect::PostProcess { callback: true, .. } if fails => {
                self.callback_failure(CallbackKind::PostProcess)
            }
            Effect::PostProcess { .. } => Command::RecordPersisted {
                answer: None,
                call: None,
            },
            Effect::Deliver => acknowledge(),
        })
    }

    fn resume_or_expire(&mut self) -> Command {
        let now = self.now;
        self.chance
            .of_these(&[Command::Resume { now }, Command::Expire { now }])
    }

    /// Any command, whatever the state.
    fn anything(&mut self) -> Command {
        let attempt = u32::try_from(self.chance.below(4)).unwrap_or(0);
        match self.chance.below(13) {
            0 => Command::Request(self.a_request()),
            1 => Command::RecordPreProcessed(prepared()),
            2 => Command::Send {
                attempt,
                model: self.perhaps_another("no such model".to_owned()),
            },
            3 => Command::RecordAnswer(answered(attempt)),
            4 => self.attempt_failure(attempt),
            5 => self.callback_failure(CallbackKind::PreProcess),
            6 => self.callback_failure(CallbackKind::PostProcess),
            7 => Command::RecordPersisted {
                answer: Some(Arc::new(json!("another"))),
                call: None,
            },
            8 => acknowledge(),
            9 => Command::Cancel {
                mode: self.chance.of_these(&[CancelMode::Stop, CancelMode::Void]),
                by: "somebody".to_owned(),
                text: Some("so far".into()),
            },
            10 => self.resume_or_expire(),
            11 => Command::Fail(Failure {
                stage: Stage::Model,
                code: "poison".to_owned(),
                message: "again and again".to_owned(),
            }),
            _ => Command::Redrive {
                by: "an admin".to_owned(),
                now: self.now,
                redrive: None,
                from: None,
                deadlines: deadlines(self.now),
            },
        }
    }

    /// `model`, or one of the others, as when its breaker is open.
    fn perhaps_another(&mut self, model: String) -> String {
        if self.chance.in_percent(80) {
            return model;
        }
        self.chance.of_these(&["small", "spare", "last"]).to_owned()
    }

    fn attempt_failure(&mut self, attempt: u32) -> Command {
        use AttemptErrorKind as Kind;
        let kind = self.chance.of_these(&[
            Kind::Server,
            Kind::RateLimited,
            Kind::Incomplete,
            Kind::SchemaViolation,
            Kind::Interrupted,
            Kind::QuotaExceeded,
        ]);
        Command::RecordAttemptFailure {
            attempt,
            error: AttemptError {
                kind,
                message: "as drawn".to_owned(),
                retry_after_ms: self.chance.of_these(&[None, None, Some(5_000)]),
            },
            spent: Spent::default(),
            now: self.now,
            jitter: Jitter::from_bits(self.chance.bits()),
        }
    }

    fn callback_failure(&mut self, callback: CallbackKind) -> Command {
        use CallbackErrorKind as Kind;
        let kind =
            self.chance
                .of_these(&[Kind::Timeout, Kind::Status, Kind::Status, Kind::Refused]);
        let failed = match &self.state {
            TicketState::Requested(s) => s.callback.failed,
            TicketState::Answered(s) => s.callback.failed,
            _ => 0,
        };
        Command::RecordCallbackFailure {
            callback,
            try_number: failed + u32::from(!self.chance.in_percent(5)),
            error: CallbackError {
                kind,
                message: "as drawn".to_owned(),
                retry_after_ms: self.chance.of_these(&[None, None, Some(5_000)]),
                blame: punchcard_events::ticket::Blame::default(),
            },
            call: None,
            now: self.now,
            jitter: Jitter::from_bits(self.chance.bits()),
        }
    }

    /// Decides, folds and checks.
    fn decide(&mut self, command: Command) -> Result<(), String> {
        let Ok(events) = decide(&self.state, command.clone()) else {
            return Ok(());
        };
        if decide(&self.state, command.clone()).as_ref() != Ok(&events) {
            return Err(format!("{command:?} is decided in two ways"));
        }
        for event in events {
            self.check_intent(&event)?;
            let ended = self.state.name().is_terminal();
            if ended && !matches!(event, TicketEvent::TicketRedriven(_)) {
                return Err(format!("{} after the end", event.kind()));
            }
            let before = std::mem::replace(&mut self.state, TicketState::Unrequested);
            self.state = apply(before, &event).map_err(|illegal| illegal.to_string())?;
            self.events.push(event);
        }
        self.check_state()
    }

    /// No outcome without its intent.
    fn check_intent(&self, event: &TicketEvent) -> Result<(), String> {
        let running = match &self.state {
            TicketState::Sent(sent) if sent.status == AttemptStatus::InFlight => Some(sent.attempt),
            _ => None,
        };
        let of = match event {
            TicketEvent::TicketAnswered(answered) => answered.attempt,
            TicketEvent::AttemptFailed(failed) => failed.attempt,
            _ => return Ok(()),
        };
        if running == Some(of) {
            return Ok(());
        }
        Err(format!(
            "{} of attempt {of}, and {running:?} runs",
            event.kind()
        ))
    }

    fn check_state(&self) -> Result<(), String> {
        let name = self.state.name();
        let open = !name.is_terminal() && name != StateName::Unrequested;
        if next_effect(&self.state).is_some() != open || self.state.deadline().is_some() != open {
            return Err(format!(
                "{} owes what it should not, or nothing",
                name.as_str()
            ));
        }
        let final_now = matches!(name, StateName::Persisted | StateName::Delivered);
        if self.state.final_answer().is_some() != final_now {
            return Err(format!("a final answer in {}", name.as_str()));
        }
        if let (Some(retry), Some(deadline)) = (self.state.retry_at(), self.state.deadline())
            && retry >= deadline
        {
            return Err(format!("a try at {retry}, past {deadline}"));
        }
        let sent = |event: &&TicketEvent| matches!(event, TicketEvent::TicketSent(_));
        let sent = self.events.iter().filter(sent).count();
        if u32::try_from(sent) != Ok(self.state.attempt()) {
            return Err(format!(
                "{sent} intents at attempt {}",
                self.state.attempt()
            ));
        }
        Ok(())
    }

    /// Nothing but what is owed is done from now on, and time passes: the ticket ends.
    fn end(&mut self) -> Result<(), String> {
        for _ in 0..STEPS_TO_THE_END {
            if self.state.name().is_terminal() {
                return Ok(());
            }
            let due = self.state.retry_at().unwrap_or(self.now);
            self.now = self.now.max(due);
            let command = self.owed();
            self.decide(command.unwrap_or(Command::Expire { now: self.now }))?;
            self.now = self.now.plus(Duration::from_millis(100));
            self.decide(Command::Expire { now: self.now })?;
        }
        Err(format!("no end: it is {}", self.state.name().as_str()))
    }

    /// The history read back is the history lived.
    fn check_whole(&self, seed: u64) -> Result<(), String> {
        if replay(&self.events).as_ref() != Ok(&self.state) {
            return Err("a replay comes to another state".to_owned());
        }
        // Writing and reading every event takes longer than everything else.
        if !seed.is_multiple_of(16) {
            return Ok(());
        }
        for event in &self.events {
            let data = event.encode().map_err(|error| error.to_string())?;
            let read = TicketEvent::decode(event.kind(), event.schema_version(), &data);
            if read.as_ref() != Ok(event) {
                return Err(format!("{} is read back as {read:?}", event.kind()));
            }
        }
        Ok(())
    }

    fn a_request(&mut self) -> TicketRequested {
        let retry = RetryPolicy {
            max_tries: 3,
            initial_delay_ms: 500,
            max_delay_ms: 2_000,
        };
        TicketRequested {
            tenant: TenantId::new("onehour").expect("a valid tenant"),
            task: TaskName::new("review").expect("a valid task"),
            label: None,
            user: None,
            input: Arc::new(Value::Null),
            metadata: std::collections::BTreeMap::new(),
            idempotency: None,
            traceparent: None,
            requested_at: self.now,
            priority: punchcard_events::ticket::Priority::Normal,
            not_before: None,
            batch: None,
            conversation: None,
            fork: None,
            terms: Terms {
                pre_process: self.chance.in_percent(50),
                post_process: self.chance.in_percent(50),
                fallback_models: self.chance.of_these(&[
                    vec![],
                    vec!["spare".to_owned()],
                    vec!["spare".to_owned(), "last".to_owned()],
                ]),
                answer_format: AnswerFormat::Text,
                model_retry: retry,
                callback_retry: retry,
                deadlines: deadlines(self.now),
            },
        }
    }
}

fn deadlines(now: Timestamp) -> Deadlines {
    Deadlines {
        answer_by: now.plus(Duration::from_secs(30)),
        persist_by: now.plus(Duration::from_secs(60)),
        deliver_by: now.plus(Duration::from_secs(90)),
    }
}

fn prepared() -> TicketPreProcessed {
    TicketPreProcessed {
        input: None,
        prompt: PromptRef {
            version: 1,
            hash: String::new(),
            label: None,
            canary: None,
        },
        messages: Arc::new([Message {
            role: Role::User,
            content: "Hello.".to_owned(),
        }]),
        model: "small".to_owned(),
        parameters: Arc::new(Parameters::default()),
        answer_format: None,
        call: None,
    }
}

fn answered(attempt: u32) -> TicketAnswered {
    TicketAnswered {
        attempt,
        content: "An answer.".into(),
        finish_reason: "stop".to_owned(),
        usage: None,
        timings: Timings::default(),
    }
}

fn acknowledge() -> Command {
    Command::Acknowledge {
        channel: Channel::Session,
        by: "session-1".to_owned(),
    }
}
