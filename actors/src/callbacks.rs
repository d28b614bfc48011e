//! The supervisor of the callbacks: it keeps a surge of tickets from becoming a surge on a
//! tenant's API.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, MessageResult};
use punchcard_events::TenantId;

use crate::llm::observe;
use crate::permits::{GateStatus, Gates, Permit};
use crate::ports::Callbacks;

const OBSERVE_EVERY: Duration = Duration::from_secs(1);

/// Limits of the callbacks.
#[derive(Debug, Clone)]
pub struct CallbackOptions {
    /// Calls that may run at once, by tenant.
    pub max_concurrency: HashMap<String, usize>,
    /// The same for tenants not named.
    pub default_max_concurrency: usize,
}

/// The actor that keeps watch over the calls to the tenants' APIs.
pub struct CallbackSupervisor {
    desk: CallbackDesk,
}

/// The ticket actors' handle: permits and the callbacks themselves.
#[derive(Clone)]
pub struct CallbackDesk {
    callbacks: Arc<dyn Callbacks>,
    gates: Arc<Gates>,
}

/// Asks how the gates of all tenants' APIs stand.
#[derive(Debug, actix::Message)]
#[rtype(result = "Vec<GateStatus>")]
pub struct CallbackStatus;

impl CallbackSupervisor {
    /// A supervisor for `callbacks`.
    pub fn new(callbacks: Arc<dyn Callbacks>, options: CallbackOptions) -> Self {
        let gates = Gates::new(options.max_concurrency, options.default_max_concurrency);
        Self {
            desk: CallbackDesk {
                callbacks,
                gates: Arc::new(gates),
            },
        }
    }

    /// A handle for the ticket actors.
    pub fn handle(&self) -> CallbackDesk {
        self.desk.clone()
    }
}

impl CallbackDesk {
    pub(crate) async fn permit(&self, tenant: &TenantId) -> Permit {
        self.gates.permit(tenant.as_str()).await
    }

    pub(crate) fn callbacks(&self) -> &dyn Callbacks {
        self.callbacks.as_ref()
    }
}

impl Actor for CallbackSupervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(OBSERVE_EVERY, |this, _| {
            observe("callback", "tenant", &this.desk.gates.status());
        });
    }
}

impl Handler<CallbackStatus> for CallbackSupervisor {
    type Result = MessageResult<CallbackStatus>;

    fn handle(&mut self, _: CallbackStatus, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.desk.gates.status())
    }
}
