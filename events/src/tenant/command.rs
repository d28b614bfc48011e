//! What can be asked of a tenant.

use std::collections::BTreeSet;

use super::event::IssuedKey;
use super::limits::TenantLimits;
use crate::act::Act;
use crate::ids::TaskName;
use crate::time::Timestamp;

/// Something asked of a tenant.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A company comes.
    Create {
        /// Its name for people.
        name: String,
        /// When and by whom.
        act: Act,
    },
    /// Call it something else.
    Rename {
        /// Its new name for people.
        name: String,
        /// When and by whom.
        act: Act,
    },
    /// Let its keys open nothing for now.
    Suspend {
        /// Why, for people: the tenant is told.
        reason: String,
        /// When and by whom.
        act: Act,
    },
    /// Let them open again what they did.
    Resume {
        /// When and by whom.
        act: Act,
    },
    /// Say how much it may use.
    SetLimits {
        /// All limits.
        limits: TenantLimits,
        /// When and by whom.
        act: Act,
    },
    /// Say where its users' sessions may come from.
    SetOrigins {
        /// All web origins; [`NO_ORIGIN`](super::NO_ORIGIN) for clients that are no browsers.
        origins: BTreeSet<String>,
        /// When and by whom.
        act: Act,
    },
    /// Say where its own API is. Whether that address may be called was checked before.
    SetCallback {
        /// What the hooks' paths are added to; absent: it has none.
        base_url: Option<String>,
        /// When and by whom.
        act: Act,
    },
    /// Say what is called for a task.
    SetHooks {
        /// The task.
        task: TaskName,
        /// The path of the hook that prepares the input.
        pre_process: Option<String>,
        /// The path of the hook that persists the answer.
        post_process: Option<String>,
        /// When and by whom.
        act: Act,
    },
    /// Let a new key in. The configuration may name one that it issued again, with another name or
    /// other roles.
    IssueKey {
        /// The key.
        key: IssuedKey,
        /// When and by whom.
        act: Act,
    },
    /// Put a new key in the place of another, which holds on for a while.
    RotateKey {
        /// The prefix of the key that goes.
        prefix: String,
        /// The key that comes. It gets the name and the roles of the one that goes.
        key: IssuedKey,
        /// From when on the old one opens nothing. A time that has passed means at once.
        until: Timestamp,
        /// When and by whom.
        act: Act,
    },
    /// Let a key open nothing any more, for ever.
    RevokeKey {
        /// Its prefix.
        prefix: String,
        /// Why, where it is said.
        reason: Option<String>,
        /// When and by whom.
        act: Act,
    },
}

impl Command {
    /// When and by whom.
    pub const fn act(&self) -> &Act {
        match self {
            Self::Create { act, .. }
            | Self::Rename { act, .. }
            | Self::Suspend { act, .. }
            | Self::Resume { act }
            | Self::SetLimits { act, .. }
            | Self::SetOrigins { act, .. }
            | Self::SetCallback { act, .. }
            | Self::SetHooks { act, .. }
            | Self::IssueKey { act, .. }
            | Self::RotateKey { act, .. }
            | Self::RevokeKey { act, .. } => act,
        }
    }

    /// The same, asked at another time.
    #[must_use]
    pub const fn at(mut self, now: Timestamp) -> Self {
        match &mut self {
            Self::Create { act, .. }
            | Self::Rename { act, .. }
            | Self::Suspend { act, .. }
            | Self::Resume { act }
            | Self::SetLimits { act, .. }
            | Self::SetOrigins { act, .. }
            | Self::SetCallback { act, .. }
            | Self::SetHooks { act, .. }
            | Self::IssueKey { act, .. }
            | Self::RotateKey { act, .. }
            | Self::RevokeKey { act, .. } => act.at = now,
        }
        self
    }
}
