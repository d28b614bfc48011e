//! The prompt routes: what planners do with prompts, over HTTP.
//!
//! Every handler does three things: it reads the request, asks the desk
//! ([`Prompts`](punchcard_actors::prompts::Prompts)), and shows what came of it. Whether something
//! fits the prompt as it is, is decided there and not here; which roles a route lets in stands in
//! [`routes`]. What depends on what is asked for, `production` and an override, is checked by the
//! handler, before anything else.

mod at;
mod bundle;
mod canary;
mod diff;
mod drafts;
mod history;
mod import;
mod labels;
pub(super) mod operations;
pub(super) mod params;
mod partials;
mod policy;
pub(super) mod precondition;
pub(super) mod problems;
mod render;
mod retirement;
pub(super) mod routes;
mod sentence;
mod test_runs;
mod test_sets;
mod versions;
pub(super) mod view;
mod workbench;

use actix_web::HttpResponse;
use punchcard_events::TaskName;

pub use drafts::RESERVED;
pub(super) use versions::Reference;
pub use workbench::{Unrenderable, Workbench};

use super::dispatch::{Call, PromptCall};
use super::errors::Problem;
use params::Params;
use view::{PromptPage, PromptView};

/// `GET /v1/prompts`
async fn list(call: Call) -> Result<HttpResponse, Problem> {
    let params = Params::of(call.request.query_string(), &["limit", "after"])?;
    let limit = params.limit()?;
    let after: Option<TaskName> = params.get("after", "Use the next_cursor of the page before.")?;
    let book = call.api.prompts.book();
    // One more than asked for tells whether there is a next page.
    let mut found = book.list(&call.caller.tenant, after.as_ref(), limit.saturating_add(1));
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| more).map(|(task, _)| task.clone());
    let tally = |canary| call.api.tally(canary);
    let shown = found.into_iter();
    let shown = shown.map(|(task, summary)| PromptView::of(task, &summary, tally));
    Ok(HttpResponse::Ok().json(PromptPage {
        prompts: shown.collect(),
        next_cursor,
    }))
}

/// `GET /v1/prompts/{task}`
async fn read(call: PromptCall) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(shown(&call)?))
}

/// The prompt as it is in the book, which has what was done before this was asked.
fn shown(PromptCall { call, task }: &PromptCall) -> Result<PromptView, Problem> {
    let summary = call.api.prompts.summary(&call.caller.tenant, task)?;
    let tally = |canary| call.api.tally(canary);
    Ok(PromptView::of(task.clone(), &summary, tally))
}
