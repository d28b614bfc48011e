//! Posting messages to tenants' webhook endpoints. One call of the port is one HTTP request; what is
//! read of the response is its status and `Retry-After`.
//!
//! Addresses are checked here again, and names when they are dialled: what was fine when it was saved
//! need not be any more.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use punchcard_actors::ports::{Clock, Sent, WebhookMessage, WebhookSender};
use punchcard_events::delivery::{DeliveryFailure, webhook_id};
use punchcard_events::ticket::CallbackErrorKind;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, InvalidHeaderValue};
use tokio::time::Instant;
use url::Url;

use super::{JSON, clients, failure, reply, signature, told};
use crate::adapters::outbound::{GuardedResolver, Lookup, SystemLookup, check_url};
use crate::adapters::thread_clients::ThreadClients;
use crate::master_secret::{MasterSecret, WEBHOOK_PURPOSE};

/// Limits of a call.
#[derive(Debug, Clone)]
pub struct EndpointOptions {
    /// For the name lookup, the connection and its TLS handshake.
    pub connect_timeout: Duration,
    /// For the whole call.
    pub total_timeout: Duration,
    /// The most bytes of an answer, as JSON, that is sent along.
    pub max_answer_bytes: usize,
    /// Whether plain http, this host and private networks may be called.
    pub allow_private_networks: bool,
}

/// The tenants' endpoints over HTTP.
pub struct Endpoints {
    clients: ThreadClients,
    clock: Arc<dyn Clock>,
    master: MasterSecret,
    options: EndpointOptions,
}

impl std::fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoints")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Endpoints {
    /// The adapter. Messages are signed with secrets that are derived from `master`.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(
        options: EndpointOptions,
        master: MasterSecret,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, reqwest::Error> {
        Self::with_lookup(options, master, clock, SystemLookup)
    }

    /// As [`Self::new`], with names looked up by `lookup`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_lookup(
        options: EndpointOptions,
        master: MasterSecret,
        clock: Arc<dyn Clock>,
        lookup: impl Lookup,
    ) -> Result<Self, reqwest::Error> {
        let resolver = GuardedResolver::new(lookup, options.allow_private_networks);
        let limits = super::Options {
            connect_timeout: options.connect_timeout,
            total_timeout: options.total_timeout,
            max_response_bytes: 0,
            allow_private_networks: options.allow_private_networks,
        };
        Ok(Self {
            clients: clients(&limits, resolver)?,
            clock,
            master,
            options,
        })
    }

    /// The response's status and what it asks for, or what went wrong.
    async fn post(
        &self,
        message: &WebhookMessage,
    ) -> Result<(StatusCode, Option<u64>), DeliveryFailure> {
        let url = Url::parse(&message.url).map_err(|_| DeliveryFailure::Forbidden)?;
        check_url(&url, self.options.allow_private_networks)
            .map_err(|_| DeliveryFailure::Forbidden)?;
        let body = told::body(message, self.options.max_answer_bytes)
            .map_err(|_| DeliveryFailure::Unreadable)?;
        let now = self.clock.now();
        let headers = self
            .headers(message, &body, now.as_millis() / 1_000)
            .map_err(|_| DeliveryFailure::Unreadable)?;
        let client = self.clients.here().map_err(of_call)?;
        let response = client
            .post(url)
            .headers(headers)
            .body(body)
            .send()
            .await
            .map_err(of_call)?;
        let status = response.status();
        let retry_after = reply::retry_after_ms(status, response.headers(), self.clock.now());
        Ok((status, retry_after))
    }

    fn headers(
        &self,
        message: &WebhookMessage,
        body: &[u8],
        seconds: u64,
    ) -> Result<HeaderMap, InvalidHeaderValue> {
        let (id, timestamp) = (webhook_id(message.delivery), seconds.to_string());
        let endpoint = message.endpoint.to_string();
        let secrets: Vec<_> = message
            .generations
            .iter()
            .map(|generation| self.master.derive(WEBHOOK_PURPOSE, &endpoint, *generation))
            .collect();
        let signatures = signature::sign(&secrets, &id, &timestamp, body);
        let mut headers = HeaderMap::with_capacity(5);
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(signature::ID_HEADER, id.try_into()?);
        headers.insert(signature::TIMESTAMP_HEADER, timestamp.try_into()?);
        headers.insert(signature::SIGNATURE_HEADER, signatures.try_into()?);
        Ok(headers)
    }
}

#[async_trait]
impl WebhookSender for Endpoints {
    async fn send(&self, message: WebhookMessage) -> Sent {
        let begun = Instant::now();
        let posted = self.post(&message).await;
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (status, failure, retry_after_ms) = match posted {
            Ok((status, retry_after)) => (Some(status.as_u16()), meaning(status), retry_after),
            Err(failure) => (None, Some(failure), None),
        };
        Sent {
            status,
            failure,
            retry_after_ms,
            duration_ms,
        }
    }
}

/// What a status means, as the specification has it ("Delivery success and failure").
fn meaning(status: StatusCode) -> Option<DeliveryFailure> {
    if status.is_success() {
        None
    } else if status == StatusCode::GONE {
        Some(DeliveryFailure::Gone)
    } else if status.is_redirection() {
        Some(DeliveryFailure::Redirect)
    } else {
        Some(DeliveryFailure::Status)
    }
}

fn of_call(error: reqwest::Error) -> DeliveryFailure {
    match failure::of_call(error).kind {
        CallbackErrorKind::Timeout => DeliveryFailure::Timeout,
        CallbackErrorKind::Forbidden => DeliveryFailure::Forbidden,
        CallbackErrorKind::Connection
        | CallbackErrorKind::Status
        | CallbackErrorKind::Body
        | CallbackErrorKind::TooLarge
        | CallbackErrorKind::Refused
        | CallbackErrorKind::Gone => DeliveryFailure::Connection,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_2xx_is_taken() {
        let meaning = |status| meaning(StatusCode::from_u16(status).unwrap());
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(meaning(status), None, "{status}");
        }
        for status in [300, 301, 302, 304, 307, 308] {
            assert_eq!(meaning(status), Some(DeliveryFailure::Redirect), "{status}");
        }
        for status in [400, 401, 404, 409, 422, 429, 500, 502, 503, 504, 999] {
            assert_eq!(meaning(status), Some(DeliveryFailure::Status), "{status}");
        }
        assert_eq!(meaning(410), Some(DeliveryFailure::Gone));
    }
}
