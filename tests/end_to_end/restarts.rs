//! Orderly stops: what runs ends or is parked, users are told when to come back, nothing is lost.

use std::time::Duration;

use serde_json::json;

use crate::api::types;
use crate::clients::until_stopping;
use crate::fake_backend::Gate;
use crate::history::fold;
use crate::load::Load;
use crate::scripted_model::{Step, saying};
use crate::session::Memory;
use crate::world::{World, held};

#[tokio::test]
async fn a_call_that_ends_within_the_grace_time_is_not_cut_by_a_stop() {
    let mut world = World::with("server.shutdown_grace = \"20s\"").await;
    let gate = Gate::closed();
    world
        .model
        .script("graceful", [held("before, ", &gate, "after the signal")]);
    let mut session = world.session("u1", Memory::new()).await;
    let input = json!({ "word": "graceful" });
    let ticket = world.api.issue("explain", Some("u1"), input).await;
    session.until_text(&ticket, "before, ").await;
    let mut server = world.take_server();
    server.ask_to_stop().await;
    until_stopping(&world.api).await;
    gate.open();
    let closed = session.until_closed().await;
    assert_eq!(closed.code, 4503);
    let after = closed.reason.strip_prefix("going_away;reconnect_in_ms=");
    assert!(
        after.is_some_and(|ms| ms.parse::<u64>().is_ok()),
        "{closed:?}"
    );
    assert!(server.ended().await.success());
    assert_eq!(session.seen(&ticket).text, "before, after the signal");

    world.start_again().await;
    let mut session = world.session("u1", session.cut()).await;
    if session.seen(&ticket).answer.is_none() {
        session.until(&ticket, "answer").await;
    }
    let history = world.api.until_event(&ticket, "TicketPersisted").await;
    fold(&ticket, &history);
    let calls = world.model.calls();
    let asked = calls
        .iter()
        .filter(|call| call.prompt().contains("graceful"));
    assert_eq!(asked.count(), 1, "the call was not made again");
    assert!(!types(&history).contains(&"AttemptFailed".to_owned()));
}

#[tokio::test]
async fn a_call_that_outlasts_the_grace_time_is_made_again_after_the_restart() {
    let mut world = World::with("server.shutdown_grace = \"100ms\"").await;
    let never = Gate::closed();
    let endless = vec![Step::say("cut off"), Step::Wait(never)];
    world
        .model
        .script("endless", [endless, saying(&["said at last"])]);
    let mut session = world.session("u1", Memory::new()).await;
    let input = json!({ "word": "endless" });
    let ticket = world.api.issue("explain", Some("u1"), input).await;
    session.until_text(&ticket, "cut off").await;
    let mut server = world.take_server();
    server.ask_to_stop().await;
    assert_eq!(session.until_closed().await.code, 4503);
    assert!(server.ended().await.success());

    world.start_again().await;
    let mut session = world.session("u1", session.cut()).await;
    session.until(&ticket, "answer").await;
    let seen = session.seen(&ticket);
    assert_eq!((seen.text.as_str(), seen.generation), ("said at last", 2));
    let history = world.api.history(&ticket).await;
    fold(&ticket, &history);
    let failed = history
        .iter()
        .find(|event| event["type"] == "AttemptFailed");
    assert_eq!(failed.unwrap()["data"]["error"]["kind"], "interrupted");
}

#[tokio::test]
async fn stops_under_load_lose_nothing() {
    let mut load = Load::start().await;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        load.restart(async |server| assert!(server.stop().await.success()))
            .await;
    }
    let account = load.settle().await;
    eprintln!("{account:?}");
    assert!(account.delivered > 0);
    assert_eq!(account.failed, 0);
}
