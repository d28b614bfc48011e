//! What a client is told when a request is not done: RFC 9457 problem details with a stable code.
//!
//! The codes and their statuses are in [`codes`]; nothing else of the edge knows status codes of
//! refusals. What is refused of prompts is in `prompts/problems.rs`.

mod codes;

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use punchcard_actors::admission::{Bound, Full};
use punchcard_actors::ports::{InputRefusal, ReadError};
use punchcard_actors::sessions::SessionError;
use punchcard_actors::tickets::{IssueError, TicketError};
use punchcard_actors::usage::{Exceeded, Scope};
use punchcard_events::ticket::Rejection;
use serde::Serialize;
use serde_json::{Map, Value};

use super::usage::RateLimits;
use crate::keys::{Role, Roles};

pub use codes::Code;

/// Tells the official clients of OpenAI's API whether to repeat a request by themselves.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", .code.as_str())]
pub struct Problem {
    code: Code,
    detail: String,
    field: Option<Box<str>>,
    retry_after: Option<Duration>,
    /// What the log should know and the client should not.
    cause: Option<Box<str>>,
    allow: Option<Box<str>>,
    /// How the limits stand that the request counts against.
    rate_limits: Option<Box<RateLimits>>,
    /// Members of this kind of problem alone (RFC 9457, section 3.2).
    more: Box<Map<String, Value>>,
}

/// The JSON of RFC 9457.
#[derive(Serialize)]
struct ProblemDetails<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    request_id: &'a str,
    #[serde(flatten)]
    more: &'a Map<String, Value>,
}

impl Problem {
    /// A problem with a sentence that says what to do.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            field: None,
            retry_after: None,
            cause: None,
            allow: None,
            rate_limits: None,
            more: Box::default(),
        }
    }

    /// Says what to do about it, where that is more than to correct the request.
    #[must_use]
    pub(super) fn remedy(self, remedy: impl Into<String>) -> Self {
        self.with("remedy", remedy.into())
    }

    /// What to do about it, where it is said.
    #[cfg(test)]
    pub(super) fn remedy_text(&self) -> Option<&str> {
        self.more.get("remedy").and_then(Value::as_str)
    }

    /// Says what the log should know and the client should not.
    #[must_use]
    pub(super) fn caused_by(mut self, cause: String) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds a member of its own kind.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// Tells how the limits stand that the request counts against, where it is refused for them.
    #[must_use]
    pub(super) fn rate_limited(mut self, limits: impl FnOnce() -> Option<RateLimits>) -> Self {
        if self.code.status() == StatusCode::TOO_MANY_REQUESTS {
            self.rate_limits = limits().map(Box::new);
        }
        self
    }

    /// Names the part of the request that is wrong: a JSON pointer into the body, or a parameter.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into().into_boxed_str());
        self
    }

    /// Lists the methods that the route does take.
    pub(super) fn method_not_allowed(allow: String) -> Self {
        let detail = format!("This route takes {allow}.");
        Self {
            allow: Some(allow.into()),
            ..Self::new(Code::MethodNotAllowed, detail)
        }
    }

    /// The one answer to a missing, wrong, doubled or revoked key.
    pub(super) fn unauthorized() -> Self {
        let detail = "Send one valid API key, as `Authorization: Bearer <key>`.";
        Self::new(Code::Unauthorized, detail)
    }

    /// The key is valid, and opens nothing for now.
    pub(super) fn tenant_suspended(reason: &str) -> Self {
        let reason = reason.trim_end_matches('.');
        let detail = format!("This company is suspended: {reason}. Ask the operator.");
        Self::new(Code::TenantSuspended, detail)
    }

    /// The key is valid, and its holder works as something else.
    pub(super) fn role_missing(needed: Roles, held: Roles) -> Self {
        let words = |roles: Roles, last: &str| {
            let words: Vec<&str> = roles.iter().map(Role::as_str).collect();
            match words.split_last() {
                Some((end, [])) => (*end).to_owned(),
                Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
                None => "none".to_owned(),
            }
        };
        let (needed, held) = (words(needed.sufficient(), "or"), words(held, "and"));
        let detail = format!(
            "This needs a key with the role {needed}; this key has the role {held}. Use another \
             key, or ask whoever gives out your keys for the role."
        );
        Self::new(Code::RoleMissing, detail)
    }

    /// The one answer for what is unknown, malformed or another tenant's.
    pub(super) fn no_such_ticket() -> Self {
        Self::new(Code::NotFound, "There is no such ticket.")
    }

    /// All that requests may hold of bodies in memory is held.
    pub(super) fn too_many_bodies(full: Full) -> Self {
        let code = match full {
            Full::Tenant => Code::TooManyRequests,
            Full::Total => Code::Overloaded,
        };
        let detail =
            "Too many request bodies are arriving at a time. Repeat the request in a moment.";
        Self::later(code, detail, Duration::from_secs(1), String::new())
    }

    /// All places of requests that wait for an outcome are taken.
    pub(super) fn too_many_waiting(full: Full) -> Self {
        let code = match full {
            Full::Tenant => Code::TooManyRequests,
            Full::Total => Code::Overloaded,
        };
        let detail = "Too many requests wait for their answers at a time. Repeat the request in a \
                      moment, or send it with `Prefer: respond-async`.";
        Self::later(code, detail, Duration::from_secs(1), String::new())
    }

    pub(super) fn later(code: Code, detail: &str, after: Duration, cause: String) -> Self {
        Self {
            retry_after: Some(after),
            cause: (!cause.is_empty()).then(|| cause.into()),
            ..Self::new(code, detail)
        }
    }

    pub(super) fn internal(cause: String) -> Self {
        Self {
            cause: Some(cause.into()),
            ..Self::new(
                Code::Internal,
                "Something went wrong here. Try again later.",
            )
        }
    }

    /// The stable word.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What is wrong, as a sentence.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// The part of the request that is wrong, where it is named.
    pub(super) fn field_pointer(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// A member of its own kind.
    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        self.more.get(name)
    }

    /// The ticket's texts are not served any more.
    pub(super) fn result_expired() -> Self {
        let detail =
            "The ticket ended longer ago than your texts are kept. Lists still have its line.";
        Self::new(Code::ResultExpired, detail)
    }

    /// Says when to repeat the request.
    #[must_use]
    pub(super) fn after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// What the log should know: only set where the fault is on this side.
    pub(super) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The response.
    pub(super) fn response(&self, request_id: &str) -> HttpResponse {
        let status = self.code.status();
        let mut response = HttpResponse::build(status);
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            response.insert_header((header::RETRY_AFTER, seconds.max(1)));
        }
        if let Some(limits) = &self.rate_limits {
            limits.write(&mut response);
        }
        if let Some(allow) = &self.allow {
            response.insert_header((header::ALLOW, &**allow));
        }
        match self.code {
            Code::Unauthorized => {
                response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
            }
            Code::UpgradeRequired => {
                response.insert_header((header::UPGRADE, "websocket"));
            }
            // Clients that repeat what failed ask this header first. What a repeat would only do a
            // second time is said to be no use, unless a time to repeat it is given.
            Code::TicketFailed | Code::TicketCancelled | Code::StillRunning => {
                let again = self.retry_after.is_some().to_string();
                response.insert_header((SHOULD_RETRY, again));
            }
            // What is left of the body cannot be told from a next request.
            Code::RequestTimeout | Code::BodyTooLarge => {
                response.force_close();
            }
            _ => {}
        }
        response.json_problem(&ProblemDetails {
            kind: format!("urn:punchcard:problem:{}", self.code.as_str()),
            title: self.code.title(),
            status: status.as_u16(),
            detail: &self.detail,
            code: self.code.as_str(),
            field: self.field.as_deref(),
            request_id,
            more: &self.more,
        })
    }
}

