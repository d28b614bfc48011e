//! Signed calls to the tenants' APIs, by Standard Webhooks. `docs/callbacks.md` is the same contract
//! as the receiver sees it.
//!
//! One call of the port is one HTTP request. When to try again, how many calls may run at once and
//! when to leave a failing API alone is decided above the port; redirects, proxies, cookies,
//! compression and silent retries are not there on purpose.

mod endpoints;
mod failure;
mod hooks;
mod reply;
pub mod signature;
mod told;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use punchcard_actors::ports::{
    Callbacks, Called, Clock, PostProcessCall, PreProcessCall, PreProcessReply,
};
use punchcard_events::Timestamp;
use punchcard_events::ticket::{CallbackError, CallbackKind, TicketRequested};
use reqwest::StatusCode;
use reqwest::dns::Resolve;
use reqwest::header::{
    ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue,
};
use serde_json::Value;

use self::reply::Received;
use crate::adapters::outbound::{GuardedResolver, Lookup, SystemLookup, UrlError, check_url};
use crate::adapters::thread_clients::ThreadClients;
use crate::callback_bodies::{self as body, message_id};

pub use self::endpoints::{EndpointOptions, Endpoints};
pub use self::hooks::{Derive, HookBook, HookError, MAX_SECRETS, TaskHooks, TenantHooks};
pub use self::signature::SigningSecret;

/// Idle connections kept per host and thread. Calls in flight are capped above the port.
const MAX_IDLE_PER_HOST: usize = 64;

/// Shorter than the keep-alive of common load balancers (60 s and more), so that we seldom send on a
/// connection that is just being closed.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// Limits of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// For the name lookup, the connection and its TLS handshake.
    pub connect_timeout: Duration,
    /// For the whole call, to the last byte of the reply.
    pub total_timeout: Duration,
    /// The most bytes a reply's body may have.
    pub max_response_bytes: usize,
    /// Whether plain http, this host and private networks may be called: for development, or where
    /// the tenants are the operator's own.
    pub allow_private_networks: bool,
}

/// The tenants' APIs over HTTP.
pub struct Webhooks {
    hooks: HookBook,
    clients: ThreadClients,
    clock: Arc<dyn Clock>,
    max_response_bytes: usize,
    allow_private_networks: bool,
}

impl std::fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhooks")
            .field("hooks", &self.hooks)
            .finish_non_exhaustive()
    }
}

/// Why the adapter cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A hook's URL is not one that may be called.
    #[error("the callback URL {url} of tenant `{tenant}` is refused: {error}")]
    Url {
        /// Whose.
        tenant: punchcard_events::TenantId,
        /// The URL without credentials.
        url: String,
        /// What is wrong with it.
        #[source]
        error: UrlError,
    },
    /// The HTTP client, most often its trusted certificates.
    #[error("the HTTP client for callbacks cannot be set up")]
    Client(#[source] reqwest::Error),
}

/// The HTTP clients, whose names are looked up by `resolver`.
fn clients(
    options: &Options,
    resolver: impl Resolve + 'static,
) -> Result<ThreadClients, reqwest::Error> {
    let (connect, total) = (options.connect_timeout, options.total_timeout);
    let resolver: Arc<dyn Resolve> = Arc::new(resolver);
    ThreadClients::new(move |client| {
        client
            .connect_timeout(connect)
            .timeout(total)
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .pool_idle_timeout(POOL_IDLE)
            .dns_resolver(Arc::clone(&resolver))
    })
}

/// A call without a reply that means anything.
struct Failed {
    /// Of the reply, where its head came.
    status: Option<StatusCode>,
    error: CallbackError,
}

impl Failed {
    const fn before_a_reply(error: CallbackError) -> Self {
        let status = None;
        Self { status, error }
    }
}

impl Webhooks {
    /// The adapter for the hooks in `hooks`.
    ///
    /// # Errors
    /// When a hook's URL may not be called, or the HTTP client cannot be set up.
    pub fn new(
        options: Options,
        hooks: HookBook,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BuildError> {
        Self::with_lookup(options, hooks, clock, SystemLookup)
    }

    /// As [`Self::new`], with names looked up by `lookup`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_lookup(
        options: Options,
        hooks: HookBook,
        clock: Arc<dyn Clock>,
        lookup: impl Lookup,
    ) -> Result<Self, BuildError> {
        // What stays as it is can be refused here; what may change is looked at with each call.
        for (tenant, url) in hooks.urls() {
            check_url(&url, options.allow_private_networks).map_err(|error| BuildError::Url {
                tenant,
                url: hooks::without_credentials(&url),
                error,
            })?;
        }
        let resolver = GuardedResolver::new(lookup, options.allow_private_networks);
        let max_response_bytes = options.max_response_bytes;
        Ok(Self {
            hooks,
            clients: clients(&options, resolver).map_err(BuildError::Client)?,
            clock,
            max_response_bytes,
            allow_private_networks: options.allow_private_networks,
        })
    }

