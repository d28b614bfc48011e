//! One attempt: what the message says, the call, what it means for the ticket, and the event.

use std::sync::Arc;
use std::time::Duration;

use punchcard_events::act::{Act, Author};
use punchcard_events::delivery::{
    self, DeliveryAbandoned, DeliveryAttempted, DeliveryEvent, DeliveryFailure, Next,
};
use punchcard_events::endpoint::{Command, DisabledReason, Endpoint, EventType};
use punchcard_events::ticket::{Channel, TicketState};
use punchcard_events::{Position, Revision, Timestamp};
use tokio::time::Instant;

use super::Shared;
use super::stream::{append, new_event, ticket_at};
use crate::errors::TicketError;
use crate::ports::{
    AppendError, Delivery, ExpectedRevision, MessageContent, ReadError, Sent, WebhookMessage,
};

/// How long is waited before a message is looked at again whose attempt could not be made.
const AGAIN: Duration = Duration::from_secs(5);

/// How long is waited before a ticket is told of its delivery again, or an outcome is recorded again:
/// twice as long each time. The message is not posted meanwhile.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How long a ticket is told before the message goes back to its schedule.
const TELL_FOR: Duration = Duration::from_secs(10 * 60);

/// How long an attempt's event may take to arrive in the log.
const LOG_PATIENCE: Duration = Duration::from_secs(30);

/// Makes one attempt, and returns when the log knows of it: until then the message is in flight. What
/// it gives is what the endpoint did, if it was asked at all.
pub(super) async fn attempt(
    shared: Arc<Shared>,
    delivery: Delivery,
    endpoint: Endpoint,
) -> Option<Sent> {
    let started_at = shared.clock.now();
    if started_at.since(delivery.queued_at) > shared.options.schedule.longest() {
        abandon(&shared, &delivery).await;
        return None;
    }
    let mut is_told = true;
    let sent = match content(&shared, &delivery).await {
        Ok(content) => {
            let sent = post(&shared, &delivery, &endpoint, &content).await;
            if sent.failure.is_none() && delivers(&delivery, &content) {
                is_told = told(&shared, &delivery).await;
            }
            sent
        }
        Err(ReadError::Damaged(error)) => {
            tracing::error!(delivery = %delivery.made.id, error, "a webhook cannot be made");
            Sent {
                status: None,
                failure: Some(DeliveryFailure::Unreadable),
                retry_after_ms: None,
                duration_ms: 0,
            }
        }
        Err(ReadError::Unavailable(_)) => {
            tokio::time::sleep(AGAIN).await;
            return None;
        }
    };
    let next = next(&shared, &delivery, &sent, is_told);
    let attempted = DeliveryAttempted {
        endpoint: delivery.made.endpoint,
        event_type: delivery.made.event_type,
        ticket: delivery.made.ticket,
        attempt: delivery.attempts.saturating_add(1),
        started_at,
        duration_ms: sent.duration_ms,
        status: sent.status,
        failure: sent.failure,
        next,
    };
    count(&sent);
    let event = DeliveryEvent::DeliveryAttempted(attempted);
    record(&shared, &delivery, &event).await;
    conclude(&shared, &delivery, &sent, next).await;
    Some(sent)
}

async fn post(
    shared: &Shared,
    delivery: &Delivery,
    endpoint: &Endpoint,
    content: &MessageContent,
) -> Sent {
    let made = &delivery.made;
    let message = WebhookMessage {
        delivery: made.id,
        endpoint: made.endpoint,
        url: endpoint.url.clone(),
        generations: endpoint.generations(shared.clock.now()),
        event_type: made.event_type,
        at: made.at,
        content: content.clone(),
    };
    shared.sender.send(message).await
}

/// What the message says: what its event says, whatever has happened since.
async fn content(shared: &Shared, delivery: &Delivery) -> Result<MessageContent, ReadError> {
    let Some(ticket) = delivery.made.ticket else {
        return Ok(MessageContent::Test);
    };
    let revision = delivery.made.revision;
    let state = ticket_at(shared.store.as_ref(), ticket, revision).await?;
    Ok(MessageContent::Ticket {
        ticket,
        state: Arc::new(state),
        revision,
    })
}

/// Whether taking this message is taking the ticket's answer: nobody else is there to take it.
fn delivers(delivery: &Delivery, content: &MessageContent) -> bool {
    let state = match content {
        MessageContent::Ticket { state, .. } => state,
        MessageContent::Test => return false,
    };
    let has_user = |state: &TicketState| state.request().is_some_and(|asked| asked.user.is_some());
    delivery.made.event_type == EventType::TicketPersisted && !has_user(state)
}

