//! Many open tickets: what they cost in memory, and how long the way back is after a kill.
//!
//! The model holds its first few calls for ever and all other tickets wait for a permit, so they stay
//! open without doing anything.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;

use super::child::{UnderTest, Usage};
use super::fakes::{Backend, FakeModel, Script};
use super::flight::Flight;
use super::issuers::{INPUT_TEXT, Issuers, Orders};
use super::settings::Settings;
use super::setup::{Home, Needs, PLAIN, SYSTEM_PROMPT};
use super::wire::Wire;

const TARGET_BYTES_PER_TICKET: f64 = 6.0 * 1024.0;
const TARGET_READY_SECONDS: f64 = 5.0;

/// Model calls at a time, as by default.
const MODEL_CALLS: usize = 32;

/// Issued before the first look at the memory, so that what is allocated once is not counted.
const FIRST: u64 = 500;

/// Without any progress for this long, the section fails.
const STALL: Duration = Duration::from_secs(30);

/// Memory of open tickets.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Memory {
    pub(super) tickets: u64,
    pub(super) rss_before_bytes: u64,
    pub(super) rss_after_bytes: u64,
    /// The growth of all memory per ticket, its own text included.
    pub(super) bytes_per_ticket: f64,
    /// The same without files that are mapped.
    pub(super) anonymous_bytes_per_ticket: f64,
    /// The input and the rendered messages of a ticket.
    pub(super) own_text_bytes: f64,
    /// What a ticket costs beyond its own text.
    pub(super) beyond_text_bytes: f64,
    pub(super) issued_per_second: f64,
    pub(super) disk_bytes_per_ticket: f64,
    pub(super) target_bytes: f64,
    pub(super) reached: bool,
}

/// The way back after a kill.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Recovery {
    pub(super) tickets: u64,
    /// From the start of the process to its first yes on `/readyz`.
    pub(super) ready_seconds: f64,
    /// From the start of the process until all tickets wait for the model again.
    pub(super) all_picked_up_seconds: f64,
    pub(super) rss_bytes: u64,
    pub(super) target_seconds: f64,
    pub(super) reached: bool,
}

/// Opens the tickets and measures their memory; with `recovery`, kills the program and measures the
/// way back.
pub(super) async fn measure(
    settings: &Settings,
    recovery: bool,
) -> anyhow::Result<(Memory, Option<Recovery>)> {
    let model = FakeModel::start(Script::Held)?;
    let backend = Backend::start(None)?;
    let needs = Needs {
        model: model.addr(),
        backend: backend.addr(),
        model_calls: MODEL_CALLS,
    };
    let home = Home::new(&settings.directory, needs)?;
    let (child, addresses) = UnderTest::punchcard(&home.config()).await?;
    let orders = Orders {
        addr: addresses.listen,
        key: home.key().expose().to_owned(),
        task: PLAIN,
        users: settings.users,
    };
    issue(settings, &orders, FIRST).await?;
    let before = settled(settings, &child, addresses.admin_listen, FIRST).await?;
    let begun = Instant::now();
    let count = settings.open_tickets;
    issue(settings, &orders, count).await?;
    let elapsed = begun.elapsed();
    let after = settled(settings, &child, addresses.admin_listen, FIRST + count).await?;
    let memory = Memory::of(count, before, after, elapsed, home.data_bytes());
    child.kill().await?;
    if !recovery {
        return Ok((memory, None));
    }
    let (child, addresses) = UnderTest::punchcard(&home.config()).await?;
    let ready = child.ready_after;
    let begun = Instant::now();
    wait_for(addresses.admin_listen, FIRST + count).await?;
    let all = ready + begun.elapsed();
    let rss_bytes = child.usage()?.rss_bytes;
    child.kill().await?;
    let ready_seconds = ready.as_secs_f64();
    let recovery = Recovery {
        tickets: FIRST + count,
        ready_seconds,
        all_picked_up_seconds: all.as_secs_f64(),
        rss_bytes,
        target_seconds: TARGET_READY_SECONDS,
        reached: ready_seconds < TARGET_READY_SECONDS,
    };
    Ok((memory, Some(recovery)))
}