    /// Makes the call with `body`, and reads its reply with `meaning`.
    async fn called<T>(
        &self,
        of: (CallbackKind, String, &TicketRequested),
        body: serde_json::Result<Vec<u8>>,
        now: Timestamp,
        meaning: fn(&Received) -> Result<T, CallbackError>,
    ) -> Called<T> {
        let received = match body {
            Ok(body) => self.call(of, body, now).await,
            Err(_) => Err(Failed::before_a_reply(failure::unwritable())),
        };
        match received {
            Ok(received) => Called {
                status: Some(received.status.as_u16()),
                outcome: meaning(&received),
            },
            Err(Failed { status, error }) => Called {
                status: status.map(|status| status.as_u16()),
                outcome: Err(error),
            },
        }
    }

    /// Sends `body` to the task's hook and takes in the reply, as far as its status gives it meaning.
    async fn call(
        &self,
        (kind, id, request): (CallbackKind, String, &TicketRequested),
        body: Vec<u8>,
        now: Timestamp,
    ) -> Result<Received, Failed> {
        let mut response = self
            .send((kind, id, request), body, now)
            .await
            .map_err(Failed::before_a_reply)?;
        let status = response.status();
        let reply = match reply::use_of_body(status) {
            reply::UseOfBody::Contract => {
                self.read(&mut response).await.map_err(|error| Failed {
                    status: Some(status),
                    error,
                })?
            }
            // A reason is a courtesy: the refusal stands without it.
            reply::UseOfBody::Reason => self.read(&mut response).await.unwrap_or_default(),
            reply::UseOfBody::None => Bytes::new(),
        };
        Ok(Received {
            status,
            retry_after_ms: reply::retry_after_ms(status, response.headers(), now),
            is_json: reply::says_json(response.headers()),
            body: reply,
        })
    }

    /// Sends `body` to the task's hook, to the head of the reply.
    async fn send(
        &self,
        (kind, id, request): (CallbackKind, String, &TicketRequested),
        body: Vec<u8>,
        now: Timestamp,
    ) -> Result<reqwest::Response, CallbackError> {
        let hook = self
            .hooks
            .find(&request.tenant, &request.task, kind)
            .ok_or_else(|| failure::not_configured(&request.task, kind))?;
        check_url(&hook.url, self.allow_private_networks).map_err(failure::not_allowed)?;
        let headers =
            headers(id, request, &hook.secrets, &body, now).map_err(|_| failure::unwritable())?;
        let client = self.clients.here().map_err(failure::of_call)?;
        let call = client.post(hook.url).headers(headers).body(body);
        call.send().await.map_err(failure::of_call)
    }

    /// The body, given up at the first byte over the cap.
    async fn read(&self, response: &mut reqwest::Response) -> Result<Bytes, CallbackError> {
        let cap = self.max_response_bytes;
        let announced = response.content_length().unwrap_or(0);
        if announced > u64::try_from(cap).unwrap_or(u64::MAX) {
            return Err(failure::too_large(cap));
        }
        // Most replies are one chunk, which is then taken as it is.
        let mut body = response.chunk().await.map_err(failure::of_call)?;
        let Some(first) = body.take() else {
            return Ok(Bytes::new());
        };
        if first.len() > cap {
            return Err(failure::too_large(cap));
        }
        let Some(second) = response.chunk().await.map_err(failure::of_call)? else {
            return Ok(first);
        };
        let mut whole = Vec::from(first);
        let mut next = Some(second);
        while let Some(chunk) = next {
            if chunk.len() > cap.saturating_sub(whole.len()) {
                return Err(failure::too_large(cap));
            }
            whole.extend_from_slice(&chunk);
            next = response.chunk().await.map_err(failure::of_call)?;
        }
        Ok(whole.into())
    }
}

#[async_trait]
impl Callbacks for Webhooks {
    async fn pre_process(&self, call: PreProcessCall) -> Called<PreProcessReply> {
        let now = self.clock.now();
        let kind = CallbackKind::PreProcess;
        let id = message_id(call.ticket, kind, call.prepared_again);
        let of = (kind, id, &*call.request);
        let body = body::pre_process(&call, now);
        self.called(of, body, now, reply::pre_process).await
    }

    async fn post_process(&self, call: PostProcessCall) -> Called<Option<Arc<Value>>> {
        let now = self.clock.now();
        let kind = CallbackKind::PostProcess;
        let id = message_id(call.ticket, kind, call.prepared_again);
        let of = (kind, id, &*call.request);
        let body = body::post_process(&call, now);
        self.called(of, body, now, reply::post_process).await
    }
}

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

fn headers(
    id: String,
    request: &TicketRequested,
    secrets: &[SigningSecret],
    body: &[u8],
    now: Timestamp,
) -> Result<HeaderMap, InvalidHeaderValue> {
    let timestamp = (now.as_millis() / 1000).to_string();
    let signatures = signature::sign(secrets, &id, &timestamp, body);
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(ACCEPT, JSON);
    headers.insert(signature::ID_HEADER, id.try_into()?);
    headers.insert(signature::TIMESTAMP_HEADER, timestamp.try_into()?);
    headers.insert(signature::SIGNATURE_HEADER, signatures.try_into()?);
    // A broken trace context is no reason to fail a ticket.
    if let Some(Ok(context)) = request.traceparent.as_deref().map(HeaderValue::from_str) {
        headers.insert(TRACEPARENT, context);
    }
    Ok(headers)
}
