//! Prompts of one tenant as another sees them: not at all.

use punchcard::http::routes::Policy;
use punchcard_actors::testing::memory_store::Fault;
use serde_json::{Value, json};

use crate::edge::{Edge, KEY, OTHER_KEY, Reply, working_as};
use crate::keys::{POLICIES, filled};

/// What a route is sent, so that it gets as far as looking for the prompt.
fn body(method: &str, path: &str) -> Value {
    let rest = path.trim_start_matches("/v1/prompts/{task}");
    match (method, rest) {
        ("PUT", "/draft") => json!({ "content": content("canary-of-nobody") }),
        ("POST", "/versions") => json!({ "edit": 1 }),
        ("POST", "/test-runs") => json!({ "ref": "draft" }),
        ("POST", "/render") => json!({ "ref": "draft", "input": {} }),
        ("POST", "/labels/{label}/rollback") => json!({ "expected": 1 }),
        ("PUT", "/labels/{label}") => json!({ "version": 1 }),
        ("PUT", "/canary") => json!({ "version": 1, "percent": 5 }),
        ("PUT", "/deployment-policy") => json!({ "shadow_run": null }),
        ("PUT", "/test-set") => json!({ "cases": [] }),
        _ => json!({}),
    }
}

fn content(text: &str) -> Value {
    json!({
        "messages": [{ "role": "user", "content": text }],
        "model": "scripted",
        "answer": "text",
    })
}

fn query(path: &str) -> &'static str {
    match path.trim_start_matches("/v1/prompts/{task}") {
        "/diff" => "?from=draft&to=draft",
        "/at" => "?time=2026-11-23T10:44:30Z",
        _ => "",
    }
}

/// What is told, without the prompt's name and what differs from request to request.
fn told(reply: &Reply, task: &str) -> (u16, String) {
    let mut body = reply.json();
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
    }
    (reply.status, body.to_string().replace(task, "TASK"))
}

#[tokio::test]
async fn another_tenants_prompt_looks_exactly_like_an_unknown_one_on_every_route() {
    let edge = Edge::start();
    let (own, other) = (working_as(KEY, "admin"), working_as(OTHER_KEY, "admin"));
    let new = "If-None-Match: *\r\n";
    let draft = json!({ "content": content("canary-of-onehour") }).to_string();
    let saved = edge
        .send("PUT", &own, "/v1/prompts/ours/draft", new, &draft)
        .await;
    assert_eq!(saved.status, 201, "{saved:?}");
    let saved = edge
        .send(
            "PUT",
            &own,
            "/v1/partials/tone",
            new,
            r#"{"text":"canary-of-onehour"}"#,
        )
        .await;
    assert_eq!(saved.status, 200, "{saved:?}");
    let seen = "If-Match: \"1\"\r\n";
    let mut routes = 0;
    for (method, path, policy, _) in POLICIES {
        if *policy != Policy::Prompt {
            continue;
        }
        routes += 1;
        let sent = body(method, path).to_string();
        let mut all = Vec::new();
        for task in ["ours", "nobodys"] {
            let at = format!("{}{}", filled(path, "", task), query(path));
            let reply = edge.send(method, &other, &at, seen, &sent).await;
            assert!(
                (400..500).contains(&reply.status),
                "{method} {at}: {reply:?}"
            );
            assert!(!reply.body.contains("canary-of-onehour"), "{method} {at}");
            assert_ne!(reply.code(), "invalid_request", "{method} {at}: {reply:?}");
            all.push(told(&reply, task));
        }
        assert_eq!(all[0], all[1], "{method} {path}");
    }
    assert!(routes >= 25, "the table lost its routes");
    for path in [
        "/v1/prompts",
        "/v1/partials",
        "/v1/prompts/export?ref=draft",
    ] {
        let reply = edge.get(&other, path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(
            !reply.body.contains("canary") && !reply.body.contains("ours"),
            "{reply:?}"
        );
    }
    let kept = edge.get(&own, "/v1/prompts/ours/draft").await;
    assert_eq!(kept.json()["edit"], 1, "nobody else changed it");
}

#[tokio::test]
async fn an_import_that_the_store_stops_midway_says_what_is_saved_and_is_finished_by_repeating_it()
{
    let edge = Edge::start();
    let planner = working_as(KEY, "planner");
    let bundle = |task: &str| {
        let case = json!({ "name": "short", "input": {}, "expect": [{ "contains": "e" }] });
        let text = "{% include \"tone\" %}";
        json!({ "task": task, "content": content(text), "test_set": [case] })
    };
    let import = json!({
        "prompts": [bundle("first"), bundle("second")],
        "partials": { "tone": "Be kind." },
    });
    let body = import.to_string();
    let path = "/v1/prompts/import";
    edge.store.fail_kind("TestSetSaved", Fault::Unavailable);
    let stopped = edge.send("POST", &planner, path, "", &body).await;
    assert_eq!(stopped.status, 503, "{stopped:?}");
    let stopped = stopped.json();
    let saved = &stopped["saved"];
    assert_eq!(saved["partials"][0]["name"], "tone", "{stopped}");
    let first = &saved["prompts"][0];
    assert_eq!(
        (&first["task"], &first["draft"], &first["test_set"]),
        (&json!("first"), &json!("saved"), &json!("unchanged"))
    );
    assert_eq!(saved["prompts"].as_array().map(Vec::len), Some(1));
    let remedy = stopped["remedy"].as_str().unwrap_or_default();
    assert!(remedy.contains("Import the same again"), "{stopped}");

    let again = edge.send("POST", &planner, path, "", &body).await;
    assert_eq!(again.status, 200, "{again:?}");
    let again = again.json();
    let became = |index: usize| {
        let prompt = &again["prompts"][index];
        [&prompt["draft"], &prompt["test_set"]].map(|word| word.as_str().unwrap_or_default())
    };
    assert_eq!(again["partials"][0]["saved"], "unchanged");
    assert_eq!(became(0), ["unchanged", "saved"]);
    assert_eq!(became(1), ["saved", "saved"]);
}
