//! The words of `punchcard.v1`: what clients and server say, and why a session is closed. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use punchcard_actors::feed::Cursor;
use punchcard_actors::sessions::Goodbye;
use punchcard_events::ticket::{CancelMode, StateName};
use punchcard_events::{TaskName, TicketId, Timestamp, UserId};
use serde::{Deserialize, Deserializer, Serialize};

use crate::secret::Secret;

/// The subprotocol's name.
pub(super) const NAME: &str = "punchcard.v1";

/// What a client says.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ClientFrame {
    /// The first frame.
    Hello {
        #[serde(deserialize_with = "secret")]
        token: Secret,
        #[serde(default)]
        cursors: Vec<Cursor>,
    },
    /// The user has the answer.
    Ack { ticket: TicketId },
    /// The user does not want to wait for it.
    Cancel { ticket: TicketId, mode: CancelMode },
    /// Answered by a pong with the same nonce.
    Ping {
        #[serde(default)]
        nonce: Option<Nonce>,
    },
}

fn secret<'de, D: Deserializer<'de>>(input: D) -> Result<Secret, D::Error> {
    String::deserialize(input).map(Secret::new)
}

/// Whatever a client tells its pings apart by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Nonce {
    Number(u64),
    Text(String),
}

/// What the server says, beside the frames of tickets.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerFrame {
    /// The answer to hello.
    Welcome {
        session: String,
        user: UserId,
        heartbeat_ms: u64,
        tickets: Vec<OpenTicket>,
    },
    /// The answer to ping.
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        nonce: Option<Nonce>,
    },
    /// Something asked for was not done; the session goes on.
    Error {
        code: &'static str,
        detail: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        ticket: Option<TicketId>,
    },
}

/// An open or undelivered ticket in a welcome.
#[derive(Debug, Serialize)]
pub(super) struct OpenTicket {
    pub(super) ticket: TicketId,
    pub(super) task: TaskName,
    pub(super) state: StateName,
    pub(super) attempt: u32,
    pub(super) requested_at: Timestamp,
    pub(super) metadata: BTreeMap<String, String>,
}

/// Why the server closes a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Close {
    /// A message is over the size limit.
    TooBig,
    /// A frame is not of this protocol.
    BadFrame,
    /// The token is unknown, used or expired.
    BadToken,
    /// The key behind the session was revoked.
    Revoked,
    /// The token's tenant does not allow this origin.
    ForbiddenOrigin,
    /// No hello came in time, or another frame came first.
    NoHello,
    /// The user opened more sessions than allowed.
    SessionLimit,
    /// Too much happened to be told in order: connect again.
    StartOver,
    /// The session is as old as one may get: come back with a new token.
    Renew,
    /// More frames than allowed.
    TooManyMessages,
    /// What is owed cannot be looked up now.
    Unavailable,
    /// The server is stopping or full: come back after this time.
    GoingAway(Duration),
}

impl Close {
    /// The close code on the wire.
    pub(super) const fn code(self) -> u16 {
        match self {
            Self::TooBig => 1009,
            Self::BadFrame => 4400,
            Self::BadToken => 4401,
            Self::Revoked => 4403,
            Self::ForbiddenOrigin => 4406,
            Self::NoHello => 4408,
            Self::SessionLimit => 4409,
            Self::StartOver => 4410,
            Self::Renew => 4411,
            Self::TooManyMessages => 4429,
            Self::Unavailable => 4500,
            Self::GoingAway(_) => 4503,
        }
    }

    /// The close reason on the wire, at most 123 bytes.
    pub(super) fn reason(self) -> String {
        match self {
            Self::GoingAway(after) => format!("going_away;reconnect_in_ms={}", after.as_millis()),
            other => other.as_str().to_owned(),
        }
    }

    /// The reason's word.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::TooBig => "too_big",
            Self::BadFrame => "bad_frame",
            Self::BadToken => "bad_token",
            Self::Revoked => "revoked",
            Self::ForbiddenOrigin => "forbidden_origin",
            Self::NoHello => "no_hello",
            Self::SessionLimit => "session_limit",
            Self::StartOver => "start_over",
            Self::Renew => "renew",
            Self::TooManyMessages => "too_many_messages",
            Self::Unavailable => "unavailable",
            Self::GoingAway(_) => "going_away",
        }
    }
}

impl From<Goodbye> for Close {
    fn from(goodbye: Goodbye) -> Self {
        match goodbye {
            Goodbye::GoingAway(after) => Self::GoingAway(after),
            Goodbye::SessionLimit => Self::SessionLimit,
            Goodbye::Revoked => Self::Revoked,
            Goodbye::Renew => Self::Renew,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<ClientFrame> {
        serde_json::from_str(text).ok()
    }

    #[test]
    fn the_debug_form_of_a_hello_hides_its_token() {
        let hello = read(r#"{"type":"hello","token":"canary"}"#).unwrap();
        let shown = format!("{hello:?}");
        assert!(shown.contains("[redacted]"), "{shown}");
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn frames_are_read_strictly() {
        let id = "01920000-0000-7000-8000-000000000001";
        assert!(read(r#"{"type":"hello","token":"t"}"#).is_some());
        let cursor = format!(r#"{{"ticket":"{id}","generation":1,"offset":2}}"#);
        assert!(
            read(&format!(
                r#"{{"type":"hello","token":"t","cursors":[{cursor}]}}"#
            ))
            .is_some()
        );
        assert!(read(&format!(r#"{{"type":"ack","ticket":"{id}"}}"#)).is_some());
        assert!(
            read(&format!(
                r#"{{"type":"cancel","ticket":"{id}","mode":"void"}}"#
            ))
            .is_some()
        );
        assert!(read(r#"{"type":"ping","nonce":7}"#).is_some());
        assert!(read(r#"{"type":"ping"}"#).is_some());
        for bad in [
            "",
            "[]",
            r#"{"token":"t"}"#,
            r#"{"type":"hello"}"#,
            r#"{"type":"hello","token":"t","tenant":"x"}"#,
            r#"{"type":"ack","ticket":"7"}"#,
            r#"{"type":"bye"}"#,
            r#"{"type":"ping","nonce":{}}"#,
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_reason_fits_a_close_frame() {
        let longest = Close::GoingAway(Duration::MAX);
        assert!(longest.reason().len() <= 123);
        assert_eq!(
            Close::GoingAway(Duration::from_millis(5)).reason(),
            "going_away;reconnect_in_ms=5"
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,120}") {
            let _ = read(&text);
        }
    }

    #[test]
    fn mutants_of_frames_are_read_or_refused() {
        crate::fuzz::run_text("session-frame", |text| drop(read(text)));
    }
}
