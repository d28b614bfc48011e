//! What is said of sessions: how a browser gets to follow its user's tickets.

use serde_json::json;

use super::operation::{Area, get, post};
use super::schemas::Text;
use crate::http::errors::Code;
use crate::http::session_tokens::{TokenBody, TokenView};

pub(super) fn area() -> Area {
    Area::new(
        "Sessions",
        "A session is a user's live connection. A backend mints a token, its user's browser opens \
         the session with it.",
        [
            post("/v1/session-tokens", "mintSessionToken", "Mint a session token")
                .about("Hand the token to that user's browser and to nobody else. It opens one session, once.")
                .body::<TokenBody>()
                .example(json!({ "user": "student-17" }))
                .gives::<TokenView<'static>>(201, "The token.")
                .refuses(&[Code::Overloaded, Code::Stopping]),
            get("/v1/session", "openSession", "Open a session")
                .about(
                    "A WebSocket of the subprotocol `punchcard.v1`, from an origin that the tenant \
                     lists. The first frame carries the token; the session protocol has the rest.",
                )
                .header::<Text>("Origin", "The page's origin; browsers send it.")
                .gives_nothing(101, "The connection is a WebSocket now.")
                .refuses(&[
                    Code::ForbiddenOrigin,
                    Code::UpgradeRequired,
                    Code::InvalidRequest,
                    Code::Overloaded,
                    Code::Stopping,
                    Code::Internal,
                ]),
        ],
    )
}
