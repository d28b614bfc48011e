//! The model: says what the plan told it, and has the oracle look at every call.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use punchcard_actors::ports::{AnswerPart, AnswerStream, LanguageModel, ModelCall};
use punchcard_actors::testing::model::attempt_error;
use punchcard_events::TicketId;
use punchcard_events::ticket::{AttemptError, AttemptErrorKind, Usage};

use crate::SIMULATED_PANIC;
use crate::plan::{ModelEnd, ModelScript};
use crate::stage::{Inner, Stage};
use crate::store::pass;

/// What a model that nobody gave a script says.
const USUAL: ModelScript = ModelScript {
    pieces: 3,
    every_ms: 7,
    end: ModelEnd::Complete,
};

/// The model, as the runtime sees it.
pub(crate) struct SimModel(pub(crate) Arc<Stage>);

/// A script that is being played.
struct Playing {
    stage: Arc<Stage>,
    ticket: TicketId,
    attempt: u32,
    script: ModelScript,
    piece: u8,
    over: bool,
    _in_flight: InFlight,
}

/// Counts one call for as long as it runs.
pub(crate) struct InFlight(Arc<Stage>);

#[async_trait]
impl LanguageModel for SimModel {
    async fn answer(&self, call: ModelCall) -> Result<AnswerStream, AttemptError> {
        self.0.live().await;
        let script = self.0.lock().called(&call);
        let playing = Playing {
            stage: Arc::clone(&self.0),
            ticket: call.ticket,
            attempt: call.attempt,
            piece: 0,
            over: false,
            _in_flight: InFlight::begin(&self.0),
            script,
        };
        if let ModelEnd::Refuse {
            kind,
            retry_after_ms,
        } = playing.script.end
        {
            pass(playing.every()).await;
            self.0.live().await;
            self.0.lock().fired.count("model: refuses");
            if kind == AttemptErrorKind::RateLimited && retry_after_ms.is_some() {
                self.0.lock().fired.count("model: 429 with Retry-After");
            }
            return Err(AttemptError {
                retry_after_ms,
                ..attempt_error(kind)
            });
        }
        Ok(stream::unfold(playing, Playing::next).boxed())
    }
}

impl Playing {
    const fn every(&self) -> Duration {
        Duration::from_millis(self.script.every_ms)
    }

    async fn next(mut self) -> Option<(Result<AnswerPart, AttemptError>, Self)> {
        if self.over {
            return None;
        }
        pass(self.every()).await;
        self.stage.live().await;
        if self.piece < self.script.pieces {
            let name = self.stage.lock().oracle.name(self.ticket);
            let text = format!("{name}.{}.{} 한🙂; ", self.attempt, self.piece);
            self.piece += 1;
            self.say(Some(&text));
            return Some((Ok(AnswerPart::Text(text)), self));
        }
        self.over = true;
        match self.script.end {
            ModelEnd::Complete => Some((Ok(self.complete()), self)),
            ModelEnd::Misfit => {
                self.stage.lock().fired.count("model: against the schema");
                self.script.end = ModelEnd::Complete;
                self.over = false;
                self.say(Some(crate::world::MISFIT));
                Some((Ok(AnswerPart::Text(crate::world::MISFIT.to_owned())), self))
            }
            ModelEnd::Cut => {
                self.stage.lock().fired.count("model: stream cut");
                None
            }
            ModelEnd::Fail(kind) | ModelEnd::Refuse { kind, .. } => {
                self.stage.lock().fired.count("model: fails in the stream");
                Some((Err(attempt_error(kind)), self))
            }
            ModelEnd::Hang => {
                self.stage.lock().fired.count("model: hangs");
                std::future::pending().await
            }
            ModelEnd::Panic => {
                self.stage.lock().panicking(self.ticket, "model: panics");
                panic!("{SIMULATED_PANIC}");
            }
            ModelEnd::Crash => self.stage.die("crash: in a model call").await,
        }
    }

    fn complete(&self) -> AnswerPart {
        self.say(None);
        AnswerPart::Complete {
            finish_reason: "stop".to_owned(),
            usage: Some(Usage {
                prompt_tokens: 1,
                completion_tokens: u64::from(self.piece),
            }),
        }
    }

    fn say(&self, piece: Option<&str>) {
        let mut inner = self.stage.lock();
        inner.oracle.said(self.ticket, self.attempt, piece);
    }
}

impl Inner {
    fn called(&mut self, call: &ModelCall) -> ModelScript {
        let (name, attempt) = (self.oracle.name(call.ticket), call.attempt);
        self.note(format_args!("model: {name} attempt {attempt}"));
        self.fired.count("calls: model");
        if call.model == crate::world::SPARE {
            self.fired.count("model: a fallback is asked");
        }
        let found = self.oracle.called(call);
        self.report(found);
        self.check_panics(call.ticket);
        self.scripts.model.pop_front().unwrap_or(USUAL)
    }

    /// Notes that a ticket's actor is about to panic.
    pub(crate) fn panicking(&mut self, ticket: TicketId, what: &'static str) {
        let name = self.oracle.name(ticket);
        self.fired.count(what);
        self.note(format_args!("{what}: {name}"));
        if let Some(record) = self.oracle.record_mut(ticket) {
            record.panics += 1;
        }
    }

    /// A ticket that panicked three times is not worked on any more.
    pub(crate) fn check_panics(&mut self, ticket: TicketId) {
        let panics = self.oracle.record(ticket).map_or(0, |record| record.panics);
        if panics >= 3 {
            self.violate(
                "9 bounded",
                format_args!("work goes on after {panics} panics"),
            );
        }
    }
}

impl InFlight {
    pub(crate) fn begin(stage: &Arc<Stage>) -> Self {
        stage.lock().in_flight += 1;
        Self(Arc::clone(stage))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.lock().in_flight -= 1;
    }
}
