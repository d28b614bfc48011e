//! What receivers get when all goes well.

use reqwest::Method;
use serde_json::json;

use crate::fake_backend::{Behaviour, FakeBackend};
use crate::world::{SOON, World, ids, verifies};

#[tokio::test]
async fn a_ticket_without_a_user_is_delivered_by_the_webhook_that_its_receiver_took() {
    let world = World::open(SOON).await;
    let receiver = FakeBackend::start(vec![]).await;
    let hook = world
        .admin
        .hook(&receiver, "/h", &["ticket.persisted", "ticket.delivered"])
        .await;
    let ticket = world.admin.say("hello", None).await;
    world.admin.all_are(&hook, 2, "acknowledged").await;
    let deliveries = receiver.deliveries();
    assert!(deliveries.iter().all(|one| verifies(one, &hook.secret)));
    assert_eq!(ids(&deliveries).len(), 2);
    let persisted = deliveries[0].json();
    assert_eq!(persisted["type"], "ticket.persisted");
    let told = &persisted["data"]["ticket"];
    assert_eq!(told["id"], json!(ticket));
    assert_eq!(told["state"], "persisted");
    assert!(told["answer"].is_string(), "{told}");
    let delivered = deliveries[1].json();
    assert_eq!(delivered["type"], "ticket.delivered");
    let by = json!({ "channel": "webhook", "acknowledged_by": hook.id });
    assert_eq!(delivered["data"]["ticket"]["delivered"], by);
    let shown = world.admin.get(&format!("/v1/tickets/{ticket}")).await;
    assert_eq!(shown.expect(200)["state"], "delivered");
}

#[tokio::test]
async fn a_ticket_with_a_user_waits_for_the_user() {
    let world = World::open(SOON).await;
    let receiver = FakeBackend::start(vec![]).await;
    let hook = world
        .admin
        .hook(&receiver, "/h", &["ticket.persisted"])
        .await;
    let ticket = world.admin.say("hello", Some("student-1")).await;
    world.admin.all_are(&hook, 1, "acknowledged").await;
    let path = format!("/v1/tickets/{ticket}/events");
    let history = world.admin.get(&path).await.expect(200);
    let last = history["events"].as_array().unwrap().last().unwrap();
    assert_eq!(last["type"], "TicketPersisted");
}

#[tokio::test]
async fn a_long_answer_is_a_link() {
    let world = World::open(SOON).await;
    let receiver = FakeBackend::start(vec![]).await;
    let hook = world
        .admin
        .hook(&receiver, "/h", &["ticket.persisted"])
        .await;
    let word = "long ".repeat(2_000);
    let ticket = world.admin.say(&word, None).await;
    world.admin.all_are(&hook, 1, "acknowledged").await;
    let told = &receiver.deliveries()[0].json()["data"]["ticket"];
    // The model may or may not repeat what it is asked: either form is within the bound.
    let bytes = receiver.deliveries()[0].body.len();
    assert!(bytes < 4_000, "{bytes}");
    if told["answer"].is_null() {
        assert_eq!(
            told["answer_omitted"]["url"],
            json!(format!("/v1/tickets/{ticket}"))
        );
    }
}

