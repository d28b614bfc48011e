//! The task that counts.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use punchcard_events::ids::TICKET_CATEGORY;
use punchcard_events::ticket::TicketEvent;
use punchcard_events::{EventId, Position, Recorded, TicketId};
use tokio::time::{Instant, MissedTickBehavior};

use crate::following::{Step, step};
use crate::ports::{EventStore, LoadedUsage, ReadError, UsageBatch, UsageTable};
use crate::usage::fold::{Counts, OpenTicket, RowKey, Seen, Settlement, fold, matters, recall};
use crate::usage::meter::Meter;

/// Events read at a time while catching up.
const PAGE: usize = 512;
/// How often what was counted is saved.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// Pages between two saves while catching up.
const PAGES_PER_SAVE: usize = 64;
/// How long is waited before a store that could not be read is asked again: twice as long each
/// time, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Counts every event after its position.
pub(super) struct Follower {
    store: Arc<dyn EventStore>,
    table: Arc<dyn UsageTable>,
    meter: Meter,
    open: HashMap<TicketId, OpenTicket>,
    /// The last event that was counted.
    counted: Option<(Position, EventId)>,
    unsaved: Unsaved,
    wait: Duration,
}

/// What was counted since the last save.
#[derive(Default)]
struct Unsaved {
    any: bool,
    rows: HashMap<RowKey, Counts>,
    /// Tickets that changed.
    tickets: HashSet<TicketId>,
}

impl Follower {
    /// A follower that begins where the table ends, with its sums and reservations in the ledger.
    pub(super) fn new(
        store: Arc<dyn EventStore>,
        table: Arc<dyn UsageTable>,
        meter: Meter,
        loaded: LoadedUsage,
    ) -> Self {
        {
            let mut ledger = meter.ledger();
            for (day, tenant, task, used) in &loaded.sums {
                ledger.restore(*day, tenant, task, *used);
            }
            for (ticket, open) in &loaded.open {
                let amount = meter.amount(&open.model, open.estimate);
                ledger.hold_anyway(*ticket, &open.tenant, &open.task, amount);
            }
        }
        Self {
            store,
            table,
            meter,
            open: loaded.open.into_iter().collect(),
            counted: loaded.counted,
            unsaved: Unsaved::default(),
            wait: FIRST_WAIT,
        }
    }

    /// Counts for ever. A panic ends one round, and the next begins behind the event that made it.
    pub(super) async fn run(mut self) {
        loop {
            let round = AssertUnwindSafe(self.rounds()).catch_unwind().await;
            let Err(_) = round;
            metrics::counter!("usage_counting_panics_total").increment(1);
            tracing::error!("the counting of usage panicked; it goes on behind the event");
            self.pause().await;
        }
    }

    async fn rounds(&mut self) -> std::convert::Infallible {
        loop {
            let Err(mut ended) = self.round().await;
            if let ReadError::Damaged(_) = ended {
                match self.pass_damage().await {
                    Ok(()) => continue,
                    Err(error) => ended = error,
                }
            }
            tracing::warn!(error = %ended, "the tickets cannot be followed to count their usage; trying again");
            self.pause().await;
        }
    }

    async fn round(&mut self) -> Result<std::convert::Infallible, ReadError> {
        self.catch_up().await?;
        if !self.meter.is_ready() {
            tracing::info!(
                position = self.position().map_or(0, |position| position.0),
                open_tickets = self.open.len(),
                "usage is counted up to now"
            );
            self.meter.set_ready();
        }
        self.follow().await
    }

    /// Reads what is stored, page by page.
    async fn catch_up(&mut self) -> Result<(), ReadError> {
        let mut pages = 0;
        loop {
            let page = self
                .store
                .read_category(TICKET_CATEGORY, self.position(), PAGE);
            let page = page.await?;
            for recorded in &page {
                self.take(recorded).await?;
            }
            pages += 1;
            if page.len() < PAGE {
                self.save().await;
                return Ok(());
            }
            if pages % PAGES_PER_SAVE == 0 {
                self.save().await;
            }
            // Whoever shares the thread gets a turn.
            tokio::task::yield_now().await;
        }
    }

