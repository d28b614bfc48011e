//! The ticket routes.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use punchcard_actors::failpoint;
use punchcard_actors::ports::{Order, TicketIndex};
use punchcard_actors::tickets::{Issue, Issued};
use punchcard_events::ticket::{CancelMode, Idempotency, Priority};
use punchcard_events::{LabelName, TaskName, Timestamp, UserId};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::dispatch::{Call, TicketCall};
use super::errors::{Code, Problem};
use super::query::ListQuery;
use super::usage::RateLimits;
use super::view::{TicketLine, TicketPage, TicketView};
use super::{cursor, idempotency, outcome, prefer, query, traceparent};

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The most labels of a ticket, and the most bytes of a label's name and value.
const MAX_LABELS: usize = 16;
const MAX_LABEL_NAME_BYTES: usize = 64;
const MAX_LABEL_BYTES: usize = 512;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IssueBody {
    task: TaskName,
    input: Value,
    #[serde(default)]
    label: Option<LabelName>,
    #[serde(default)]
    user: Option<UserId>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    priority: Priority,
    #[serde(default)]
    not_before: Option<Timestamp>,
    #[serde(default)]
    deadline: Option<Timestamp>,
}

/// `POST /v1/tickets`
pub(super) async fn issue(mut call: Call) -> Result<HttpResponse, Problem> {
    let headers = call.request.headers().clone();
    let key = idempotency::key(&headers)?;
    // A refusal costs next to nothing. A request with a key may be a repeat, and is read.
    if key.is_none()
        && let Err(refused) = call.api.tickets.has_room(&call.caller.tenant)
    {
        call.discard_body().await;
        let limits = || RateLimits::of(&call.api.tickets, &call.caller.tenant, None);
        return Err(Problem::from(refused).rate_limited(limits));
    }
    let body: IssueBody = call.json().await?;
    let tenant = &call.caller.tenant;
    check_metadata(&body.metadata)?;
    let idempotency = key.map(|key| Idempotency {
        key,
        fingerprint: fingerprint(&body),
    });
    let issue = Issue {
        tenant: tenant.clone(),
        task: body.task,
        label: body.label,
        user: body.user,
        priority: body.priority,
        not_before: body.not_before,
        deadline: body.deadline,
        batch: None,
        conversation: None,
        idempotency,
        input: Arc::new(body.input),
        metadata: body.metadata,
        traceparent: traceparent::of(&headers),
    };
    let task = issue.task.clone();
    let limits = || RateLimits::of(&call.api.tickets, &call.caller.tenant, Some(&task));
    let issued = call.api.tickets.issue(issue).await;
    let issued = issued.map_err(|error| Problem::from(error).rate_limited(limits))?;
    failpoint!("effect::accept::before");
    let mut response = HttpResponse::build(StatusCode::ACCEPTED);
    if let Some(limits) = limits() {
        limits.write(&mut response);
    }
    response.insert_header((header::LOCATION, format!("/v1/tickets/{}", issued.ticket)));
    if issued.repeated {
        response.insert_header((idempotency::REPLAYED, "true"));
    }
    let wait = prefer::wait(&headers, call.api.options.max_wait);
    // Whoever finds no place to wait gets the 202 at once, as a preference may be (RFC 7240).
    let place = wait.and_then(|_| call.api.bounds.waiting.take(&call.caller.tenant, 1).ok());
    if let (Some(wait), Some(_place)) = (wait, place) {
        response.insert_header((PREFERENCE_APPLIED, format!("wait={}", wait.as_secs())));
        let concluded = outcome::wait(&call.api.tickets, issued.ticket, wait).await;
        // The ticket is accepted; that the wait went wrong must not hide it.
        if let Ok(Some(news)) = concluded
            && !call.api.tickets.is_expired(&news)
        {
            let issuer = Some(call.caller.key_prefix);
            let news = outcome::taken_by_issuer(&call.api.tickets, news, issuer).await;
            response.status(StatusCode::OK);
            return Ok(response.json(TicketView::of(&news)));
        }
    }
    let Issued {
        ticket, request, ..
    } = issued;
    Ok(response.json(TicketView::first(ticket, &request)))
}

