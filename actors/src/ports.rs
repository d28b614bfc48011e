//! What the runtime needs from the world, in domain words. Adapters implement these; nothing in
//! this crate knows which adapter runs.

mod callbacks;
mod clock;
mod judge;
mod limits;
mod model;
mod prompts;
mod store;
mod tasks;
mod usage;
mod webhooks;

pub use callbacks::{Callbacks, Called, PostProcessCall, PreProcessCall, PreProcessReply};
pub use clock::Clock;
pub use judge::{Answered, Grading, Judge, Judges, Verdict};
pub use limits::{LimitsBook, Unlimited};
pub use model::{AnswerPart, AnswerStream, LanguageModel, ModelCall};
pub use prompts::{Checked, Finding, PromptCheck, Severity};
pub use store::{
    AppendError, Appended, Direction, Due, EventStore, ExpectedRevision, FailureGroup, Order,
    Place, ReadError, StoreGauge, Subscription, TicketFilter, TicketIndex, WhichForks,
};
pub use tasks::{
    Again, AgainError, AnswerError, Asked, InputRefusal, Lane, PrepareError, Prepared, TaskBook,
};
pub use usage::{
    LoadedUsage, UsageBatch, UsageGroup, UsageQuery, UsageRow, UsageTable, UsageTableError,
};
pub use webhooks::{
    Change, Delivery, DeliveryLog, DeliveryState, Head, LastAttempt, LogError, LogFilter, Made,
    MessageContent, Sent, Standing, WebhookMessage, WebhookSender,
};

use std::sync::Arc;

use crate::usage::Meter;

/// The world the runtime works with.
#[derive(Clone)]
pub struct Ports {
    /// Where events are.
    pub store: Arc<dyn EventStore>,
    /// The ticket list beside them.
    pub index: Arc<dyn TicketIndex>,
    /// Who answers.
    pub model: Arc<dyn LanguageModel>,
    /// The tenants' APIs.
    pub callbacks: Arc<dyn Callbacks>,
    /// Tasks and prompts.
    pub tasks: Arc<dyn TaskBook>,
    /// How much each tenant may use.
    pub limits: Arc<dyn LimitsBook>,
    /// What they used, and whether more fits.
    pub meter: Meter,
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
}
