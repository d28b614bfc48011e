//! The envelope around every event, before and after it is stored.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{EventId, StreamName, TenantId};
use crate::time::Timestamp;

/// The place of an event in its stream, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    /// A stream's first revision.
    pub const FIRST: Self = Self(0);

    /// The revision after this one. No stream grows long enough to reach the last one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The place of an event among all events of a store: strictly rising, gaps allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Position(pub u64);

/// An event ready to be appended: the body with what every event carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Chosen by the writer once; a repeated append keeps it.
    pub id: EventId,
    /// The type's stored name, such as `TicketRequested`. Never renamed.
    pub kind: Cow<'static, str>,
    /// The version of the body's schema, from 1.
    pub schema_version: u16,
    /// Whose event this is.
    pub tenant: TenantId,
    /// Shared by all events of one piece of work: for a ticket, the ticket's id; for a fork, that of
    /// the ticket which it runs again.
    pub correlation_id: Uuid,
    /// The event that led to this one, where there is one.
    pub causation_id: Option<EventId>,
    /// When the writer decided it, by the writer's clock. Order comes from revisions, not from this.
    pub recorded_at: Timestamp,
    /// The body as JSON text.
    pub data: String,
}

/// An event as it stands in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The stream it was appended to.
    pub stream: StreamName,
    /// Its place in that stream.
    pub revision: Revision,
    /// Its place among all events.
    pub position: Position,
    /// What was appended.
    pub event: NewEvent,
}

impl Recorded {
    /// Whether it happened to a ticket that runs a past one again: such a one has no effect outside,
    /// so who tells others about tickets leaves it out. Told from the envelope alone, for readers
    /// that begin in the middle of a history.
    pub fn is_of_fork(&self) -> bool {
        let ticket = self.stream.ticket();
        ticket.is_some_and(|ticket| ticket.0 != self.event.correlation_id)
    }
}

/// A stored event that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The type is not known to this build.
    #[error("event type `{0}` is unknown: it was written by another program or a newer version")]
    UnknownKind(String),
    /// The schema is newer than this build.
    #[error("{kind} has schema version {found}, this build reads up to {known}: upgrade punchcard")]
    NewerSchema {
        /// The event's type.
        kind: String,
        /// The version stored.
        found: u16,
        /// The newest version this build reads.
        known: u16,
    },
    /// The body does not fit its type.
    #[error("the body of {kind} cannot be read: {reason}")]
    Body {
        /// The event's type.
        kind: String,
        /// What does not fit.
        reason: String,
    },
}

/// A step that lifts a stored body from one schema version to the next.
///
/// A type's upcasters form a chain; reading runs the links that are needed, so a body written by
/// any version ever shipped reaches the current shape.
#[derive(Debug, Clone, Copy)]
pub struct Upcaster {
    /// The event type it applies to.
    pub kind: &'static str,
    /// The version it reads; it writes `from + 1`.
    pub from: u16,
    /// The lift itself.
    pub lift: fn(serde_json::Value) -> serde_json::Value,
}

/// Runs every upcaster that `kind` needs to get from `version` to `current`.
///
/// # Errors
/// When the body is newer than `current`, or the chain has a missing link.
pub fn upcast(
    upcasters: &[Upcaster],
    kind: &str,
    version: u16,
    current: u16,
    mut body: serde_json::Value,
) -> Result<serde_json::Value, DecodeError> {
    if version > current {
        return Err(DecodeError::NewerSchema {
            kind: kind.to_owned(),
            found: version,
            known: current,
        });
    }
    for from in version..current {
        let link = upcasters.iter().find(|u| u.kind == kind && u.from == from);
        let link = link.ok_or_else(|| DecodeError::Body {
            kind: kind.to_owned(),
            reason: format!("no upcaster from schema version {from}"),
        })?;
        body = (link.lift)(body);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CHAIN: &[Upcaster] = &[
        Upcaster {
            kind: "Renamed",
            from: 1,
            lift: |body| json!({ "name": body["title"] }),
        },
        Upcaster {
            kind: "Renamed",
            from: 2,
            lift: |body| json!({ "name": body["name"], "language": "en" }),
        },
    ];

    #[test]
    fn an_old_body_climbs_the_chain_to_the_current_shape() {
        let body = upcast(CHAIN, "Renamed", 1, 3, json!({ "title": "x" }));
        assert_eq!(body, Ok(json!({ "name": "x", "language": "en" })));
    }

    #[test]
    fn a_newer_body_is_refused_with_both_versions_named() {
        let refused = upcast(CHAIN, "Renamed", 4, 3, json!({}));
        let Err(DecodeError::NewerSchema {
            found: 4, known: 3, ..
        }) = refused
        else {
            unreachable!("{refused:?}");
        };
    }

    #[test]
    fn a_missing_link_is_an_error_and_not_a_guess() {
        assert!(upcast(&CHAIN[1..], "Renamed", 1, 3, json!({})).is_err());
    }
}
