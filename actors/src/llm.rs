//! The supervisor of the model client: who may call which model, and who waits.

mod estimate;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, MessageResult};
use punchcard_events::ticket::{AttemptError, AttemptErrorKind, Priority};
use punchcard_events::{TaskName, TenantId};

pub use estimate::{ANSWER_TOKENS, estimate};

use crate::guards::{
    Concurrency, GateStatus, GuardOptions, Guards, Kind, Part, Permit, Verdict, Want, observe,
};
use crate::ports::{Clock, LanguageModel, LimitsBook};

/// How often the gauges are set.
const OBSERVE_EVERY: Duration = Duration::from_secs(1);

/// Limits of the model client.
#[derive(Debug, Clone)]
pub struct LlmOptions {
    /// Calls that may run at once, by model.
    pub max_concurrency: HashMap<String, Concurrency>,
    /// The same for models not named.
    pub default_max_concurrency: usize,
    /// How every model is guarded.
    pub guard: GuardOptions,
}

/// The actor that keeps watch over the model calls.
pub struct LlmSupervisor {
    llm: Llm,
}

/// The ticket actors' handle: permits and the model itself. A permit that is free is had without a
/// message; those who must wait stand in line at their model.
#[derive(Clone)]
pub struct Llm {
    model: Arc<dyn LanguageModel>,
    guards: Arc<Guards>,
}

/// What a call of a model is wanted for.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Whose ticket it is for.
    pub tenant: &'a TenantId,
    /// Of which of its tasks.
    pub task: &'a TaskName,
    /// Whether an attempt of that ticket failed at this model before.
    pub retry: bool,
    /// How the ticket stands among its tenant's own.
    pub priority: Priority,
    /// How many tokens it will take, prompt and answer together; see [`estimate`].
    pub tokens: u64,
}

/// Asks how the guards of all models stand.
#[derive(Debug, actix::Message)]
#[rtype(result = "Vec<GateStatus>")]
pub struct ModelStatus;

impl LlmSupervisor {
    /// A supervisor for `model`; `limits` says how much each tenant may use, `clock` gives chance.
    pub fn new(
        model: Arc<dyn LanguageModel>,
        options: LlmOptions,
        limits: Arc<dyn LimitsBook>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let guards = Guards::new(
            Kind::Model,
            options.max_concurrency,
            Concurrency::fixed(options.default_max_concurrency),
            options.guard,
            limits,
            clock,
        );
        Self {
            llm: Llm {
                model,
                guards: Arc::new(guards),
            },
        }
    }

    /// A handle for the ticket actors.
    pub fn handle(&self) -> Llm {
        self.llm.clone()
    }
}

impl Llm {
    /// Waits for the right to call `model`.
    pub(crate) async fn permit(&self, model: &str, wish: &Wish<'_>) -> Permit {
        self.guards.permit(want(model, wish)).await
    }

    /// The same at once or not at all.
    pub(crate) fn try_permit(&self, model: &str, wish: &Wish<'_>) -> Option<Permit> {
        self.guards.try_permit(want(model, wish))
    }

    /// Whether calls of `model` are held up because it fails.
    pub fn is_open(&self, model: &str) -> bool {
        self.guards.is_open(model)
    }

    /// How long one more caller would wait for `model`, were there one line for all.
    pub fn expected_wait(&self, model: &str) -> Duration {
        self.guards.expected_wait(model)
    }

    /// How long one more such call would wait for `model`. Its tokens do not matter.
    pub fn expected_wait_of(&self, model: &str, wish: &Wish<'_>) -> Duration {
        self.guards.expected_wait_of(want(model, wish))
    }

    /// How every model called so far stands, and what each tenant has there, by name.
    pub fn status(&self) -> Vec<(GateStatus, Vec<Part>)> {
        self.guards.status_with_parts()
    }

    pub(crate) fn model(&self) -> &dyn LanguageModel {
        self.model.as_ref()
    }
}

const fn want<'a>(model: &'a str, wish: &Wish<'a>) -> Want<'a> {
    Want {
        place: model,
        tenant: wish.tenant,
        task: Some(wish.task),
        retry: wish.retry,
        priority: wish.priority,
        tokens: wish.tokens,
    }
}

/// What a failed attempt says about its model.
pub(crate) fn verdict(error: &AttemptError) -> Verdict {
    let retry_after = error.retry_after_ms.map(Duration::from_millis);
    match error.kind {
        AttemptErrorKind::RateLimited => Verdict::Overloaded { retry_after },
        // A 503 that says how long it will be.
        AttemptErrorKind::Server if retry_after.is_some() => Verdict::Overloaded { retry_after },
        AttemptErrorKind::Connection
        | AttemptErrorKind::Timeout
        | AttemptErrorKind::Server
        | AttemptErrorKind::Incomplete
        | AttemptErrorKind::Protocol => Verdict::Failed,
        // The model answered, if not to our liking.
        AttemptErrorKind::SchemaViolation | AttemptErrorKind::TooLarge => Verdict::Succeeded,
        AttemptErrorKind::Interrupted
        | AttemptErrorKind::QuotaExceeded
        | AttemptErrorKind::Unauthorized
        | AttemptErrorKind::InvalidRequest
        | AttemptErrorKind::ContentFiltered => Verdict::Neutral,
    }
}

impl Actor for LlmSupervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // A task of its own: it must outlive this actor, should that panic, and ends with the guards.
        actix::spawn(self.llm.guards.keep_time());
        ctx.run_interval(OBSERVE_EVERY, |this, _| {
            observe(Kind::Model, &this.llm.guards.status());
        });
    }
}

impl Handler<ModelStatus> for LlmSupervisor {
    type Result = MessageResult<ModelStatus>;

    fn handle(&mut self, _: ModelStatus, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.llm.guards.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_of_its_model_what_it_is_to_blame_for() {
        use AttemptErrorKind as Kind;
        let told = |kind, retry_after_ms| {
            verdict(&AttemptError {
                kind,
                message: String::new(),
                retry_after_ms,
            })
        };
        let retry_after = Some(Duration::from_millis(7));
        assert_eq!(
            told(Kind::RateLimited, None),
            Verdict::Overloaded { retry_after: None }
        );
        assert_eq!(
            told(Kind::RateLimited, Some(7)),
            Verdict::Overloaded { retry_after }
        );
        assert_eq!(
            told(Kind::Server, Some(7)),
            Verdict::Overloaded { retry_after }
        );
        for kind in [
            Kind::Server,
            Kind::Connection,
            Kind::Timeout,
            Kind::Incomplete,
            Kind::Protocol,
        ] {
            assert_eq!(told(kind, None), Verdict::Failed, "{kind:?}");
        }
        for kind in [Kind::SchemaViolation, Kind::TooLarge] {
            assert_eq!(told(kind, None), Verdict::Succeeded, "{kind:?}");
        }
        for kind in [
            Kind::Interrupted,
            Kind::QuotaExceeded,
            Kind::Unauthorized,
            Kind::InvalidRequest,
            Kind::ContentFiltered,
        ] {
            assert_eq!(told(kind, None), Verdict::Neutral, "{kind:?}");
        }
    }
}
