//! The calls to the tenant's API that a ticket owes: the wait for their time and turn, the call, and what
//! is recorded of it.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use punchcard_events::ticket::{
    CallMade, CallbackError, CallbackKind, Command, TicketRequested, Tries,
};
use punchcard_events::{TenantId, TicketId, Timestamp};
use serde_json::Value;
use tokio::time::Instant;

use super::Deps;
use super::work::{Done, outward, prepare, wait_until};
use crate::callbacks::verdict;
use crate::ports::{Called, PostProcessCall, PreProcessCall, PreProcessReply};

/// How long a prompt that cannot be had is left alone before it is asked for again: twice as long
/// each time, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A try of a callback that is due.
#[derive(Clone, Copy)]
pub(super) struct Try {
    /// From 1.
    number: u32,
    not_before: Option<Timestamp>,
}

impl Try {
    pub(super) const fn next(so_far: &Tries, not_before: Option<Timestamp>) -> Self {
        Self {
            number: so_far.failed.saturating_add(1),
            not_before,
        }
    }

    const fn is_retry(self) -> bool {
        self.number > 1
    }
}

/// What the tenant's API had to do with the input.
#[derive(Debug, Clone, Default)]
pub(super) struct Hooked {
    /// What it put in the input's place.
    pub(super) replaced: Option<Arc<Value>>,
    /// How the call went; absent where none was made.
    pub(super) call: Option<CallMade>,
}

/// Prepares the input once that is `due`, by the tenant's API if `callback`, and then the prompt.
pub(super) async fn pre_process(
    deps: Arc<Deps>,
    call: PreProcessCall,
    due: Try,
    callback: bool,
    calling: Rc<Cell<bool>>,
) -> Done {
    let ticket = call.ticket;
    let request = Arc::clone(&call.request);
    wait_until(deps.clock.as_ref(), due.not_before).await;
    if !callback {
        return prepare_later(deps, ticket, request, Hooked::default()).await;
    }
    let made = deps.callbacks.callbacks().pre_process(call);
    let made = outward("pre_process", &calling, made);
    let (outcome, call) = make(&deps, &request.tenant, due, made).await;
    let replaced = match outcome {
        Ok(PreProcessReply::Unchanged) => None,
        Ok(PreProcessReply::Replaced(input)) => Some(input),
        Err(error) => return failed(&deps, CallbackKind::PreProcess, (due, call), error),
    };
    let call = Some(call);
    prepare_later(deps, ticket, request, Hooked { replaced, call }).await
}

/// Renders the prompt as soon as it can be had. The wait ends with the ticket's deadline, as all its
/// work.
async fn prepare_later(
    deps: Arc<Deps>,
    ticket: TicketId,
    request: Arc<TicketRequested>,
    hooked: Hooked,
) -> Done {
    let mut wait = FIRST_WAIT;
    loop {
        match prepare(deps.tasks.as_ref(), ticket, &request, hooked.clone()) {
            Some(command) => return command.into(),
            None => tokio::time::sleep(wait).await,
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Has the answer persisted once that is `due`.
pub(super) async fn post_process(
    deps: Arc<Deps>,
    call: PostProcessCall,
    due: Try,
    calling: Rc<Cell<bool>>,
) -> Done {
    wait_until(deps.clock.as_ref(), due.not_before).await;
    let tenant = call.request.tenant.clone();
    let made = deps.callbacks.callbacks().post_process(call);
    let made = outward("post_process", &calling, made);
    let (outcome, call) = make(&deps, &tenant, due, made).await;
    match outcome {
        Ok(answer) => {
            let call = Some(call);
            Command::RecordPersisted { answer, call }.into()
        }
        Err(error) => failed(&deps, CallbackKind::PostProcess, (due, call), error),
    }
}

/// Makes a call when its turn comes, and measures both.
async fn make<T>(
    deps: &Deps,
    tenant: &TenantId,
    due: Try,
    call: impl Future<Output = Called<T>>,
) -> (Result<T, CallbackError>, CallMade) {
    let in_line = Instant::now();
    let permit = deps.callbacks.permit(tenant, due.is_retry()).await;
    let begun = Instant::now();
    let Called { status, outcome } = call.await;
    let measured = CallMade {
        try_number: due.number,
        waited_ms: milliseconds(begun.duration_since(in_line)),
        took_ms: milliseconds(begun.elapsed()),
        status,
    };
    permit.settle(verdict(&outcome));
    (outcome, measured)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn failed(
    deps: &Deps,
    callback: CallbackKind,
    (due, call): (Try, CallMade),
    error: CallbackError,
) -> Done {
    let command = Command::RecordCallbackFailure {
        callback,
        try_number: due.number,
        error,
        call: Some(call),
        now: deps.clock.now(),
        jitter: deps.clock.jitter(),
    };
    command.into()
}
