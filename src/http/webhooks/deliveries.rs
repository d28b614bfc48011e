//! The delivery log.

use actix_web::HttpResponse;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use punchcard_actors::ports::{DeliveryState, LogFilter};
use punchcard_events::delivery::{DeliveryEvent, Next, webhook_id};
use punchcard_events::{Position, Recorded};

use super::call::EndpointCall;
use super::problems;
use super::view::{AttemptView, DeliveryDetail, DeliveryPage, DeliveryView, RequestView, class};
use crate::http::errors::{Code, Problem};
use crate::http::prompts::params::{Params, invalid};

/// `GET /v1/webhooks/{endpoint}/deliveries`
pub(super) async fn list(asked: EndpointCall) -> Result<HttpResponse, Problem> {
    let query = asked.call.request.query_string().to_owned();
    let params = Params::of(&query, &["state", "limit", "cursor"])?;
    let limit = params.limit()?;
    let state = params.get::<String>("state", STATES)?;
    let state = state
        .map(|name| DeliveryState::parse(&name).ok_or_else(|| invalid("state", STATES)))
        .transpose()?;
    let cursor = params.get::<String>("cursor", "Use the next_cursor of the page before.")?;
    let before = cursor.map(|text| place(&text)).transpose()?;
    let webhooks = &asked.call.api.webhooks.webhooks;
    let mut found = webhooks
        .deliveries(asked.id, LogFilter { state }, before, limit + 1)
        .await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more);
    let next_cursor = last.map(|last| cursor_of(last.made.position));
    let deliveries = found.into_iter().map(DeliveryView::from).collect();
    Ok(HttpResponse::Ok().json(DeliveryPage {
        deliveries,
        next_cursor,
    }))
}

const STATES: &str = "Use queued, acknowledged, given_up, skipped or cancelled.";

/// `GET /v1/webhooks/{endpoint}/deliveries/{delivery}`
pub(super) async fn read(asked: EndpointCall) -> Result<HttpResponse, Problem> {
    let id = asked.delivery()?;
    let webhooks = &asked.call.api.webhooks.webhooks;
    let delivery = webhooks.delivery(asked.id, id).await?;
    let delivery = delivery.ok_or_else(problems::no_such_delivery)?;
    let attempts = webhooks.attempts(id).await?;
    let log = attempts.iter().filter_map(|recorded| attempt(id, recorded));
    Ok(HttpResponse::Ok().json(DeliveryDetail {
        log: log.collect(),
        delivery: delivery.into(),
    }))
}

fn attempt(id: punchcard_events::DeliveryId, recorded: &Recorded) -> Option<AttemptView> {
    let event = &recorded.event;
    let event = DeliveryEvent::decode(&event.kind, event.schema_version, &event.data).ok()?;
    let attempted = match event {
        DeliveryEvent::DeliveryAttempted(attempted) => attempted,
        DeliveryEvent::DeliveryAbandoned(_) => return None,
    };
    Some(AttemptView {
        attempt: attempted.attempt,
        at: attempted.started_at,
        duration_ms: attempted.duration_ms,
        request: RequestView {
            content_type: "application/json",
            webhook_id: webhook_id(id),
            webhook_timestamp: attempted.started_at.as_millis() / 1_000,
        },
        response: class(attempted.status),
        status: attempted.status,
        failure: attempted.failure,
        next_attempt_at: match attempted.next {
            Next::Retry { at } => Some(at),
            Next::Done | Next::GivenUp => None,
        },
    })
}

fn cursor_of(position: Position) -> String {
    URL_SAFE_NO_PAD.encode(position.0.to_be_bytes())
}

fn place(cursor: &str) -> Result<Position, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let bytes: Option<[u8; 8]> = bytes.and_then(|bytes| bytes.try_into().ok());
    let position = bytes.map(|bytes| Position(u64::from_be_bytes(bytes)));
    position.ok_or_else(|| {
        let detail = "Use the next_cursor of the page before.";
        Problem::new(Code::InvalidCursor, detail).field("cursor")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        for position in [0, 7, u64::MAX].map(Position) {
            assert_eq!(place(&cursor_of(position)), Ok(position));
        }
    }

    proptest! {
        #[test]
        fn no_cursor_makes_it_panic(text in ".{0,40}") {
            if let Ok(position) = place(&text) {
                prop_assert_eq!(place(&cursor_of(position)), Ok(position));
            }
        }
    }
}
