//! What goes on now, and every history folded again, with the whole program.

use std::time::Duration;

use serde_json::{Value, json};

use crate::api::Api;
use crate::punchcard::run;
use crate::world::{World, text};

/// How long anything is waited for, and how often it is looked at.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

fn sum(counts: &Value) -> u64 {
    let counts = counts.as_array().expect("a list");
    counts.iter().filter_map(Value::as_u64).sum()
}

/// What goes on, once so many calls of a model are counted.
async fn counted(api: &Api, calls: u64) -> Value {
    let counted = async {
        loop {
            let now = api.get("/v1/now").await.expect(200);
            let models = now["models"].as_array().expect("a list");
            if models.iter().map(|model| sum(&model["calls"])).sum::<u64>() == calls {
                return now;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(PATIENCE, counted)
        .await
        .expect("the calls are counted")
}

async fn replay(world: &World) -> Value {
    let data_dir = world.data_dir();
    let args = ["--json", "store", "replay", "--data-dir", text(&data_dir)];
    let output = run(&args).await;
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[tokio::test]
async fn what_goes_on_is_counted_and_is_still_there_after_a_restart() {
    let mut world = World::start().await;
    for word in ["one", "two"] {
        let ticket = world.api.issue("explain", None, json!({ "word": word }));
        let ticket = ticket.await;
        world.api.until_event(&ticket, "TicketPersisted").await;
    }
    let now = counted(&world.api, 2).await;
    assert_eq!(sum(&now["tickets"]["issued"]), 2);
    assert_eq!(now["tickets"]["open"], json!({ "persisted": 2 }));
    let model = &now["models"][0];
    assert_eq!(model["error_rate"], 0.0);
    assert!(model["total_ms"]["p95"].is_u64(), "{model}");

    world.stop().await;
    world.start_again().await;
    let after = counted(&world.api, 2).await;
    assert_eq!(sum(&after["tickets"]["issued"]), 2);

    let strangers = world.stranger.get("/v1/now").await.expect(200);
    assert_eq!(sum(&strangers["tickets"]["issued"]), 0);
    assert_eq!(
        (&strangers["models"], &strangers["tickets"]["open"]),
        (&json!([]), &json!({}))
    );
    world.stop().await;
}

#[tokio::test]
async fn a_replay_beside_the_server_calls_nobody_and_gives_the_same_hash_each_time() {
    let mut world = World::start().await;
    for word in ["one", "two", "three"] {
        let ticket = world.api.issue("explain", None, json!({ "word": word }));
        let ticket = ticket.await;
        world.api.until_event(&ticket, "TicketPersisted").await;
    }
    let called = (world.model.calls_count(), world.backend.connections());
    let beside = replay(&world).await;
    assert_eq!(
        (&beside["tickets"], &beside["same"]),
        (&3.into(), &true.into())
    );
    assert_eq!(beside["states"], json!({ "persisted": 3 }));
    world.stop().await;
    let without = replay(&world).await;
    assert_eq!(without["hash"], beside["hash"]);
    assert_eq!(
        (world.model.calls_count(), world.backend.connections()),
        called
    );
}
