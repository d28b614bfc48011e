//! Redrives, with the whole program: killed in the middle, and what everybody outside saw of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::types;
use crate::fake_backend::Behaviour;
use crate::scripted_model::Step;
use crate::world::{POST, World, otherwise};

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(40);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// So many tickets fail.
const TICKETS: usize = 30;

/// A world whose model refuses everything for as long as the switch is on.
async fn unwell() -> (World, Arc<AtomicBool>) {
    let is_down = Arc::new(AtomicBool::new(true));
    let switch = Arc::clone(&is_down);
    let mut world = World::stopped("", move |call| {
        if switch.load(Ordering::SeqCst) {
            return vec![Step::Refuse(400, "{}")];
        }
        otherwise(call)
    })
    .await;
    world.start_again().await;
    (world, is_down)
}

/// Looks again and again until `wanted` gives something.
async fn until<T>(what: &str, mut wanted: impl AsyncFnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = wanted().await {
                return found;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, found).await;
    found.unwrap_or_else(|_| panic!("{what} did not come in time"))
}

async fn kill_and_start(world: &mut World) {
    let server = world.take_server();
    assert_eq!(server.kill().await, Some(9));
    world.start_again().await;
}

fn count(history: &[Value], kind: &str) -> usize {
    let kinds = types(history);
    kinds.iter().filter(|known| known.as_str() == kind).count()
}

#[tokio::test]
async fn a_redrive_killed_in_the_middle_goes_on_and_nothing_runs_twice_outside() {
    let (mut world, is_down) = unwell().await;
    let mut tickets = Vec::new();
    for number in 0..TICKETS {
        let input = json!({ "essay": format!("essay-{number}-end") });
        tickets.push(world.api.issue("review", None, input).await);
    }
    for ticket in &tickets {
        world.api.until_event(ticket, "TicketFailed").await;
    }
    let dead = world.api.get("/v1/dead-letters").await.expect(200);
    assert_eq!(dead["total"], TICKETS, "{dead}");
    let filter = json!({ "stage": "model", "code": "model_refused_request" });
    let asked = json!({ "filter": filter, "per_second": 10, "dry_run": true });
    let preview = world.api.post("/v1/redrives", &asked).await.expect(200);
    assert_eq!(preview["would_redrive"], TICKETS, "{preview}");
    is_down.store(false, Ordering::SeqCst);
    let asked = json!({ "filter": filter, "per_second": 10 });
    let started = world.api.post("/v1/redrives", &asked).await.expect(202);
    let redrive = started["redrive"].as_str().unwrap().to_owned();
    for opened in [4, 12] {
        let left = TICKETS - opened;
        until("some progress", async || {
            let dead = world.api.get("/v1/dead-letters").await.expect(200);
            (dead["total"].as_u64() <= Some(left as u64)).then_some(())
        })
        .await;
        kill_and_start(&mut world).await;
    }
    let path = format!("/v1/redrives/{redrive}");
    let ended = until("the end", async || {
        let view = world.api.get(&path).await.expect(200);
        (view["state"] == "finished").then_some(view)
    })
    .await;
    assert_eq!(ended["redriven"], TICKETS, "{ended}");
    assert_eq!(
        (&ended["skipped"], &ended["refused"]),
        (&json!(0), &json!(0))
    );
    let mut sent = 0;
    for ticket in &tickets {
        let history = world.api.until_event(ticket, "TicketPersisted").await;
        let redriven: Vec<_> = history
            .iter()
            .filter(|event| event["type"] == "TicketRedriven")
            .collect();
        assert_eq!(redriven.len(), 1, "{ticket} was opened once");
        assert_eq!(redriven[0]["data"]["redrive"], redrive.as_str());
        assert_eq!(count(&history, "TicketAnswered"), 1, "{ticket}");
        sent += count(&history, "TicketSent");
    }
    assert!(
        world.model.calls_count() <= sent,
        "a call without its intent"
    );
    // One of each hook and ticket took effect, whatever was repeated.
    let effects = world.backend.effects();
    assert_eq!(effects.len(), 2 * TICKETS, "{:?}", effects.keys());
    world.stop().await;
    world.verify_store().await;
}

#[tokio::test]
async fn a_redrive_from_the_request_makes_new_calls_of_the_tenant_and_only_a_failed_ticket_is_opened()
 {
    let mut world = World::start().await;
    world.backend.script(POST, [Behaviour::status(410)]);
    let input = json!({ "essay": "Redriven." });
    let ticket = world.api.issue("review", None, input).await;
    world.api.until_event(&ticket, "TicketFailed").await;
    let path = format!("/v1/tickets/{ticket}/redrive");
    let strange = world.stranger.post(&path, &json!({})).await;
    strange.expect_problem(404, "not_found");
    let unknown = world.api.post(&path, &json!({ "from": "answered" })).await;
    unknown.expect_problem(400, "invalid_request");
    let asked = json!({ "from": "requested" });
    world.api.post(&path, &asked).await.expect(200);
    let history = world.api.until_event(&ticket, "TicketPersisted").await;
    assert_eq!(count(&history, "TicketPreProcessed"), 2);
    assert_eq!(world.api.ticket(&ticket).await["attempt"], 2);
    let ids: Vec<_> = world.backend.effects().into_keys().collect();
    let again = format!("msg_{ticket}_post_process_2");
    assert!(ids.contains(&again), "{ids:?}");
    let refused = world.api.post(&path, &json!({})).await;
    refused.expect_problem(409, "not_failed");
    world.stop().await;
}
