//! The event store and the ticket list kept beside it.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use punchcard_events::ticket::{Stage, StateName, TicketSummary};
use punchcard_events::{
    NewEvent, Position, Recorded, Revision, StreamName, TaskName, TenantId, TicketId, Timestamp,
    UserId,
};

/// A store of event streams. `actors::testing::store_contract` is the suite every one must pass.
#[async_trait]
pub trait EventStore: Send + Sync + 'static {
    /// Appends `events` to `stream`, all or none, durable when this returns.
    ///
    /// Repeating an append with the same event ids and the same `expected` is a success with no
    /// second effect, so an unknown outcome is settled by asking again.
    ///
    /// # Errors
    /// See [`AppendError`].
    async fn append(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        events: &[NewEvent],
    ) -> Result<Appended, AppendError>;

    /// Up to `limit` events of `stream`, starting at revision `from` (inclusive) and going in
    /// `direction`; `None` starts at that direction's beginning. An unknown stream is empty.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn read_stream(
        &self,
        stream: &StreamName,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError>;

    /// Up to `limit` events of all streams after position `after`, in the order of positions.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn read_all(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError>;

    /// Every event after position `after`, first those stored, then those to come, without gap or
    /// repeat. The subscription ends with an error, never silently.
    fn subscribe(&self, after: Option<Position>) -> Subscription;

    /// Up to `limit` events of the streams of one category after position `after`, in the order of
    /// positions.
    ///
    /// A category is lowercase letters and `-`, such as `prompt` or `test-run`: it takes in every
    /// stream whose name begins with it and a further `-`. One that no stream has is empty.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn read_category(
        &self,
        category: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError>;

    /// As [`subscribe`](Self::subscribe), for the events of one category. What is appended to other
    /// streams costs it little or nothing.
    fn subscribe_category(&self, category: &str, after: Option<Position>) -> Subscription;

    /// Where the next event after position `after` is, of one category or of all streams; `None`:
    /// there is none. The event itself is not looked at, so that a reader can go past one that is
    /// damaged.
    ///
    /// # Errors
    /// When the store cannot be read now, or cannot tell where the next event is. A store that
    /// never can has nothing to write here.
    async fn next_place(
        &self,
        category: Option<&str>,
        after: Option<Position>,
    ) -> Result<Option<Place>, ReadError> {
        let reason = format!("what comes after {after:?} of {category:?} cannot be told");
        Err(ReadError::Damaged(reason))
    }
}

/// Where an event is, whether it can be read or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its place among all events.
    pub position: Position,
    /// Its stream, as far as its name can be read.
    pub stream: Option<StreamName>,
}

/// How far a store has come, for people who watch it.
#[async_trait]
pub trait StoreGauge: Send + Sync + 'static {
    /// The newest event's position; 0 of none.
    fn position(&self) -> Position;

    /// How many bytes it takes on its disk, where it has one.
    async fn size_bytes(&self) -> Option<u64>;
}

/// The ticket list: a projection of the ticket streams, current with every append.
#[async_trait]
pub trait TicketIndex: Send + Sync + 'static {
    /// Up to `limit` tickets that match `filter`, in `order` of their ids (which is the order of
    /// their issue), after ticket `after`.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn list(
        &self,
        filter: &TicketFilter,
        order: Order,
        after: Option<TicketId>,
        limit: usize,
    ) -> Result<Vec<TicketSummary>, ReadError>;

    /// How many tickets are in each state, over all tenants; states without any are left out.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn count_by_state(&self) -> Result<Vec<(StateName, u64)>, ReadError>;

    /// How many tickets that have not ended each tenant has in each state, by tenant; what there is none
    /// of is left out.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn count_open(&self) -> Result<Vec<(TenantId, StateName, u64)>, ReadError>;

    /// How many of a tenant's tickets with ids from `first` to `last`, both included, are in each state;
    /// states without any are left out.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn count_between(
        &self,
        tenant: &TenantId,
        first: TicketId,
        last: TicketId,
    ) -> Result<Vec<(StateName, u64)>, ReadError>;

    /// The failed tickets that match `filter`, counted by task and reason, in the order of these.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn failures(&self, filter: &TicketFilter) -> Result<Vec<FailureGroup>, ReadError>;

    /// Up to `limit` scheduled tickets that have not begun and whose time is `until` or before, the
    /// one whose time comes first first, after `after`.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn due(
        &self,
        after: Option<Due>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, ReadError>;

    /// How many tickets each tenant has scheduled for after `now`; tenants without any are left out.
    ///
    /// # Errors
    /// See [`ReadError`].
    async fn count_scheduled(&self, now: Timestamp) -> Result<Vec<(TenantId, u64)>, ReadError>;
}

