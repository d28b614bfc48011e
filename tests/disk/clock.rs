//! The wall clock jumps a day, forwards and back, while tickets are open.
//!
//! What is promised: histories are ordered by revision and position, never by time. A running program
//! follows the system's clock slowly (`actors/src/steady.rs`), so a jump in either direction fails no
//! ticket and holds no deadline up. A start takes the system's clock as it is: deadlines are points in
//! time, and one that has passed by then is passed, as after a machine that was off for a day.

use std::time::Duration;

use punchcard_events::ticket::StateName;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::api::Api;
use crate::fake_backend::Gate;
use crate::faultfs::Faults;
use crate::faults::until;
use crate::figures::figure;
use crate::history::fold;
use crate::world::{World, held, otherwise};

/// A day, and more than `persist_within`, in seconds.
const JUMP: i64 = 90_000;
/// The model's deadline.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// The same as configuration.
const SETTINGS: &str = "[ticket]\nanswer_within = \"3s\"\npersist_within = \"24h\"\n";

/// A world whose clock a test can move.
async fn timed() -> (World, Faults) {
    let mut world = World::stopped(SETTINGS, otherwise).await;
    let faults = Faults::of(&world.data_dir(), world.dir());
    world.set_env(faults.env());
    world.start_again().await;
    (world, faults)
}

/// Issues a ticket whose call of the model waits at a gate, and returns once it does.
async fn hold(world: &World, task: &str, word: &str) -> (String, Gate) {
    let gate = Gate::closed();
    world
        .model
        .script(word, [held("so far", &gate, ", so good")]);
    let id = world.api.issue(task, None, json!({ "word": word })).await;
    gate.reached_by(1).await;
    (id, gate)
}

/// Waits until a ticket has ended, and gives its last state and its history, which must be whole.
async fn ended(api: &Api, id: &str) -> (StateName, Vec<Value>) {
    let looking = async {
        loop {
            let state = api.ticket(id).await["state"].clone();
            let state = StateName::parse(state.as_str().unwrap()).unwrap();
            if state.is_terminal() {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let state = timeout(Duration::from_secs(20), looking).await.expect(id);
    let history = api.history(id).await;
    assert_eq!(fold(id, &history).name(), state);
    (state, history)
}

/// The code a ticket failed with.
fn failure(history: &[Value]) -> &str {
    let failure = &history.last().unwrap()["data"]["failure"];
    failure["code"].as_str().unwrap_or_default()
}

/// Moves the program's clock, and returns once its log has lines of the other day.
async fn jump(world: &World, faults: &Faults, seconds: i64) {
    let now = world.log_text().lines().last().unwrap()[..10].to_owned();
    faults.set(&format!("clock {seconds}"));
    until("the other day", async || {
        world.api.get("/v1/tickets?limit=1").await.expect(200);
        world
            .log_text()
            .lines()
            .last()
            .is_some_and(|line| line[..10] != now)
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_jumps_a_day_fails_no_ticket_and_holds_no_deadline_up() {
    let (mut world, faults) = timed().await;
    for (number, seconds) in [-JUMP, JUMP].into_iter().enumerate() {
        let begun = Instant::now();
        let word = |name: &str| format!("{name}-{number}");
        let (late, _never_opened) = hold(&world, "say", &word("late")).await;
        let (open, gate) = hold(&world, "explain", &word("open")).await;
        jump(&world, &faults, seconds).await;
        gate.open();
        let (state, history) = ended(&world.api, &open).await;
        assert_eq!(state, StateName::Delivered, "{history:#?}");
        let after = json!({ "word": word("after") });
        let after = world.api.issue("explain", None, after).await;
        assert_eq!(ended(&world.api, &after).await.0, StateName::Delivered);

        let (state, history) = ended(&world.api, &late).await;
        assert_eq!(state, StateName::Failed, "{history:#?}");
        assert_eq!(failure(&history), "deadline_exceeded");
        let took = begun.elapsed();
        assert!(
            took >= ANSWER_WITHIN && took < ANSWER_WITHIN * 3,
            "{took:?}"
        );
        faults.lift();
    }
    end(&mut world).await;
    figure(
        "clock_jumps",
        &[("running", &2), ("starts", &0), ("hours", &(JUMP / 3_600))],
    );
}

#[tokio::test]
async fn a_start_takes_the_clock_as_it_is_and_ends_what_is_overdue_by_it() {
    let (mut world, faults) = timed().await;
    let (overdue, _never_opened) = hold(&world, "say", "overdue").await;
    assert_eq!(world.take_server().kill().await, Some(9));
    faults.set(&format!("clock {JUMP}"));
    world.start_again().await;
    let (state, history) = ended(&world.api, &overdue).await;
    assert_eq!(state, StateName::Failed, "{history:#?}");
    // Its call was cut off by the kill, and by the new time it is too late for another.
    assert_eq!(failure(&history), "no_time_for_retry");

    // Back again: what was stored from the future is no obstacle, and what is open goes on.
    let (open, gate) = hold(&world, "explain", "open").await;
    assert_eq!(world.take_server().kill().await, Some(9));
    faults.lift();
    gate.open();
    world.start_again().await;
    let (state, history) = ended(&world.api, &open).await;
    assert_eq!(state, StateName::Delivered, "{history:#?}");
    assert!(
        hours(&history) <= -24,
        "the clock did not jump: {history:#?}"
    );
    end(&mut world).await;
    figure(
        "clock_jumps",
        &[("running", &0), ("starts", &2), ("hours", &(JUMP / 3_600))],
    );
}

/// How much later the last event says that it happened than the first, in hours.
fn hours(history: &[Value]) -> i64 {
    let hour = |event: &Value| {
        let time = event["recorded_at"].as_str().unwrap();
        let time = humantime::parse_rfc3339(time).unwrap();
        let since = time.duration_since(std::time::UNIX_EPOCH).unwrap();
        i64::try_from(since.as_secs() / 3_600).unwrap()
    };
    hour(history.last().unwrap()) - hour(&history[0])
}

async fn end(world: &mut World) {
    world.stop().await;
    world.verify_store().await;
    assert!(!world.log_text().contains("panicked"));
}
