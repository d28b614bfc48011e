//! An event store in memory, with faults on demand.
//!
//! It passes the same contract as the real stores, so a test of the runtime may rely on it. There
//! is no durability here, and no speed to measure.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream;
use punchcard_events::ticket::{StateName, TicketSummary};
use punchcard_events::{
    NewEvent, Position, Recorded, Revision, StreamName, TenantId, TicketId, Timestamp,
};
use tokio::sync::watch;

use crate::ports::{
    AppendError, Appended, Direction, Due, EventStore, ExpectedRevision, FailureGroup, Order,
    Place, ReadError, StoreGauge, Subscription, TicketFilter, TicketIndex, WhichForks,
};

/// The store. Clones share what is stored.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

/// What goes wrong with an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Nothing is written, and the store says so.
    Unavailable,
    /// Nothing is written, but the store does not say.
    UnknownNotWritten,
    /// All is written, but the store does not say.
    UnknownWritten,
}

/// How often each fault fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultsFired {
    /// [`Fault::Unavailable`], planned ones and those of [`MemoryStore::set_down`].
    pub unavailable: u64,
    /// [`Fault::UnknownNotWritten`].
    pub unknown_not_written: u64,
    /// [`Fault::UnknownWritten`].
    pub unknown_written: u64,
}

