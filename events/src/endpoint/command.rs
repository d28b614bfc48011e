//! What can be asked of an endpoint.

use std::collections::BTreeSet;

use super::event::{DisabledReason, EventType, Resend};
use crate::act::Act;
use crate::ids::TenantId;
use crate::time::Timestamp;

/// A request to change an endpoint. URLs come here checked: which addresses may be called is the
/// edge's to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Begin to tell.
    Register {
        /// Whose it is.
        tenant: TenantId,
        /// Where to.
        url: String,
        /// What of.
        event_types: BTreeSet<EventType>,
        /// What it is for.
        description: Option<String>,
        /// When and by whom.
        act: Act,
    },
    /// Change what is given, leave the rest.
    Change {
        /// Where to.
        url: Option<String>,
        /// What of.
        event_types: Option<BTreeSet<EventType>>,
        /// What it is for; an empty text takes it away.
        description: Option<String>,
        /// When and by whom.
        act: Act,
    },
    /// Make a new secret.
    RotateSecret {
        /// Until when the present one holds on.
        until: Timestamp,
        /// When and by whom.
        act: Act,
    },
    /// Send nothing for now.
    Disable {
        /// Why.
        reason: DisabledReason,
        /// When and by whom.
        act: Act,
    },
    /// Send again.
    Enable {
        /// When and by whom.
        act: Act,
    },
    /// Forget it.
    Remove {
        /// When and by whom.
        act: Act,
    },
    /// Send a test message.
    Test {
        /// When and by whom.
        act: Act,
    },
    /// Send messages again.
    Resend {
        /// Which.
        which: Resend,
        /// When and by whom.
        act: Act,
    },
}
