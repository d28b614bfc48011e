//! The tenants' APIs: receivers that know repeats by the callback's id, whose replies may be late,
//! wrong or lost whether or not they did what they were asked.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use punchcard_actors::ports::{
    Callbacks, Called, PostProcessCall, PreProcessCall, PreProcessReply,
};
use punchcard_actors::testing::callbacks::callback_error;
use punchcard_events::TicketId;
use punchcard_events::ticket::{CallbackError, CallbackErrorKind, CallbackKind};
use serde_json::{Value, json};

use crate::SIMULATED_PANIC;
use crate::mutant::Mutant;
use crate::plan::{CallbackReply, CallbackScript};
use crate::stage::{Inner, Stage};
use crate::store::pass;

/// What an API that nobody gave a script does.
const USUAL: CallbackScript = CallbackScript {
    delay_ms: 2,
    done: true,
    twice: false,
    reply: CallbackReply::Ok,
};

/// What the tenant gives in place of what it was sent, for the ticket of that number.
pub(crate) fn replacement(number: usize) -> Value {
    json!({ "replaced": number })
}

/// The tenants' APIs, as the runtime sees them.
pub(crate) struct SimCallbacks(pub(crate) Arc<Stage>);

#[async_trait]
impl Callbacks for SimCallbacks {
    async fn pre_process(&self, call: PreProcessCall) -> Called<PreProcessReply> {
        let payload = json!([
            &call.request.tenant,
            &call.request.task,
            &call.request.input
        ]);
        let reply = self.call(call.ticket, CallbackKind::PreProcess, payload);
        let reply = reply
            .await
            .map(|replaced| replaced.map_or(PreProcessReply::Unchanged, PreProcessReply::Replaced));
        reply.into()
    }

    async fn post_process(&self, call: PostProcessCall) -> Called<Option<Arc<Value>>> {
        let payload = json!([&call.request.tenant, &call.request.task, &call.answer]);
        let reply = self.call(call.ticket, CallbackKind::PostProcess, payload);
        reply.await.into()
    }
}

impl SimCallbacks {
    async fn call(
        &self,
        ticket: TicketId,
        kind: CallbackKind,
        payload: Value,
    ) -> Result<Option<Arc<Value>>, CallbackError> {
        self.0.live().await;
        let script = self.0.lock().delivered(ticket, kind, payload);
        let _in_flight = crate::model::InFlight::begin(&self.0);
        pass(Duration::from_millis(script.delay_ms)).await;
        self.0.live().await;
        let well = matches!(script.reply, CallbackReply::Ok | CallbackReply::Replace);
        let done = if well {
            self.0.mutant != Some(Mutant::PersistsNothing)
        } else {
            script.done
        };
        if done {
            self.0.lock().done(ticket, kind, well);
        }
        match script.reply {
            CallbackReply::Ok => Ok(None),
            CallbackReply::Replace => {
                let mut inner = self.0.lock();
                inner.fired.count("callback: replaces");
                let number = inner.oracle.record(ticket).map_or(0, |r| r.number);
                Ok(Some(Arc::new(replacement(number))))
            }
            CallbackReply::Fail {
                kind,
                retry_after_ms,
            } => {
                self.0.lock().fired.count(fault(kind));
                Err(callback_error(
                    kind,
                    retry_after_ms.map(Duration::from_millis),
                ))
            }
            CallbackReply::Hang => {
                self.0.lock().fired.count("callback: hangs");
                std::future::pending().await
            }
            CallbackReply::Panic => {
                self.0.lock().panicking(ticket, "callback: panics");
                panic!("{SIMULATED_PANIC}");
            }
            CallbackReply::Crash => self.0.die("crash: in a callback").await,
        }
    }
}

impl Inner {
    fn delivered(
        &mut self,
        ticket: TicketId,
        kind: CallbackKind,
        payload: Value,
    ) -> CallbackScript {
        let name = self.oracle.name(ticket);
        self.note(format_args!("callback: {name} {}", kind.as_str()));
        self.fired.count("calls: callback");
        let scripts = match kind {
            CallbackKind::PreProcess => &mut self.scripts.pre_process,
            CallbackKind::PostProcess => &mut self.scripts.post_process,
        };
        let script = scripts.pop_front().unwrap_or(USUAL);
        if script.twice {
            self.fired.count("callback: delivered twice");
            let found = self.oracle.delivered(ticket, kind, payload.clone());
            self.report(found);
        }
        let found = self.oracle.delivered(ticket, kind, payload);
        self.report(found);
        self.check_panics(ticket);
        script
    }

    fn done(&mut self, ticket: TicketId, kind: CallbackKind, well: bool) {
        let first = self.oracle.done(ticket, kind);
        if !first {
            self.fired.count("callback: repeat dropped by its receiver");
        }
        if !well {
            self.fired.count("callback: done, and the reply lost");
        }
    }
}

const fn fault(kind: CallbackErrorKind) -> &'static str {
    match kind {
        CallbackErrorKind::Timeout => "callback: timeout",
        CallbackErrorKind::Refused => "callback: 422",
        CallbackErrorKind::Gone => "callback: 410",
        CallbackErrorKind::Connection
        | CallbackErrorKind::Status
        | CallbackErrorKind::Body
        | CallbackErrorKind::TooLarge
        | CallbackErrorKind::Forbidden => "callback: fails",
    }
}
