//! Kills, and the loss of the log: no message is lost by either.

use crate::fake_backend::{Behaviour, FakeBackend, Gate};
use crate::world::{LATER, SOON, World, ids};

#[tokio::test]
async fn a_message_between_two_tries_survives_a_kill_and_keeps_its_id() {
    let mut world = World::open(LATER).await;
    let receiver = FakeBackend::start(vec![]).await;
    receiver.script("/h", [Behaviour::status(500)]);
    let hook = world
        .admin
        .hook(&receiver, "/h", &["ticket.persisted"])
        .await;
    let ticket = world.admin.say("hello", None).await;
    let tried = |page: &serde_json::Value| page["deliveries"][0]["attempts"] == 1;
    let before = world.admin.until(&hook.at("/deliveries"), tried).await;
    world.kill().await;
    world.start().await;
    let after = world.admin.until(&hook.at("/deliveries"), tried).await;
    assert_eq!(
        before["deliveries"][0]["next_attempt_at"],
        after["deliveries"][0]["next_attempt_at"]
    );
    world.admin.all_are(&hook, 1, "acknowledged").await;
    let deliveries = receiver.deliveries();
    assert_eq!((deliveries.len(), ids(&deliveries).len()), (2, 1));
    let path = format!("/v1/tickets/{ticket}");
    world
        .admin
        .until(&path, |shown| shown["state"] == "delivered")
        .await;
}

#[tokio::test]
async fn every_persisted_ticket_is_told_of_however_often_the_program_is_killed() {
    const KILLS: usize = 3;
    const TICKETS: usize = 15;
    let mut world = World::open(SOON).await;
    let receiver = FakeBackend::start(vec![]).await;
    let hook = world
        .admin
        .hook(&receiver, "/h", &["ticket.persisted"])
        .await;
    let mut tickets = Vec::new();
    for _ in 0..KILLS {
        for _ in 0..TICKETS {
            tickets.push(world.admin.say("hello", None).await);
        }
        // Whatever is under way now is cut.
        world.kill().await;
        world.start().await;
    }
    world
        .admin
        .all_are(&hook, KILLS * TICKETS, "acknowledged")
        .await;
    let deliveries = receiver.deliveries();
    for ticket in &tickets {
        let told = |one: &crate::fake_backend::Delivery| {
            one.json()["data"]["ticket"]["id"] == ticket.as_str()
        };
        assert!(deliveries.iter().any(told), "{ticket} was told of");
        let path = format!("/v1/tickets/{ticket}");
        world
            .admin
            .until(&path, |shown| shown["state"] == "delivered")
            .await;
    }
    assert_eq!(ids(&deliveries).len(), KILLS * TICKETS, "one message each");
}

#[tokio::test]
async fn a_lost_log_is_made_again_and_sends_nothing_twice() {
    let mut world = World::open(LATER).await;
    let receiver = FakeBackend::start(vec![]).await;
    let hook = world
        .admin
        .hook(&receiver, "/h", &["ticket.persisted"])
        .await;
    for _ in 0..5 {
        world.admin.say("hello", None).await;
    }
    world.admin.all_are(&hook, 5, "acknowledged").await;
    let log = hook.at("/deliveries");
    let before = world.admin.get(&log).await.expect(200);
    world.kill().await;
    for file in [
        "webhooks.sqlite",
        "webhooks.sqlite-wal",
        "webhooks.sqlite-shm",
    ] {
        drop(std::fs::remove_file(world.data(file)));
    }
    world.start().await;
    world.admin.all_are(&hook, 5, "acknowledged").await;
    assert_eq!(world.admin.get(&log).await.expect(200), before);
    world.admin.say("one more", None).await;
    world.admin.all_are(&hook, 6, "acknowledged").await;
    assert_eq!(receiver.deliveries().len(), 6, "nothing was sent again");
}

#[tokio::test]
async fn an_attempt_that_a_kill_cuts_off_is_made_again_under_the_same_id() {
    let mut world = World::open(LATER).await;
    let receiver = FakeBackend::start(vec![]).await;
    let gate = Gate::closed();
    receiver.script("/h", [Behaviour::status(204).behind(&gate)]);
    let hook = world
        .admin
        .hook(&receiver, "/h", &["ticket.persisted"])
        .await;
    world.admin.say("hello", None).await;
    receiver.deliveries_reach(1).await;
    world.kill().await;
    world.start().await;
    let log = world.admin.all_are(&hook, 1, "acknowledged").await;
    assert_eq!(log[0]["attempts"], 1, "the one that was cut left no trace");
    let deliveries = receiver.deliveries();
    assert_eq!((deliveries.len(), ids(&deliveries).len()), (2, 1));
}
