//! How events are stored: the types' names, their schema versions, and the bodies as JSON. One
//! macro writes this for every kind of stream, so that all of them keep the same promises.

use std::cmp::Ordering;

use serde::de::DeserializeOwned;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::error::Category;

use crate::recorded::{DecodeError, Upcaster, upcast};

/// Gives an event type its stored names. Each kind stands with the schema version this build
/// writes; the upcasters lift older bodies.
macro_rules! stored {
    ($event:ident, $upcasters:expr, [$($kind:ident @ $version:literal),+ $(,)?]) => {
        impl $event {
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
            /// When a number in it is not finite. Never for values that came from JSON.
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
            pub fn decode(
                kind: &str,
                version: u16,
                data: &str,
            ) -> Result<Self, $crate::recorded::DecodeError> {
                match kind {
                    $(stringify!($kind) => {
                        $crate::codec::read($upcasters, kind, version, $version, data)
                            .map(Self::$kind)
                    })+
                    other => Err($crate::recorded::DecodeError::UnknownKind(other.to_owned())),
                }
            }
        }
    };
}

pub(crate) use stored;

/// A body of schema `version` in the shape of version `current`. The version is looked at before
/// the body: nothing is known about the body of a newer schema, not even that it is JSON.
pub(crate) fn read<T: DeserializeOwned>(
    upcasters: &[Upcaster],
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
            let lifted = upcast(upcasters, kind, version, current, old)?;
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

/// For serde: refuses a number that JSON cannot hold. It would be written as `null`, and read back
/// as another value.
pub(crate) fn finite<S: Serializer>(
    number: &Option<f64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) if !number.is_finite() => Err(S::Error::custom("a number that is not finite")),
        number => number.serialize(serializer),
    }
}
