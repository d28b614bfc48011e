//! The request: body and headers.

use punchcard_actors::ports::ModelCall;
use punchcard_events::ticket::{AttemptError, AttemptErrorKind, Message};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};
use serde::Serialize;

use super::{MaxTokensField, failure};

/// Our id of the call, which the server logs beside its own. OpenAI's API reference, *Debugging
/// requests*.
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-client-request-id");
/// Lets a server that supports it drop a repeat of the same attempt.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The body of `POST /chat/completions`.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: &'a [Message],
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct ResponseFormat {
    #[serde(rename = "type")]
    kind: &'static str,
}

impl<'a> Body<'a> {
    fn new(call: &'a ModelCall, limit: MaxTokensField) -> Self {
        let parameters = &*call.parameters;
        let (max_tokens, max_completion_tokens) = match limit {
            MaxTokensField::MaxTokens => (parameters.max_tokens, None),
            MaxTokensField::MaxCompletionTokens => (None, parameters.max_tokens),
        };
        Self {
            model: &call.model,
            messages: &call.messages,
            stream: true,
            stream_options: StreamOptions {
                include_usage: true,
            },
            temperature: parameters.temperature,
            top_p: parameters.top_p,
            max_tokens,
            max_completion_tokens,
            seed: parameters.seed,
            response_format: parameters.json.then_some(ResponseFormat {
                kind: "json_object",
            }),
        }
    }
}

/// Writes the body into memory that it fits, as prompts are long.
fn body(call: &ModelCall, limit: MaxTokensField) -> serde_json::Result<Vec<u8>> {
    let texts = call.messages.iter().map(|message| message.content.len());
    // The names around a message are some 40 bytes, and few texts have more escapes than this.
    let size: usize = texts.map(|text| text + text / 8 + 48).sum();
    let mut body = Vec::with_capacity(size + 256);
    serde_json::to_writer(&mut body, &Body::new(call, limit))?;
    Ok(body)
}

/// Makes the request of one call. `headers` are those that every call has.
pub(super) fn request(
    endpoint: &Url,
    headers: &HeaderMap,
    call: &ModelCall,
    limit: MaxTokensField,
) -> Result<Request, AttemptError> {
    let body = body(call, limit).map_err(|_| {
        failure::error(
            AttemptErrorKind::InvalidRequest,
            "the request cannot be written as JSON",
        )
    })?;
    let mut request = Request::new(Method::POST, endpoint.clone());
    request.headers_mut().clone_from(headers);
    let id = HeaderValue::try_from(format!("{}-{}", call.ticket, call.attempt));
    if let Ok(id) = id {
        request.headers_mut().insert(CLIENT_REQUEST_ID, id.clone());
        request.headers_mut().insert(IDEMPOTENCY_KEY, id);
    }
    let trace = call.traceparent.as_deref().map(HeaderValue::from_str);
    // A trace context that is no header value is worth losing, not worth a failure.
    if let Some(Ok(trace)) = trace {
        request.headers_mut().insert(TRACEPARENT, trace);
    }
    *request.body_mut() = Some(body.into());
    Ok(request)
}