impl Memory {
    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
    fn of(count: u64, before: Usage, after: Usage, elapsed: Duration, disk: u64) -> Self {
        let per_ticket =
            |before: u64, after: u64| after.saturating_sub(before) as f64 / count as f64;
        let bytes_per_ticket = per_ticket(before.rss_bytes, after.rss_bytes);
        let own_text_bytes = (2 * INPUT_TEXT.len() + SYSTEM_PROMPT.len()) as f64;
        let beyond_text_bytes = bytes_per_ticket - own_text_bytes;
        Self {
            tickets: count,
            rss_before_bytes: before.rss_bytes,
            rss_after_bytes: after.rss_bytes,
            bytes_per_ticket,
            anonymous_bytes_per_ticket: per_ticket(before.anonymous_bytes, after.anonymous_bytes),
            own_text_bytes,
            beyond_text_bytes,
            issued_per_second: count as f64 / elapsed.as_secs_f64(),
            disk_bytes_per_ticket: disk as f64 / (count + FIRST) as f64,
            target_bytes: TARGET_BYTES_PER_TICKET,
            reached: beyond_text_bytes < TARGET_BYTES_PER_TICKET,
        }
    }
}

/// Issues this many tickets and waits until all are accepted.
async fn issue(settings: &Settings, orders: &Orders, count: u64) -> anyhow::Result<()> {
    let room = usize::try_from(count)?;
    let flight = Arc::new(Flight::new(room));
    let issuers = Issuers::start(orders, &flight, settings.issuing_connections, count);
    let (mut seen, mut seen_at) = (0, Instant::now());
    loop {
        let accepted = flight.count_accepted();
        if accepted >= count {
            return Ok(());
        }
        if accepted > seen {
            (seen, seen_at) = (accepted, Instant::now());
        } else if seen_at.elapsed() > STALL {
            let complaint = issuers.complaint().unwrap_or_default();
            bail!("no more tickets are accepted after {accepted}: {complaint}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What the program holds when this many tickets wait for the model.
async fn settled(
    settings: &Settings,
    child: &UnderTest,
    admin: SocketAddr,
    tickets: u64,
) -> anyhow::Result<Usage> {
    wait_for(admin, tickets).await?;
    tokio::time::sleep(settings.warm_up).await;
    child.usage()
}

/// Waits until this many tickets are at the model or in line for it.
async fn wait_for(admin: SocketAddr, tickets: u64) -> anyhow::Result<()> {
    let mut wire = Wire::connect(admin).await?;
    let (mut seen, mut seen_at) = (0, Instant::now());
    loop {
        let now = at_the_model(&mut wire, admin).await?;
        if now >= tickets {
            return Ok(());
        }
        if now > seen {
            (seen, seen_at) = (now, Instant::now());
        } else if seen_at.elapsed() > STALL {
            bail!("only {now} of {tickets} open tickets have come to the model");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The tickets at the model or in line for it, by `/metrics`, which says it once a second.
async fn at_the_model(wire: &mut Wire, admin: SocketAddr) -> anyhow::Result<u64> {
    let request = format!("GET /metrics HTTP/1.1\r\nhost: {admin}\r\n\r\n");
    let response = wire.ask(request.as_bytes()).await.context("no metrics")?;
    Ok(sum_of_gauges(
        &String::from_utf8_lossy(&response.body),
        &["llm_calls_in_flight", "llm_calls_waiting"],
    ))
}

fn sum_of_gauges(metrics: &str, names: &[&str]) -> u64 {
    let lines = metrics.lines().filter(|line| !line.starts_with('#'));
    let values = lines.filter_map(|line| {
        let (name, value) = line.rsplit_once(' ')?;
        let name = name.split('{').next()?;
        let wanted = names.iter().any(|wanted| name.ends_with(wanted));
        wanted.then(|| value.parse::<f64>().ok()).flatten()
    });
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a gauge of calls is a small whole number"
    )]
    let sum = values.sum::<f64>() as u64;
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_are_summed_over_their_labels() {
        let metrics = "# TYPE punchcard_llm_calls_waiting gauge\n\
            punchcard_llm_calls_waiting{model=\"a\"} 3\n\
            punchcard_llm_calls_in_flight{model=\"a\"} 2\n\
            punchcard_other 7\n";
        assert_eq!(
            sum_of_gauges(metrics, &["llm_calls_waiting", "llm_calls_in_flight"]),
            5
        );
    }
}
