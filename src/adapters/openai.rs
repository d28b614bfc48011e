//! OpenAI-compatible chat completions, streamed: works with any server that speaks that API.
//!
//! One call is one HTTP request. It ends with a complete answer or with an error of a known class;
//! whether it is tried again is the ticket's decision, so there is deliberately no retry here, no
//! permit and no breaker. Tools, images and more than one choice are not asked for.
//!
//! An answer is complete only when the server said so, by a `finish_reason` or `[DONE]`: a stream
//! that is cut may end as cleanly as one that is not. Every call runs against four clocks
//! (connection, first event, silence between reads, and the whole) and against limits of the size
//! of a line and of the answer, so no server can hold a call open or fill the memory.

mod answer;
mod chunk;
mod failure;
mod request;
mod sse;

use std::time::Duration;

use async_trait::async_trait;
use punchcard_actors::ports::{AnswerStream, LanguageModel, ModelCall};
use punchcard_events::ticket::{AttemptError, AttemptErrorKind};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use crate::adapters::thread_clients::ThreadClients;
use crate::secret::Secret;
use answer::Clocks;
use failure::ErrorObject;

/// The most that is read of an error's body.
const MAX_ERROR_BYTES: usize = 64 * 1024;
/// How long an error's body may take: the status is known already, and somebody waits to try again.
const ERROR_BODY_WAIT: Duration = Duration::from_secs(2);

/// How long an unused connection is kept. Shorter than the idle limit of common servers and load
/// balancers (60 s), so that we rarely write into a connection the other side is closing.
const POOL_IDLE: Duration = Duration::from_secs(45);

/// How to reach the server, and the limits of a call.
#[derive(Debug, Clone)]
pub struct Options {
    /// The API's root, such as `https://api.openai.com/v1`; `chat/completions` is appended.
    pub base_url: Url,
    /// Sent as a bearer token; a server of one's own may need none.
    pub api_key: Option<Secret>,
    /// For the name lookup, the connection and its TLS handshake.
    pub connect_timeout: Duration,
    /// From the call to the first event of the answer.
    pub first_byte_timeout: Duration,
    /// The longest silence within an answer.
    pub idle_timeout: Duration,
    /// From the call to the end of the answer.
    pub total_timeout: Duration,
    /// The most text an answer may have.
    pub max_answer_bytes: usize,
    /// The most bytes one line or event of the stream may have.
    pub max_line_bytes: usize,
    /// How the limit of the answer's tokens is written.
    pub max_tokens_field: MaxTokensField,
}

/// The two names of the limit of an answer's tokens.
///
/// OpenAI's newest models refuse `max_tokens`; most compatible servers know nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensField {
    /// `max_tokens`.
    MaxTokens,
    /// `max_completion_tokens`, which counts the tokens of reasoning too.
    MaxCompletionTokens,
}

/// Why the adapter cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The base URL cannot be called.
    #[error("`{0}` cannot be a model server's base URL: use http(s)://host/path without a user")]
    BaseUrl(String),
    /// The key cannot be sent.
    #[error("the API key has characters that no HTTP header can carry")]
    ApiKey,
    /// There is no HTTP client; on most machines this means that no root certificates are there.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(#[source] reqwest::Error),
}

/// A language model behind an OpenAI-compatible API.
#[derive(Debug)]
pub struct OpenAi {
    endpoint: Url,
    headers: HeaderMap,
    clients: ThreadClients,
    options: Options,
}

/// The HTTP clients. The clocks of a call are run around it, except for the connection's.
fn clients(connect_timeout: Duration, https: bool) -> Result<ThreadClients, reqwest::Error> {
    ThreadClients::new(move |client| {
        let client = client
            .connect_timeout(connect_timeout)
            .pool_idle_timeout(POOL_IDLE);
        if https {
            client
        } else {
            // A plain http server needs no root certificates; a machine without any may use one.
            client.tls_certs_only([])
        }
    })
}

impl OpenAi {
    /// Sets up the adapter; nothing is called yet.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn new(options: Options) -> Result<Self, SetupError> {
        let endpoint = endpoint(&options.base_url)?;
        let headers = common_headers(options.api_key.as_ref())?;
        let https = endpoint.scheme() == "https";
        let clients = clients(options.connect_timeout, https).map_err(SetupError::Client)?;
        Ok(Self {
            endpoint,
            headers,
            clients,
            options,
        })
    }
}

