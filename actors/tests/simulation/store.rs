//! The store: a memory that outlives the process, reached through something slow and unreliable.
//!
//! As with the real one, an append goes on when whoever asked for it has gone; only the death of the
//! process ends it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use punchcard_actors::ports::{
    AppendError, Appended, Direction, Due, EventStore, ExpectedRevision, FailureGroup, Order,
    ReadError, Subscription, TicketFilter, TicketIndex,
};
use punchcard_events::ticket::{StateName, TicketSummary};
use punchcard_events::{
    NewEvent, Position, Recorded, Revision, StreamName, TenantId, TicketId, Timestamp,
};

use crate::foreign;
use crate::mutant::Mutant;
use crate::plan::StoreFault;
use crate::stage::{Inner, Stage};

/// The store and the ticket list, as the runtime sees them.
#[derive(Clone)]
pub(crate) struct SimStore(pub(crate) Arc<Stage>);

/// One append that was asked for.
struct Append {
    stream: StreamName,
    expected: ExpectedRevision,
    events: Vec<NewEvent>,
}

type Outcome = Result<Appended, AppendError>;

#[async_trait]
impl EventStore for SimStore {
    async fn append(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        events: &[NewEvent],
    ) -> Outcome {
        self.0.live().await;
        let append = Append {
            stream: stream.clone(),
            expected,
            events: events.to_vec(),
        };
        let stage = Arc::clone(&self.0);
        // A task of its own: it goes on without its asker.
        let outcome = tokio::task::spawn_local(async move { append.run(&stage).await });
        match outcome.await {
            Ok(outcome) => outcome,
            Err(_) => std::future::pending().await,
        }
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        self.reading().await?;
        let memory = self.0.lock().memory.clone();
        memory.read_stream(stream, from, direction, limit).await
    }

    async fn read_all(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        self.reading().await?;
        let memory = self.0.lock().memory.clone();
        memory.read_all(after, limit).await
    }

    fn subscribe(&self, after: Option<Position>) -> Subscription {
        let memory = self.0.lock().memory.clone();
        memory.subscribe(after)
    }

    async fn read_category(
        &self,
        category: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        self.reading().await?;
        let memory = self.0.lock().memory.clone();
        memory.read_category(category, after, limit).await
    }

    fn subscribe_category(&self, category: &str, after: Option<Position>) -> Subscription {
        let memory = self.0.lock().memory.clone();
        memory.subscribe_category(category, after)
    }
}

#[async_trait]
impl TicketIndex for SimStore {
    async fn list(
        &self,
        filter: &TicketFilter,
        order: Order,
        after: Option<TicketId>,
        limit: usize,
    ) -> Result<Vec<TicketSummary>, ReadError> {
        self.reading().await?;
        let memory = self.0.lock().memory.clone();
        memory.list(filter, order, after, limit).await
    }

    async fn count_by_state(&self) -> Result<Vec<(StateName, u64)>, ReadError> {
        let memory = self.0.lock().memory.clone();
        memory.count_by_state().await
    }

    async fn count_open(&self) -> Result<Vec<(TenantId, StateName, u64)>, ReadError> {
        let memory = self.0.lock().memory.clone();
        memory.count_open().await
    }

    async fn count_between(
        &self,
        tenant: &TenantId,
        first: TicketId,
        last: TicketId,
    ) -> Result<Vec<(StateName, u64)>, ReadError> {
        let memory = self.0.lock().memory.clone();
        memory.count_between(tenant, first, last).await
    }

    async fn failures(&self, filter: &TicketFilter) -> Result<Vec<FailureGroup>, ReadError> {
        self.reading().await?;
        let memory = self.0.lock().memory.clone();
        memory.failures(filter).await
    }

