//! Reading a JSON body: bounded in size, time and depth, strict about what is in it.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpMessage as _, HttpRequest, web};
use bytes::BytesMut;
use futures_util::StreamExt as _;
use punchcard_actors::admission::Full;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize as _, Deserializer};
use serde_json::error::Category;
use serde_path_to_error::Segment;

use super::dispatch::{Call, OperatorCall};
use super::errors::{Code, Problem};

/// The most of an unwanted body that is read to keep its connection.
const MAX_DISCARDED_BYTES: usize = 64 * 1024;
/// For how long.
const DISCARD_WITHIN: Duration = Duration::from_secs(1);

impl Call {
    /// Reads and checks the body. There is one to be read once.
    pub(super) async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        self.json_within(self.api.options.max_body_bytes).await
    }

    /// The same for a body that may be left out.
    pub(super) async fn json_or_default<T>(&mut self) -> Result<T, Problem>
    where
        T: DeserializeOwned + Default,
    {
        if is_empty(&self.request) {
            return Ok(T::default());
        }
        self.json().await
    }

    /// The same for a body that may have `limit` bytes.
    pub(super) async fn json_within<T: DeserializeOwned>(
        &mut self,
        limit: usize,
    ) -> Result<T, Problem> {
        check_media_type(&self.request)?;
        check_length(&self.request, limit)?;
        let room = self.api.bounds.bodies.take(&self.caller.tenant, 0);
        let mut room = room.map_err(Problem::too_many_bodies)?;
        let grow = |bytes| room.grow(bytes).map_err(Problem::too_many_bodies);
        let patience = self.api.options.body_timeout;
        let body = read_in_time(self.payload.take(), limit, patience, grow).await?;
        parse(&body)
    }

    /// Reads away a body that nobody wants, if it is small: a response to a request whose body is
    /// unread costs the connection, and a client that is refused should not have to make a new one
    /// as well.
    pub(super) async fn discard_body(&mut self) {
        let Some(mut payload) = self.payload.take() else {
            return;
        };
        let reading = async {
            let mut left = MAX_DISCARDED_BYTES;
            while let Some(Ok(chunk)) = payload.next().await {
                match left.checked_sub(chunk.len()) {
                    Some(rest) => left = rest,
                    None => return,
                }
            }
        };
        // What does not arrive in time is not worth the wait.
        let _ = tokio::time::timeout(DISCARD_WITHIN, reading).await;
    }
}

/// The most bytes of an operator's body: the limits of a tenant with hundreds of tasks.
const MAX_OPERATOR_BYTES: usize = 256 * 1024;

impl OperatorCall {
    /// Reads and checks the body. There is one to be read once.
    pub(super) async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        check_media_type(&self.request)?;
        check_length(&self.request, MAX_OPERATOR_BYTES)?;
        let turn = Arc::clone(&self.api.bounds.operators).try_acquire_owned();
        let _turn = turn.map_err(|_| Problem::too_many_bodies(Full::Total))?;
        let patience = self.api.options.body_timeout;
        let body = read_in_time(
            self.payload.take(),
            MAX_OPERATOR_BYTES,
            patience,
            |_| Ok(()),
        );
        parse(&body.await?)
    }

    /// The same for a body that may be left out.
    pub(super) async fn json_or_default<T>(&mut self) -> Result<T, Problem>
    where
        T: DeserializeOwned + Default,
    {
        if is_empty(&self.request) {
            return Ok(T::default());
        }
        self.json().await
    }
}

/// Whether there is no body. No other header says that there is one (RFC 9112, section 6.3).
fn is_empty(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let length = headers.get(header::CONTENT_LENGTH);
    let empty = length.is_none_or(|length| length == "0");
    empty && !headers.contains_key(header::TRANSFER_ENCODING)
}

/// Refuses a body that is said to be too long before any of it is read.
fn check_length(request: &HttpRequest, limit: usize) -> Result<(), Problem> {
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    Ok(())
}

fn check_media_type(request: &HttpRequest) -> Result<(), Problem> {
    let refused = |detail| Err(Problem::new(Code::UnsupportedMediaType, detail));
    let kind = request.mime_type().ok().flatten();
    if kind.is_none_or(|kind| kind.essence_str() != "application/json") {
        return refused("Send the body as `Content-Type: application/json`.");
    }
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding != "identity") {
        return refused("Send the body without a content encoding.");
    }
    Ok(())
}

/// Reads a body within `patience`: actix-web gives headers a deadline, bodies none.
async fn read_in_time(
    payload: Option<web::Payload>,
    limit: usize,
    patience: Duration,
    grow: impl FnMut(usize) -> Result<(), Problem>,
) -> Result<BytesMut, Problem> {
    let payload = payload.ok_or_else(|| Problem::internal("no body is left to read".into()))?;
    let body = tokio::time::timeout(patience, read(payload, limit, grow));
    body.await.map_err(|_| {
        let seconds = patience.as_secs();
        let detail = format!("The body did not arrive within {seconds} seconds.");
        Problem::new(Code::RequestTimeout, detail)
    })?
}

