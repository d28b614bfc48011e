//! What happens around every handler: its policy, a span, a request id, metrics, and the headers
//! that every response carries.

use std::time::Instant;

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use punchcard_actors::feed::News;
use punchcard_events::TaskName;
use punchcard_events::prompt::Act;
use tracing::Instrument as _;
use uuid::Uuid;

use super::auth::{self, Caller};
use super::errors::{Code, Problem};
use super::routes::{Access, Door, Route};
use super::{Api, cross_site, openai};
use crate::keys::{Operator, Roles};

/// Names the request in the response and in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request that nobody vouches for.
pub(super) struct Visit {
    pub(super) api: Api,
    pub(super) request: HttpRequest,
    pub(super) payload: web::Payload,
}

/// A request of somebody with a key, and with a role that the route asks for.
pub(super) struct Call {
    pub(super) api: Api,
    pub(super) request: HttpRequest,
    /// The body, until it is read.
    pub(super) payload: Option<web::Payload>,
    pub(super) caller: Caller,
}

/// A request of an operator.
pub(super) struct OperatorCall {
    pub(super) api: Api,
    pub(super) request: HttpRequest,
    /// The body, until it is read.
    pub(super) payload: Option<web::Payload>,
    pub(super) operator: Operator,
}

/// Such a request about a ticket of the same tenant.
pub(super) struct TicketCall {
    pub(super) call: Call,
    /// The ticket as of now.
    pub(super) news: News,
}

/// Such a request about a prompt of the same tenant, there or not.
pub(super) struct PromptCall {
    pub(super) call: Call,
    /// The prompt's task.
    pub(super) task: TaskName,
}

impl Call {
    /// What the caller does now, as prompts record it.
    pub(super) fn act(&self) -> Act {
        self.api.prompts.act(self.caller.author())
    }
}

/// Runs a route.
pub(super) async fn run(
    door: Door,
    route: &'static Route,
    api: Api,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let request_id = Uuid::now_v7().to_string();
    let span = tracing::info_span!(
        "http.request",
        http.request.id = %request_id,
        http.request.method = %route.method,
        http.route = route.path,
    );
    let started = Instant::now();
    let handled = async {
        if door == Door::Admin {
            cross_site::refuse(&request)?;
        }
        enforce(route, api, request, payload).await
    };
    let handled = handled.instrument(span.clone()).await;
    span.in_scope(|| answer(route.path, &request_id, started, handled))
}

/// Answers a request that no route takes.
#[expect(clippy::unused_async, reason = "actix-web takes only async handlers")]
pub(super) async fn refuse(_: HttpRequest, template: &'static str, why: Problem) -> HttpResponse {
    let request_id = Uuid::now_v7().to_string();
    answer(template, &request_id, Instant::now(), Err(why))
}

/// The problem of a path that is not in the table.
pub(super) fn no_such_route() -> Problem {
    Problem::new(Code::NotFound, "There is no such route.")
}

async fn enforce(
    route: &Route,
    api: Api,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    match &route.access {
        Access::Open(handler) | Access::Session(handler) => {
            handler(Visit {
                api,
                request,
                payload,
            })
            .await
        }
        Access::Key(roles, handler) => handler(admit(*roles, api, request, payload)?).await,
        Access::Ticket(roles, handler) => {
            let call = admit(*roles, api, request, payload)?;
            let news = own_ticket(&call).await?;
            handler(TicketCall { call, news }).await
        }
        Access::Prompt(roles, handler) => {
            let call = admit(*roles, api, request, payload)?;
            let task = task(&call.request)?;
            handler(PromptCall { call, task }).await
        }
        Access::Operator(handler) => handler(admit_operator(api, request, payload)?).await,
    }
}

/// Lets in whoever shows a key with one of `roles`. Nothing is looked up before, so that a refusal
/// says nothing about what there is.
fn admit(
    roles: Roles,
    api: Api,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<Call, Problem> {
    let caller = auth::authenticate(request.headers(), api.keys.as_ref())?;
    caller.must_be(roles)?;
    Ok(Call {
        api,
        request,
        payload: Some(payload),
        caller,
    })
}

/// Lets in whoever shows an operator's key. Everybody else, admins of tenants too, is told what somebody
/// without a key is told.
fn admit_operator(
    api: Api,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<OperatorCall, Problem> {
    let operator = auth::operator(request.headers(), &api.operators)?;
    Ok(OperatorCall {
        api,
        request,
        payload: Some(payload),
        operator,
    })
}

/// The ticket in the path, as of now. Malformed ids, unknown tickets and other tenants' tickets
/// cannot be told apart.
async fn own_ticket(call: &Call) -> Result<News, Problem> {
    let id = call.request.match_info().get("id").unwrap_or_default();
    let ticket = id.parse().map_err(|_| Problem::no_such_ticket())?;
    let news = call.api.tickets.look(ticket).await?;
    let owned = |news: &News| {
        let request = news.state.request();
        request.is_some_and(|request| request.tenant == call.caller.tenant)
    };
    let news = news.filter(owned).ok_or_else(Problem::no_such_ticket)?;
    // Every route about one ticket goes through here, so its texts are behind none of them.
    if call.api.tickets.is_expired(&news) {
        return Err(Problem::result_expired());
    }
    Ok(news)
}

/// The task in the path. What cannot be a task's name is said to be none: that says nothing about
/// which there are.
pub(super) fn task(request: &HttpRequest) -> Result<TaskName, Problem> {
    let name = request.match_info().get("task").unwrap_or_default();
    TaskName::new(name).map_err(|error| {
        let rule = format!("A task's name has {}.", error.rule);
        Problem::new(Code::InvalidParameter, rule).field("task")
    })
}

fn answer(
    template: &'static str,
    request_id: &str,
    started: Instant,
    handled: Result<HttpResponse, Problem>,
) -> HttpResponse {
    let mut response = handled.unwrap_or_else(|problem| {
        let problem = if openai::is_here(template) {
            openai::dress(problem)
        } else {
            problem
        };
        let code = problem.code().as_str();
        if let Some(cause) = problem.cause() {
            tracing::warn!(error.code = code, error.cause = cause, "request not done");
        }
        metrics::counter!("http_problems_total", "code" => code).increment(1);
        problem.response(request_id)
    });
    let status = response.status();
    let class = match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    };
    let took = started.elapsed();
    metrics::counter!("http_requests_total", "route" => template, "status" => class).increment(1);
    metrics::histogram!("http_request_duration_seconds", "route" => template).record(took);
    tracing::debug!(
        http.response.status_code = status.as_u16(),
        "request answered"
    );
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    // What is the same for everybody says so itself.
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}
