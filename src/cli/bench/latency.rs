//! How long the first words of an answer take from the model's sending them to the user's reading
//! them. Both ends are in this process, so there is one clock.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

use super::child::UnderTest;
use super::fakes::{Backend, FakeModel, Script};
use super::flight::Flight;
use super::issuers::{Issuers, Orders};
use super::sessions::{Latency, Sessions, Watcher};
use super::settings::Settings;
use super::setup::{HOOKED, Home, Needs};
use super::stats::{quantile, sorted};

/// The median to reach, in milliseconds, at the lightest load.
const TARGET_MS: f64 = 5.0;

/// The model's pauses: before the first words, and between them and the rest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_millis(50));

/// The latency under one load.
#[derive(Debug, Clone, Serialize)]
pub(super) struct FirstWords {
    pub(super) in_flight: usize,
    pub(super) samples: usize,
    pub(super) median_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
    pub(super) target_ms: f64,
    pub(super) reached: bool,
}

/// Measures under one load.
pub(super) async fn measure(settings: &Settings, in_flight: usize) -> anyhow::Result<FirstWords> {
    let flight = Arc::new(Flight::new(in_flight));
    let model = FakeModel::start(Script::Stamped(PAUSES.0, PAUSES.1))?;
    let latency = Arc::new(Latency::of(model));
    let backend = Backend::start(None)?;
    let needs = Needs {
        model: latency.model().addr(),
        backend: backend.addr(),
        model_calls: in_flight,
    };
    let home = Home::new(&settings.directory, needs)?;
    let (child, addresses) = UnderTest::punchcard(&home.config()).await?;
    let orders = Orders {
        addr: addresses.listen,
        key: home.key().expose().to_owned(),
        task: HOOKED,
        users: settings.users,
    };
    let watcher = Watcher {
        flight: Some(Arc::clone(&flight)),
        latency: Some(Arc::clone(&latency)),
    };
    let sessions = Sessions::open(&orders, settings.users, &watcher).await?;
    let connections = settings.issuing_connections.min(in_flight);
    let issuers = Issuers::start(&orders, &flight, connections, u64::MAX);
    tokio::time::sleep(settings.warm_up).await;
    latency.clear();
    tokio::time::sleep(settings.measured).await;
    let samples = sorted(&latency.samples_ms());
    let complaint = issuers.complaint().unwrap_or_default();
    drop((issuers, sessions));
    child.kill().await?;
    let at = |q| {
        let value = quantile(&samples, q);
        value.with_context(|| format!("no first words came; refused: {complaint:?}"))
    };
    let median_ms = at(0.5)?;
    Ok(FirstWords {
        in_flight,
        samples: samples.len(),
        median_ms,
        p99_ms: at(0.99)?,
        max_ms: at(1.0)?,
        target_ms: TARGET_MS,
        reached: median_ms <= TARGET_MS,
    })
}