    /// Follows what is being stored, until that cannot go on.
    async fn follow(&mut self) -> Result<std::convert::Infallible, ReadError> {
        let store = Arc::clone(&self.store);
        let mut news = store.subscribe_category(TICKET_CATEGORY, self.position());
        let mut save = tokio::time::interval_at(Instant::now() + SAVE_EVERY, SAVE_EVERY);
        save.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = save.tick() => self.save().await,
                next = news.next() => match next {
                    Some(recorded) => self.take(&recorded?).await?,
                    None => return Err(ReadError::Unavailable("the subscription ended".to_owned())),
                },
            }
        }
    }

    /// Takes event by event, up to one that is damaged and past it.
    async fn pass_damage(&mut self) -> Result<(), ReadError> {
        for _ in 0..PAGE {
            match step(self.store.as_ref(), Some(TICKET_CATEGORY), self.position()).await? {
                Step::Event(recorded) => self.take(&recorded).await?,
                Step::Damaged(place, reason) => {
                    metrics::counter!("usage_events_damaged_total").increment(1);
                    let position = place.position.0;
                    tracing::error!(position, reason, "a damaged event counts no usage");
                    let event = self
                        .counted
                        .map_or(EventId(uuid::Uuid::nil()), |(_, id)| id);
                    self.counted = Some((place.position, event));
                    break;
                }
                Step::End => break,
            }
        }
        self.pause().await;
        Ok(())
    }

    async fn take(&mut self, recorded: &Recorded) -> Result<(), ReadError> {
        let before = self.counted.replace((recorded.position, recorded.event.id));
        self.unsaved.any = true;
        self.wait = FIRST_WAIT;
        let kind = &recorded.event.kind;
        let Some(ticket) = recorded.stream.ticket() else {
            return Ok(());
        };
        if !matters(kind) {
            return Ok(());
        }
        let Ok(event) = decode(recorded) else {
            // The ticket itself is in as much trouble, and tells of it.
            metrics::counter!("usage_events_damaged_total").increment(1);
            return Ok(());
        };
        let mut seen = fold(
            &mut self.open,
            ticket,
            &event,
            recorded,
            self.meter.prices(),
        );
        if seen == Seen::Unknown {
            match self.recall(ticket, recorded).await {
                Ok(()) => {}
                Err(error @ ReadError::Unavailable(_)) => {
                    self.counted = before;
                    return Err(error);
                }
                Err(ReadError::Damaged(_)) => return Ok(()),
            }
            seen = fold(
                &mut self.open,
                ticket,
                &event,
                recorded,
                self.meter.prices(),
            );
        }
        self.book(ticket, &seen, recorded);
        Ok(())
    }

    /// Finds out about a ticket that is not among the open ones, as of before this event.
    async fn recall(&mut self, ticket: TicketId, up_to: &Recorded) -> Result<(), ReadError> {
        let events = crate::history::read(self.store.as_ref(), ticket).await?;
        let mut history = Vec::with_capacity(events.len());
        for recorded in events {
            if recorded.revision >= up_to.revision {
                break;
            }
            let event = decode(&recorded).map_err(|error| ReadError::Damaged(error.to_string()))?;
            history.push((event, recorded));
        }
        if let Some(open) = recall(ticket, &history, self.meter.prices()) {
            self.open.insert(ticket, open);
        }
        Ok(())
    }

    /// Enters what an event means into the ledger, and marks what is to be saved.
    fn book(&mut self, ticket: TicketId, seen: &Seen, recorded: &Recorded) {
        let mut ledger = self.meter.ledger();
        let settled = match seen {
            Seen::Nothing | Seen::Unknown => return,
            Seen::Changed => {
                if let Some(open) = self.open.get(&ticket) {
                    let amount = self.meter.amount(&open.model, open.estimate);
                    ledger.hold_anyway(ticket, &open.tenant, &open.task, amount);
                }
                None
            }
            Seen::Settled(settlement) => Some(settlement),
            Seen::Ended(last) => last.as_ref(),
        };
        if let Some(settlement) = settled {
            let Settlement {
                key,
                attempt,
                counts,
            } = settlement;
            let (used, at) = (settlement.amount(), recorded.event.recorded_at);
            ledger.settle(ticket, *attempt, &key.tenant, &key.task, used, at);
            match self.unsaved.rows.get_mut(key) {
                Some(row) => row.add(counts),
                None => drop(self.unsaved.rows.insert(key.clone(), *counts)),
            }
        }
        if let Seen::Ended(_) = seen {
            ledger.end(ticket);
        }
        drop(ledger);
        self.unsaved.tickets.insert(ticket);
    }

    /// Saves what was counted. What cannot be saved now is saved with what comes.
    async fn save(&mut self) {
        let Some(counted) = self.counted.filter(|_| self.unsaved.any) else {
            return;
        };
        let open = |ticket: &TicketId| (*ticket, self.open.get(ticket).cloned());
        let batch = UsageBatch {
            counted,
            rows: self
                .unsaved
                .rows
                .iter()
                .map(|(key, counts)| (key.clone(), *counts))
                .collect(),
            open: self.unsaved.tickets.iter().map(open).collect(),
        };
        match self.table.save(batch).await {
            Ok(()) => self.unsaved = Unsaved::default(),
            Err(error) => {
                metrics::counter!("usage_saves_failed_total").increment(1);
                tracing::warn!(%error, "usage was not saved; it is kept for the next time");
            }
        }
    }

    fn position(&self) -> Option<Position> {
        self.counted.map(|(position, _)| position)
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }
}

fn decode(recorded: &Recorded) -> Result<TicketEvent, punchcard_events::recorded::DecodeError> {
    let event = &recorded.event;
    TicketEvent::decode(&event.kind, event.schema_version, &event.data)
}
