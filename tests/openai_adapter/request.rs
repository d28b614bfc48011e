//! The request as a server sees it.

use std::sync::Arc;

use punchcard::adapters::openai::{MaxTokensField, OpenAi};
use punchcard_actors::ports::{LanguageModel as _, ModelCall};
use punchcard_events::ticket::{Message, Parameters, Role};
use serde_json::{Value, json};

use super::fake_model::{FakeModel, Request};
use super::{KEY, PROMPT, TRACEPARENT, adapter, call, complete, options, read, whole};

async fn sent(server: &FakeModel, adapter: &OpenAi, call: ModelCall) -> Request {
    let answer = adapter.answer(call).await.unwrap();
    assert_eq!(read(answer).await, complete());
    server.requests().pop().unwrap()
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

#[tokio::test]
async fn a_call_is_one_post_with_these_headers_and_no_others() {
    let server = FakeModel::playing([whole()]).await;
    let request = sent(&server, &adapter(&server), call()).await;
    assert_eq!(request.line, "POST /v1/chat/completions HTTP/1.1");

    let host = server.base_url.trim_start_matches("http://");
    let host = host.trim_end_matches("/v1");
    let id = "00000000-0000-0000-0000-000000000007-2";
    let length = request.body.len().to_string();
    let bearer = format!("Bearer {KEY}");
    let mut expected = [
        ("accept", "text/event-stream"),
        ("authorization", &bearer),
        ("content-length", &length),
        ("content-type", "application/json"),
        ("host", host),
        ("idempotency-key", id),
        ("traceparent", TRACEPARENT),
        (
            "user-agent",
            concat!("punchcard/", env!("CARGO_PKG_VERSION")),
        ),
        ("x-client-request-id", id),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    expected.sort();
    let mut headers = request.headers;
    headers.sort();
    assert_eq!(headers, expected);
}

#[tokio::test]
async fn the_body_names_what_is_set_and_nothing_else() {
    let server = FakeModel::playing([whole(), whole()]).await;
    let adapter = adapter(&server);
    let bare = sent(&server, &adapter, call()).await;
    assert_eq!(
        body(&bare),
        json!({
            "model": "model-1",
            "messages": [{ "role": "user", "content": PROMPT }],
            "stream": true,
            "stream_options": { "include_usage": true },
        })
    );

    let message = |role, content: &str| Message {
        role,
        content: content.to_owned(),
    };
    let full = ModelCall {
        messages: Arc::new([
            message(Role::System, "\"quoted\"\n"),
            message(Role::User, "q"),
            message(Role::Assistant, "a"),
        ]),
        parameters: Arc::new(Parameters {
            temperature: Some(0.3),
            top_p: Some(0.9),
            max_tokens: Some(500),
            seed: Some(-7),
            json: true,
        }),
        ..call()
    };
    assert_eq!(
        body(&sent(&server, &adapter, full).await),
        json!({
            "model": "model-1",
            "messages": [
                { "role": "system", "content": "\"quoted\"\n" },
                { "role": "user", "content": "q" },
                { "role": "assistant", "content": "a" },
            ],
            "stream": true,
            "stream_options": { "include_usage": true },
            "temperature": 0.3,
            "top_p": 0.9,
            "max_tokens": 500,
            "seed": -7,
            "response_format": { "type": "json_object" },
        })
    );
}

#[tokio::test]
async fn the_limit_of_tokens_is_written_under_the_name_that_the_server_knows() {
    let server = FakeModel::playing([whole(), whole()]).await;
    for (field, written, other) in [
        (
            MaxTokensField::MaxTokens,
            "max_tokens",
            "max_completion_tokens",
        ),
        (
            MaxTokensField::MaxCompletionTokens,
            "max_completion_tokens",
            "max_tokens",
        ),
    ] {
        let mut options = options(&server.base_url);
        options.max_tokens_field = field;
        let call = ModelCall {
            parameters: Arc::new(Parameters {
                max_tokens: Some(500),
                ..Parameters::default()
            }),
            ..call()
        };
        let request = sent(&server, &OpenAi::new(options).unwrap(), call).await;
        let body = body(&request);
        assert_eq!(body[written], 500, "{body}");
        assert_eq!(body.get(other), None, "{body}");
    }
}

#[tokio::test]
async fn without_a_key_or_a_trace_there_is_no_such_header() {
    let server = FakeModel::playing([whole(), whole()]).await;
    let mut options = options(&server.base_url);
    options.api_key = None;
    let adapter = OpenAi::new(options).unwrap();
    for traceparent in [None, Some("no\nheader".to_owned())] {
        let call = ModelCall {
            traceparent,
            ..call()
        };
        let request = sent(&server, &adapter, call).await;
        assert!(request.header("authorization").is_empty());
        assert!(request.header("traceparent").is_empty());
    }
}
