//! How ticket events are stored: the types' names, their schema versions, and the bodies as JSON.

use std::cmp::Ordering;

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::event::TicketEvent;
use crate::recorded::{DecodeError, Upcaster, upcast};

/// Every upcaster of ticket events ever needed. Empty while all types are at version 1.
const UPCASTERS: &[Upcaster] = &[];

macro_rules! stored {
    ($($kind:ident @ $version:literal),+ $(,)?) => {
        impl TicketEvent {
            /// The stored type names, with the schema version this build writes.
            pub const KINDS: &[(&'static str, u16)] = &[$((stringify!($kind), $version)),+];

            /// The stored name of this event's type.
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => stringify!($kind)),+
                }
            }

            /// The schema version this build writes for this type.
            pub const fn schema_version(&self) -> u16 {
                match self {
                    $(Self::$kind(_) => $version),+
                }
            }

            /// The body as JSON text.
            ///
            /// # Errors
            /// When a model parameter is not a finite number. Never for values that came from
            /// JSON.
            pub fn encode(&self) -> Result<String, serde_json::Error> {
                match self {
                    $(Self::$kind(body) => serde_json::to_string(body)),+
                }
            }

            /// Reads a stored body of any schema version ever shipped.
            ///
            /// # Errors
            /// When the type is unknown, its schema newer than this build, or the body does not
            /// fit.
            pub fn decode(kind: &str, version: u16, data: &str) -> Result<Self, DecodeError> {
                match kind {
                    $(stringify!($kind) => read(kind, version, $version, data).map(Self::$kind),)+
                    other => Err(DecodeError::UnknownKind(other.to_owned())),
                }
            }
        }
    };
}

stored! {
    TicketRequested @ 1,
    TicketPreProcessed @ 1,
    TicketSent @ 1,
    AttemptFailed @ 1,
    TicketAnswered @ 1,
    CallbackFailed @ 1,
    TicketPersisted @ 1,
    TicketDelivered @ 1,
    TicketFailed @ 1,
    TicketCancelled @ 1,
    TicketRedriven @ 1,
}

/// A body of schema `version` in the shape of version `current`. The version is looked at before
/// the body: nothing is known about the body of a newer schema, not even that it is JSON.
fn read<T: DeserializeOwned>(
    kind: &str,
    version: u16,
    current: u16,
    data: &str,
) -> Result<T, DecodeError> {
    let body = |error: serde_json::Error| DecodeError::Body {
        kind: kind.to_owned(),
        reason: reason(&error),
    };
    match version.cmp(&current) {
        Ordering::Equal => serde_json::from_str(data).map_err(body),
        Ordering::Greater => Err(DecodeError::NewerSchema {
            kind: kind.to_owned(),
            found: version,
            known: current,
        }),
        Ordering::Less => {
            let old = serde_json::from_str(data).map_err(body)?;
            let lifted = upcast(UPCASTERS, kind, version, current, old)?;
            serde_json::from_value(lifted).map_err(body)
        }
    }
}

/// What is wrong, and where. Serde's own message may quote the body, which holds prompts and
/// answers, and errors are logged.
fn reason(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Syntax => "it is not JSON",
        Category::Eof => "it ends too early",
        Category::Data => "a field is missing or of the wrong type",
        Category::Io => "it could not be read",
    };
    match (error.line(), error.column()) {
        (0, _) => what.to_owned(),
        (line, column) => format!("{what} (line {line}, column {column})"),
    }
}
