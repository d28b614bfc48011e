//! Starting, stopping and resuming a shadow run.

use actix_web::HttpResponse;
use actix_web::http::header;
use punchcard_actors::shadow_runs::NewShadowRun;
use punchcard_events::TaskName;
use punchcard_events::shadow_run::{Choice, MAX_CASES, Share, TicketPeriod};
use schemars::JsonSchema;
use serde::Deserialize;

use super::own_run;
use super::view::{PlanView, ShadowRunView};
use crate::http::dispatch::Call;
use crate::http::errors::{Code, Problem};
use crate::http::prompts::params::Params;

/// A shadow run that is asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ShadowRunBody")]
pub(super) struct StartBody {
    task: TaskName,
    version: u32,
    /// Which of the task's answered tickets; absent: any.
    #[serde(default, deserialize_with = "crate::http::body::object")]
    filter: TicketPeriod,
    /// The share of these that is drawn; absent: all.
    #[serde(default)]
    sample: Share,
    /// What the draw follows from; absent: any number. The same seed draws the same tickets.
    #[serde(default)]
    seed: Option<u32>,
    /// The most cases.
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// The run stops before it costs more; absent: it does not.
    #[serde(default)]
    max_cost_usd: Option<f64>,
    /// Whether it is only told what would be run and what that would cost.
    #[serde(default)]
    dry_run: bool,
}

/// How a run goes on.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResumeBody {
    /// What it may cost in all from now on; absent: as before.
    #[serde(default)]
    max_cost_usd: Option<f64>,
}

/// A body that may be left out and holds nothing.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NothingBody {}

/// `POST /v1/shadow-runs`
pub(super) async fn start(mut call: Call) -> Result<HttpResponse, Problem> {
    Params::of(call.request.query_string(), &[])?;
    let body: StartBody = call.json().await?;
    let runs = &call.api.workplace.shadow_runs;
    let is_dry = body.dry_run;
    let new = asked(&call, body)?;
    if is_dry {
        let plan = runs.plan(&new).await?;
        return Ok(HttpResponse::Ok().json(PlanView::of(&new, &plan)));
    }
    let run = runs.start(new).await?;
    let place = format!("/v1/shadow-runs/{}", run.run);
    Ok(HttpResponse::Accepted()
        .insert_header((header::LOCATION, place))
        .json(ShadowRunView::of(&run)))
}

/// `POST /v1/shadow-runs/{shadow_run}/stop`
pub(super) async fn stop(mut call: Call) -> Result<HttpResponse, Problem> {
    Params::of(call.request.query_string(), &[])?;
    let run = own_run(&call).await?.run;
    let NothingBody {} = call.json_or_default().await?;
    let by = call.caller.author();
    let run = call.api.workplace.shadow_runs.stop(run, by).await?;
    Ok(HttpResponse::Ok().json(ShadowRunView::of(&run)))
}

/// `POST /v1/shadow-runs/{shadow_run}/resume`
pub(super) async fn resume(mut call: Call) -> Result<HttpResponse, Problem> {
    Params::of(call.request.query_string(), &[])?;
    let run = own_run(&call).await?.run;
    let body: ResumeBody = call.json_or_default().await?;
    let max_cost_usd = money(body.max_cost_usd)?;
    let by = call.caller.author();
    let runs = &call.api.workplace.shadow_runs;
    let run = runs.resume(run, max_cost_usd, by).await?;
    Ok(HttpResponse::Ok().json(ShadowRunView::of(&run)))
}

fn asked(call: &Call, body: StartBody) -> Result<NewShadowRun, Problem> {
    if !(1..=MAX_CASES).contains(&body.limit) {
        let detail = format!("A shadow run has 1 to {MAX_CASES} cases.");
        return Err(Problem::new(Code::InvalidRequest, detail).field("/limit"));
    }
    Ok(NewShadowRun {
        tenant: call.caller.tenant.clone(),
        task: body.task,
        version: body.version,
        choice: Choice {
            filter: body.filter,
            sample: body.sample,
            seed: match body.seed {
                Some(seed) => seed,
                None => call.api.workplace.shadow_runs.any_seed(),
            },
            limit: body.limit,
        },
        max_cost_usd: money(body.max_cost_usd)?,
        by: call.caller.author(),
    })
}

/// An amount that something may cost.
fn money(usd: Option<f64>) -> Result<Option<f64>, Problem> {
    match usd {
        Some(usd) if !(usd.is_finite() && usd > 0.0) => {
            let detail = "Say in US dollars what the run may cost, more than 0; or leave it out.";
            Err(Problem::new(Code::InvalidRequest, detail).field("/max_cost_usd"))
        }
        usd => Ok(usd),
    }
}