/// Tells the ticket that its answer was taken. Whether it was told: where it was not, the message is
/// sent once more rather than the ticket left undelivered.
async fn told(shared: &Shared, delivery: &Delivery) -> bool {
    let Some(ticket) = delivery.made.ticket else {
        return true;
    };
    let by = delivery.made.endpoint.to_string();
    let (begun, mut wait) = (Instant::now(), FIRST_WAIT);
    while begun.elapsed() < TELL_FOR {
        let told = shared
            .tickets
            .acknowledge(ticket, Channel::Webhook, by.clone());
        match told.await {
            // Rejected: it was taken or has ended otherwise meanwhile.
            Ok(_) | Err(TicketError::Rejected(_) | TicketError::NotFound) => return true,
            Err(TicketError::Busy | TicketError::Unavailable(_)) => {}
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
    tracing::warn!(%ticket, "a ticket could not be told that its webhook was taken; it is sent again");
    false
}

fn next(shared: &Shared, delivery: &Delivery, sent: &Sent, is_told: bool) -> Next {
    let round = delivery.round.saturating_add(1);
    match sent.failure {
        None if is_told => Next::Done,
        Some(DeliveryFailure::Gone | DeliveryFailure::Unreadable) => Next::GivenUp,
        None
        | Some(
            DeliveryFailure::Connection
            | DeliveryFailure::Timeout
            | DeliveryFailure::Forbidden
            | DeliveryFailure::Status
            | DeliveryFailure::Redirect,
        ) => {
            let (now, jitter) = (shared.clock.now(), shared.clock.jitter());
            let schedule = &shared.options.schedule;
            schedule.after_failure(round, now, jitter, sent.retry_after_ms)
        }
    }
}

async fn abandon(shared: &Shared, delivery: &Delivery) {
    let at = shared.clock.now();
    let endpoint = delivery.made.endpoint;
    let event = DeliveryEvent::DeliveryAbandoned(DeliveryAbandoned { endpoint, at });
    record(shared, delivery, &event).await;
}

/// Makes an outcome durable, and waits until the log has it. As long as the store takes nothing, the
/// append is repeated and not the post: a receiver must not be called over and over because of it. One
/// that could not be stored for as long as a message may wait is made again, under the same
/// `webhook-id`.
async fn record(shared: &Shared, delivery: &Delivery, event: &DeliveryEvent) {
    let id = delivery.made.id;
    let Ok(data) = event.encode() else {
        return;
    };
    let body = (event.kind(), event.schema_version(), data);
    let new = new_event(
        shared.clock.as_ref(),
        &delivery.made.tenant,
        delivery.made.ticket.map_or(id.0, |ticket| ticket.0),
        None,
        body,
    );
    let expected = match delivery.revisions.checked_sub(1) {
        None => ExpectedRevision::NoStream,
        Some(last) => ExpectedRevision::Exact(Revision(last)),
    };
    let stream = delivery::stream(id);
    let (begun, mut wait) = (Instant::now(), FIRST_WAIT);
    while begun.elapsed() < shared.options.schedule.longest() {
        match append(
            shared.store.as_ref(),
            &stream,
            expected,
            std::slice::from_ref(&new),
        )
        .await
        {
            Ok(appended) => return in_the_log(shared, appended.position).await,
            // The log was behind: it will have caught up when the message is looked at again.
            Err(AppendError::Conflict { .. }) => return tokio::time::sleep(AGAIN).await,
            Err(error @ (AppendError::Unavailable(_) | AppendError::OutcomeUnknown(_))) => {
                tracing::warn!(delivery = %id, %error, "an attempt of a webhook could not be recorded yet");
            }
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

async fn in_the_log(shared: &Shared, position: Position) {
    let mut applied = shared.applied.subscribe();
    let seen = applied.wait_for(|at| *at >= Some(position));
    drop(tokio::time::timeout(LOG_PATIENCE, seen).await);
}

/// Disables an endpoint that is gone, or that took nothing for as long as this message was tried.
async fn conclude(shared: &Shared, delivery: &Delivery, sent: &Sent, next: Next) {
    let reason = match (sent.failure, next) {
        (Some(DeliveryFailure::Gone), _) => DisabledReason::Gone410,
        (Some(DeliveryFailure::Unreadable) | None, _) | (_, Next::Retry { .. } | Next::Done) => {
            return;
        }
        (Some(_), Next::GivenUp) => {
            let Ok(standing) = shared.log.standing(delivery.made.endpoint).await else {
                return;
            };
            if standing.last_success > Some(delivery.queued_at) {
                return;
            }
            DisabledReason::Failing
        }
    };
    let (tenant, id) = (&delivery.made.tenant, delivery.made.endpoint);
    let act = act(shared.clock.now());
    match shared
        .execute(tenant, id, Command::Disable { reason, act })
        .await
    {
        Ok(_) => {
            metrics::counter!("webhook_endpoints_disabled_total").increment(1);
            tracing::warn!(%tenant, endpoint = %id, ?reason, "a webhook endpoint was disabled");
        }
        // The next message that fails like this one asks again.
        Err(error) => {
            tracing::warn!(endpoint = %id, %error, "a webhook endpoint could not be disabled");
        }
    }
}

const fn act(at: Timestamp) -> Act {
    Act {
        at,
        by: Author::Runtime,
    }
}

fn count(sent: &Sent) {
    let outcome = sent.failure.map_or("acknowledged", DeliveryFailure::as_str);
    metrics::counter!("webhook_attempts_total", "outcome" => outcome).increment(1);
    let seconds = Duration::from_millis(sent.duration_ms);
    metrics::histogram!("webhook_attempt_duration_seconds").record(seconds);
}
