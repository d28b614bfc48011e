//! Chat completions over HTTP, byte by byte. The official clients are tried in `tests/clients`.

use std::time::Duration;

use punchcard::http::Options;
use punchcard_actors::sessions::SessionLimits;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::edge::{
    Edge, KEY, OTHER_KEY, PATIENCE, RAW_MODEL, Reply, Script, complete, failure, text, working_as,
};

const PATH: &str = "/v1/chat/completions";

fn ask(more: &Value) -> Value {
    let mut body = json!({"model": "echo", "messages": [{"role": "user", "content": "hello"}]});
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}

/// The chunks of a stream, and whether `[DONE]` came after them.
fn chunks(body: &str) -> (Vec<Value>, bool) {
    let mut lines: Vec<&str> = body
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .collect();
    let done = lines.last() == Some(&"[DONE]");
    lines.truncate(lines.len() - usize::from(done));
    let chunks = lines
        .into_iter()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    (chunks.collect(), done)
}

fn content(chunks: &[Value]) -> String {
    let contents = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
    contents.collect()
}

fn say(script: &Script, words: &[&str]) {
    for word in words {
        script.send(text(word)).expect("a model that listens");
    }
}

/// A stream that is read while its answer is made.
struct Open {
    stream: TcpStream,
    bytes: Vec<u8>,
    seen: String,
}

impl Open {
    async fn stream(edge: &Edge) -> Self {
        let body = ask(&json!({"stream": true})).to_string();
        let mut stream = TcpStream::connect(edge.address)
            .await
            .expect("a connection");
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {KEY}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let sent = stream.write_all(head.as_bytes()).await;
        sent.expect("a request goes out");
        let (bytes, seen) = (Vec::new(), String::new());
        Self {
            stream,
            bytes,
            seen,
        }
    }

    /// Whether the last chunk of bytes is whole.
    fn has_paused(&self) -> bool {
        self.seen.ends_with("\n\n\r\n") || self.seen.ends_with("\r\n0\r\n\r\n")
    }

    /// Reads until the answer has these words, and the end of their event.
    async fn until(&mut self, words: &str) {
        let reading = async {
            while !(self.seen.contains(words) && self.has_paused()) {
                let read = self.stream.read_buf(&mut self.bytes).await;
                assert!(read.expect("an answer") > 0, "{}", self.seen);
                self.seen = String::from_utf8_lossy(&self.bytes).into_owned();
            }
        };
        let read = tokio::time::timeout(PATIENCE, reading).await;
        read.expect("the words in time");
    }
}

async fn ticket(edge: &Edge, reply: &Reply) -> Value {
    let id = reply.header("x-punchcard-ticket").expect("a ticket");
    edge.get(KEY, &format!("/v1/tickets/{id}")).await.json()
}

