//! A thousand readers that stop: the program holds little for each, cuts them in time, and those who
//! read notice nothing.
//!
//! `PUNCHCARD_STOPPED_READERS` is how many (1,000).

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use serde_json::json;

use crate::fake_backend::Gate;
use crate::process::{address, affordable, descriptors, memory, metric, size};
use crate::scripted_model::{Step, Turn};
use crate::session::{Memory, Session};
use crate::wire::Wire;
use crate::world::{ORIGIN, World};

/// Who the stopped readers are.
const CROWDS: usize = 10;
/// What each of them is offered, in bytes, and never reads.
const OFFERED: usize = 512 * 1024;
/// What the program may hold for each: its buffers, however much is offered.
const HELD: u64 = 64 * 1024;
/// What the program may need besides: the texts themselves, and the allocator's slack.
const BESIDES: u64 = 48 * 1024 * 1024;
/// How many of them come at a time.
const COMING: usize = 32;
/// How many read on.
const HEALTHY: usize = 10;
const HEALTHY_OPEN: f64 = 10.0;
/// How many pieces they are timed with, before and during the fire.
const PIECES: usize = 25;
/// The deadline, and how much later than that a busy machine may notice.
const DEADLINE: Duration = Duration::from_secs(3);
const LATE: Duration = Duration::from_secs(20);

/// The healthy readers and the text they read, piece by piece.
struct Readers {
    sessions: Vec<Session>,
    ticket: String,
    gates: Vec<Gate>,
    told: usize,
}

impl Readers {
    async fn start(world: &World) -> Self {
        let gates: Vec<Gate> = (0..2 * PIECES).map(|_| Gate::closed()).collect();
        let pieces = gates
            .iter()
            .flat_map(|gate| [Step::Wait(gate.clone()), Step::say("piece ")]);
        let turn: Turn = pieces.chain([Step::Finish]).collect();
        world.model.script("timed", [turn]);
        let input = json!({ "word": "timed" });
        let ticket = world.api.issue("say", Some("healthy"), input).await;
        let mut sessions = Vec::new();
        for _ in 0..HEALTHY {
            sessions.push(world.session("healthy", Memory::new()).await);
        }
        Self {
            sessions,
            ticket,
            gates,
            told: 0,
        }
    }

    /// The median time from a piece's birth until a reader has it.
    async fn median_latency(&mut self) -> Duration {
        let mut latencies = Vec::new();
        for _ in 0..PIECES {
            let born = Instant::now();
            self.gates[self.told].open();
            self.told += 1;
            let text = "piece ".repeat(self.told);
            let ticket = &self.ticket;
            let readers = self.sessions.iter_mut().map(|session| async {
                session.until_text(ticket, &text).await;
                born.elapsed()
            });
            latencies.extend(futures_util::future::join_all(readers).await);
        }
        latencies.sort();
        latencies[latencies.len() / 2]
    }
}

/// Opens sessions that have read their welcome, and nothing since.
async fn crowd(world: &World, count: usize) -> Vec<Wire> {
    let address = address(world);
    let opened = (0..count).map(|number| async move {
        let user = format!("crowd-{}", number % CROWDS);
        let token = world.api.session_token(&user).await;
        let mut wire = Wire::open_from(address, ORIGIN).await;
        wire.say(&json!({ "type": "hello", "token": token })).await;
        assert_eq!(wire.hear().await["type"], "welcome");
        wire
    });
    stream::iter(opened)
        .buffer_unordered(COMING)
        .collect()
        .await
}

/// Gives every one of the crowds a long text to read, and holds it there.
async fn flood(world: &World, everything: &Gate) {
    let long = "x".repeat(OFFERED / 16);
    for number in 0..CROWDS {
        let word = format!("flood {number}.");
        let says = std::iter::repeat_n(Step::say(&long), 16);
        let turn: Turn = says
            .chain([Step::Wait(everything.clone()), Step::Finish])
            .collect();
        world.model.script(&word, [turn]);
        let user = format!("crowd-{number}");
        let input = json!({ "word": word });
        world.api.issue("say", Some(&user), input).await;
    }
}

#[tokio::test]
async fn a_thousand_stopped_readers_cost_little_are_cut_in_time_and_disturb_nobody() {
    const OPEN: &str = r#"sessions_open{kind="session"}"#;
    const CUT: &str = r#"sessions_cut_total{reason="slow_consumer"}"#;
    let count = affordable(size("PUNCHCARD_STOPPED_READERS", 1_000));
    let more = format!(
        "sessions.slow_consumer_deadline = \"{}s\"\nsessions.max_sessions_per_user = {count}\n\
         sessions.text_interval = \"1ms\"\ndefaults.model.idle_timeout = \"4m\"\nlog.level = \"warn\"",
        DEADLINE.as_secs()
    );
    let mut world = World::with(&more).await;
    let pid = world.server().pid();
    let mut readers = Readers::start(&world).await;
    let open_before = descriptors(pid);
    let mut stopped = crowd(&world, count).await;

    let base = memory(pid);
    let calm = readers.median_latency().await;
    let everything = Gate::closed();
    flood(&world, &everything).await;
    let begun = Instant::now();
    let fire = readers.median_latency().await;
    let mut peak = memory(pid);
    let wanted = f64::from(u32::try_from(count).unwrap());
    while metric(&mut world, CUT).await < wanted {
        peak = peak.max(memory(pid));
        let cut = metric(&mut world, CUT).await;
        assert!(
            begun.elapsed() < DEADLINE + LATE,
            "{cut} of {count} are cut"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let took = begun.elapsed();
    let grown = peak.saturating_sub(base);
    eprintln!(
        "{count} stopped readers: {} KiB each of {} offered, cut after {took:?}; median latency {calm:?} calm, {fire:?} under fire",
        grown / 1024 / count as u64,
        OFFERED / 1024,
    );
    assert!(
        metric(&mut world, CUT).await <= wanted,
        "a healthy one was cut"
    );
    assert!(took >= DEADLINE, "they were cut too early: {took:?}");
    assert!(grown < HELD * count as u64 + BESIDES, "{grown} bytes more");
    // A machine that is busy with other things adds to either.
    let slack = Duration::from_millis(500);
    assert!(
        fire < calm * 4 + slack,
        "{calm:?} calm, {fire:?} under fire"
    );

    // Their connections are gone, and what they could still read was little.
    for wire in stopped.iter_mut().take(50) {
        let rest = wire.ended_within(Duration::from_secs(5)).await;
        assert!(rest < OFFERED / 2, "it never stopped: {rest} bytes");
    }
    drop(stopped);
    let back = async {
        // The issuer's own idle connections stay open.
        while metric(&mut world, OPEN).await > HEALTHY_OPEN
            || descriptors(pid) > open_before + 2 * COMING + 24
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let back = tokio::time::timeout(Duration::from_secs(10), back).await;
    back.unwrap_or_else(|_| panic!("{} descriptors of {open_before}", descriptors(pid)));
    assert_eq!(metric(&mut world, OPEN).await, HEALTHY_OPEN);
    everything.open();
    let ticket = readers.ticket.clone();
    for session in &mut readers.sessions {
        session.until(&ticket, "answer").await;
        assert_eq!(session.seen(&ticket).text.len(), 6 * 2 * PIECES);
    }
}