/// A scheduled ticket that has not begun, and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// Before this it owes nothing.
    pub at: Timestamp,
    /// The ticket.
    pub ticket: TicketId,
}

/// Failed tickets of one task and one reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailureGroup {
    /// What they ran.
    pub task: TaskName,
    /// What was being done.
    pub stage: Stage,
    /// The failure's code.
    pub code: String,
    /// How many there are.
    pub count: u64,
    /// When the first of them failed.
    pub oldest: Timestamp,
    /// When the last of them failed.
    pub newest: Timestamp,
}

/// Which tickets to list; an empty filter matches all but forks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketFilter {
    /// Only this tenant's.
    pub tenant: Option<TenantId>,
    /// Only this user's.
    pub user: Option<UserId>,
    /// Only of this task.
    pub task: Option<TaskName>,
    /// Only in one of these states; empty means any.
    pub states: Vec<StateName>,
    /// Only issued at or after this time.
    pub requested_from: Option<Timestamp>,
    /// Only issued before this time.
    pub requested_before: Option<Timestamp>,
    /// Only those whose deadline in their present state is at or before this time.
    pub overdue_at: Option<Timestamp>,
    /// Without those that are scheduled for after this time.
    pub begun_by: Option<Timestamp>,
    /// Only those that are failed now, in this stage.
    pub stage: Option<Stage>,
    /// Only those that are failed now, with this code.
    pub code: Option<String>,
    /// Only those that are failed now, and failed at or after this time.
    pub failed_from: Option<Timestamp>,
    /// Only those that are failed now, and failed before this time.
    pub failed_before: Option<Timestamp>,
    /// Whether tickets that are forks are listed.
    pub forks: WhichForks,
}

impl TicketFilter {
    /// Whether it names a failure, so that nothing but failed tickets can match.
    pub const fn is_of_failures(&self) -> bool {
        self.stage.is_some()
            || self.code.is_some()
            || self.failed_from.is_some()
            || self.failed_before.is_some()
    }
}

/// Which forks a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WhichForks {
    /// None: only tickets that somebody issued.
    #[default]
    Without,
    /// All, beside the other tickets.
    With,
    /// Forks alone.
    Only,
    /// The forks of this ticket alone.
    Of(TicketId),
}

/// The order of a ticket list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Issued first comes first.
    OldestFirst,
    /// Issued last comes first.
    NewestFirst,
}

/// Which way a stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From revision 0 up.
    Forwards,
    /// From the newest revision down.
    Backwards,
}

/// What the writer believes about the stream it appends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedRevision {
    /// The stream has no event yet.
    NoStream,
    /// The stream's newest event has this revision.
    Exact(Revision),
}

impl ExpectedRevision {
    /// The revision that the first appended event will have.
    pub const fn first_new(self) -> Revision {
        match self {
            Self::NoStream => Revision::FIRST,
            Self::Exact(last) => last.next(),
        }
    }
}

/// Where an append landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The revision of the last appended event.
    pub revision: Revision,
    /// The global position of the last appended event.
    pub position: Position,
}

/// Why an append did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The stream is not where the writer believed. Nothing was written: replay and decide again.
    #[error("the stream has moved on: its newest revision is {actual:?}")]
    Conflict {
        /// The stream's newest revision; `None` when it has no event.
        actual: Option<Revision>,
    },
    /// The store takes no events now. Nothing was written, and nothing of it will be.
    #[error("the event store takes no events now: {0}")]
    Unavailable(String),
    /// The events may or may not be stored. Ask again with the same ids.
    #[error("the event store did not say whether the events are stored: {0}")]
    OutcomeUnknown(String),
}

/// Why a read failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The store cannot be read now.
    #[error("the event store cannot be read now: {0}")]
    Unavailable(String),
    /// What is stored is damaged, and is not served.
    #[error("stored events are damaged: {0}")]
    Damaged(String),
}

/// Events as they come.
pub type Subscription = BoxStream<'static, Result<Recorded, ReadError>>;