/// What the issuer said, whatever its order and spelling.
fn fingerprint(body: &IssueBody) -> String {
    let user = body.user.as_ref().map(UserId::as_str);
    let (metadata, task) = (json!(body.metadata), json!(body.task));
    let (user, label) = (json!(user), json!(body.label));
    let mut fields = vec![
        ("input", &body.input),
        ("metadata", &metadata),
        ("task", &task),
        ("user", &user),
    ];
    // Fingerprints were stored before requests had labels: without one, it stays what it was.
    if body.label.is_some() {
        fields.push(("label", &label));
    }
    // Nor had they these.
    let (priority, not_before) = (json!(body.priority), json!(body.not_before));
    let deadline = json!(body.deadline);
    if !body.priority.is_normal() {
        fields.push(("priority", &priority));
    }
    if body.not_before.is_some() {
        fields.push(("not_before", &not_before));
    }
    if body.deadline.is_some() {
        fields.push(("deadline", &deadline));
    }
    idempotency::fingerprint(&fields)
}

/// Checks the issuer's labels.
pub(super) fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<(), Problem> {
    let refused = |field: String, detail: String| {
        Err(Problem::new(Code::InvalidRequest, detail).field(field))
    };
    if metadata.len() > MAX_LABELS {
        return refused(
            "/metadata".into(),
            format!("Send at most {MAX_LABELS} labels."),
        );
    }
    for (name, value) in metadata {
        if !(1..=MAX_LABEL_NAME_BYTES).contains(&name.len()) {
            let rule = format!("A label's name has 1 to {MAX_LABEL_NAME_BYTES} bytes.");
            return refused("/metadata".into(), rule);
        }
        if value.len() > MAX_LABEL_BYTES {
            let name = name.replace('~', "~0").replace('/', "~1");
            let rule = format!("A label has at most {MAX_LABEL_BYTES} bytes.");
            return refused(format!("/metadata/{name}"), rule);
        }
    }
    Ok(())
}

/// `GET /v1/tickets`
pub(super) async fn list(call: Call) -> Result<HttpResponse, Problem> {
    let query = query::parse(call.request.query_string(), call.caller.tenant)?;
    page(call.api.tickets.index().as_ref(), &query).await
}

/// A page of a ticket list, the newest first.
pub(super) async fn page(
    index: &dyn TicketIndex,
    query: &ListQuery,
) -> Result<HttpResponse, Problem> {
    // One more than asked for tells whether there is a next page.
    let found = index.list(
        &query.filter,
        Order::NewestFirst,
        query.after,
        query.limit + 1,
    );
    let mut found = found.await?;
    let more = found.len() > query.limit;
    found.truncate(query.limit);
    let last = found.last().filter(|_| more);
    let next_cursor = last.map(|last| cursor::encode(last.id, &query.filter));
    Ok(HttpResponse::Ok().json(TicketPage {
        tickets: found.into_iter().map(TicketLine::from).collect(),
        next_cursor,
    }))
}

/// `GET /v1/tickets/{id}`
pub(super) async fn read(TicketCall { call, news }: TicketCall) -> Result<HttpResponse, Problem> {
    let issuer = call.caller.taker();
    let news = outcome::taken_by_issuer(&call.api.tickets, news, issuer).await;
    Ok(HttpResponse::Ok().json(TicketView::with_messages(&news)))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CancelBody {
    mode: CancelMode,
}

/// `POST /v1/tickets/{id}/cancel`
pub(super) async fn cancel(
    TicketCall { mut call, news }: TicketCall,
) -> Result<HttpResponse, Problem> {
    let body: CancelBody = call.json().await?;
    let by = call.caller.key_prefix;
    let news = call.api.tickets.cancel(news.ticket, body.mode, by).await?;
    Ok(HttpResponse::Ok().json(TicketView::of(&news)))
}
