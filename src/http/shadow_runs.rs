//! Shadow runs over HTTP: what a change of a prompt would do to real tickets of the past, before it does it.

mod ask;
pub(super) mod operations;
mod read;
pub(super) mod routes;
mod view;

use std::time::Duration;

use punchcard_actors::shadow_runs::{RunView, ShadowRunError};
use punchcard_events::shadow_run::Rejection;
use uuid::Uuid;

use super::dispatch::Call;
use super::errors::{Code, Problem, store_unavailable};

/// The run in the path. Malformed ids, unknown runs and other tenants' runs cannot be told apart.
async fn own_run(call: &Call) -> Result<RunView, Problem> {
    let id = call
        .request
        .match_info()
        .get("shadow_run")
        .unwrap_or_default();
    let id = Uuid::parse_str(id).map_err(|_| no_such_run())?;
    let view = call.api.workplace.shadow_runs.view(id).await?;
    let own = view.filter(|view| view.tenant == call.caller.tenant);
    own.ok_or_else(no_such_run)
}

fn no_such_run() -> Problem {
    Problem::new(Code::NotFound, "There is no such shadow run.")
        .remedy("See the list of shadow runs, or start one.")
}

impl From<ShadowRunError> for Problem {
    fn from(error: ShadowRunError) -> Self {
        let detail = super::prompts::problems::sentence(&error);
        match error {
            ShadowRunError::Prompt(error) => error.into(),
            ShadowRunError::Unusable(_) => Self::new(Code::BrokenPrompt, detail)
                .remedy("Mend it in a new version, and try that one."),
            ShadowRunError::NoCases { .. } => Self::new(Code::NoCases, detail).remedy(
                "Choose a longer period, a larger sample, or another user. Only tickets that were \
                 answered can be tried again.",
            ),
            ShadowRunError::NoPrice => Self::new(Code::NoPrice, detail).remedy(
                "Leave `max_cost_usd` out, or have whoever runs the server set the model's price.",
            ),
            ShadowRunError::TooMany(_) => Self::later(
                Code::TooManyShadowRuns,
                &detail,
                Duration::from_secs(30),
                String::new(),
            )
            .remedy("Wait until one is finished, or stop one."),
            ShadowRunError::NoSuchRun => no_such_run(),
            ShadowRunError::Rejected(Rejection::Unknown) => no_such_run(),
            ShadowRunError::Rejected(
                Rejection::AlreadyStarted | Rejection::Finished | Rejection::NotThroughYet(_),
            ) => Self::new(Code::WrongShadowRunState, detail)
                .remedy("Look at the run as it is now; start another one if you need more."),
            ShadowRunError::Unavailable(cause) => store_unavailable(cause),
        }
    }
}