#[tokio::test]
async fn a_completion_is_a_ticket_and_its_answer_is_the_delivery() {
    let edge = Edge::start();
    let script = edge.model.script();
    say(&script, &["hello ", "한🙂"]);
    script.send(complete()).expect("a model that listens");
    let more =
        json!({"user": "min", "metadata": {"a": "b"}, "temperature": 0.5, "n": 1, "stop": null});
    let reply = edge.post(PATH, "", &ask(&more)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let body = reply.json();
    let id = reply.header("x-punchcard-ticket").expect("a ticket");
    assert_eq!(body["id"], format!("chatcmpl-{id}"));
    assert_eq!(
        (&body["object"], &body["model"]),
        (&json!("chat.completion"), &json!("echo"))
    );
    assert!(
        body["created"]
            .as_u64()
            .is_some_and(|at| at > 1_700_000_000)
    );
    let choice = &body["choices"][0];
    assert_eq!(choice["message"]["role"], "assistant");
    assert_eq!(choice["message"]["content"], "hello 한🙂");
    assert_eq!(choice["finish_reason"], "stop");
    let ticket = ticket(&edge, &reply).await;
    assert_eq!(ticket["state"], "delivered");
    assert_eq!(ticket["metadata"], json!({"a": "b", "user": "min"}));
    assert_eq!(
        ticket.get("user"),
        None,
        "nobody has to open a session for it"
    );
}

#[tokio::test]
async fn a_stream_begins_with_the_role_and_ends_with_the_reason_the_usage_and_done() {
    let edge = Edge::start();
    let script = edge.model.script();
    say(&script, &["hello ", "한🙂"]);
    script.send(complete()).expect("a model that listens");
    let more = json!({"stream": true, "stream_options": {"include_usage": true}});
    let reply = edge.post(PATH, "", &ask(&more)).await;
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    let (chunks, done) = chunks(&reply.body);
    assert!(done, "{reply:?}");
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(content(&chunks), "hello 한🙂");
    let [.., end, usage] = chunks.as_slice() else {
        panic!("{chunks:?}")
    };
    assert_eq!(end["choices"][0]["finish_reason"], "stop");
    // The scripted model counts nothing.
    assert_eq!(
        (&usage["choices"], &usage["usage"]),
        (&json!([]), &Value::Null)
    );
    for chunk in &chunks {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(chunk["id"], chunks[0]["id"]);
        assert!(chunk.get("usage").is_some(), "{chunk}");
    }
    assert_eq!(ticket(&edge, &reply).await["state"], "delivered");
}

#[tokio::test]
async fn a_new_try_goes_on_where_the_old_one_broke_off_if_it_says_the_same() {
    let edge = Edge::start();
    let (first, second) = (edge.model.script(), edge.model.script());
    say(&first, &["one ", "two "]);
    first.send(failure()).expect("a model that listens");
    say(&second, &["one ", "two ", "three"]);
    second.send(complete()).expect("a model that listens");
    let reply = edge.post(PATH, "", &ask(&json!({"stream": true}))).await;
    let (chunks, done) = chunks(&reply.body);
    assert!(done, "{reply:?}");
    assert_eq!(content(&chunks), "one two three");
}

#[tokio::test]
async fn a_new_try_that_says_something_else_ends_the_stream_and_not_the_ticket() {
    let edge = Edge::start();
    let (first, second) = (edge.model.script(), edge.model.script());
    let mut open = Open::stream(&edge).await;
    say(&first, &["one "]);
    open.until("one ").await;
    first.send(failure()).expect("a model that listens");
    say(&second, &["something else"]);
    second.send(complete()).expect("a model that listens");
    open.until("\"error\"").await;
    let (chunks, done) = chunks(&open.seen);
    assert!(!done, "{chunks:?}");
    assert_eq!(content(&chunks), "one ");
    let error = &chunks.last().expect("an end")["error"];
    assert_eq!(error["code"], "answer_changed");
    let id = error["ticket"].as_str().expect("the ticket");
    let path = format!("/v1/tickets/{id}/stream");
    let whole = edge.get(KEY, &path).await;
    assert!(whole.body.contains("something else"), "{whole:?}");
}

#[tokio::test]
async fn a_ticket_that_fails_is_an_error_that_is_not_worth_a_repeat() {
    let edge = Edge::start();
    let fail = |edge: &Edge| {
        for _ in 0..3 {
            edge.model
                .script()
                .send(failure())
                .expect("a model that listens");
        }
    };
    fail(&edge);
    let reply = edge.post(PATH, "", &ask(&json!({}))).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (502, "ticket_failed")
    );
    assert_eq!(reply.header("x-should-retry"), Some("false"));
    let error = &reply.json()["error"];
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("server_error"), &json!("ticket_failed"))
    );
    let id = error["ticket"].as_str().expect("a ticket");
    let shown = edge.get(KEY, &format!("/v1/tickets/{id}")).await.json();
    assert_eq!(shown["state"], "failed");
    fail(&edge);
    let reply = edge.post(PATH, "", &ask(&json!({"stream": true}))).await;
    let (chunks, done) = chunks(&reply.body);
    assert_eq!(
        chunks.last().expect("an end")["error"]["code"],
        "ticket_failed"
    );
    assert!(!done);
}

#[tokio::test]
async fn what_is_not_answered_in_time_is_a_ticket_that_goes_on() {
    let options = Options {
        max_chat_wait: Duration::from_millis(300),
        ..Options::default()
    };
    let edge = Edge::start_with(options, SessionLimits::default());
    let script = edge.model.script();
    let key = "Idempotency-Key: chat-1\r\n";
    let late = edge.post(PATH, key, &ask(&json!({}))).await;
    assert_eq!((late.status, late.code().as_str()), (504, "still_running"));
    assert_eq!(
        late.header("x-should-retry"),
        Some("true"),
        "the repeat asks for the same ticket"
    );
    let id = late.json()["ticket"].as_str().expect("a ticket").to_owned();
    script.send(text("at last")).expect("a model that listens");
    script.send(complete()).expect("a model that listens");
    let repeat = edge.post(PATH, key, &ask(&json!({}))).await;
    assert_eq!(
        repeat.json()["choices"][0]["message"]["content"],
        "at last",
        "{repeat:?}"
    );
    assert_eq!(repeat.header("x-punchcard-ticket"), Some(id.as_str()));
    assert_eq!(repeat.header("idempotency-replayed"), Some("true"));
    let streamed = edge.post(PATH, key, &ask(&json!({"stream": true}))).await;
    assert_eq!(
        content(&chunks(&streamed.body).0),
        "at last",
        "in another form"
    );
    let other = edge.post(PATH, key, &ask(&json!({"seed": 1}))).await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (422, "idempotency_key_reused")
    );
    let _held = edge.model.script();
    let unkeyed = edge.post(PATH, "", &ask(&json!({}))).await;
    assert_eq!(
        unkeyed.header("x-should-retry"),
        Some("false"),
        "it would be another ticket"
    );
}