    async fn due(
        &self,
        after: Option<Due>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, ReadError> {
        self.reading().await?;
        let memory = self.0.lock().memory.clone();
        memory.due(after, until, limit).await
    }

    async fn count_scheduled(&self, now: Timestamp) -> Result<Vec<(TenantId, u64)>, ReadError> {
        let memory = self.0.lock().memory.clone();
        memory.count_scheduled(now).await
    }
}

impl SimStore {
    async fn reading(&self) -> Result<(), ReadError> {
        self.0.live().await;
        let delay = {
            let mut inner = self.0.lock();
            if inner.time.passed() < inner.scripts.reads_down_until {
                inner.fired.count("store: reads fail");
                return Err(ReadError::Unavailable("simulated".to_owned()));
            }
            let most = self.0.setup.store_delay_ms;
            inner.chance.delay(most)
        };
        pass(delay).await;
        Ok(())
    }
}

impl Append {
    async fn run(self, stage: &Arc<Stage>) -> Outcome {
        let (fault, before, after) = {
            let mut inner = stage.lock();
            let fault = inner.scripts.take(&self.events);
            let most = stage.setup.store_delay_ms;
            let before = inner.chance.delay(most);
            (fault, before, inner.chance.delay(most))
        };
        if stage.mutant == Some(Mutant::AcknowledgesEarly) {
            return self.acknowledge_early(stage);
        }
        pass(before).await;
        if stage.overflows() {
            return std::future::pending().await;
        }
        let outcome = self.faulty(stage, fault).await;
        pass(after).await;
        let mut inner = stage.lock();
        if let Ok(appended) = &outcome {
            inner.acknowledged(&self, appended);
        }
        outcome
    }

    async fn faulty(&self, stage: &Arc<Stage>, fault: Option<StoreFault>) -> Outcome {
        match fault {
            None => {
                let mut inner = stage.lock();
                if inner.time.passed() < inner.scripts.store_down_until {
                    return inner.refuse("store: down", AppendError::Unavailable);
                }
                inner.write(self, stage.mutant)
            }
            Some(StoreFault::Unavailable) => stage
                .lock()
                .refuse("store: unavailable", AppendError::Unavailable),
            Some(StoreFault::UnknownNotWritten) => stage
                .lock()
                .refuse("store: unknown, not written", AppendError::OutcomeUnknown),
            Some(StoreFault::UnknownWritten) => {
                let mut inner = stage.lock();
                inner.write(self, stage.mutant)?;
                inner.refuse("store: unknown, written", AppendError::OutcomeUnknown)
            }
            Some(StoreFault::Slow { ms }) => {
                stage.lock().fired.count("store: slow");
                tokio::time::sleep(Duration::from_millis(ms)).await;
                stage.lock().write(self, stage.mutant)
            }
            Some(StoreFault::Overtaken(deed)) => {
                let mut inner = stage.lock();
                if let Some(ticket) = self.stream.ticket()
                    && foreign::write(&mut inner, ticket, deed)
                {
                    inner.fired.count("store: overtaken by another node");
                }
                inner.write(self, stage.mutant)
            }
            Some(StoreFault::CrashBefore) => stage.die("crash: before an append").await,
            Some(StoreFault::CrashAfter) => {
                let outcome = stage.lock().write(self, stage.mutant);
                match outcome {
                    Ok(_) => stage.die("crash: after an append").await,
                    refused => refused,
                }
            }
        }
    }

    /// [`Mutant::AcknowledgesEarly`]: what is said to be durable is written a little later.
    fn acknowledge_early(self, stage: &Arc<Stage>) -> Outcome {
        let revision = Revision(self.expected.first_new().0 + self.events.len() as u64 - 1);
        let position = Position(u64::MAX);
        let stage = Arc::clone(stage);
        tokio::task::spawn_local(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            // Nobody is left who could be told how it went.
            let _ = stage.lock().write(&self, None);
        });
        Ok(Appended { revision, position })
    }
}

impl Inner {
    fn refuse(&mut self, fault: &'static str, error: fn(String) -> AppendError) -> Outcome {
        self.fired.count(fault);
        self.note(format_args!("{fault}"));
        Err(error("simulated".to_owned()))
    }

