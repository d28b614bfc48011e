//! The supervisor of the callbacks: it keeps a surge of tickets from becoming a surge on a
//! tenant's API.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, MessageResult};
use punchcard_events::TenantId;
use punchcard_events::ticket::{Blame, CallbackError, CallbackErrorKind};

use crate::guards::{
    Concurrency, GateStatus, GuardOptions, Guards, Kind, Permit, Verdict, Want, observe,
};
use crate::ports::{Callbacks, Clock, Unlimited};

const OBSERVE_EVERY: Duration = Duration::from_secs(1);

/// Limits of the callbacks.
#[derive(Debug, Clone)]
pub struct CallbackOptions {
    /// Calls that may run at once, by tenant.
    pub max_concurrency: HashMap<String, Concurrency>,
    /// The same for tenants not named.
    pub default_max_concurrency: Concurrency,
    /// How every tenant's API is guarded.
    pub guard: GuardOptions,
}

/// The actor that keeps watch over the calls to the tenants' APIs.
pub struct CallbackSupervisor {
    desk: CallbackDesk,
}

/// The ticket actors' handle: permits and the callbacks themselves.
#[derive(Clone)]
pub struct CallbackDesk {
    callbacks: Arc<dyn Callbacks>,
    guards: Arc<Guards>,
}

/// Asks how the guards of all tenants' APIs stand.
#[derive(Debug, actix::Message)]
#[rtype(result = "Vec<GateStatus>")]
pub struct CallbackStatus;

impl CallbackSupervisor {
    /// A supervisor for `callbacks`; `clock` gives chance.
    pub fn new(
        callbacks: Arc<dyn Callbacks>,
        options: CallbackOptions,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let guards = Guards::new(
            Kind::Callback,
            options.max_concurrency,
            options.default_max_concurrency,
            options.guard,
            // What a tenant may use is models' time; its own API is its own affair.
            Arc::new(Unlimited),
            clock,
        );
        Self {
            desk: CallbackDesk {
                callbacks,
                guards: Arc::new(guards),
            },
        }
    }

    /// A handle for the ticket actors.
    pub fn handle(&self) -> CallbackDesk {
        self.desk.clone()
    }
}

impl CallbackDesk {
    /// Waits for the right to call the API of `tenant`. `retry` is whether this callback of the
    /// ticket failed before.
    pub(crate) async fn permit(&self, tenant: &TenantId, retry: bool) -> Permit {
        let want = Want::plain(tenant.as_str(), tenant, retry);
        self.guards.permit(want).await
    }

    /// Whether calls to the API of `tenant` are held up because it fails.
    pub fn is_open(&self, tenant: &TenantId) -> bool {
        self.guards.is_open(tenant.as_str())
    }

    /// How long one more caller would wait for the API of `tenant`.
    pub fn expected_wait(&self, tenant: &TenantId) -> Duration {
        self.guards.expected_wait(tenant.as_str())
    }

    /// How the API of every tenant called so far stands, by the tenant's id.
    pub fn status(&self) -> Vec<GateStatus> {
        self.guards.status()
    }

    pub(crate) fn callbacks(&self) -> &dyn Callbacks {
        self.callbacks.as_ref()
    }
}

/// What a callback came to, as far as the tenant's API is concerned.
pub(crate) fn verdict<T>(reply: &Result<T, CallbackError>) -> Verdict {
    let error = match reply {
        Ok(_) => return Verdict::Succeeded,
        Err(error) => error,
    };
    let retry_after = error.retry_after_ms.map(Duration::from_millis);
    match error.blame {
        Blame::Class => {}
        Blame::Overloaded => return Verdict::Overloaded { retry_after },
        Blame::Nobody => return Verdict::Neutral,
    }
    match error.kind {
        // Only a 429 or 503 says how long it will be.
        CallbackErrorKind::Status if retry_after.is_some() => Verdict::Overloaded { retry_after },
        CallbackErrorKind::Connection
        | CallbackErrorKind::Timeout
        | CallbackErrorKind::Status
        | CallbackErrorKind::Body
        | CallbackErrorKind::TooLarge => Verdict::Failed,
        // To refuse a ticket is what the API is asked for.
        CallbackErrorKind::Refused => Verdict::Succeeded,
        CallbackErrorKind::Gone | CallbackErrorKind::Forbidden => Verdict::Neutral,
    }
}

impl Actor for CallbackSupervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // A task of its own: it must outlive this actor, should that panic, and ends with the guards.
        actix::spawn(self.desk.guards.keep_time());
        ctx.run_interval(OBSERVE_EVERY, |this, _| {
            observe(Kind::Callback, &this.desk.guards.status());
        });
    }
}

impl Handler<CallbackStatus> for CallbackSupervisor {
    type Result = MessageResult<CallbackStatus>;

    fn handle(&mut self, _: CallbackStatus, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.desk.guards.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_says_of_the_tenants_api_what_it_is_to_blame_for() {
        use CallbackErrorKind as Kind;
        let told = |kind, retry_after_ms| {
            verdict::<()>(&Err(CallbackError {
                kind,
                message: String::new(),
                retry_after_ms,
                blame: Blame::Class,
            }))
        };
        assert_eq!(verdict(&Ok(())), Verdict::Succeeded);
        assert_eq!(
            told(Kind::Status, Some(7)),
            Verdict::Overloaded {
                retry_after: Some(Duration::from_millis(7))
            }
        );
        for kind in [
            Kind::Connection,
            Kind::Timeout,
            Kind::Status,
            Kind::Body,
            Kind::TooLarge,
        ] {
            assert_eq!(told(kind, None), Verdict::Failed, "{kind:?}");
        }
        assert_eq!(told(Kind::Refused, None), Verdict::Succeeded);
        for kind in [Kind::Gone, Kind::Forbidden] {
            assert_eq!(told(kind, None), Verdict::Neutral, "{kind:?}");
        }
        let blamed = |kind, blame| {
            verdict::<()>(&Err(CallbackError {
                kind,
                message: String::new(),
                retry_after_ms: None,
                blame,
            }))
        };
        let not_called = blamed(Kind::Connection, Blame::Nobody);
        assert_eq!(not_called, Verdict::Neutral);
        let busy = blamed(Kind::Status, Blame::Overloaded);
        assert_eq!(busy, Verdict::Overloaded { retry_after: None });
    }
}