#[derive(Debug)]
struct Shared {
    held: Mutex<Held>,
    /// The last stored position; subscriptions wait on it.
    last: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Held {
    /// All events; the one at index i has position i + 1.
    log: Vec<Recorded>,
    /// Indexes into `log`, per stream in the order of revisions.
    streams: HashMap<StreamName, Vec<usize>>,
    tickets: BTreeMap<TicketId, TicketSummary>,
    /// Appends asked for so far, the failed ones included.
    appends: u64,
    planned: Vec<(When, Fault)>,
    down: bool,
    /// Positions whose events cannot be read.
    damaged: HashSet<Position>,
    /// How many of the next subscriptions panic.
    panics: u32,
    fired: FaultsFired,
}

/// The append that a planned fault hits.
#[derive(Debug, Clone, PartialEq, Eq)]
enum When {
    Next,
    Nth(u64),
    Kind(String),
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store without faults.
    pub fn new() -> Self {
        let shared = Shared {
            held: Mutex::default(),
            last: watch::channel(0).0,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Plans `fault` for the next append that no other planned fault hits. Planning several hits
    /// as many appends in a row.
    pub fn fail_next(&self, fault: Fault) {
        self.plan(When::Next, fault);
    }

    /// Plans `fault` for the append with this number, counted from 1 over all appends asked of
    /// this store.
    pub fn fail_nth(&self, number: u64, fault: Fault) {
        self.plan(When::Nth(number), fault);
    }

    /// Plans `fault` for the next append that holds an event of this kind, such as `TicketSent`.
    pub fn fail_kind(&self, kind: &str, fault: Fault) {
        self.plan(When::Kind(kind.to_owned()), fault);
    }

    /// While down, every append is [`AppendError::Unavailable`]; reads go on.
    pub fn set_down(&self, down: bool) {
        self.held().down = down;
    }

    /// From now on the event at `position` is damaged: whatever would read it is refused.
    pub fn damage(&self, position: Position) {
        self.held().damaged.insert(position);
    }

    /// The next `count` subscriptions panic in whoever asks for them.
    pub fn panic_at_subscriptions(&self, count: u32) {
        self.held().panics = count;
    }

    /// How many of these have not been asked for yet.
    pub fn panics_pending(&self) -> u32 {
        self.held().panics
    }

    /// How often each fault fired so far.
    pub fn faults_fired(&self) -> FaultsFired {
        self.held().fired
    }

    /// How many planned faults have not fired yet.
    pub fn faults_pending(&self) -> usize {
        self.held().planned.len()
    }

    /// How many appends were asked for, the failed ones included.
    pub fn appends(&self) -> u64 {
        self.held().appends
    }

    /// Every stored event, in the order of positions.
    pub fn all_events(&self) -> Vec<Recorded> {
        self.held().log.clone()
    }

    /// The kinds of the events of `ticket`, in order: what a test of a history compares.
    pub fn kinds_of(&self, ticket: TicketId) -> Vec<String> {
        let held = self.held();
        let indexes = held.streams.get(&ticket.stream());
        let kind = |&index: &usize| Some(held.log.get(index)?.event.kind.to_string());
        indexes.into_iter().flatten().filter_map(kind).collect()
    }

    fn plan(&self, when: When, fault: Fault) {
        self.held().planned.push((when, fault));
    }

    /// A panic elsewhere leaves whole appends behind, never half of one, so the lock's poison
    /// tells nothing.
    fn held(&self) -> MutexGuard<'_, Held> {
        let held = self.shared.held.lock();
        held.unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EventStore for MemoryStore {
    async fn append(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        events: &[NewEvent],
    ) -> Result<Appended, AppendError> {
        let mut held = self.held();
        held.appends += 1;
        match held.take_fault(events) {
            Some(Fault::Unavailable) => Err(AppendError::Unavailable("injected".to_owned())),
            Some(Fault::UnknownNotWritten) => {
                Err(AppendError::OutcomeUnknown("injected".to_owned()))
            }
            Some(Fault::UnknownWritten) => {
                held.append(stream, expected, events)?;
                self.shared.last.send_replace(held.last());
                Err(AppendError::OutcomeUnknown("injected".to_owned()))
            }
            None => {
                let appended = held.append(stream, expected, events)?;
                self.shared.last.send_replace(held.last());
                Ok(appended)
            }
        }
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        let held = self.held();
        let all = held.streams.get(stream).into_iter().flatten();
        let all = all.filter_map(|&index| held.log.get(index));
        let read = match direction {
            Direction::Forwards => all
                .filter(|e| from.is_none_or(|from| e.revision >= from))
                .take(limit)
                .cloned()
                .collect(),
            Direction::Backwards => {
                let mut down: Vec<_> = all
                    .filter(|e| from.is_none_or(|from| e.revision <= from))
                    .cloned()
                    .collect();
                down.reverse();
                down.truncate(limit);
                down
            }
        };
        held.sound(read)
    }

    async fn read_all(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        let held = self.held();
        held.sound(held.since(after).take(limit).cloned().collect())
    }

    fn subscribe(&self, after: Option<Position>) -> Subscription {
        self.follow(None, after)
    }

    async fn read_category(
        &self,
        category: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        let prefix = format!("{category}-");
        let held = self.held();
        let events = held.since(after).filter(|e| is_within(e, Some(&prefix)));
        held.sound(events.take(limit).cloned().collect())
    }

    fn subscribe_category(&self, category: &str, after: Option<Position>) -> Subscription {
        self.follow(Some(format!("{category}-")), after)
    }

    async fn next_place(
        &self,
        category: Option<&str>,
        after: Option<Position>,
    ) -> Result<Option<Place>, ReadError> {
        let prefix = category.map(|category| format!("{category}-"));
        let held = self.held();
        let next = held
            .since(after)
            .find(|e| is_within(e, prefix.as_deref()))
            .map(|event| Place {
                position: event.position,
                stream: Some(event.stream.clone()),
            });
        Ok(next)
    }
}

impl MemoryStore {
    /// The events of the streams whose names begin with `prefix`, or of all.
    fn follow(&self, prefix: Option<String>, after: Option<Position>) -> Subscription {
        let pending = self.held().panics;
        if let Some(left) = pending.checked_sub(1) {
            self.held().panics = left;
            panic_for_a_test();
        }
        // The store itself stays alive in the subscription, so the watch cannot close.
        let start = (self.clone(), after, self.shared.last.subscribe());
        stream::unfold(Some(start), move |start| {
            let prefix = prefix.clone();
            async move {
                // One that ended with an error goes on no more.
                let (store, mut after, mut last) = start?;
                loop {
                    last.borrow_and_update();
                    let next = store.held().next(prefix.as_deref(), &mut after);
                    match next {
                        Ok(Some(event)) => return Some((Ok(event), Some((store, after, last)))),
                        Ok(None) => last.changed().await.ok()?,
                        Err(error) => return Some((Err(error), None)),
                    }
                }
            }
        })
        .boxed()
    }
}

#[async_trait]
impl StoreGauge for MemoryStore {
    fn position(&self) -> Position {
        Position(self.held().log.len() as u64)
    }

    async fn size_bytes(&self) -> Option<u64> {
        None
    }
}

#[async_trait]
impl TicketIndex for MemoryStore {
    async fn list(
        &self,
        filter: &TicketFilter,
        order: Order,
        after: Option<TicketId>,
        limit: usize,
    ) -> Result<Vec<TicketSummary>, ReadError> {
        let held = self.held();
        let matching = held.tickets.values().filter(|t| matches(filter, t));
        let listed = match order {
            Order::OldestFirst => matching
                .filter(|t| after.is_none_or(|after| t.id > after))
                .take(limit)
                .cloned()
                .collect(),
            Order::NewestFirst => matching
                .rev()
                .filter(|t| after.is_none_or(|after| t.id < after))
                .take(limit)
                .cloned()
                .collect(),
        };
        Ok(listed)
    }

    async fn count_by_state(&self) -> Result<Vec<(StateName, u64)>, ReadError> {
        let mut counts = BTreeMap::new();
        for ticket in self.held().tickets.values() {
            *counts.entry(ticket.state).or_insert(0) += 1;
        }
        Ok(counts.into_iter().collect())
    }

    async fn count_open(&self) -> Result<Vec<(TenantId, StateName, u64)>, ReadError> {
        let mut counts = BTreeMap::new();
        for line in self.held().tickets.values() {
            if !line.state.is_terminal() {
                let of = (line.tenant.clone(), line.state);
                *counts.entry(of).or_insert(0) += 1;
            }
        }
        let counts = counts.into_iter();
        Ok(counts
            .map(|((tenant, state), count)| (tenant, state, count))
            .collect())
    }

    async fn count_between(
        &self,
        tenant: &TenantId,
        first: TicketId,
        last: TicketId,
    ) -> Result<Vec<(StateName, u64)>, ReadError> {
        let mut counts = BTreeMap::new();
        for (_, line) in self.held().tickets.range(first..=last) {
            if line.tenant == *tenant {
                *counts.entry(line.state).or_insert(0) += 1;
            }
        }
        Ok(counts.into_iter().collect())
    }

    async fn failures(&self, filter: &TicketFilter) -> Result<Vec<FailureGroup>, ReadError> {
        let held = self.held();
        let mut groups: BTreeMap<_, FailureGroup> = BTreeMap::new();
        for line in held.tickets.values().filter(|t| matches(filter, t)) {
            let (Some(stage), Some(code)) = (line.failed_stage, &line.failure_code) else {
                continue;
            };
            let key = (line.task.clone(), stage.as_str(), code.clone());
            let group = groups.entry(key).or_insert_with(|| FailureGroup {
                task: line.task.clone(),
                stage,
                code: code.clone(),
                count: 0,
                oldest: line.updated_at,
                newest: line.updated_at,
            });
            group.count += 1;
            group.oldest = group.oldest.min(line.updated_at);
            group.newest = group.newest.max(line.updated_at);
        }
        Ok(groups.into_values().collect())
    }

    async fn due(
        &self,
        after: Option<Due>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, ReadError> {
        let held = self.held();
        let scheduled = held.tickets.values().filter_map(|line| {
            let (at, ticket) = (line.not_before?, line.id);
            Some(Due { at, ticket })
        });
        let due = scheduled.filter(|due| due.at <= until && after.is_none_or(|after| *due > after));
        let mut due: Vec<_> = due.collect();
        due.sort_unstable();
        due.truncate(limit);
        Ok(due)
    }

    async fn count_scheduled(&self, now: Timestamp) -> Result<Vec<(TenantId, u64)>, ReadError> {
        let mut counts = BTreeMap::new();
        for line in self.held().tickets.values() {
            if line.not_before.is_some_and(|at| at > now) {
                *counts.entry(line.tenant.clone()).or_insert(0) += 1;
            }
        }
        Ok(counts.into_iter().collect())
    }
}

impl Held {
    /// The fault planned for this append, counted as fired.
    fn take_fault(&mut self, events: &[NewEvent]) -> Option<Fault> {
        let number = self.appends;
        let hits = |when: &When| match when {
            When::Nth(n) => *n == number,
            When::Kind(kind) => events.iter().any(|e| e.kind == kind.as_str()),
            When::Next => false,
        };
        let exact = self.planned.iter().position(|(when, _)| hits(when));
        let next = || self.planned.iter().position(|(w, _)| *w == When::Next);
        let fault = match exact.or_else(next) {
            Some(index) => Some(self.planned.remove(index).1),
            None => self.down.then_some(Fault::Unavailable),
        };
        match fault {
            Some(Fault::Unavailable) => self.fired.unavailable += 1,
            Some(Fault::UnknownNotWritten) => self.fired.unknown_not_written += 1,
            Some(Fault::UnknownWritten) => self.fired.unknown_written += 1,
            None => {}
        }
        fault
    }

    fn append(
        &mut self,
        stream: &StreamName,
        expected: ExpectedRevision,
        events: &[NewEvent],
    ) -> Result<Appended, AppendError> {
        let actual = self.newest(stream);
        let as_expected = match expected {
            ExpectedRevision::NoStream => actual.is_none(),
            ExpectedRevision::Exact(revision) => actual == Some(revision),
        };
        if events.is_empty() {
            return Err(AppendError::Conflict { actual });
        }
        if !as_expected {
            let repeated = self.repeated(stream, expected, events);
            return repeated.ok_or(AppendError::Conflict { actual });
        }
        let mut revision = expected.first_new();
        let mut landed = None;
        for event in events {
            landed = Some(self.push(stream, revision, event));
            revision = revision.next();
        }
        landed.ok_or(AppendError::Conflict { actual })
    }

    fn push(&mut self, stream: &StreamName, revision: Revision, event: &NewEvent) -> Appended {
        if let Some(id) = stream.ticket() {
            let before = self.tickets.get(&id).cloned();
            // An event that cannot be decoded is its reader's trouble: the list shows the ticket
            // as it was, at the new revision.
            let folded = TicketSummary::fold(before.clone(), id, revision, event);
            let unread = |_| {
                before.map(|mut summary| {
                    summary.revision = revision;
                    summary.updated_at = event.recorded_at;
                    summary
                })
            };
            if let Some(summary) = folded.unwrap_or_else(unread) {
                self.tickets.insert(id, summary);
            }
        }
        let index = self.log.len();
        self.streams.entry(stream.clone()).or_default().push(index);
        let position = Position(index as u64 + 1);
        self.log.push(Recorded {
            stream: stream.clone(),
            revision,
            position,
            event: event.clone(),
        });
        Appended { revision, position }
    }

    /// Where these very events are stored already, if they are.
    fn repeated(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        events: &[NewEvent],
    ) -> Option<Appended> {
        let skip = match expected {
            ExpectedRevision::NoStream => 0,
            ExpectedRevision::Exact(revision) => revision.0.checked_add(1)?,
        };
        let stored = self.streams.get(stream)?;
        let stored = stored.get(usize::try_from(skip).ok()?..)?;
        let stored = stored.get(..events.len())?;
        let stored: Vec<_> = stored.iter().filter_map(|&i| self.log.get(i)).collect();
        let same = stored
            .iter()
            .map(|e| e.event.id)
            .eq(events.iter().map(|e| e.id));
        let last = stored.last().filter(|_| same)?;
        Some(Appended {
            revision: last.revision,
            position: last.position,
        })
    }

    fn newest(&self, stream: &StreamName) -> Option<Revision> {
        let index = *self.streams.get(stream)?.last()?;
        self.log.get(index).map(|e| e.revision)
    }

    fn since(&self, after: Option<Position>) -> impl Iterator<Item = &Recorded> {
        let skip = after.map_or(0, |p| usize::try_from(p.0).unwrap_or(usize::MAX));
        self.log.iter().skip(skip)
    }

    /// The next event within `prefix`; moves `after` past whatever was looked at.
    fn next(
        &self,
        prefix: Option<&str>,
        after: &mut Option<Position>,
    ) -> Result<Option<Recorded>, ReadError> {
        let found = self.since(*after).find(|e| is_within(e, prefix)).cloned();
        let last = Some(Position(self.last()));
        *after = match &found {
            Some(event) => Some(event.position),
            None => (*after).max(last),
        };
        let found = self.sound(found.into_iter().collect())?;
        Ok(found.into_iter().next())
    }

    /// The events, if none of them is damaged.
    fn sound(&self, read: Vec<Recorded>) -> Result<Vec<Recorded>, ReadError> {
        match read.iter().find(|e| self.damaged.contains(&e.position)) {
            Some(event) => Err(ReadError::Damaged(format!(
                "the event at position {} of {}",
                event.position.0, event.stream
            ))),
            None => Ok(read),
        }
    }

    fn last(&self) -> u64 {
        self.log.last().map_or(0, |e| e.position.0)
    }
}

#[expect(clippy::panic, reason = "what is tested is how a panic is survived")]
fn panic_for_a_test() {
    panic!("a subscription panics, as the test asked");
}

fn is_within(event: &Recorded, prefix: Option<&str>) -> bool {
    prefix.is_none_or(|prefix| event.stream.as_str().starts_with(prefix))
}

fn matches(filter: &TicketFilter, ticket: &TicketSummary) -> bool {
    let TicketFilter {
        tenant,
        user,
        task,
        states,
        requested_from,
        requested_before,
        overdue_at,
        begun_by,
        stage,
        code,
        failed_from,
        failed_before,
        forks,
    } = filter;
    let failed_at = ticket.failed_at();
    let is_listed = match forks {
        WhichForks::Without => ticket.fork_of.is_none(),
        WhichForks::With => true,
        WhichForks::Only => ticket.fork_of.is_some(),
        WhichForks::Of(parent) => ticket.fork_of == Some(*parent),
    };
    tenant.as_ref().is_none_or(|t| *t == ticket.tenant)
        && user
            .as_ref()
            .is_none_or(|u| Some(u) == ticket.user.as_ref())
        && task.as_ref().is_none_or(|t| *t == ticket.task)
        && (states.is_empty() || states.contains(&ticket.state))
        && requested_from.is_none_or(|from| ticket.requested_at >= from)
        && requested_before.is_none_or(|before| ticket.requested_at < before)
        && overdue_at.is_none_or(|at| ticket.deadline().is_some_and(|d| d <= at))
        && begun_by.is_none_or(|at| ticket.not_before.is_none_or(|from| from <= at))
        && stage.is_none_or(|stage| ticket.failed_stage == Some(stage))
        && (code.is_none() || *code == ticket.failure_code)
        && failed_from.is_none_or(|from| failed_at.is_some_and(|at| at >= from))
        && failed_before.is_none_or(|before| failed_at.is_some_and(|at| at < before))
        && is_listed
}
