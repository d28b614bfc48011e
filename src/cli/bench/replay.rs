//! Folding the whole history of many tickets from the embedded store, on one core, beside the bare
//! reading of the same rows; and how long one ticket's history takes to read over such a store.
//!
//! Of the ticket page it is the part that grows with the store: its history is read and folded step by
//! step, as a timeline and a look back in time do. HTTP is not in it.

mod fill;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use punchcard_actors::ports::{Direction, EventStore as _};
use punchcard_events::TicketId;
use punchcard_events::ticket::{TicketEvent, TicketState, apply};
use serde::Serialize;

use super::settings::Settings;
use super::stats::{Spread, quantile, sorted};
use crate::adapters::store_sqlite::{Options, SqliteStore, replay, scan};

const TARGET_EVENTS_PER_SECOND: f64 = 500_000.0;
const TARGET_PAGE_MS: f64 = 100.0;

/// How often it is folded, and how often the rows are only read.
const TIMES: usize = 2;
/// Tickets whose histories are read one by one.
const PAGES: u64 = 500;
/// No ticket has more events than the most of a page.
const MOST_EVENTS: usize = 1_000;

/// What a replay of everything costs.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Replay {
    pub(super) tickets: u64,
    pub(super) events: u64,
    pub(super) disk_bytes: u64,
    pub(super) fill_seconds: f64,
    /// Events per second that were folded.
    pub(super) events_per_second: Spread,
    /// Rows per second that were only read.
    pub(super) floor_rows_per_second: Spread,
    /// The first as a part of the second.
    pub(super) ratio: f64,
    pub(super) hash: String,
    pub(super) same_hash: bool,
    pub(super) target_events_per_second: f64,
    pub(super) reached: bool,
    /// One ticket's whole history, read and folded.
    pub(super) page_ms: Spread,
    pub(super) page_p99_ms: f64,
    pub(super) target_page_ms: f64,
    pub(super) page_reached: bool,
}

/// Fills a store and folds it.
pub(super) async fn measure(settings: &Settings) -> anyhow::Result<Replay> {
    let dir = tempfile::Builder::new()
        .prefix("punchcard-replay-")
        .tempdir_in(&settings.directory)?;
    let data = dir.path().to_owned();
    let begun = Instant::now();
    fill::fill(&data, settings.replay_tickets).await?;
    let fill_seconds = begun.elapsed().as_secs_f64();
    let path = data.clone();
    let folded = tokio::task::spawn_blocking(move || fold(&path)).await??;
    let page_ms = pages(&data, settings.replay_tickets).await?;
    let rate = folded.rates.median;
    let page_p99_ms = quantile(&sorted(&page_ms), 0.99).context("no page was read")?;
    Ok(Replay {
        tickets: folded.tickets,
        events: folded.events,
        disk_bytes: disk_bytes(&data)?,
        fill_seconds,
        events_per_second: folded.rates,
        floor_rows_per_second: folded.floor,
        ratio: rate / folded.floor.median,
        hash: folded.hash,
        same_hash: folded.same,
        target_events_per_second: TARGET_EVENTS_PER_SECOND,
        reached: rate >= TARGET_EVENTS_PER_SECOND,
        page_ms: Spread::of(&page_ms).context("no page was read")?,
        page_p99_ms,
        target_page_ms: TARGET_PAGE_MS,
        page_reached: page_p99_ms < TARGET_PAGE_MS,
    })
}

struct Folded {
    tickets: u64,
    events: u64,
    rates: Spread,
    floor: Spread,
    hash: String,
    same: bool,
}

/// Reads and folds in turn, so that both find the file in memory, or both do not.
#[expect(clippy::cast_precision_loss, reason = "rates")]
fn fold(data: &Path) -> anyhow::Result<Folded> {
    let (mut rates, mut floor, mut all) = (vec![], vec![], vec![]);
    for _ in 0..TIMES {
        let scanned = scan(data)?;
        floor.push(scanned.rows as f64 / scanned.took.as_secs_f64());
        let replayed = replay(data)?;
        ensure!(scanned.rows == replayed.events, "rows were left out");
        rates.push(replayed.events as f64 / replayed.took.as_secs_f64());
        all.push(replayed);
    }
    let last = all.last().context("nothing was folded")?;
    Ok(Folded {
        tickets: last.tickets,
        events: last.events,
        rates: Spread::of(&rates).context("nothing was folded")?,
        floor: Spread::of(&floor).context("nothing was read")?,
        hash: last.hash.clone(),
        same: all.iter().all(|one| one.hash == last.hash),
    })
}

/// How long each of some tickets' histories took, all over the store, in milliseconds.
async fn pages(data: &Path, tickets: u64) -> anyhow::Result<Vec<f64>> {
    let options = Options::new(data);
    let store = tokio::task::spawn_blocking(move || SqliteStore::open(options)).await??;
    let mut took = vec![];
    for page in 0..PAGES.min(tickets) {
        // A step without a common factor goes all over the store.
        let id = fill::ticket(page.wrapping_mul(7_919) % tickets);
        let begun = Instant::now();
        read(&store, id).await?;
        took.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    tokio::task::spawn_blocking(move || store.close()).await?;
    Ok(took)
}

/// The history, and the fingerprint after each event, as a page shows them.
async fn read(store: &SqliteStore, ticket: TicketId) -> anyhow::Result<()> {
    let stream = ticket.stream();
    let read = store.read_stream(&stream, None, Direction::Forwards, MOST_EVENTS);
    let mut state = TicketState::Unrequested;
    for recorded in read.await? {
        let event = &recorded.event;
        let event = TicketEvent::decode(&event.kind, event.schema_version, &event.data)?;
        state = apply(state, &event)?;
        ensure!(!state.fingerprint().is_empty(), "a state has a fingerprint");
    }
    ensure!(state != TicketState::Unrequested, "{stream} is not there");
    Ok(())
}

fn disk_bytes(data: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for file in std::fs::read_dir(data)? {
        bytes += file?.metadata()?.len();
    }
    Ok(bytes)
}

impl Replay {
    /// It in lines for people.
    pub(super) fn lines(&self) -> Vec<String> {
        let verdict = |reached| if reached { "reached" } else { "missed" };
        let same = if self.same_hash {
            "the same hash each time"
        } else {
            "NOT THE SAME HASH EACH TIME"
        };
        vec![
            format!(
                "{} tickets, {} events: folded at {:.0} events/s on one core, {same}; target {:.0}: {}",
                self.tickets,
                self.events,
                self.events_per_second.median,
                self.target_events_per_second,
                verdict(self.reached)
            ),
            format!(
                "  reading the same rows alone: {:.0} rows/s, {:.2} of it; filled in {:.0} s",
                self.floor_rows_per_second.median, self.ratio, self.fill_seconds
            ),
            format!(
                "  one ticket's history read and folded: median {:.2} ms, 99 of 100 in {:.2} ms; target under {:.0} ms: {}",
                self.page_ms.median,
                self.page_p99_ms,
                self.target_page_ms,
                verdict(self.page_reached)
            ),
        ]
    }
}
