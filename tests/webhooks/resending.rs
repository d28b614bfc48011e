//! Messages that are sent again on request.

use reqwest::Method;
use serde_json::json;

use crate::fake_backend::{Behaviour, FakeBackend};
use crate::world::{SOON, World, ids};

#[tokio::test]
async fn a_range_is_counted_first_and_then_sent_again_under_the_same_ids() {
    let world = World::open("[]").await;
    let receiver = FakeBackend::start(vec![]).await;
    let hook = world
        .admin
        .hook(&receiver, "/h", &["ticket.answered"])
        .await;
    receiver.script("/h", [Behaviour::status(204)]);
    world.admin.say("taken", None).await;
    world.admin.all_are(&hook, 1, "acknowledged").await;
    // There is no second try, so each failure disables the endpoint: nothing was taken since.
    for failed in 1..=3 {
        receiver.script("/h", [Behaviour::status(500)]);
        world.admin.say("not taken", None).await;
        let given_up =
            |page: &serde_json::Value| page["deliveries"].as_array().unwrap().len() == failed;
        let log = hook.at("/deliveries?state=given_up");
        world.admin.until(&log, given_up).await;
        let disabled = |shown: &serde_json::Value| shown["enabled"] == false;
        world.admin.until(&hook.path, disabled).await;
        let enable = hook.at("/enable");
        world.admin.bare(Method::POST, &enable).await.expect(200);
    }
    let sent = receiver.deliveries();
    let ask = |dry_run: bool, acknowledged_too: bool| {
        json!({
            "from": "2020-01-01T00:00:00Z",
            "until": "2099-01-01T00:00:00Z",
            "dry_run": dry_run,
            "acknowledged_too": acknowledged_too,
        })
    };
    let path = hook.at("/resend");
    for (too, count) in [(false, 3), (true, 4)] {
        let counted = world
            .admin
            .post_json(&path, &ask(true, too))
            .await
            .expect(200);
        assert_eq!(counted, json!({ "messages": count, "dry_run": true }));
    }
    assert_eq!(
        receiver.deliveries().len(),
        sent.len(),
        "counting sends nothing"
    );
    world
        .admin
        .post_json(&path, &ask(false, false))
        .await
        .expect(202);
    world.admin.all_are(&hook, 4, "acknowledged").await;
    assert_eq!(ids(&receiver.deliveries()), ids(&sent));
    assert_eq!(receiver.deliveries().len(), sent.len() + 3);
}

#[tokio::test]
async fn one_message_is_sent_again_by_its_id() {
    let world = World::open(SOON).await;
    let receiver = FakeBackend::start(vec![]).await;
    let hook = world
        .admin
        .hook(&receiver, "/h", &["ticket.answered"])
        .await;
    world.admin.say("hello", None).await;
    let log = world.admin.all_are(&hook, 1, "acknowledged").await;
    let id = log[0]["id"].as_str().unwrap();
    let path = hook.at(&format!("/deliveries/{id}/resend"));
    world.admin.bare(Method::POST, &path).await.expect(202);
    receiver.deliveries_reach(2).await;
    assert_eq!(ids(&receiver.deliveries()).len(), 1);
    let unknown = hook.at("/deliveries/msg_01920000000070008000000000000001/resend");
    world
        .admin
        .bare(Method::POST, &unknown)
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_range_that_makes_no_sense_is_refused() {
    let world = World::open(SOON).await;
    let receiver = FakeBackend::start(vec![]).await;
    let hook = world
        .admin
        .hook(&receiver, "/h", &["ticket.answered"])
        .await;
    let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    for body in [
        json!({ "from": late, "until": early, "dry_run": true }),
        json!({ "from": early, "until": early, "dry_run": true }),
        json!({ "from": early, "until": late }),
        json!({ "from": early, "until": late, "dry_run": true, "limit": 0 }),
        json!({ "from": early, "until": late, "dry_run": true, "limit": 10_001 }),
        json!({ "from": early, "until": late, "dry_run": true, "tenant": "another" }),
    ] {
        let refused = world.admin.post_json(&hook.at("/resend"), &body).await;
        refused.expect_problem(400, "invalid_request");
    }
}
