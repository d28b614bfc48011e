//! What is asked for.

use punchcard_events::ticket::{ForkFrom, Idempotency, Parameters, Priority, ShadowCase};
use punchcard_events::{LabelName, TenantId, TicketId};

/// How a past ticket is to be run again. What is not said is as it was.
#[derive(Debug, Clone, PartialEq)]
pub struct ForkSpec {
    /// Who asks: another tenant's ticket is not there.
    pub tenant: TenantId,
    /// The step to begin with.
    pub from: ForkFrom,
    /// The version to render the input with; `None`: the ticket's own, or, where it never had one, the
    /// one that its label points to.
    pub prompt: Option<ForkPrompt>,
    /// The model to ask; `None`: the one that the prompt names.
    pub model: Option<String>,
    /// Whether whoever asks may choose any model, as planners do in their prompts. Others choose among
    /// those that the tenant may ask by their names.
    pub any_model: bool,
    /// How to ask it; what is absent is as the prompt says.
    pub parameters: Parameters,
    /// How it stands among the tenant's own tickets. Forks wait behind those of users, unless somebody
    /// looks on: [`Priority::Low`] is the usual.
    pub priority: Priority,
    /// Who asked: a key's prefix.
    pub by: String,
    /// The case of a shadow run that it is.
    pub shadow: Option<ShadowCase>,
    /// Its id, where that follows from something else.
    pub id: Option<TicketId>,
    /// The idempotency key it was asked for with.
    pub idempotency: Option<Idempotency>,
    /// The W3C trace context.
    pub traceparent: Option<String>,
}

/// A version of the task's prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForkPrompt {
    /// By its number.
    Version(u32),
    /// The one that a label points to now.
    Label(LabelName),
}

impl ForkSpec {
    /// The same again, from its input: what a caller changes is what the fork is about.
    pub fn again(tenant: TenantId, by: String) -> Self {
        Self {
            tenant,
            from: ForkFrom::Requested,
            prompt: None,
            model: None,
            any_model: false,
            parameters: Parameters::default(),
            priority: Priority::Low,
            by,
            shadow: None,
            id: None,
            idempotency: None,
            traceparent: None,
        }
    }
}
