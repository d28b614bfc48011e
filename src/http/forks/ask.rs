//! `POST /v1/tickets/{id}/forks`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use punchcard_actors::forks::{ForkPrompt, ForkSpec};
use punchcard_events::LabelName;
use punchcard_events::ticket::{ForkFrom, Idempotency, Parameters, Priority};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::view::PreviewView;
use crate::http::dispatch::{Call, TicketCall};
use crate::http::errors::{Code, Problem};
use crate::http::usage::RateLimits;
use crate::http::view::TicketView;
use crate::http::{idempotency, traceparent};
use crate::keys::{Role, Roles};

/// Who may choose any model.
const PLANNERS: Roles = Roles::of(&[Role::Planner]);

/// The longest name of a model that is looked for.
const MAX_MODEL_BYTES: usize = 256;

/// How a ticket is to be run again. What is not said is as it was.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ForkBody {
    /// Absent: `requested`.
    #[serde(default)]
    from: Option<ForkFrom>,
    #[serde(default)]
    version: Option<u32>,
    #[serde(default)]
    label: Option<LabelName>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    parameters: Parameters,
    /// Absent: `low`.
    #[serde(default)]
    priority: Option<Priority>,
    /// Whether it is only shown what would be sent.
    #[serde(default)]
    dry_run: bool,
}

pub(super) async fn ask(
    TicketCall { mut call, news }: TicketCall,
) -> Result<HttpResponse, Problem> {
    let headers = call.request.headers().clone();
    let key = idempotency::key(&headers)?;
    let body: ForkBody = call.json_or_default().await?;
    let parent = news.ticket;
    let spec = spec(&call, &parent.to_string(), key, body)?;
    let forks = &call.api.workplace.forks;
    if spec.dry_run {
        let plan = forks.plan(parent, &spec.fork).await?;
        return Ok(HttpResponse::Ok().json(PreviewView::of(parent, spec.fork.from, &plan)));
    }
    let request = news.state.request();
    let task = request.map(|request| &request.task);
    let limits = || RateLimits::of(&call.api.tickets, &call.caller.tenant, task);
    let forked = forks.fork(parent, spec.fork).await;
    let forked = forked.map_err(|error| Problem::from(error).rate_limited(limits))?;
    let mut response = HttpResponse::build(StatusCode::ACCEPTED);
    if let Some(limits) = limits() {
        limits.write(&mut response);
    }
    response.insert_header((header::LOCATION, format!("/v1/tickets/{}", forked.ticket)));
    if forked.repeated {
        response.insert_header((idempotency::REPLAYED, "true"));
    }
    Ok(response.json(TicketView::first(forked.ticket, &forked.request)))
}

/// What was asked for.
struct Wanted {
    fork: ForkSpec,
    dry_run: bool,
}

fn spec(call: &Call, parent: &str, key: Option<String>, body: ForkBody) -> Result<Wanted, Problem> {
    let idempotency = key.map(|key| Idempotency {
        fingerprint: fingerprint(parent, &body),
        key,
    });
    let prompt = match (body.version, body.label) {
        (Some(_), Some(_)) => {
            let detail = "Name a version or a label, not both.";
            return Err(Problem::new(Code::InvalidRequest, detail).field("/label"));
        }
        (Some(version), None) => Some(ForkPrompt::Version(version)),
        (None, label) => label.map(ForkPrompt::Label),
    };
    if body
        .model
        .as_ref()
        .is_some_and(|model| model.len() > MAX_MODEL_BYTES)
    {
        let detail = format!("A model's name has at most {MAX_MODEL_BYTES} bytes.");
        return Err(Problem::new(Code::InvalidRequest, detail).field("/model"));
    }
    let fork = ForkSpec {
        from: body.from.unwrap_or(ForkFrom::Requested),
        prompt,
        model: body.model,
        any_model: call.caller.roles.allow(PLANNERS),
        parameters: body.parameters,
        priority: body.priority.unwrap_or(Priority::Low),
        idempotency,
        traceparent: traceparent::of(call.request.headers()),
        ..ForkSpec::again(call.caller.tenant.clone(), call.caller.key_prefix.clone())
    };
    Ok(Wanted {
        fork,
        dry_run: body.dry_run,
    })
}

/// What was asked, whatever its order and spelling. The ticket is a part of it: the same body names
/// another fork elsewhere.
fn fingerprint(parent: &str, body: &ForkBody) -> String {
    let (parent, from) = (json!(parent), json!(body.from));
    let (version, label) = (json!(body.version), json!(body.label));
    let (model, parameters) = (json!(body.model), json!(body.parameters));
    let priority = json!(body.priority);
    idempotency::fingerprint(&[
        ("fork_of", &parent),
        ("from", &from),
        ("version", &version),
        ("label", &label),
        ("model", &model),
        ("parameters", &parameters),
        ("priority", &priority),
    ])
}
