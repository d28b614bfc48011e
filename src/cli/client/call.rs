//! A call of the API by any method, whose refusal can be looked into.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{ApiClient, Problem, TOTAL_TIMEOUT, not_ours};
use crate::cli::exit::Failure;

/// What is asked.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    method: Method,
    path: &'a [&'a str],
    query: &'a [(&'a str, String)],
    headers: HeaderMap,
    body: Option<&'a Value>,
    patience: Duration,
}

impl<'a> Call<'a> {
    /// A call of `path`, given as segments.
    pub(crate) fn new(method: Method, path: &'a [&'a str]) -> Self {
        Self {
            method,
            path,
            query: &[],
            headers: HeaderMap::new(),
            body: None,
            patience: Duration::ZERO,
        }
    }

    /// The same with a query.
    #[must_use]
    pub(crate) const fn query(mut self, query: &'a [(&'a str, String)]) -> Self {
        self.query = query;
        self
    }

    /// The same with a body.
    #[must_use]
    pub(crate) const fn body(mut self, body: &'a Value) -> Self {
        self.body = Some(body);
        self
    }

    /// The same, waiting so much longer than an answer may take by itself.
    #[must_use]
    pub(crate) const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The same, to be done only while the thing is as it was seen: at this edit, or not there
    /// (RFC 9110, section 13.1).
    #[must_use]
    pub(crate) fn only_if(self, edit: Option<u32>) -> Self {
        match edit {
            Some(edit) => self.only_if_tag(&edit.to_string()),
            None => self.conditional(IF_NONE_MATCH, "*"),
        }
    }

    /// The same, to be done only while the thing has the entity tag that it was seen with.
    #[must_use]
    pub(crate) fn only_if_tag(self, tag: &str) -> Self {
        self.conditional(IF_MATCH, &format!("\"{tag}\""))
    }

    fn conditional(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The answer; `null` where there is none.
    pub(crate) body: Value,
}

/// Why nothing was done.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The server refused.
    Refused(Box<Refusal>),
    /// It could not be asked, or its answer not be read.
    Failed(Failure),
}

/// A refusal with everything that it says.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What every refusal says.
    pub(crate) problem: Problem,
    /// The whole of it.
    pub(crate) body: Value,
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(refusal) => refusal.problem.into(),
            CallError::Failed(failure) => failure,
        }
    }
}

impl ApiClient {
    /// Makes the call.
    ///
    /// # Errors
    /// When the server refuses, is not there, or gives what cannot be read.
    pub(crate) async fn ask(&self, call: Call<'_>) -> Result<Answer, CallError> {
        let failed = CallError::Failed;
        let request = self.request(call.method, call.path, call.query);
        let mut request = request.map_err(failed)?.headers(call.headers);
        request = request.timeout(TOTAL_TIMEOUT.saturating_add(call.patience));
        if let Some(body) = call.body {
            request = request.json(body);
        }
        let response = request.send().await;
        let response = response.map_err(|error| failed(self.unreached(&error)))?;
        let (status, body) = self.body(response).await.map_err(failed)?;
        if !status.is_success() {
            return Err(CallError::Refused(Box::new(Refusal {
                problem: Problem::read(status, &body),
                body: serde_json::from_slice(&body).unwrap_or_default(),
            })));
        }
        let body = if status == StatusCode::NO_CONTENT || body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body).map_err(|_| failed(not_ours()))?
        };
        Ok(Answer { body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_a_condition_of_the_call() {
        let seen = Call::new(Method::PUT, &[]).only_if(Some(4));
        assert_eq!(seen.headers[IF_MATCH], "\"4\"");
        let unseen = Call::new(Method::PUT, &[]).only_if(None);
        assert_eq!(unseen.headers[IF_NONE_MATCH], "*");
    }
}
