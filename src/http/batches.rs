//! Batches over HTTP: many tickets uploaded as JSON Lines, their progress, and their results as JSON
//! Lines.

mod line;
pub(super) mod operations;
mod read;
mod receive;
mod results;
pub(super) mod routes;
mod splitter;
mod view;

use punchcard_actors::batches::BatchError;
use punchcard_events::BatchId;
use punchcard_events::batch::{BatchState, Rejection};

use super::dispatch::Call;
use super::errors::{Code, Problem, store_unavailable};

/// The batch in the path. Malformed ids, unknown batches and other tenants' batches cannot be told
/// apart.
fn own_batch(call: &Call) -> Result<(BatchId, BatchState), Problem> {
    let id = call.request.match_info().get("batch").unwrap_or_default();
    let unknown = || Problem::new(Code::NotFound, "There is no such batch.");
    let id: BatchId = id.parse().map_err(|_| unknown())?;
    let state = call.api.batches.state(id).ok_or_else(unknown)?;
    if state.begun.tenant == call.caller.tenant {
        Ok((id, state))
    } else {
        Err(unknown())
    }
}

/// Refuses every parameter, on routes that take none.
fn no_parameters(call: &Call) -> Result<(), Problem> {
    parameters(call, &[]).map(drop)
}

/// The parameters of a request, of which it may have those `known`, each once.
fn parameters<'a>(
    call: &'a Call,
    known: &[&str],
) -> Result<std::collections::BTreeMap<String, std::borrow::Cow<'a, str>>, Problem> {
    let mut given = std::collections::BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(call.request.query_string().as_bytes()) {
        let field: String = name.chars().take(64).collect();
        let refused = |rule: &str| Problem::new(Code::InvalidParameter, rule).field(field.clone());
        if !known.contains(&name.as_ref()) {
            return Err(refused(
                "There is no such parameter. Remove it or correct its name.",
            ));
        }
        if given.insert(name.into_owned(), value).is_some() {
            return Err(refused("Give this parameter once."));
        }
    }
    Ok(given)
}

fn invalid(name: &str, rule: &str) -> Problem {
    Problem::new(Code::InvalidParameter, rule).field(name)
}

impl From<BatchError> for Problem {
    fn from(error: BatchError) -> Self {
        let detail = error.to_string();
        match error {
            BatchError::Rejected(Rejection::Unknown) => {
                Self::new(Code::NotFound, "There is no such batch.")
            }
            BatchError::Rejected(Rejection::AlreadyBegun | Rejection::WrongPhase(_)) => {
                Self::new(Code::WrongBatchState, detail)
            }
            BatchError::TooMany(_) => Self::later(
                Code::TooManyBatches,
                "As many of your batches are open as may be. Wait until one has ended, or cancel one.",
                std::time::Duration::from_secs(60),
                String::new(),
            ),
            BatchError::KeyInFlight => Self::later(
                Code::IdempotencyKeyInFlight,
                "The first upload with this idempotency key is still coming in. Repeat it later.",
                std::time::Duration::from_secs(5),
                String::new(),
            ),
            BatchError::TooManyLines(_) => Self::new(Code::BodyTooLarge, detail),
            BatchError::Unavailable(cause) => store_unavailable(cause),
        }
    }
}
