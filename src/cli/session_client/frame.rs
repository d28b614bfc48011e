//! The frames of the session protocol as a client reads and writes them. SSE carries the same
//! server frames.

use std::collections::BTreeMap;

use punchcard_actors::feed::Cursor;
use punchcard_events::ticket::{CancelMode, Failure, StateName};
use punchcard_events::{TicketId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a server says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// The hello was accepted. Always the first frame.
    Welcome(Welcome),
    /// A ticket changed its state.
    State {
        /// The ticket.
        ticket: TicketId,
        /// Its state.
        state: StateName,
        /// The newest attempt's number; 0 before the first.
        #[serde(default)]
        attempt: u32,
        /// When the next try may start, while one is waited for.
        #[serde(default)]
        retry_at: Option<Timestamp>,
    },
    /// A new attempt streams its text from the start.
    Generation {
        /// The ticket.
        ticket: TicketId,
        /// The new attempt's number.
        generation: u32,
    },
    /// More provisional text.
    Text {
        /// The ticket.
        ticket: TicketId,
        /// The attempt it belongs to.
        generation: u32,
        /// Where it starts, in UTF-16 code units.
        offset: u64,
        /// The text.
        text: String,
    },
    /// The final answer: to be acknowledged.
    Answer {
        /// The ticket.
        ticket: TicketId,
        /// The attempt that gave it.
        #[serde(default)]
        generation: u32,
        /// Text, or a JSON document.
        answer: Value,
    },
    /// A ticket failed.
    Failed {
        /// The ticket.
        ticket: TicketId,
        /// Where and why.
        #[serde(flatten)]
        failure: Failure,
    },
    /// A ticket was cancelled.
    Cancelled {
        /// The ticket.
        ticket: TicketId,
        /// How.
        mode: CancelMode,
        /// The text kept by `stop`.
        #[serde(default)]
        text: Option<String>,
    },
    /// Text that this client holds, or asked to go on from, cannot be continued.
    Lost {
        /// The ticket.
        ticket: TicketId,
        /// The attempt whose text is lost.
        #[serde(default)]
        generation: u32,
        /// What happened to it.
        reason: String,
    },
    /// The answer to a ping.
    Pong {
        /// What the ping carried.
        #[serde(default)]
        nonce: Option<Value>,
    },
    /// A frame of ours was refused.
    Error {
        /// The stable word for programs.
        code: String,
        /// What was wrong.
        #[serde(default)]
        detail: String,
    },
    /// A frame that a newer server sends: passed over.
    #[serde(other)]
    Unknown,
}

/// The server's first frame.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Welcome {
    /// The session's id.
    pub session: String,
    /// Whose session it is.
    pub user: String,
    /// The time between two heartbeats.
    pub heartbeat_ms: u64,
    /// The user's tickets that are open or not yet acknowledged.
    #[serde(default)]
    pub tickets: Vec<OpenTicket>,
}

/// A ticket of the user, as the welcome lists it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct OpenTicket {
    /// The ticket.
    pub ticket: TicketId,
    /// What it runs.
    pub task: String,
    /// Its state.
    pub state: StateName,
    /// The newest attempt's number.
    #[serde(default)]
    pub attempt: u32,
    /// When it was issued.
    pub requested_at: Timestamp,
    /// The issuer's labels.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// What a client says. It has no `Debug`: a hello holds a token.
#[derive(Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ClientFrame<'a> {
    Hello {
        token: &'a str,
        #[serde(skip_serializing_if = "<[Cursor]>::is_empty")]
        cursors: &'a [Cursor],
    },
    Ack {
        ticket: TicketId,
    },
    Cancel {
        ticket: TicketId,
        mode: CancelMode,
    },
    Ping {
        #[serde(skip_serializing_if = "Option::is_none")]
        nonce: Option<&'a str>,
    },
}

impl ServerFrame {
    /// The ticket it is about.
    pub fn ticket(&self) -> Option<TicketId> {
        match self {
            Self::State { ticket, .. }
            | Self::Generation { ticket, .. }
            | Self::Text { ticket, .. }
            | Self::Answer { ticket, .. }
            | Self::Failed { ticket, .. }
            | Self::Cancelled { ticket, .. }
            | Self::Lost { ticket, .. } => Some(*ticket),
            Self::Welcome(_) | Self::Pong { .. } | Self::Error { .. } | Self::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use punchcard_actors::feed::{Frame, Lost};
    use punchcard_events::ticket::Stage;
    use serde_json::json;

    use super::*;

    fn ticket() -> TicketId {
        "0192c0de-0000-7000-8000-000000000001".parse().unwrap()
    }

    fn read(frame: &Frame) -> ServerFrame {
        serde_json::from_str(&serde_json::to_string(frame).unwrap()).unwrap()
    }

    #[test]
    fn every_frame_that_a_server_writes_is_read() {
        let ticket = ticket();
        assert_eq!(
            read(&Frame::State {
                ticket,
                state: StateName::Sent,
                attempt: 2,
                retry_at: Some(Timestamp::from_millis(5)),
            }),
            ServerFrame::State {
                ticket,
                state: StateName::Sent,
                attempt: 2,
                retry_at: Some(Timestamp::from_millis(5)),
            }
        );
        assert_eq!(
            read(&Frame::Answer {
                ticket,
                generation: 1,
                answer: Arc::new(json!({"score": 4})),
            }),
            ServerFrame::Answer {
                ticket,
                generation: 1,
                answer: json!({"score": 4}),
            }
        );
        let failure = Failure {
            stage: Stage::Model,
            code: "quota_exceeded".to_owned(),
            message: "the account is empty".to_owned(),
        };
        assert_eq!(
            read(&Frame::Failed {
                ticket,
                failure: Arc::new(failure.clone()),
            }),
            ServerFrame::Failed { ticket, failure }
        );
        let lost = Frame::Lost {
            ticket,
            generation: 1,
            reason: Lost::AttemptEnded,
        };
        assert_eq!(
            read(&lost),
            ServerFrame::Lost {
                ticket,
                generation: 1,
                reason: "attempt_ended".to_owned(),
            }
        );
    }

    #[test]
    fn a_frame_of_a_newer_server_is_passed_over() {
        let frame = serde_json::from_str(r#"{"type":"news","x":1}"#);
        assert_eq!(frame.ok(), Some(ServerFrame::Unknown));
    }

    #[test]
    fn a_hello_without_cursors_has_none() {
        let hello = ClientFrame::Hello {
            token: "t",
            cursors: &[],
        };
        assert_eq!(
            serde_json::to_value(hello).unwrap(),
            json!({"type": "hello", "token": "t"})
        );
    }

    #[test]
    fn mutants_of_frames_are_read_or_refused() {
        crate::fuzz::run("server-frame", |text| {
            drop(serde_json::from_slice::<ServerFrame>(text));
        });
    }
}