/// Ends a response with problem details.
trait JsonProblem {
    fn json_problem(&mut self, details: &ProblemDetails<'_>) -> HttpResponse;
}

impl JsonProblem for actix_web::HttpResponseBuilder {
    fn json_problem(&mut self, details: &ProblemDetails<'_>) -> HttpResponse {
        let kind = HeaderValue::from_static("application/problem+json");
        self.insert_header((header::CONTENT_TYPE, kind));
        // Strings and a number always become JSON.
        self.body(serde_json::to_vec(details).unwrap_or_default())
    }
}

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Refused(refusal) => refusal.into(),
            IssueError::BadTime(bad) => Self::new(Code::InvalidRequest, bad.rule).field(bad.field),
            IssueError::KeyReused => Self::new(
                Code::IdempotencyKeyReused,
                "This idempotency key was used for another request. Use a new key.",
            ),
            IssueError::KeyInFlight => Self::later(
                Code::IdempotencyKeyInFlight,
                "The first request with this idempotency key is still being accepted. Repeat it in a moment.",
                Duration::from_secs(1),
                String::new(),
            ),
            IssueError::Overloaded { bound, retry_after } => overloaded(bound, retry_after),
            IssueError::BudgetExhausted {
                exceeded,
                retry_after,
            } => budget_exhausted(&exceeded, retry_after),
            IssueError::StillCounting => Self::later(
                Code::StillCounting,
                "What you used before is still being added up. Repeat the request in a moment.",
                Duration::from_secs(2),
                String::new(),
            ),
            IssueError::Unavailable(cause) => store_unavailable(cause),
            IssueError::Stopping => stopping(),
        }
    }
}

/// When to come back for a prompt that could not be made ready.
const PROMPT_RETRY: Duration = Duration::from_secs(2);

impl From<InputRefusal> for Problem {
    fn from(refusal: InputRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            InputRefusal::UnknownTask(_) => Self::new(Code::UnknownTask, detail).field("/task"),
            InputRefusal::NotDeployed { .. } => {
                Self::new(Code::TaskNotDeployed, detail).field("/label")
            }
            InputRefusal::Retired(_) => Self::new(Code::TaskRetired, detail).field("/task"),
            InputRefusal::Broken(_) => Self::internal(detail),
            InputRefusal::Unavailable(_) => {
                Self::later(Code::Overloaded, &detail, PROMPT_RETRY, String::new())
            }
            InputRefusal::InvalidInput { field, .. } => {
                Self::new(Code::InvalidInput, detail).field(field)
            }
            InputRefusal::InputTooLarge { .. } => {
                Self::new(Code::InputTooLarge, detail).field("/input")
            }
        }
    }
}