#[tokio::test]
async fn respond_async_is_an_acceptance_with_the_ticket() {
    let edge = Edge::start();
    let script = edge.model.script();
    let reply = edge
        .post(PATH, "Prefer: respond-async\r\n", &ask(&json!({})))
        .await;
    assert_eq!(reply.status, 202, "{reply:?}");
    assert_eq!(reply.header("preference-applied"), Some("respond-async"));
    let id = reply.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        reply.header("location"),
        Some(format!("/v1/tickets/{id}").as_str())
    );
    let waited = edge
        .post(PATH, "Prefer: respond-async, wait=10\r\n", &ask(&json!({})))
        .await;
    assert_eq!(
        (waited.status, waited.json()["object"].clone()),
        (200, json!("chat.completion"))
    );
    drop(script);
}

#[tokio::test]
async fn a_client_that_hangs_up_cancels_nothing() {
    let edge = Edge::start();
    let script = edge.model.script();
    let mut open = Open::stream(&edge).await;
    open.until("\"role\"").await;
    let seen = open.seen.clone();
    drop(open);
    let id = seen.split("x-punchcard-ticket: ").nth(1).expect("a ticket");
    let id = id.lines().next().expect("its id").trim().to_owned();
    say(&script, &["all the same"]);
    script.send(complete()).expect("a model that listens");
    let whole = edge.get(KEY, &format!("/v1/tickets/{id}/stream")).await;
    assert!(whole.body.contains("all the same"), "{whole:?}");
}

#[tokio::test]
async fn a_raw_model_is_asked_what_was_said_and_nothing_else() {
    let edge = Edge::start();
    let messages = json!([
        {"role": "developer", "content": "Be brief."},
        {"role": "assistant", "content": "Yes?", "refusal": null, "tool_calls": []},
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
    ]);
    let more = json!({"model": RAW_MODEL, "messages": messages, "max_completion_tokens": 9,
                      "response_format": {"type": "json_object"}});
    let reply = edge.post(PATH, "", &ask(&more)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.json()["model"], RAW_MODEL);
    let shown = ticket(&edge, &reply).await;
    assert_eq!(
        (&shown["task"], &shown["model"]),
        (&json!("chat"), &json!(RAW_MODEL))
    );
    assert_eq!(shown["parameters"], json!({"max_tokens": 9, "json": true}));
    let said = json!({"messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "one\ntwo"},
    ]});
    assert_eq!(shown["prompt"], said, "there was no prompt");
    for (key, model) in [
        (OTHER_KEY, RAW_MODEL),
        (KEY, "gone"),
        (KEY, "chat"),
        (KEY, "nothing"),
    ] {
        let body = ask(&json!({"model": model})).to_string();
        let refused = edge.send("POST", key, PATH, "", &body).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (404, "model_not_found"),
            "{model}"
        );
        assert_eq!(refused.json()["error"]["param"], "model");
    }
    let refused = edge
        .post(PATH, "", &ask(&json!({"model": RAW_MODEL, "input": {}})))
        .await;
    assert_eq!(
        (refused.status, refused.json()["error"]["param"].clone()),
        (400, json!("input"))
    );
}

