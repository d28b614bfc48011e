//! The HTTP edge: the open API, event streams, sessions, health and metrics.
//!
//! Every route stands in one table ([`routes::table`]) together with the policy that guards it, so a
//! route without a policy cannot be written. Only [`errors`] knows status codes.
//!
//! Not here: decisions about tickets, where keys and origins come from, and configuration. The
//! composition root hands in [`Parts`], [`Options`] and the sockets.

mod admin;
pub mod auth;
mod batches;
mod body;
mod connection;
mod console;
mod cross_site;
mod cursor;
mod dispatch;
mod errors;
mod etag;
mod forks;
pub mod health;
mod histories;
mod idempotency;
mod now;
mod openai;
mod openapi;
mod options;
mod outcome;
mod outlet;
mod prefer;
mod prompts;
mod query;
mod redrives;
pub mod routes;
mod server;
mod session;
mod session_tokens;
mod shadow_runs;
mod stream;
mod tickets;
mod traceparent;
mod usage;
mod view;
mod webhooks;

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use punchcard_actors::admission::{Places, Shares};
use punchcard_actors::batches::Batches;
use punchcard_actors::forks::Forks;
use punchcard_actors::now::Now;
use punchcard_actors::ports::UsageTable;
use punchcard_actors::prompts::{CanaryWatch, Prompts};
use punchcard_actors::redrives::Redrives;
use punchcard_actors::sessions::Sessions;
use punchcard_actors::shadow_runs::ShadowRuns;
use punchcard_actors::tenants::Tenants;
use punchcard_actors::test_runs::TestRuns;
use punchcard_actors::tickets::Tickets;

use punchcard_events::prompt::CanaryTally;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::keys::Operators;

pub use errors::{Code, Problem};
pub use openapi::{admin_document, document};
pub use options::{Options, SessionOptions, StreamOptions};
pub use prompts::{RESERVED, Unrenderable, Workbench};
pub use server::{Serving, serve};
pub use webhooks::WebhookDesk;

/// What the edge stands on.
pub struct Parts {
    /// The tickets.
    pub tickets: Tickets,
    /// Tickets by the thousand.
    pub batches: Batches,
    /// The session supervisor.
    pub sessions: Sessions,
    /// The tenants.
    pub tenants: Tenants,
    /// The planners' prompts.
    pub prompts: Prompts,
    /// What is seen of their canaries.
    pub canaries: CanaryWatch,
    /// The tests of prompts.
    pub test_runs: TestRuns,
    /// What histories are good for.
    pub workplace: Workplace,
    /// The tenants' webhook endpoints.
    pub webhooks: WebhookDesk,
    /// What tenants used.
    pub usage: Arc<dyn UsageTable>,
    /// Where texts of prompts are tried out.
    pub workbench: Arc<dyn Workbench>,
    /// Who may call.
    pub keys: Arc<dyn auth::Authenticator>,
    /// Who operates this Punchcard.
    pub operators: Operators,
    /// From where browsers may open sessions.
    pub origins: Arc<dyn auth::Origins>,
    /// Whether the process can do its work.
    pub readiness: Arc<dyn health::Readiness>,
    /// What `/metrics` renders; without one that route answers 404.
    pub metrics: Option<PrometheusHandle>,
}

/// The admins' and planners' working place: what histories are good for once they are written.
pub struct Workplace {
    /// Past tickets run again.
    pub forks: Forks,
    /// Failed tickets opened again.
    pub redrives: Redrives,
    /// Past tickets against candidate versions.
    pub shadow_runs: ShadowRuns,
    /// What goes on now.
    pub now: Now,
}

/// [`Parts`] and [`Options`] as every handler sees them. Cheap to copy.
#[derive(Clone)]
pub(crate) struct Api {
    parts: Arc<Parts>,
    options: Arc<Options>,
    bounds: Arc<Bounds>,
}

/// What the requests of all tenants share.
struct Bounds {
    /// Bytes of bodies in memory.
    bodies: Shares,
    /// Requests that wait for an outcome.
    waiting: Shares,
    /// Operators' bodies that are being read.
    operators: Arc<Semaphore>,
}

/// The most operators' bodies that are read at a time; none is larger than a small part of a tenant's.
const MAX_OPERATOR_BODIES: usize = 32;

impl Bounds {
    /// One tenant may have half of everything, so that another still finds something.
    fn new(options: &Options) -> Self {
        let shares = |total: usize| Shares::new(Places::new(total, total.div_ceil(2)));
        Self {
            bodies: shares(options.max_body_memory),
            waiting: shares(options.max_waiting),
            operators: Arc::new(Semaphore::new(MAX_OPERATOR_BODIES)),
        }
    }
}

impl Api {
    /// What was seen so far of a running canary.
    fn tally(&self, canary: Uuid) -> Option<CanaryTally> {
        self.canaries.tally(canary)
    }
}

impl std::ops::Deref for Api {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}
