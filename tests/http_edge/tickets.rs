//! Issuing, waiting for and reading tickets, and following one in an event stream.

use serde_json::json;

use crate::edge::{Edge, KEY, complete, text};

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_byte_for_byte() {
    let edge = Edge::start();
    let key = "Idempotency-Key: order-17\r\n";
    let body = json!({"task": "echo", "input": {"a": 1, "b": 2}});
    let first = edge.post("/v1/tickets", key, &body).await;
    assert_eq!(
        (first.status, first.header("idempotency-replayed")),
        (202, None)
    );
    let path = first.header("location").expect("a location").to_owned();
    let waited = edge
        .post("/v1/tickets", &format!("{key}Prefer: wait=20\r\n"), &body)
        .await;
    assert_eq!(
        waited.status, 200,
        "it concludes, so the repeat may wait for it: {waited:?}"
    );
    assert_eq!(waited.header("preference-applied"), Some("wait=20"));
    let spelled = r#"{ "input": {"b":2, "a":1}, "task":"echo" }"#;
    let again = edge.send("POST", KEY, "/v1/tickets", key, spelled).await;
    assert_eq!(
        (again.status, again.body.as_str()),
        (202, first.body.as_str())
    );
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.header("location"), Some(path.as_str()));
    let other = edge
        .post("/v1/tickets", key, &json!({"task": "echo", "input": {}}))
        .await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (422, "idempotency_key_reused")
    );
    let bad = edge
        .post("/v1/tickets", "Idempotency-Key: a b\r\n", &body)
        .await;
    assert_eq!(
        (bad.status, bad.code().as_str()),
        (400, "invalid_idempotency_key")
    );
}

#[tokio::test]
async fn a_ticket_may_name_a_label_and_shows_what_it_ran_with() {
    let edge = Edge::start();
    let key = "Idempotency-Key: order-18\r\n";
    let body = json!({"task": "echo", "input": {}, "label": "staging"});
    let issued = edge.post("/v1/tickets", key, &body).await;
    assert_eq!(
        (issued.status, issued.json()["label"].clone()),
        (202, json!("staging"))
    );
    let path = issued.header("location").expect("a location").to_owned();
    let shown = edge.get(KEY, &path).await.json();
    let prompt = &shown["prompt"];
    assert_eq!(
        (&prompt["version"], &prompt["hash"]),
        (&json!(1), &json!("00"))
    );
    // What the model was sent is what the history says, and lists do without.
    let history = edge.get(KEY, &format!("{path}/events")).await.json();
    let events = history["events"].as_array().expect("events");
    let prepared = events
        .iter()
        .find(|event| event["type"] == "TicketPreProcessed");
    let prepared = prepared.expect("it was prepared");
    assert!(prompt["messages"][0]["content"].is_string(), "{shown}");
    assert_eq!(prompt["messages"], prepared["data"]["messages"]);
    let list = edge.get(KEY, "/v1/tickets").await.json();
    assert!(!list.to_string().contains("messages"), "{list}");
    assert_eq!(
        (&shown["model"], &shown["parameters"]),
        (&json!("scripted"), &json!({}))
    );
    let in_production = json!({"task": "echo", "input": {}});
    let other = edge.post("/v1/tickets", key, &in_production).await;
    assert_eq!(other.code(), "idempotency_key_reused");
    for label in ["draft", "v3", "Not A Label"] {
        let body = json!({"task": "echo", "input": {}, "label": label});
        let refused = edge.post("/v1/tickets", "", &body).await;
        assert_eq!(
            (refused.status, refused.json()["field"].clone()),
            (400, json!("/label"))
        );
    }
}

#[tokio::test]
async fn showing_an_issuer_its_answer_is_the_delivery_only_without_a_user() {
    let edge = Edge::start();
    for (user, state) in [(None, "delivered"), (Some("min"), "persisted")] {
        let body = json!({"task": "echo", "input": {}, "user": user});
        let reply = edge.post("/v1/tickets", "Prefer: wait=20\r\n", &body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.json()["state"], state);
        assert_eq!(reply.json()["answer"], "fine");
    }
    let list = edge.get(KEY, "/v1/tickets?limit=1").await.json();
    assert_eq!(list["tickets"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["tickets"][0]["user"], "min", "newest first");
    let cursor = list["next_cursor"].as_str().expect("a cursor");
    let next = edge
        .get(KEY, &format!("/v1/tickets?limit=1&cursor={cursor}"))
        .await
        .json();
    assert_eq!(next["tickets"][0]["state"], "delivered");
    assert_eq!(next.get("next_cursor"), None);
}

#[tokio::test]
async fn a_wait_that_ends_early_is_an_acceptance() {
    let edge = Edge::start();
    let _script = edge.model.script();
    let body = json!({"task": "echo", "input": {}});
    let reply = edge.post("/v1/tickets", "Prefer: wait=1\r\n", &body).await;
    assert_eq!(
        (reply.status, reply.json()["state"].clone()),
        (202, json!("requested"))
    );
}

#[tokio::test]
async fn an_event_stream_ends_with_the_outcome_and_resumes_behind_what_was_read() {
    let edge = Edge::start();
    let script = edge.model.script();
    let ticket = edge.issue(None).await;
    for line in [text("hello "), text("한🙂"), complete()] {
        script.send(line).expect("a model that listens");
    }
    let path = format!("/v1/tickets/{ticket}/stream");
    let whole = edge.get(KEY, &path).await;
    assert_eq!(whole.header("content-type"), Some("text/event-stream"));
    assert!(whole.body.contains("event: answer\n"), "{whole:?}");
    let end = whole
        .body
        .lines()
        .rfind(|line| line.starts_with("id: "))
        .expect("an id");
    let last = format!("Last-Event-ID: {}\r\n", &end[4..]);
    let after = edge.send("GET", KEY, &path, &last, "").await;
    assert_eq!(
        after.status, 204,
        "after the outcome there is nothing: {after:?}"
    );
    let bad = edge
        .send("GET", KEY, &path, "Last-Event-ID: x\r\n", "")
        .await;
    assert_eq!(
        (bad.status, bad.code().as_str()),
        (400, "invalid_parameter")
    );
    let state = edge.get(KEY, &format!("/v1/tickets/{ticket}")).await.json();
    assert_eq!(state["delivered"]["channel"], "fetch");
}