#[tokio::test]
async fn models_are_listed_for_whom_they_are() {
    let edge = Edge::start();
    let listed = edge.get(KEY, "/v1/models").await.json();
    assert_eq!(listed["object"], "list");
    let names: Vec<_> = listed["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|m| &m["id"])
        .collect();
    assert_eq!(names, [RAW_MODEL], "one that is not there is not listed");
    let path = "/v1/models/lab%2Fraw-1";
    let one = edge.get(KEY, path).await.json();
    assert_eq!(
        (&one["id"], &one["object"]),
        (&json!(RAW_MODEL), &json!("model"))
    );
    let others = edge.get(OTHER_KEY, path).await;
    let nobodys = edge.get(KEY, "/v1/models/nothing").await;
    assert_eq!((others.status, nobodys.status), (404, 404));
    assert_eq!(others.json()["error"], nobodys.json()["error"]);
}

/// What OpenAI's API has and this one does not: what a request says, and the parameter that is named.
const UNSUPPORTED: [(&str, &str); 15] = [
    (r#"{"n": 2}"#, "n"),
    (r#"{"tools": [{"type": "function"}]}"#, "tools"),
    (r#"{"tool_choice": "required"}"#, "tool_choice"),
    (r#"{"logprobs": true}"#, "logprobs"),
    (r#"{"stop": ["a"]}"#, "stop"),
    (r#"{"audio": {"voice": "x"}}"#, "audio"),
    (r#"{"modalities": ["text", "audio"]}"#, "modalities"),
    (r#"{"frequency_penalty": 0.1}"#, "frequency_penalty"),
    (r#"{"reasoning_effort": "low"}"#, "reasoning_effort"),
    (r#"{"store": true}"#, "store"),
    (r#"{"service_tier": "priority"}"#, "service_tier"),
    (
        r#"{"response_format": {"type": "json_schema", "json_schema": {}}}"#,
        "response_format.type",
    ),
    (
        r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}]}"#,
        "messages[0].content[1].type",
    ),
    (
        r#"{"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]}"#,
        "messages[0].role",
    ),
    (
        r#"{"messages": [{"role": "user", "content": "x", "name": "min"}]}"#,
        "messages[0].name",
    ),
];

/// What is wrong in either.
const INVALID: [(&str, &str); 16] = [
    (r#"{"tenant": "another"}"#, "tenant"),
    (
        r#"{"messages": [{"role": "user", "content": "x", "state": 1}]}"#,
        "messages[0].state",
    ),
    (
        r#"{"messages": [{"role": "king", "content": "x"}]}"#,
        "messages[0].role",
    ),
    (
        r#"{"messages": [{"role": "user", "content": null}]}"#,
        "messages[0].content",
    ),
    (r#"{"messages": [{"role": "user"}]}"#, "messages[0].content"),
    (r#"{"messages": []}"#, "messages"),
    (r#"{"temperature": 2.1}"#, "temperature"),
    (r#"{"top_p": -0.1}"#, "top_p"),
    (r#"{"max_tokens": 0}"#, "max_tokens"),
    (
        r#"{"max_tokens": 1, "max_completion_tokens": 2}"#,
        "max_tokens",
    ),
    (
        r#"{"stream_options": {"include_usage": true}}"#,
        "stream_options",
    ),
    (
        r#"{"stream": true, "stream_options": {"x": 1}}"#,
        "stream_options.x",
    ),
    (r#"{"input": 3}"#, "input"),
    (r#"{"model": ""}"#, "model"),
    (r#"{"model": "echo", "seed": 0.5}"#, "seed"),
    (
        r#"{"metadata": {"user": "a"}, "user": "b"}"#,
        "metadata.user",
    ),
];

#[tokio::test]
async fn what_is_not_supported_or_not_valid_is_refused_by_name() {
    let edge = Edge::start();
    let unsupported = UNSUPPORTED.map(|(more, param)| (more, param, "unsupported_parameter"));
    let invalid = INVALID.map(|(more, param)| (more, param, "invalid_request"));
    for (more, param, code) in unsupported.into_iter().chain(invalid) {
        let asked = ask(&serde_json::from_str(more).expect("JSON"));
        let reply = edge.post(PATH, "", &asked).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (400, code),
            "{more}: {reply:?}"
        );
        let error = &reply.json()["error"];
        assert_eq!(
            (&error["param"], &error["code"], &error["type"]),
            (&json!(param), &json!(code), &json!("invalid_request_error")),
            "{more}"
        );
        let message = error["message"].as_str().expect("a sentence");
        assert!(message.ends_with('.'), "{more}: {message}");
    }
}

#[tokio::test]
async fn refusals_before_the_body_have_the_same_shape() {
    let edge = Edge::start();
    for (method, key, status, code, kind) in [
        ("POST", "wrong", 401, "unauthorized", "authentication_error"),
        (
            "GET",
            KEY,
            405,
            "method_not_allowed",
            "invalid_request_error",
        ),
    ] {
        let reply = edge.send(method, key, PATH, "", "{}").await;
        let error = &reply.json()["error"];
        assert_eq!(
            (reply.status, &error["code"], &error["type"]),
            (status, &json!(code), &json!(kind))
        );
    }
    let viewer = working_as(KEY, "viewer");
    let reply = edge.send("POST", &viewer, PATH, "", "{}").await;
    assert_eq!(reply.json()["error"]["type"], "permission_error");
}

#[tokio::test]
async fn what_asks_for_nothing_passes() {
    let edge = Edge::start();
    let more = json!({
        "n": 1, "stop": [], "tools": null, "tool_choice": "auto", "parallel_tool_calls": true,
        "frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}, "logprobs": false,
        "top_logprobs": null, "service_tier": "auto", "store": false, "modalities": ["text"],
        "stream": false, "stream_options": null, "response_format": {"type": "text"}, "seed": null,
        "input": {"x": 1}, "messages": [],
    });
    let reply = edge.post(PATH, "", &ask(&more)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}