impl From<TicketError> for Problem {
    fn from(error: TicketError) -> Self {
        match error {
            TicketError::NotFound => Self::no_such_ticket(),
            TicketError::Rejected(rejection) => rejection.into(),
            TicketError::Busy => Self::later(
                Code::Overloaded,
                "The ticket is busy. Repeat the request in a moment.",
                Duration::from_secs(1),
                String::new(),
            ),
            TicketError::Unavailable(cause) => store_unavailable(cause),
        }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let detail = rejection.to_string();
        match rejection {
            Rejection::NotRequested => Self::no_such_ticket(),
            Rejection::AlreadyEnded(_) => Self::new(Code::TicketAlreadyEnded, detail),
            Rejection::AlreadyRequested
            | Rejection::WrongState { .. }
            | Rejection::WrongAttempt { .. }
            | Rejection::WrongTry { .. }
            | Rejection::WrongModel { .. }
            | Rejection::DeadlinesOutOfOrder
            | Rejection::FailedAnew
            | Rejection::DeadlinePassed(_) => Self::new(Code::WrongState, detail),
            Rejection::NotFailed(state) => {
                let state = state.as_str();
                let detail = format!("Only a failed ticket can be redriven; this one is {state}.");
                Self::new(Code::NotFailed, detail)
            }
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable(cause) => store_unavailable(cause),
            ReadError::Damaged(cause) => Self::internal(cause),
        }
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::TooManyTokens | SessionError::TooManySessions => Self::later(
                Code::Overloaded,
                "Too many sessions or unused session tokens. Try again in a moment.",
                Duration::from_secs(5),
                String::new(),
            ),
            SessionError::Stopping => stopping(),
            SessionError::BadToken | SessionError::NoRandomness => {
                Self::internal(error.to_string())
            }
        }
    }
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        // Serde's texts may quote what they choke on; its class and place do not.
        Self::internal(format!("an answer is not JSON: {:?}", error.classify()))
    }
}

/// Over its own bound a tenant is told 429; over a common one, 503.
fn overloaded(bound: Bound, retry_after: Duration) -> Problem {
    let (code, detail) = match bound {
        Bound::TenantOpen => (
            Code::TooManyOpenTickets,
            "As many of your tickets are open as may be. Repeat the request after the time given.",
        ),
        Bound::TenantConcurrent | Bound::TaskConcurrent => (
            Code::TooManyOpenTickets,
            "As many of your tickets are open as your limit allows. Repeat the request after the \
             time given.",
        ),
        Bound::TenantAccepting => (
            Code::TooManyRequests,
            "You issue too many tickets at a time. Repeat the request after the time given.",
        ),
        Bound::TenantScheduled => (
            Code::TooManyOpenTickets,
            "As many of your tickets are scheduled as may be. Repeat the request after the time given.",
        ),
        Bound::Open | Bound::Accepting => (
            Code::Overloaded,
            "Too many tickets are open here. Repeat the request after the time given.",
        ),
        Bound::QueueWait => (
            Code::Overloaded,
            "The line for the task's model is too long. Repeat the request after the time given.",
        ),
    };
    let problem = Problem::later(code, detail, retry_after, String::new());
    match bound {
        Bound::TenantConcurrent | Bound::TaskConcurrent => problem.with("limit", bound.as_str()),
        Bound::TenantOpen
        | Bound::TenantScheduled
        | Bound::TenantAccepting
        | Bound::Open
        | Bound::Accepting
        | Bound::QueueWait => problem,
    }
}

/// Names the budget, so that whoever set it knows which one to raise.
fn budget_exhausted(exceeded: &Exceeded, retry_after: Duration) -> Problem {
    let Exceeded { limit, ends_at, .. } = exceeded;
    let detail = format!(
        "This ticket may use more than is left of {limit}, which is renewed at {ends_at}. Issue it \
         then, or have the budget raised."
    );
    let problem = Problem::later(Code::BudgetExhausted, &detail, retry_after, String::new())
        .with("limit", limit.word())
        .with("renewed_at", ends_at.to_string());
    match &limit.scope {
        Scope::Tenant => problem,
        Scope::Task(task) => problem.with("task", task.as_str()),
    }
}

pub(super) fn store_unavailable(cause: String) -> Problem {
    let detail = "The event store does not answer. Repeat the request in a moment.";
    Problem::later(
        Code::StoreUnavailable,
        detail,
        Duration::from_secs(2),
        cause,
    )
}

pub(super) fn stopping() -> Problem {
    let detail = "This server is stopping. Repeat the request in a moment.";
    Problem::later(
        Code::Stopping,
        detail,
        Duration::from_secs(5),
        String::new(),
    )
}
