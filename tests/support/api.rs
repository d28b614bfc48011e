//! An issuer's backend as a client of the HTTP API.

#![allow(
    dead_code,
    reason = "each test binary that includes this file uses another part of it"
)]

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// How long a ticket may take to come to where a test waits for it.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A client for loopback, with a deadline.
pub(crate) fn http() -> reqwest::Client {
    // An error says that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(PATIENCE)
        .no_proxy()
        // Loopback only: reading the system's certificates takes longer than starting a server.
        .tls_certs_only([])
        .build()
        .unwrap()
}

/// The API at one address, with one key.
#[derive(Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
    key: String,
}

/// A response, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// The body as JSON; null where it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// A header, or "".
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// The body, of an answer that must have `status`.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// Checks that this is problem details with `status` and `code`, and gives them.
    #[track_caller]
    pub(crate) fn expect_problem(&self, status: u16, code: &str) -> Value {
        let problem = self.expect(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        problem
    }
}

impl Api {
    /// The API at `base` for the holder of `key`.
    pub(crate) fn new(base: &str, key: &str) -> Self {
        Self {
            http: http(),
            base: base.to_owned(),
            key: key.to_owned(),
        }
    }

    /// The same client at another address, as after a restart.
    pub(crate) fn moved_to(&mut self, base: &str) {
        base.clone_into(&mut self.base);
    }

    /// The same address with another key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            ..self.clone()
        }
    }

    /// The base URL.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// A request to be completed.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.base);
        self.http.request(method, url).bearer_auth(&self.key)
    }

    /// Reads `path`.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// Posts JSON to `path`.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// Issues a ticket for `user` and gives its id.
    pub(crate) async fn issue(&self, task: &str, user: Option<&str>, input: Value) -> String {
        let mut body = json!({ "task": task, "input": input });
        if let Some(user) = user {
            body["user"] = json!(user);
        }
        let issued = self.post("/v1/tickets", &body).await.expect(202);
        issued["id"].as_str().unwrap().to_owned()
    }

    /// The ticket as the API shows it. Of a ticket without a user this takes the answer.
    pub(crate) async fn ticket(&self, id: &str) -> Value {
        self.get(&format!("/v1/tickets/{id}")).await.expect(200)
    }

    /// Cancels a ticket.
    pub(crate) async fn cancel(&self, id: &str, mode: &str) -> Answer {
        let path = format!("/v1/tickets/{id}/cancel");
        self.post(&path, &json!({ "mode": mode })).await
    }

    /// The ticket's events.
    pub(crate) async fn history(&self, id: &str) -> Vec<Value> {
        let path = format!("/v1/tickets/{id}/events");
        let history = self.get(&path).await.expect(200);
        assert_eq!(history["ticket"], id);
        history["events"].as_array().unwrap().clone()
    }

    /// The types of the ticket's events.
    pub(crate) async fn event_types(&self, id: &str) -> Vec<String> {
        types(&self.history(id).await)
    }

    /// Waits until `kind` is in the ticket's history, and gives the history. Reading a history takes
    /// no answer, so this waits without delivering anything.
    pub(crate) async fn until_event(&self, id: &str, kind: &str) -> Vec<Value> {
        let has = |history: &[Value]| history.iter().any(|event| event["type"] == kind);
        let mut newest = Vec::new();
        let reached = async {
            while !has(&newest) {
                newest = self.history(id).await;
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        assert!(reached.is_ok(), "{id} has no {kind}: {newest:#?}");
        newest
    }

    /// A single-use token for a session of `user`.
    pub(crate) async fn session_token(&self, user: &str) -> String {
        let body = json!({ "user": user });
        let minted = self.post("/v1/session-tokens", &body).await.expect(201);
        minted["token"].as_str().unwrap().to_owned()
    }
}

/// The types of events, in order.
pub(crate) fn types(history: &[Value]) -> Vec<String> {
    let kinds = history.iter().map(|event| event["type"].as_str().unwrap());
    kinds.map(str::to_owned).collect()
}

/// Sends a request and reads the whole response.
pub(crate) async fn send(request: RequestBuilder) -> Answer {
    try_send(request).await.unwrap()
}

/// The same, for a server that may go away.
pub(crate) async fn try_send(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    Ok(Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await?,
    })
}