    /// Writes, whatever the mutant makes of that, and has the oracle look at it.
    fn write(&mut self, append: &Append, mutant: Option<Mutant>) -> Outcome {
        let Append {
            stream,
            expected,
            events,
        } = append;
        let mut outcome = self.put(stream, *expected, events);
        match mutant {
            Some(Mutant::IgnoresRevisions) => {
                if let Err(AppendError::Conflict { actual }) = outcome {
                    let actual = actual.map_or(ExpectedRevision::NoStream, ExpectedRevision::Exact);
                    outcome = self.put(stream, actual, events);
                }
            }
            Some(Mutant::WritesTwice) if self.chance.in_percent(10) => {
                if let Ok(appended) = &outcome {
                    let again: Vec<_> = events.iter().map(|e| self.renamed(e)).collect();
                    let expected = ExpectedRevision::Exact(appended.revision);
                    outcome = self.put(stream, expected, &again);
                }
            }
            _ => {}
        }
        if let Err(AppendError::Conflict { actual }) = &outcome {
            let actual = actual.map(|revision| revision.0);
            self.fired.count("store: conflict");
            self.note(format_args!("store: conflict, the newest is {actual:?}"));
        }
        self.examine(false);
        outcome
    }

    fn put(
        &mut self,
        stream: &StreamName,
        expected: ExpectedRevision,
        events: &[NewEvent],
    ) -> Outcome {
        let appended = self.memory.append(stream, expected, events).now_or_never();
        appended.unwrap_or_else(|| Err(AppendError::Unavailable("never waits".to_owned())))
    }

    /// The same event under another id.
    fn renamed(&mut self, event: &NewEvent) -> NewEvent {
        let id = uuid::Uuid::from_u128(u128::from(self.chance.bits()));
        NewEvent {
            id: punchcard_events::EventId(id),
            causation_id: Some(event.id),
            ..event.clone()
        }
    }

    /// Has the oracle look at every event that is new.
    pub(crate) fn examine(&mut self, foreign: bool) {
        let at = self.time.passed();
        let new = self.memory.read_all(self.oracle.last(), 100).now_or_never();
        for recorded in new.and_then(Result::ok).unwrap_or_default() {
            let found = self.oracle.stored(&recorded, foreign, at);
            let name = match recorded.stream.ticket() {
                Some(ticket) => self.oracle.name(ticket),
                None => "claim".to_owned(),
            };
            let (kind, revision) = (&recorded.event.kind, recorded.revision.0);
            let by = if foreign { " by another node" } else { "" };
            self.note(format_args!("store: {name} {revision} {kind}{by}"));
            self.report(found);
        }
    }

    fn acknowledged(&mut self, append: &Append, appended: &Appended) {
        let mut revision = append.expected.first_new();
        for event in &append.events {
            self.oracle.acknowledge(&append.stream, revision, event.id);
            revision = revision.next();
        }
        if revision != appended.revision.next() {
            let (said, due) = (appended.revision.0, revision.0);
            self.violate(
                "2 streams",
                format_args!("{said} is acknowledged before {due}"),
            );
        }
    }

    /// What is left after a crash: everything that was written.
    pub(crate) fn survive(&mut self, mutant: Option<Mutant>) {
        if mutant == Some(Mutant::ForgetsAtCrash) {
            self.memory = without_the_last(&self.memory, 2);
        }
        let stored = self.memory.all_events();
        let found = self.oracle.check_kept(&stored);
        self.report(found);
    }
}

/// [`Mutant::ForgetsAtCrash`]: the same events without the newest ones.
fn without_the_last(
    memory: &punchcard_actors::testing::memory_store::MemoryStore,
    count: usize,
) -> punchcard_actors::testing::memory_store::MemoryStore {
    let all = memory.all_events();
    let left = punchcard_actors::testing::memory_store::MemoryStore::new();
    for recorded in all.iter().take(all.len().saturating_sub(count)) {
        let before = recorded.revision.0.checked_sub(1).map(Revision);
        let expected = before.map_or(ExpectedRevision::NoStream, ExpectedRevision::Exact);
        let event = std::slice::from_ref(&recorded.event);
        // It was appended once, so it can be appended again.
        let _ = left
            .append(&recorded.stream, expected, event)
            .now_or_never();
    }
    left
}

impl crate::stage::Scripts {
    /// The fault for this append, if one is due.
    fn take(&mut self, events: &[NewEvent]) -> Option<StoreFault> {
        let fits = |on: &Option<String>| {
            on.as_deref()
                .is_none_or(|kind| events.iter().any(|event| event.kind == kind))
        };
        let index = self.store.iter().position(|(_, on)| fits(on))?;
        Some(self.store.remove(index).0)
    }
}

/// Waits, unless there is nothing to wait for.
pub(crate) async fn pass(delay: Duration) {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}