fn endpoint(base: &Url) -> Result<Url, SetupError> {
    let mut endpoint = base.clone();
    let refused = || {
        // The user part may hold a password.
        let mut shown = base.clone();
        let _ = shown.set_password(None);
        let _ = shown.set_username("");
        SetupError::BaseUrl(shown.into())
    };
    let has_user = !base.username().is_empty() || base.password().is_some();
    if has_user || !matches!(base.scheme(), "http" | "https") {
        return Err(refused());
    }
    endpoint
        .path_segments_mut()
        .map_err(|()| refused())?
        .pop_if_empty()
        .extend(["chat", "completions"]);
    Ok(endpoint)
}

fn common_headers(api_key: Option<&Secret>) -> Result<HeaderMap, SetupError> {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(key) = api_key {
        let bearer = format!("Bearer {}", key.expose());
        let mut value = HeaderValue::from_str(&bearer).map_err(|_| SetupError::ApiKey)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

#[async_trait]
impl LanguageModel for OpenAi {
    async fn answer(&self, call: ModelCall) -> Result<AnswerStream, AttemptError> {
        let clocks = Clocks::start(&self.options);
        let deadline = clocks.until_first_byte();
        let request = request::request(
            &self.endpoint,
            &self.headers,
            &call,
            self.options.max_tokens_field,
        )?;
        let client = self.clients.here().map_err(|e| failure::of_transport(&e))?;
        let response = timeout_at(deadline.at, client.execute(request))
            .await
            .map_err(|_| deadline.error())?
            .map_err(|e| failure::of_transport(&e))?;
        if response.status() == StatusCode::OK && may_be_event_stream(&response) {
            Ok(answer::stream(response, clocks, &self.options))
        } else {
            let deadline = deadline.at.min(Instant::now() + ERROR_BODY_WAIT);
            Err(refusal(response, deadline).await)
        }
    }
}

/// Whether the body is an event stream, as far as its type says. Where it has none, the body
/// itself will tell.
fn may_be_event_stream(response: &Response) -> bool {
    let event_stream = b"text/event-stream";
    response.headers().get(CONTENT_TYPE).is_none_or(|value| {
        let start = value.as_bytes().get(..event_stream.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(event_stream))
    })
}

/// What a response without an answer says.
async fn refusal(mut response: Response, deadline: Instant) -> AttemptError {
    let mut body = Vec::new();
    // Whatever of the body comes in time is read: the status alone is already an answer.
    while let Ok(Ok(Some(bytes))) = timeout_at(deadline, response.chunk()).await {
        let room = MAX_ERROR_BYTES - body.len();
        body.extend_from_slice(bytes.get(..room).unwrap_or(&bytes));
        if body.len() >= MAX_ERROR_BYTES {
            break;
        }
    }
    let status = response.status();
    if status != StatusCode::OK {
        return failure::of_status(status.as_u16(), response.headers(), &body);
    }
    ErrorObject::in_body(&body).map_or_else(
        || {
            let message = "the model's server answered 200 without an event stream";
            failure::error(AttemptErrorKind::Protocol, message)
        },
        |object| failure::of_object(&object),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn the_endpoint_is_under_the_base_url_with_or_without_a_slash() {
        for base in ["https://host/v1", "https://host/v1/"] {
            let endpoint = endpoint(&url(base)).unwrap();
            assert_eq!(endpoint.as_str(), "https://host/v1/chat/completions");
        }
        let azure = endpoint(&url("https://host/d?api-version=1")).unwrap();
        assert_eq!(
            azure.as_str(),
            "https://host/d/chat/completions?api-version=1"
        );
    }

    #[test]
    fn a_base_url_that_cannot_be_called_is_refused_without_its_password() {
        for base in ["ftp://host/", "mailto:me@host", "https://me:pw-1@host/v1"] {
            let refused = endpoint(&url(base)).unwrap_err().to_string();
            assert!(
                refused.contains("base URL") && !refused.contains("pw-1"),
                "{refused}"
            );
        }
    }

    #[test]
    fn the_key_is_sent_and_not_shown() {
        let headers = common_headers(Some(&Secret::new("sk-1"))).unwrap();
        assert_eq!(headers[AUTHORIZATION], "Bearer sk-1");
        assert!(!format!("{headers:?}").contains("sk-1"));
        assert!(common_headers(Some(&Secret::new("a\nb"))).is_err());
    }
}
