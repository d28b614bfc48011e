//! A start with thousands of open tickets: soon ready, and what is owed is done oldest first, in a
//! steady pace and within every cap.
//!
//! `PUNCHCARD_OPEN_TICKETS` makes it larger; 100,000 are in `punchcard bench`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use serde_json::json;

use crate::clients::Clients;
use crate::fake_backend::{Behaviour, Delivery};
use crate::figures::{figure, setting};
use crate::scripted_model::{Call, Step, Turn};
use crate::world::{PRE, World, in_memory};

/// The tickets that are open at the restart, in the ordinary test run.
const OPEN: u64 = 1_000;
/// Clients that issue them at the same time, and fetch the answers.
const CLIENTS: usize = 16;
/// A start is ready within this time, however many tickets are open.
const READY_WITHIN: Duration = Duration::from_secs(5);
/// In how many seconds they are all taken up again.
const SECONDS: u64 = 5;
/// They are taken up in batches of at most this size, so any second may see one more.
const BATCH: u64 = 500;
/// The most calls of the model, and of the tenant's API, at a time.
const MODEL_CAP: usize = 12;
/// See [`MODEL_CAP`].
const CALLBACK_CAP: usize = 6;

const SETTINGS: &str = r#"
[callbacks]
max_concurrency = 6

[models.scripted]
max_concurrency = 12

[log]
level = "warn"

[tenants.acme.tasks.prepared]
model = "scripted"
pre_process = "/hooks/prepare"
messages = [{ role = "user", content = "{{ word }}" }]
"#;

/// How long each ticket may take until its model is called, on a machine with much else to do.
const PATIENCE_EACH: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_start_with_thousands_of_open_tickets_is_soon_ready_and_bursts_upon_nobody() {
    let open = setting("PUNCHCARD_OPEN_TICKETS").unwrap_or(OPEN);
    let per_second = (open / SECONDS).max(1);
    let pace = format!("[runtime]\nrecovery_per_second = {per_second}\n");
    let mut world = World::stopped_in(in_memory(), &(pace + SETTINGS), thinking).await;
    // The tenant's API answers nothing, so that everything stays open.
    world.backend.otherwise(PRE, Behaviour::Stall);
    world.start_again().await;
    let (base, clients) = Clients::new(&world.api);
    issue(&clients, open).await;
    world.take_server().kill().await;
    base.send_replace(None);
    let stalled = world.backend.deliveries().len();
    world.backend.otherwise(PRE, Behaviour::status(204));

    let started = Instant::now();
    world.start_again().await;
    let ready = started.elapsed();
    base.send_replace(Some(world.api.base().to_owned()));
    assert!(ready < READY_WITHIN, "ready after {ready:?}");
    let notes = clients.notes();
    assert_eq!(notes.told.len() as u64, open);
    let all_called = async {
        while world.model.calls_count() < notes.told.len() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let patience = PATIENCE_EACH * u32::try_from(open).unwrap().max(600);
    tokio::time::timeout(patience, all_called).await.unwrap();
    let fetched = stream::iter(&notes.told).map(|told| clients.until_ended(&told.ticket));
    fetched.buffer_unordered(CLIENTS).collect::<Vec<_>>().await;
    let settled_after = started.elapsed();

    let deliveries = world.backend.deliveries().split_off(stalled);
    let pace = check_pace(&deliveries, open, per_second);
    let (model, backend) = (world.model.most_at_once(), world.backend.most_at_once());
    assert!(
        (MODEL_CAP / 2..=MODEL_CAP).contains(&model),
        "{model} calls at a time"
    );
    assert!(
        (1..=CALLBACK_CAP).contains(&backend),
        "{backend} callbacks at a time"
    );

    let account = notes.judged_in(&world).await;
    assert_eq!(account.delivered as u64, open);
    world.stop().await;
    figure(
        "open_tickets",
        &[
            ("open", &open),
            ("ready_ms", &ready.as_millis()),
            ("settled_ms", &settled_after.as_millis()),
            ("busiest_second", &pace.busiest),
            ("calls_at_once", &model),
            ("callbacks_at_once", &backend),
            ("overtaken", &pace.overtaken),
            ("lost", &0),
        ],
    );
}

/// How the open tickets came back.
struct Pace {
    /// The most that came within one second.
    busiest: usize,
    /// By how many younger tickets one was overtaken at most.
    overtaken: usize,
}

/// Checks that they came oldest first, each once, and no more a second than they were to: in batches,
/// within which two arbiters do not wait for each other.
fn check_pace(deliveries: &[Delivery], open: u64, per_second: u64) -> Pace {
    let prepared: Vec<&Delivery> = deliveries.iter().filter(|call| call.path == PRE).collect();
    assert_eq!(prepared.len() as u64, open, "each is prepared once");
    let batch = usize::try_from(per_second.min(BATCH)).unwrap();
    let bound = usize::try_from(per_second).unwrap() + batch;
    let pace = Pace {
        busiest: busiest_second(&prepared),
        overtaken: most_overtaken(&prepared),
    };
    let Pace { busiest, overtaken } = pace;
    assert!(
        busiest <= bound,
        "{busiest} in one second, at most {bound} were to be"
    );
    assert!(
        overtaken <= batch,
        "a ticket was overtaken by {overtaken} younger ones"
    );
    pace
}

/// Issues tickets without a user, so that whoever looks at the answer takes it.
async fn issue(clients: &Clients, open: u64) {
    let issued = stream::iter(0..open).map(async |number| {
        let word = format!("word-{number}");
        let body = json!({
            "task": "prepared", "input": { "word": word }, "metadata": { "word": word },
        });
        clients.accepted(&word, &body).await
    });
    issued.buffer_unordered(CLIENTS).collect::<Vec<_>>().await;
}

/// The most deliveries within any one second.
fn busiest_second(deliveries: &[&Delivery]) -> usize {
    let mut from = 0;
    let mut busiest = 0;
    for (to, delivery) in deliveries.iter().enumerate() {
        while delivery.at - deliveries[from].at >= Duration::from_secs(1) {
            from += 1;
        }
        busiest = busiest.max(to - from + 1);
    }
    busiest
}

/// By how many younger tickets one was overtaken at most. Ids rise with the time of issue.
fn most_overtaken(deliveries: &[&Delivery]) -> usize {
    let tickets: Vec<String> = deliveries
        .iter()
        .map(|delivery| {
            delivery.json()["data"]["ticket"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let mut by_age = tickets.clone();
    by_age.sort_unstable();
    let ranks: BTreeMap<&str, usize> = by_age.iter().map(String::as_str).zip(0..).collect();
    let late = tickets
        .iter()
        .enumerate()
        .map(|(place, ticket)| place.saturating_sub(ranks[ticket.as_str()]));
    late.max().unwrap_or(0)
}

/// A model whose calls overlap.
fn thinking(_: &Call) -> Turn {
    let pause = Step::Pause(Duration::from_millis(10));
    vec![pause, Step::say("fine"), Step::Finish]
}