#[tokio::test]
async fn while_a_secret_rotates_both_verify_and_afterwards_only_the_new_one() {
    let world = World::open(SOON).await;
    let receiver = FakeBackend::start(vec![]).await;
    let hook = world.admin.hook(&receiver, "/h", &["ticket.failed"]).await;
    let rotate = hook.at("/rotate-secret");
    let overlap = json!({ "overlap_seconds": 3_600 });
    let rotated = world.admin.post_json(&rotate, &overlap).await.expect(200);
    let new = rotated["secret"].as_str().unwrap().to_owned();
    assert_ne!(new, hook.secret);
    world
        .admin
        .bare(Method::POST, &hook.at("/test"))
        .await
        .expect(202);
    receiver.deliveries_reach(1).await;
    let both = &receiver.deliveries()[0];
    assert!(verifies(both, &new) && verifies(both, &hook.secret));
    let again = world.admin.post_json(&rotate, &overlap).await;
    again.expect_problem(409, "rotation_under_way");
    let shown = world.admin.get(&hook.at("/secret")).await.expect(200);
    assert_eq!(shown["secrets"][0]["secret"], json!(new));
    assert_eq!(shown["secrets"][1]["secret"], json!(hook.secret));

    let hook = world
        .admin
        .hook(&receiver, "/other", &["ticket.failed"])
        .await;
    let at_once = json!({ "overlap_seconds": 0 });
    let rotated = world
        .admin
        .post_json(&hook.at("/rotate-secret"), &at_once)
        .await;
    let new = rotated.expect(200)["secret"].as_str().unwrap().to_owned();
    world
        .admin
        .bare(Method::POST, &hook.at("/test"))
        .await
        .expect(202);
    receiver.deliveries_reach(2).await;
    let only = &receiver.deliveries()[1];
    assert!(verifies(only, &new) && !verifies(only, &hook.secret));
    assert_eq!(only.json()["type"], "webhook.test");
}

#[tokio::test]
async fn nothing_crosses_tenants_and_no_secret_or_answer_is_logged() {
    let world = World::open(SOON).await;
    let (ours, theirs) = (
        FakeBackend::start(vec![]).await,
        FakeBackend::start(vec![]).await,
    );
    let all = ["ticket.answered", "ticket.persisted"];
    let hook = world.admin.hook(&ours, "/h", &all).await;
    let other = world.other.hook(&theirs, "/h", &all).await;
    for _ in 0..5 {
        world.admin.say("ours", None).await;
        world.other.say("theirs", None).await;
    }
    world.admin.all_are(&hook, 10, "acknowledged").await;
    world.other.all_are(&other, 10, "acknowledged").await;
    assert_eq!(
        (ours.deliveries().len(), theirs.deliveries().len()),
        (10, 10)
    );
    assert!(ids(&ours.deliveries()).is_disjoint(&ids(&theirs.deliveries())));
    assert!(!verifies(&ours.deliveries()[0], &other.secret));
    let log = world.log();
    for secret in [&hook.secret, &other.secret] {
        assert!(!log.contains(secret.trim_start_matches("whsec_")));
    }
    let signature = ours.deliveries()[0].header("webhook-signature").to_owned();
    assert!(!log.contains(signature.trim_start_matches("v1,")));
    let store = std::fs::read(world.data("punchcard.db")).unwrap();
    let secret = hook.secret.as_bytes();
    assert!(!store.windows(secret.len()).any(|part| part == secret));
}

#[tokio::test]
async fn an_endpoint_that_never_answers_holds_up_nobody_else() {
    let world = World::open(SOON).await;
    let (dead, alive) = (
        FakeBackend::start(vec![]).await,
        FakeBackend::start(vec![]).await,
    );
    dead.otherwise("/h", Behaviour::Stall);
    let on = ["ticket.answered"];
    let stuck = world.admin.hook(&dead, "/h", &on).await;
    let beside = world.admin.hook(&alive, "/h", &on).await;
    let other = world.other.hook(&alive, "/h", &on).await;
    for _ in 0..20 {
        world.admin.say("x", None).await;
        world.other.say("x", None).await;
    }
    world.other.all_are(&other, 20, "acknowledged").await;
    world.admin.all_are(&beside, 20, "acknowledged").await;
    let waiting = world.admin.get(&stuck.path).await.expect(200);
    assert_eq!(waiting["queued"], 20, "nothing of the dead one has ended");
    assert!(dead.most_at_once() <= 8, "{}", dead.most_at_once());
    // A call to the dead one takes 15 s: whoever had waited for one would have come after its end.
    let log = world
        .admin
        .get(&stuck.at("/deliveries?limit=200"))
        .await
        .expect(200);
    let tried = log["deliveries"].as_array().unwrap().iter();
    assert!(tried.clone().all(|one| one["attempts"] == 0));
    assert_eq!(tried.count(), 20);
}
