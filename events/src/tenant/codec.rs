//! How tenants' events are stored.

use super::event::TenantEvent;
use crate::act::Act;
use crate::codec::stored;
use crate::recorded::Upcaster;

/// Every upcaster of tenants' events ever needed. Empty while all types are at version 1.
pub(super) const UPCASTERS: &[Upcaster] = &[];

stored!(
    TenantEvent,
    UPCASTERS,
    [
        TenantCreated @ 1,
        TenantRenamed @ 1,
        TenantSuspended @ 1,
        TenantResumed @ 1,
        LimitsChanged @ 1,
        OriginsChanged @ 1,
        CallbackChanged @ 1,
        HooksChanged @ 1,
        KeyIssued @ 1,
        KeyRotated @ 1,
        KeyRevoked @ 1,
    ]
);

impl TenantEvent {
    /// When it was done, and by whom.
    pub const fn act(&self) -> &Act {
        match self {
            Self::TenantCreated(body) => &body.act,
            Self::TenantRenamed(body) => &body.act,
            Self::TenantSuspended(body) => &body.act,
            Self::TenantResumed(body) => &body.act,
            Self::LimitsChanged(body) => &body.act,
            Self::OriginsChanged(body) => &body.act,
            Self::CallbackChanged(body) => &body.act,
            Self::HooksChanged(body) => &body.act,
            Self::KeyIssued(body) => &body.act,
            Self::KeyRotated(body) => &body.act,
            Self::KeyRevoked(body) => &body.act,
        }
    }
}
