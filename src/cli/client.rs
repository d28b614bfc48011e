//! A client of the open API, as the ticket commands and the demo use it, and of the admin API.
//!
//! Not here: sessions (see [`super::session_client`]) and what the answers mean. Every answer is read
//! with a cap on its size, and every call but a stream has a deadline.

mod admin;
mod call;
mod pages;
mod problem;
mod views;

pub(crate) use admin::AdminConnection;
pub(crate) use call::{Answer, Call, CallError, Refusal};
pub(crate) use problem::Problem;
pub(crate) use views::{Page, RecordedView, TicketView};

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::exit::{Exit, Failure};

/// The most bytes of one answer that are read.
const MAX_RESPONSE_BYTES: usize = 64 << 20;
/// How long the server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer that nobody waits for may take.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an upload may take; the server's own limit is as long.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// Where the server is, and who asks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct Connection {
    /// The server's address.
    #[arg(
        long,
        global = true,
        env = "PUNCHCARD_URL",
        default_value = "http://127.0.0.1:8080"
    )]
    pub(crate) url: Url,

    /// The API key. Prefer the variable or --key-file: other users of the machine see arguments.
    #[arg(long, global = true, env = "PUNCHCARD_KEY", hide_env_values = true)]
    pub(crate) key: Option<Key>,

    /// A file that holds the API key; used instead of --key.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

/// An API key as it was given. Its debug form shows nothing of it.
#[derive(Clone)]
pub(crate) struct Key(HeaderValue);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Key {
    /// The key in `file`, or else `given`.
    fn choose(file: Option<&Path>, given: Option<&Self>) -> Result<Option<Self>, Failure> {
        let Some(file) = file else {
            return Ok(given.cloned());
        };
        let text = fs::read_to_string(file).map_err(|error| {
            Failure::usage(format!("failed to read {}: {error}", file.display()))
        })?;
        let key = text.parse();
        key.map(Some)
            .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))
    }
}

/// A text that cannot be an API key. The text itself is not told.
#[derive(Debug, thiserror::Error)]
#[error("an API key is one line of ASCII letters, digits and `_`")]
pub(crate) struct NotAKey;

impl std::str::FromStr for Key {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(NotAKey);
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| NotAKey)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

/// A client of one server.
#[derive(Debug, Clone)]
pub(crate) struct ApiClient {
    http: reqwest::Client,
    base: Url,
    /// Where the API is below the base.
    root: &'static [&'static str],
    key: Key,
}

impl ApiClient {
    /// A client for the server and key that the command line names.
    pub(crate) fn new(connection: &Connection) -> Result<Self, Failure> {
        let key = Key::choose(connection.key_file.as_deref(), connection.key.as_ref())?;
        let key = key.ok_or_else(|| {
            Failure::usage("there is no API key to show to the server").advise(
                "Set PUNCHCARD_KEY, or pass --key-file FILE; `punchcard key new` makes a key.",
            )
        })?;
        Self::connect(connection.url.clone(), key)
    }

    /// A client for the server at `base`, asking with `key`.
    pub(crate) fn connect(base: Url, key: Key) -> Result<Self, Failure> {
        Self::connect_to(base, &["v1"], key)
    }

