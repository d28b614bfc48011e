//! Tickets per second of the floor (a) and of Punchcard (b), in pairs of rounds: a b a b …

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;

use super::child::{UnderTest, own_usage};
use super::fakes::{Backend, FakeModel, Script};
use super::flight::Flight;
use super::issuers::{Issuers, Orders};
use super::sessions::{Sessions, Watcher};
use super::settings::Settings;
use super::setup::{HOOKED, Home, Needs};
use super::stats::Spread;

/// The ratios to reach: model delay in milliseconds, tickets in flight, b / a.
const TARGETS: [(u64, usize, f64); 2] = [(0, 100, 0.5), (200, 1_000, 0.8)];

/// One combination of model delay and tickets in flight.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Cell {
    pub(super) model_delay_ms: u64,
    pub(super) in_flight: usize,
    pub(super) floor: Arm,
    pub(super) punchcard: Arm,
    /// b / a, pair by pair.
    pub(super) ratios: Vec<f64>,
    pub(super) ratio: Spread,
    pub(super) target: Option<f64>,
    pub(super) reached: Option<bool>,
}

/// All rounds of one arm.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Arm {
    pub(super) rounds: Vec<Round>,
    pub(super) tickets_per_second: Spread,
    /// The program's own processor time per ticket.
    pub(super) cpu_us_per_ticket: Spread,
}

/// One measured round.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Round {
    pub(super) tickets_per_second: f64,
    /// Processor time of the program under test.
    pub(super) cpu_us_per_ticket: f64,
    /// Processor time of the load generator and the fakes.
    pub(super) load_cpu_us_per_ticket: f64,
    /// Requests that were refused, and sent again.
    pub(super) refused: u64,
    /// Tickets that ended without an answer.
    pub(super) failed: u64,
}

#[derive(Debug, Clone, Copy)]
struct Load {
    delay: Duration,
    in_flight: usize,
}

/// Measures one combination.
pub(super) async fn measure(
    settings: &Settings,
    model_delay_ms: u64,
    in_flight: usize,
) -> anyhow::Result<Cell> {
    let load = Load {
        delay: Duration::from_millis(model_delay_ms),
        in_flight,
    };
    let (mut floor, mut punchcard) = (Vec::new(), Vec::new());
    for _ in 0..settings.rounds {
        floor.push(floor_round(settings, load).await?);
        punchcard.push(punchcard_round(settings, load).await?);
    }
    let ratios: Vec<f64> = floor
        .iter()
        .zip(&punchcard)
        .map(|(a, b)| b.tickets_per_second / a.tickets_per_second)
        .collect();
    let ratio = Spread::of(&ratios).context("no rounds")?;
    let target = TARGETS
        .iter()
        .find(|(delay, size, _)| (*delay, *size) == (model_delay_ms, in_flight))
        .map(|(_, _, target)| *target);
    Ok(Cell {
        model_delay_ms,
        in_flight,
        floor: Arm::of(floor)?,
        punchcard: Arm::of(punchcard)?,
        ratios,
        ratio,
        target,
        reached: target.map(|target| ratio.median >= target),
    })
}

impl Arm {
    fn of(rounds: Vec<Round>) -> anyhow::Result<Self> {
        let spread = |figure: fn(&Round) -> f64| {
            let figures: Vec<f64> = rounds.iter().map(figure).collect();
            Spread::of(&figures).context("no rounds")
        };
        Ok(Self {
            tickets_per_second: spread(|round| round.tickets_per_second)?,
            cpu_us_per_ticket: spread(|round| round.cpu_us_per_ticket)?,
            rounds,
        })
    }
}

async fn floor_round(settings: &Settings, load: Load) -> anyhow::Result<Round> {
    let flight = Arc::new(Flight::new(load.in_flight));
    let model = FakeModel::start(Script::Whole(load.delay))?;
    // The floor is done with a ticket when its answer comes to be persisted.
    let backend = Backend::start(Some(Arc::clone(&flight)))?;
    let (child, addr) = UnderTest::floor(model.addr(), backend.addr()).await?;
    let orders = Orders {
        addr,
        key: "none".to_owned(),
        task: HOOKED,
        users: settings.users,
    };
    let round = run(settings, &orders, &flight, &child).await;
    child.kill().await?;
    round.context("the floor")
}

async fn punchcard_round(settings: &Settings, load: Load) -> anyhow::Result<Round> {
    let flight = Arc::new(Flight::new(load.in_flight));
    let model = FakeModel::start(Script::Whole(load.delay))?;
    let backend = Backend::start(None)?;
    let needs = Needs {
        model: model.addr(),
        backend: backend.addr(),
        model_calls: load.in_flight,
    };
    let home = Home::new(&settings.directory, needs)?;
    let (child, addresses) = UnderTest::punchcard(&home.config()).await?;
    let orders = Orders {
        addr: addresses.listen,
        key: home.key().expose().to_owned(),
        task: HOOKED,
        users: settings.users,
    };
    // Punchcard is done with a ticket when its user has acknowledged the answer.
    let watcher = Watcher {
        flight: Some(Arc::clone(&flight)),
        latency: None,
    };
    let sessions = Sessions::open(&orders, settings.users, &watcher).await?;
    let round = run(settings, &orders, &flight, &child).await;
    drop(sessions);
    child.kill().await?;
    round.context("Punchcard")
}

/// Runs the closed loop and measures after the warm-up.
async fn run(
    settings: &Settings,
    orders: &Orders,
    flight: &Arc<Flight>,
    child: &UnderTest,
) -> anyhow::Result<Round> {
    let issuers = Issuers::start(orders, flight, settings.issuing_connections, u64::MAX);
    tokio::time::sleep(settings.warm_up).await;
    let (begun, done) = (Instant::now(), flight.count_done());
    let (program, load) = (child.usage()?, own_usage()?);
    tokio::time::sleep(settings.measured).await;
    let (elapsed, done) = (begun.elapsed(), flight.count_done() - done);
    let (program, load) = (
        child.usage()?.cpu - program.cpu,
        own_usage()?.cpu - load.cpu,
    );
    if done == 0 {
        bail!(
            "no ticket was done in {elapsed:?}: {} accepted, {} failed, {} refused ({})",
            flight.count_accepted(),
            flight.count_failed(),
            flight.count_refused(),
            issuers
                .complaint()
                .unwrap_or_else(|| "no complaint".to_owned())
        );
    }
    #[expect(clippy::cast_precision_loss, reason = "ticket counts are small")]
    let tickets = done as f64;
    Ok(Round {
        tickets_per_second: tickets / elapsed.as_secs_f64(),
        cpu_us_per_ticket: program.as_secs_f64() * 1e6 / tickets,
        load_cpu_us_per_ticket: load.as_secs_f64() * 1e6 / tickets,
        refused: flight.count_refused(),
        failed: flight.count_failed(),
    })
}
