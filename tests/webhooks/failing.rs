//! What is done about receivers that do not take messages.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;

use crate::fake_backend::{Behaviour, FakeBackend};
use crate::world::{LATER, SOON, World, ids, verifies};

#[tokio::test]
async fn a_message_is_tried_again_under_the_same_id_with_the_same_body() {
    let world = World::open(SOON).await;
    let receiver = FakeBackend::start(vec![]).await;
    let elsewhere = receiver.url().join("/elsewhere").unwrap();
    receiver.script(
        "/h",
        [
            Behaviour::status(500),
            Behaviour::redirect(307, &elsewhere),
            Behaviour::Reset,
        ],
    );
    let hook = world
        .admin
        .hook(&receiver, "/h", &["ticket.persisted"])
        .await;
    world.admin.say("hello", None).await;
    let log = world.admin.all_are(&hook, 1, "acknowledged").await;
    assert_eq!(log[0]["attempts"], 4);
    let deliveries = receiver.deliveries();
    assert_eq!(deliveries.len(), 4);
    assert!(
        deliveries.iter().all(|one| one.path == "/h"),
        "no redirect is followed"
    );
    assert_eq!(ids(&deliveries).len(), 1);
    let bodies: BTreeSet<_> = deliveries.iter().map(|one| one.body.clone()).collect();
    assert_eq!(bodies.len(), 1);
    assert!(deliveries.iter().all(|one| verifies(one, &hook.secret)));
    let id = log[0]["id"].as_str().unwrap();
    assert_eq!(deliveries[0].id(), id);
    let one = world
        .admin
        .get(&hook.at(&format!("/deliveries/{id}")))
        .await;
    let one = one.expect(200);
    let what: Vec<_> = one["log"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| (attempt["response"].clone(), attempt["failure"].clone()))
        .collect();
    let expected = [
        (json!("2xx"), json!(null)),
        (json!("none"), json!("connection")),
        (json!("3xx"), json!("redirect")),
        (json!("5xx"), json!("status")),
    ];
    assert_eq!(what, expected, "the newest first");
    assert!(!one.to_string().contains("v1,"), "no signature is kept");
}

#[tokio::test]
async fn gone_disables_the_endpoint_at_once_and_it_can_be_enabled_again() {
    let world = World::open(SOON).await;
    let receiver = FakeBackend::start(vec![]).await;
    receiver.script("/h", [Behaviour::status(410)]);
    let hook = world
        .admin
        .hook(&receiver, "/h", &["ticket.persisted"])
        .await;
    let ticket = world.admin.say("hello", None).await;
    let shown = world
        .admin
        .until(&hook.path, |shown| shown["enabled"] == false)
        .await;
    assert_eq!(shown["disabled"]["reason"], "gone_410");
    world.admin.all_are(&hook, 1, "given_up").await;
    let refused = world.admin.bare(Method::POST, &hook.at("/test")).await;
    refused.expect_problem(409, "webhook_disabled");
    // What happens meanwhile is kept, and not sent.
    world.admin.say("meanwhile", None).await;
    let skipped = hook.at("/deliveries?state=skipped");
    let one = |page: &serde_json::Value| page["deliveries"].as_array().unwrap().len() == 1;
    world.admin.until(&skipped, one).await;
    assert_eq!(receiver.deliveries().len(), 1);
    world
        .admin
        .bare(Method::POST, &hook.at("/enable"))
        .await
        .expect(200);
    let all = json!({
        "from": "2020-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z", "dry_run": false,
    });
    let resent = world
        .admin
        .post_json(&hook.at("/resend"), &all)
        .await
        .expect(202);
    assert_eq!(resent["messages"], 2);
    world.admin.all_are(&hook, 2, "acknowledged").await;
    let path = format!("/v1/tickets/{ticket}");
    world
        .admin
        .until(&path, |shown| shown["state"] == "delivered")
        .await;
}

#[tokio::test]
async fn an_endpoint_that_failed_the_whole_schedule_is_disabled_visibly() {
    let world = World::open(SOON).await;
    let receiver = FakeBackend::start(vec![]).await;
    receiver.otherwise("/h", Behaviour::status(500));
    let hook = world
        .admin
        .hook(&receiver, "/h", &["ticket.answered"])
        .await;
    world.admin.say("hello", None).await;
    let shown = world
        .admin
        .until(&hook.path, |shown| shown["enabled"] == false)
        .await;
    assert_eq!(shown["disabled"]["reason"], "failing");
    let log = world.admin.all_are(&hook, 1, "given_up").await;
    assert_eq!(log[0]["attempts"], 4, "one and the schedule's three");
    assert_eq!(receiver.deliveries().len(), 4);
    assert!(world.log().contains("a webhook endpoint was disabled"));
}

#[tokio::test]
async fn a_receiver_that_took_others_meanwhile_is_not_disabled() {
    let world = World::open(SOON).await;
    let receiver = FakeBackend::start(vec![]).await;
    let hook = world
        .admin
        .hook(&receiver, "/h", &["ticket.answered"])
        .await;
    // The first message fails four times; in between a test is taken.
    receiver.script("/h", [Behaviour::status(500)]);
    world.admin.say("hello", None).await;
    receiver.deliveries_reach(1).await;
    world
        .admin
        .bare(Method::POST, &hook.at("/test"))
        .await
        .expect(202);
    world.admin.all_are(&hook, 2, "acknowledged").await;
    let shown = world.admin.get(&hook.path).await.expect(200);
    assert_eq!(shown["enabled"], true);
}

#[tokio::test]
async fn retry_after_is_obeyed_and_shown() {
    let world = World::open(LATER).await;
    let receiver = FakeBackend::start(vec![]).await;
    let later = Behaviour::status(503).with_header("retry-after", "600");
    receiver.script("/h", [later]);
    let hook = world
        .admin
        .hook(&receiver, "/h", &["ticket.answered"])
        .await;
    world.admin.say("hello", None).await;
    let tried = |page: &serde_json::Value| page["deliveries"][0]["attempts"] == 1;
    let page = world.admin.until(&hook.at("/deliveries"), tried).await;
    let one = &page["deliveries"][0];
    let time = |text: &serde_json::Value| -> u64 {
        let text = text.as_str().unwrap();
        let at: punchcard_events::Timestamp = text.parse().unwrap();
        at.as_millis()
    };
    let wait = time(&one["next_attempt_at"]) - time(&one["last_attempt"]["at"]);
    assert!((600_000..610_000).contains(&wait), "{wait}");
}