/// Reads a body; `grow` makes room for each piece of it.
async fn read(
    mut payload: web::Payload,
    limit: usize,
    mut grow: impl FnMut(usize) -> Result<(), Problem>,
) -> Result<BytesMut, Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| {
            Problem::new(
                Code::InvalidRequest,
                "The body ended before it was complete.",
            )
        })?;
        if body.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        grow(chunk.len())?;
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn too_large(limit: usize) -> Problem {
    let detail = format!("The body may have at most {limit} bytes.");
    Problem::new(Code::BodyTooLarge, detail)
}

/// For serde: a part of a body that is an object. By itself serde takes a list of its values, too.
pub(super) fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<T, D::Error> {
    let members = serde_json::Map::deserialize(deserializer)?;
    serde_json::from_value(members.into()).map_err(D::Error::custom)
}

/// Parses JSON text. serde_json refuses what nests deeper than 128, is not UTF-8, or has a number or
/// an escape that JSON does not have.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| refusal(&error))?;
    json.end().map_err(|error| invalid_json(&error))?;
    Ok(value)
}

fn refusal(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    match error.inner().classify() {
        Category::Data => {}
        Category::Io | Category::Syntax | Category::Eof => return invalid_json(error.inner()),
    }
    // Serde's texts quote values, and a body is nobody's business but the sender's: keep what was
    // expected, drop what was there.
    let text = error.inner().to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    let mut pointer = pointer(error.path());
    let detail = if let Some(rest) = text.strip_prefix("unknown field `") {
        let name = rest.split('`').next().unwrap_or_default();
        name_field(&mut pointer, name);
        "There is no such field. Remove it or correct its name.".to_owned()
    } else if let Some(rest) = text.strip_prefix("missing field `") {
        name_field(&mut pointer, rest.split('`').next().unwrap_or_default());
        "This field is required.".to_owned()
    } else if let Some((_, expected)) = text.rsplit_once("expected ") {
        format!("Expected {expected}.")
    } else if let Some((_, rule)) = text.rsplit_once(": use ") {
        format!("Use {rule}.")
    } else {
        "This value is not valid here.".to_owned()
    };
    Problem::new(Code::InvalidRequest, detail).field(pointer)
}

fn invalid_json(error: &serde_json::Error) -> Problem {
    let detail = format!(
        "The body is not valid JSON near line {}, column {}.",
        error.line(),
        error.column()
    );
    Problem::new(Code::InvalidJson, detail)
}

/// The path as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => push(&mut pointer, &index.to_string()),
            Segment::Map { key } => push(&mut pointer, key),
            Segment::Enum { variant } => push(&mut pointer, variant),
            Segment::Unknown => {}
        }
    }
    pointer
}

/// Ends `pointer` with `name`, which the path may or may not have reached.
fn name_field(pointer: &mut String, name: &str) {
    let mut last = String::new();
    push(&mut last, name);
    if !pointer.ends_with(&last) {
        pointer.push_str(&last);
    }
}

fn push(pointer: &mut String, name: &str) {
    pointer.push('/');
    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[serde(rename = "task")]
        _task: punchcard_events::TaskName,
        #[serde(default, rename = "metadata")]
        _metadata: std::collections::BTreeMap<String, String>,
        #[serde(default, rename = "input")]
        _input: serde_json::Value,
    }

    fn problem(body: &str) -> (Code, String) {
        let problem = parse::<Body>(body.as_bytes()).expect_err("must be refused");
        let shown = problem.response("x");
        assert!(shown.status().is_client_error());
        (problem.code(), format!("{problem:?}"))
    }

    #[test]
    fn a_wrong_field_is_named_and_its_value_is_not_quoted() {
        for (body, field) in [
            (r#"{"task":"a","tenant":"canary"}"#, "/tenant"),
            (r#"{"input":{}}"#, "/task"),
            (r#"{"task":"Canary Not A Slug"}"#, "/task"),
            (r#"{"task":"a","metadata":{"k":1}}"#, "/metadata/k"),
            (r#"{"task":"a","metadata":"canary"}"#, "/metadata"),
        ] {
            let (code, text) = problem(body);
            assert_eq!(code, Code::InvalidRequest, "{body}");
            assert!(text.contains(&format!("Some({field:?})")), "{body}: {text}");
            assert!(!text.to_lowercase().contains("canary"), "{body}: {text}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused_as_such() {
        let deep = format!(
            r#"{{"task":"a","input":{}1{}}}"#,
            "[".repeat(10_000),
            "]".repeat(10_000)
        );
        for body in [
            "",
            "{",
            r#"{"task":"a","input":NaN}"#,
            r#"{"task":"a","input":"\ud800"}"#,
            r#"{"task":"a"} x"#,
            &deep,
        ] {
            assert_eq!(
                problem(body).0,
                Code::InvalidJson,
                "{}",
                &body[..body.len().min(40)]
            );
        }
        let invalid = parse::<Body>(b"{\"task\":\"a\",\"input\":\"\xff\"}");
        assert_eq!(invalid.expect_err("not UTF-8").code(), Code::InvalidJson);
    }

    proptest! {
        #[test]
        fn no_body_makes_the_parser_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse::<Body>(&body);
        }
    }

    #[test]
    fn mutants_of_bodies_are_read_or_refused() {
        crate::fuzz::run("request-body", |body| drop(parse::<Body>(body)));
    }
}
