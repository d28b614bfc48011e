//! The supervisor of the model client: how many calls run per model, and who waits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, MessageResult};

use crate::permits::{GateStatus, Gates, Permit};
use crate::ports::LanguageModel;

/// How often the gauges are set.
const OBSERVE_EVERY: Duration = Duration::from_secs(1);

/// Limits of the model client.
#[derive(Debug, Clone)]
pub struct LlmOptions {
    /// Calls that may run at once, by model.
    pub max_concurrency: HashMap<String, usize>,
    /// The same for models not named.
    pub default_max_concurrency: usize,
}

/// The actor that keeps watch over the model calls.
pub struct LlmSupervisor {
    llm: Llm,
}

/// The ticket actors' handle: permits and the model itself. A permit that is free is had without a
/// message; those who must wait stand in one line per model.
#[derive(Clone)]
pub struct Llm {
    model: Arc<dyn LanguageModel>,
    gates: Arc<Gates>,
}

/// Asks how the gates of all models stand.
#[derive(Debug, actix::Message)]
#[rtype(result = "Vec<GateStatus>")]
pub struct ModelStatus;

impl LlmSupervisor {
    /// A supervisor for `model`.
    pub fn new(model: Arc<dyn LanguageModel>, options: LlmOptions) -> Self {
        let gates = Gates::new(options.max_concurrency, options.default_max_concurrency);
        Self {
            llm: Llm {
                model,
                gates: Arc::new(gates),
            },
        }
    }

    /// A handle for the ticket actors.
    pub fn handle(&self) -> Llm {
        self.llm.clone()
    }
}

impl Llm {
    pub(crate) async fn permit(&self, model: &str) -> Permit {
        self.gates.permit(model).await
    }

    pub(crate) fn try_permit(&self, model: &str) -> Option<Permit> {
        self.gates.try_permit(model)
    }

    /// Whether calls of `model` are held back because it fails: a ticket with another model to ask
    /// asks that one.
    pub(crate) fn is_open(&self, _model: &str) -> bool {
        false
    }

    pub(crate) fn model(&self) -> &dyn LanguageModel {
        self.model.as_ref()
    }
}

impl Actor for LlmSupervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(OBSERVE_EVERY, |this, _| {
            observe("llm", "model", &this.llm.gates.status());
        });
    }
}

impl Handler<ModelStatus> for LlmSupervisor {
    type Result = MessageResult<ModelStatus>;

    fn handle(&mut self, _: ModelStatus, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.llm.gates.status())
    }
}

/// Sets the gauges `<prefix>_calls_in_flight` and `<prefix>_calls_waiting` of each gate.
pub(crate) fn observe(prefix: &'static str, label: &'static str, gates: &[GateStatus]) {
    let (in_flight, waiting) = match prefix {
        "llm" => ("llm_calls_in_flight", "llm_calls_waiting"),
        _ => ("callback_calls_in_flight", "callback_calls_waiting"),
    };
    for gate in gates {
        #[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
        let (used, queued) = (gate.in_use as f64, gate.waiting as f64);
        metrics::gauge!(in_flight, label => gate.name.clone()).set(used);
        metrics::gauge!(waiting, label => gate.name.clone()).set(queued);
    }
}