    fn connect_to(base: Url, root: &'static [&'static str], key: Key) -> Result<Self, Failure> {
        if base.cannot_be_a_base() || !matches!(base.scheme(), "http" | "https") {
            let sentence = format!("`{base}` is not the address of a server");
            return Err(Failure::usage(sentence).advise("Use http://HOST:PORT or https://HOST."));
        }
        crate::adapters::tls::install_provider();
        let http = reqwest::Client::builder()
            .user_agent(concat!("punchcard/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Failure::unreachable(format!("failed to set up HTTP: {error}")))?;
        Ok(Self {
            http,
            base,
            root,
            key,
        })
    }

    /// Reads `path`, given as segments, with `query`.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, Failure> {
        let request = self.request(Method::GET, path, query)?;
        let answer = self.call(request.timeout(TOTAL_TIMEOUT)).await?;
        read(answer)
    }

    /// Posts `body` to `path`, given as segments, and waits for at most `patience` longer than an
    /// answer may take by itself.
    pub(crate) async fn post(
        &self,
        path: &[&str],
        headers: HeaderMap,
        body: &Value,
        patience: Duration,
    ) -> Result<Value, Failure> {
        let request = self.request(Method::POST, path, &[])?.headers(headers);
        let request = request.timeout(TOTAL_TIMEOUT.saturating_add(patience));
        self.call(request.json(body)).await
    }

    /// Opens the event stream at `path`, after the event `last` where one is known.
    pub(crate) async fn stream(
        &self,
        path: &[&str],
        last: Option<&str>,
    ) -> Result<Response, Failure> {
        let mut request = self.request(Method::GET, path, &[])?;
        request = request.header(ACCEPT, "text/event-stream");
        if let Some(id) = last.and_then(|id| HeaderValue::from_str(id).ok()) {
            request = request.header(HeaderName::from_static("last-event-id"), id);
        }
        let response = request
            .send()
            .await
            .map_err(|error| self.unreached(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, body) = self.body(response).await?;
        Err(Problem::read(status, &body).into())
    }

    /// Posts to `path` without a body.
    pub(crate) async fn post_nothing(&self, path: &[&str]) -> Result<Value, Failure> {
        let request = self.request(Method::POST, path, &[])?;
        self.call(request.timeout(TOTAL_TIMEOUT)).await
    }

    /// Uploads JSON Lines to `path`.
    pub(crate) async fn upload(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        key: Option<HeaderValue>,
        body: reqwest::Body,
    ) -> Result<Value, Failure> {
        let mut request = self.request(Method::POST, path, query)?;
        request = request.header(CONTENT_TYPE, "application/jsonl");
        if let Some(key) = key {
            request = request.header(HeaderName::from_static("idempotency-key"), key);
        }
        self.call(request.timeout(UPLOAD_TIMEOUT).body(body)).await
    }

    /// Begins to read `path`, piece by piece.
    pub(crate) async fn download(&self, path: &[&str]) -> Result<Response, Failure> {
        let request = self.request(Method::GET, path, &[])?;
        let sent = request.send().await;
        let response = sent.map_err(|error| self.unreached(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, body) = self.body(response).await?;
        Err(Problem::read(status, &body).into())
    }

    /// The next piece of what is read; `None` after its end.
    pub(crate) async fn piece(&self, response: &mut Response) -> Result<Option<Bytes>, Failure> {
        let next = tokio::time::timeout(TOTAL_TIMEOUT, response.chunk()).await;
        let silent = || Failure::unreachable(format!("{} fell silent", self.base));
        let next = next.map_err(|_| silent())?;
        next.map_err(|error| self.unreached(&error))
    }

    fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<RequestBuilder, Failure> {
        let mut url = self.base.clone();
        let not_a_base = |()| Failure::usage(format!("`{}` cannot have a path", self.base));
        url.path_segments_mut()
            .map_err(not_a_base)?
            .pop_if_empty()
            .extend(self.root)
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url);
        Ok(request.header(AUTHORIZATION, self.key.0.clone()))
    }

    async fn call(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let response = request
            .send()
            .await
            .map_err(|error| self.unreached(&error))?;
        let (status, body) = self.body(response).await?;
        if !status.is_success() {
            return Err(Problem::read(status, &body).into());
        }
        serde_json::from_slice(&body).map_err(|_| not_ours())
    }

    async fn body(&self, mut response: Response) -> Result<(StatusCode, Vec<u8>), Failure> {
        let status = response.status();
        let mut body = Vec::new();
        while let Some(piece) = response
            .chunk()
            .await
            .map_err(|error| self.unreached(&error))?
        {
            if body.len() + piece.len() > MAX_RESPONSE_BYTES {
                let sentence = format!("the answer is larger than {MAX_RESPONSE_BYTES} bytes");
                return Err(Failure::negative(sentence));
            }
            body.extend_from_slice(&piece);
        }
        Ok((status, body))
    }

    fn unreached(&self, error: &reqwest::Error) -> Failure {
        let base = &self.base;
        let (sentence, advice) = if error.is_timeout() {
            (
                format!("{base} did not answer in time"),
                "It may be overloaded or stopping; ask its /readyz.",
            )
        } else if error.is_connect() {
            (
                format!("{base} cannot be reached"),
                "Is the server running (`punchcard serve`), and is --url right?",
            )
        } else {
            (
                format!("the connection to {base} broke"),
                "Try again; nothing accepted is lost.",
            )
        };
        Failure::unreachable(sentence).advise(advice)
    }
}

/// Reads an answer as what it should be.
pub(crate) fn read<T: DeserializeOwned>(body: Value) -> Result<T, Failure> {
    serde_json::from_value(body).map_err(|_| not_ours())
}

fn not_ours() -> Failure {
    let sentence = "the answer is not that of a punchcard server of this version";
    Failure::new(Exit::Negative, sentence).advise("Check --url, and the version of the server.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_shows_in_a_debug_form() {
        let key: Key = "pk_live_secret".parse().unwrap();
        let client = ApiClient::connect("http://127.0.0.1:1".parse().unwrap(), key).unwrap();
        assert!(!format!("{client:?}").contains("secret"));
    }

    #[test]
    fn a_key_file_may_end_in_a_newline_but_not_hold_two_lines() {
        assert!("pk_live_x\n".parse::<Key>().is_ok());
        assert!("a\nb".parse::<Key>().is_err());
        assert!("".parse::<Key>().is_err());
    }

    #[test]
    fn only_web_addresses_are_servers() {
        let key: Key = "k".parse().unwrap();
        for bad in ["mailto:a@b", "ftp://host"] {
            let refused = ApiClient::connect(bad.parse().unwrap(), key.clone());
            assert_eq!(
                refused.map(|_| ()).unwrap_err().exit(),
                Exit::Usage,
                "{bad}"
            );
        }
    }
}
