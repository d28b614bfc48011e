//! A ticket's past over HTTP: each state it was in, and where its time went.

use serde_json::{Value, json};

use crate::edge::{Edge, KEY, OTHER_KEY, Reply, working_as};

/// A ticket that is delivered, and its path.
async fn delivered(edge: &Edge) -> String {
    let body = json!({"task": "echo", "input": {}});
    let reply = edge.post("/v1/tickets", "Prefer: wait=20\r\n", &body).await;
    assert_eq!(reply.json()["state"], "delivered", "{reply:?}");
    reply.header("location").expect("a location").to_owned()
}

async fn ok(edge: &Edge, path: &str) -> Value {
    let reply = edge.get(KEY, path).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

#[tokio::test]
async fn every_event_says_what_it_led_to_and_the_state_as_of_it_agrees() {
    let edge = Edge::start();
    let path = delivered(&edge).await;
    let history = ok(&edge, &format!("{path}/events")).await;
    let events = history["events"].as_array().expect("events");
    let states: Vec<_> = events.iter().map(|event| event["state"].as_str()).collect();
    let expected = [
        "requested",
        "pre_processed",
        "sent",
        "answered",
        "persisted",
        "delivered",
    ];
    assert_eq!(states, expected.map(Some));
    let mut fingerprints = Vec::new();
    let mut since = 0;
    for event in events {
        let at = &event["revision"];
        let then = ok(&edge, &format!("{path}/state?at={at}")).await;
        assert_eq!(then["state"], event["state"]);
        assert_eq!(then["recorded_at"], event["recorded_at"]);
        assert_eq!((&then["at"], &then["last"]), (at, &json!(5)));
        assert_eq!(then["view"]["state"], event["state"]);
        assert_eq!(then["view"]["revision"], *at);
        assert_eq!(then["owes"].is_null(), event["state"] == "delivered");
        fingerprints.push(then["fingerprint"].to_string());
        let later = event["since_ms"].as_u64().expect("milliseconds");
        assert!(later >= since, "{history}");
        since = later;
    }
    fingerprints.dedup();
    assert_eq!(
        fingerprints.len(),
        events.len(),
        "no two states are the same"
    );
    let now = ok(&edge, &format!("{path}/state")).await;
    assert_eq!(now["fingerprint"].to_string(), fingerprints[5]);
    let prepared = ok(&edge, &format!("{path}/state?at=1")).await;
    assert_eq!(
        prepared["owes"],
        json!({"effect": "send", "attempt": 1, "model": "scripted"})
    );
    assert!(prepared["view"]["prompt"]["messages"][0]["content"].is_string());
    assert!(
        prepared["view"]["answer"].is_null(),
        "the answer came later"
    );
}

#[tokio::test]
async fn to_look_at_the_past_delivers_nothing() {
    let edge = Edge::start();
    let body = json!({"task": "echo", "input": {}, "user": "min"});
    let reply = edge.post("/v1/tickets", "Prefer: wait=20\r\n", &body).await;
    let path = reply.header("location").expect("a location").to_owned();
    for part in ["state", "state?at=4", "timeline", "events"] {
        ok(&edge, &format!("{path}/{part}")).await;
    }
    assert_eq!(
        ok(&edge, &format!("{path}/state")).await["state"],
        "persisted"
    );
}

#[tokio::test]
async fn a_revision_that_is_none_is_told_so_in_a_sentence() {
    let edge = Edge::start();
    let path = delivered(&edge).await;
    let asked = async |query: &str| edge.get(KEY, &format!("{path}/state?{query}")).await;
    for query in [
        "at=",
        "at=x",
        "at=-1",
        "at=1.5",
        "at=99999999999999999999",
        "at=1&at=2",
        "when=1",
    ] {
        let refused = asked(query).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, "invalid_parameter"),
            "{query}"
        );
        let remedy = refused.json()["remedy"].as_str().map(str::to_owned);
        assert!(
            remedy.is_some_and(|remedy| remedy.ends_with('.')),
            "{refused:?}"
        );
    }
    let beyond: Reply = asked("at=6").await;
    assert_eq!((beyond.status, beyond.code().as_str()), (404, "not_found"));
    assert_eq!(
        beyond.json()["detail"],
        "The ticket has no revision 6. Its newest is 5."
    );
    let refused = edge.get(KEY, &format!("{path}/timeline?at=1")).await;
    assert_eq!(refused.code(), "invalid_parameter");
}

#[tokio::test]
async fn a_timeline_tells_each_step_in_order_and_bodies_to_those_who_may_see_them() {
    let edge = Edge::start();
    let path = format!("{}/timeline", delivered(&edge).await);
    let timeline = ok(&edge, &path).await;
    let steps = timeline["steps"].as_array().expect("steps");
    let names: Vec<_> = steps
        .iter()
        .filter_map(|step| step["step"].as_str())
        .collect();
    for name in ["model_queue", "first_token", "streaming", "delivery"] {
        assert!(names.contains(&name), "{timeline}");
    }
    assert!(
        steps.iter().all(|step| step["outcome"] == "done"),
        "{timeline}"
    );
    assert_eq!(timeline["state"], "delivered");
    assert_eq!(timeline["attempts"][0]["model"], "scripted");
    assert_eq!(timeline["attempts"][0]["outcome"], "done");
    assert_eq!(timeline["callbacks"], json!([]));
    assert_eq!(timeline["chain"]["conversation"], false);
    assert!(timeline["chain"]["correlation_id"].is_string());
    assert!(timeline["messages"][0]["content"].is_string());
    for (role, bodies) in [
        ("issuer", "shown"),
        ("viewer", "withheld"),
        ("planner", "shown"),
        ("publisher", "shown"),
        ("admin", "shown"),
    ] {
        let reply = edge.get(&working_as(KEY, role), &path).await;
        assert_eq!(reply.json()["bodies"], bodies, "{role}: {reply:?}");
    }
    assert_eq!(edge.get(OTHER_KEY, &path).await.status, 404);
}

#[tokio::test]
async fn pictures_are_images_that_may_do_nothing() {
    let edge = Edge::start();
    let ticket = delivered(&edge).await;
    for (name, words) in [("waterfall", "Where the time"), ("path", "The way")] {
        let path = format!("{ticket}/pictures/{name}.svg");
        let reply = edge.get(&working_as(KEY, "viewer"), &path).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.header("content-type"), Some("image/svg+xml"));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let policy = reply.header("content-security-policy");
        let policy = policy.expect("a policy");
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(reply.body.starts_with("<svg xmlns="), "{reply:?}");
        assert!(reply.body.contains(words), "{reply:?}");
        assert_eq!(edge.get(OTHER_KEY, &path).await.status, 404);
        let refused = edge.get(KEY, &format!("{path}?size=1")).await;
        assert_eq!(refused.code(), "invalid_parameter");
    }
    let unknown = edge.get(KEY, &format!("{ticket}/pictures/other.svg")).await;
    assert_eq!(unknown.status, 404);
}
