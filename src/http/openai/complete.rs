//! `POST /v1/chat/completions`.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use punchcard_actors::admission::Share;
use punchcard_actors::tickets::{Issue, Issued};
use punchcard_events::ticket::{Conversation, Idempotency, Priority};

use super::answer::{self, Title};
use super::ask::{Ask, Body, Form};
use super::problems::of_issue;
use super::runs::what_runs;
use super::stream::Seat;
use crate::http::dispatch::Call;
use crate::http::errors::{Code, Problem};
use crate::http::usage::RateLimits;
use crate::http::view::TicketView;
use crate::http::{idempotency, outcome, prefer, traceparent};

/// Names the ticket on every answer that has one.
const TICKET: HeaderName = HeaderName::from_static("x-punchcard-ticket");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// When a request with an idempotency key is to be repeated that was not answered in time.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How the answer is waited for. What it takes of the server's places is taken before the ticket is
/// issued.
enum Way {
    /// Not here: 202 at once.
    Later,
    /// 202 after so long.
    LaterThan(Duration, Share),
    /// In one piece, for so long.
    Whole(Duration, Share),
    /// In chunks.
    Chunks { seat: Seat, usage: bool },
}

/// `POST /v1/chat/completions`
pub(super) async fn complete(mut call: Call) -> Result<HttpResponse, Problem> {
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
    let ask = call.json::<Body>().await?.read()?;
    let (model, form, keyed) = (ask.model.clone(), ask.form, key.is_some());
    let issue = issue(&call, &headers, ask, key)?;
    let way = way(&call, &headers, form).await?;
    let task = issue.task.clone();
    let limits = || RateLimits::of(&call.api.tickets, &call.caller.tenant, Some(&task));
    let issued = call.api.tickets.issue(issue).await;
    let issued = issued.map_err(|refused| of_issue(refused.into()).rate_limited(limits))?;
    if issued.repeated && call.api.tickets.is_expired(&issued.news) {
        return Err(Problem::result_expired());
    }
    let title = Title::of(issued.ticket, &issued.request, model);
    let mut response = match way {
        Way::Later => Ok(later(&issued)),
        Way::LaterThan(wait, _place) => match whole(&call, &issued, &title, wait, keyed).await {
            Err(problem) if problem.code() == Code::StillRunning => Ok(later(&issued)),
            answered => answered,
        },
        Way::Whole(wait, _place) => whole(&call, &issued, &title, wait, keyed).await,
        Way::Chunks { seat, usage } => Ok(seat.stream(&call, &issued, title, usage).await),
    }?;
    let ticket = issued.ticket.to_string();
    if let Ok(ticket) = header::HeaderValue::from_str(&ticket) {
        response.headers_mut().insert(TICKET, ticket);
    }
    if issued.repeated {
        let replayed = header::HeaderValue::from_static("true");
        response
            .headers_mut()
            .insert(idempotency::REPLAYED, replayed);
    }
    Ok(response)
}

/// The ticket that is asked for.
fn issue(
    call: &Call,
    headers: &HeaderMap,
    ask: Ask,
    key: Option<String>,
) -> Result<Issue, Problem> {
    let runs = what_runs(call, &ask.model)?;
    if runs.raw_model.is_some() && !ask.input.is_null() {
        let detail = "`input` fills in a task's prompt, and this model is asked without one.";
        return Err(Problem::new(Code::InvalidRequest, detail).field("/input"));
    }
    if runs.raw_model.is_some() && ask.messages.is_empty() {
        let detail = "Send at least one message.";
        return Err(Problem::new(Code::InvalidRequest, detail).field("/messages"));
    }
    let fingerprint = key.as_ref().map(|_| ask.fingerprint());
    let idempotency = key.zip(fingerprint);
    Ok(Issue {
        tenant: call.caller.tenant.clone(),
        task: runs.task,
        label: None,
        user: None,
        priority: Priority::Normal,
        not_before: None,
        deadline: None,
        batch: None,
        conversation: Some(Arc::new(Conversation {
            messages: ask.messages,
            model: runs.raw_model,
            parameters: ask.parameters,
        })),
        idempotency: idempotency.map(|(key, fingerprint)| Idempotency { key, fingerprint }),
        input: Arc::new(ask.input),
        metadata: ask.metadata,
        traceparent: traceparent::of(headers),
    })
}

/// How the client wants its answer (RFC 7240 says how `wait` goes with `respond-async`).
async fn way(call: &Call, headers: &HeaderMap, form: Form) -> Result<Way, Problem> {
    let longest = call.api.options.max_chat_wait;
    let preferred = prefer::wait(headers, longest);
    let place = || {
        let place = call.api.bounds.waiting.take(&call.caller.tenant, 1);
        place.map_err(Problem::too_many_waiting)
    };
    match (prefer::respond_async(headers), preferred, form) {
        (true, Some(wait), _) => Ok(Way::LaterThan(wait, place()?)),
        (true, None, _) => Ok(Way::Later),
        (false, _, Form::Chunks { usage }) => Ok(Way::Chunks {
            seat: Seat::take(call).await?,
            usage,
        }),
        (false, wait, Form::Whole) => Ok(Way::Whole(wait.unwrap_or(longest), place()?)),
    }
}

/// The ticket in place of an answer.
fn later(issued: &Issued) -> HttpResponse {
    HttpResponse::build(StatusCode::ACCEPTED)
        .insert_header((header::LOCATION, format!("/v1/tickets/{}", issued.ticket)))
        .insert_header((PREFERENCE_APPLIED, "respond-async"))
        .json(TicketView::first(issued.ticket, &issued.request))
}

/// The whole answer, waited for.
async fn whole(
    call: &Call,
    issued: &Issued,
    title: &Title,
    wait: Duration,
    keyed: bool,
) -> Result<HttpResponse, Problem> {
    let concluded = outcome::wait(&call.api.tickets, issued.ticket, wait).await;
    // The ticket is accepted; that the wait went wrong must not hide it.
    let Ok(Some(news)) = concluded else {
        return Err(still_running(issued, keyed));
    };
    if let Some(problem) = answer::no_answer(&news) {
        return Err(problem);
    }
    let news = outcome::taken_by_issuer(&call.api.tickets, news, call.caller.taker()).await;
    let text = answer::final_text(&news.state);
    let text = text.ok_or_else(|| still_running(issued, keyed))?;
    let end = answer::end(&news.state);
    Ok(HttpResponse::Ok().json(title.completion(&text, &end)))
}

/// The answer did not come in time. A repeat with the same key waits for the same ticket; one without
/// would issue another.
fn still_running(issued: &Issued, keyed: bool) -> Problem {
    let ticket = issued.ticket;
    let detail = format!(
        "The answer did not come while this request was held open. Its ticket goes on: fetch the \
         answer with `GET /v1/tickets/{ticket}`."
    );
    let problem = Problem::new(Code::StillRunning, detail).with("ticket", ticket.to_string());
    if keyed {
        problem.after(ASK_AGAIN)
    } else {
        problem
    }
}
