//! The stable words for what can go wrong, each with its status and its title.

use actix_web::http::StatusCode;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $text:literal, $title:literal;)+) => {
        /// The stable words for what can go wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $($(#[$doc])* $name),+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as clients see it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            pub(super) const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            pub(super) const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }
        }
    };
}

codes! {
    /// No valid API key.
    Unauthorized = UNAUTHORIZED, "unauthorized", "No valid API key";
    /// The key has none of the roles that the route asks for.
    RoleMissing = FORBIDDEN, "role_missing", "The key's role does not allow this";
    /// The tenant has no such task.
    UnknownTask = UNPROCESSABLE_ENTITY, "unknown_task", "Unknown task";
    /// The task's label points to no version.
    TaskNotDeployed = CONFLICT, "task_not_deployed", "The task is not deployed";
    /// The task takes no new tickets.
    TaskRetired = CONFLICT, "task_retired", "The task is retired";
    /// The input does not fit the task.
    InvalidInput = UNPROCESSABLE_ENTITY, "invalid_input", "The input does not fit the task";
    /// The input is larger than the task takes.
    InputTooLarge = UNPROCESSABLE_ENTITY, "input_too_large", "The input is too large";
    /// The body or a header is not what the route takes.
    InvalidRequest = BAD_REQUEST, "invalid_request", "The request is not valid";
    /// The body is not JSON.
    InvalidJson = BAD_REQUEST, "invalid_json", "The body is not valid JSON";
    /// The body is over the limit.
    BodyTooLarge = PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large";
    /// The body is not said to be JSON.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Unsupported media type";
    /// The `Idempotency-Key` header breaks its rule.
    InvalidIdempotencyKey = BAD_REQUEST, "invalid_idempotency_key", "The idempotency key is not valid";
    /// The key was used for another request.
    IdempotencyKeyReused = UNPROCESSABLE_ENTITY, "idempotency_key_reused", "The idempotency key was used before";
    /// The first request with this key is still being worked on.
    IdempotencyKeyInFlight = CONFLICT, "idempotency_key_in_flight", "The idempotency key is in use";
    /// There is nothing here for this key.
    NotFound = NOT_FOUND, "not_found", "Not found";
    /// The cursor was not given out for this list.
    InvalidCursor = BAD_REQUEST, "invalid_cursor", "The cursor is not valid";
    /// A query parameter or resume id breaks its rule.
    InvalidParameter = BAD_REQUEST, "invalid_parameter", "A parameter is not valid";
    /// The ticket has ended.
    TicketAlreadyEnded = CONFLICT, "ticket_already_ended", "The ticket has already ended";
    /// The ticket is in a state that does not allow this.
    WrongState = CONFLICT, "wrong_state", "The ticket's state does not allow this";
    /// The tenant has as many open tickets as it may have.
    TooManyOpenTickets = TOO_MANY_REQUESTS, "too_many_open_tickets", "Too many open tickets";
    /// The tenant sends more at a time than it may.
    TooManyRequests = TOO_MANY_REQUESTS, "too_many_requests", "Too many requests";
    /// Too much is going on.
    Overloaded = SERVICE_UNAVAILABLE, "overloaded", "Too much is going on";
    /// The event store does not answer.
    StoreUnavailable = SERVICE_UNAVAILABLE, "store_unavailable", "The store is unavailable";
    /// The process is stopping.
    Stopping = SERVICE_UNAVAILABLE, "stopping", "The server is stopping";
    /// The route takes other methods.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed";
    /// The body did not come in time.
    RequestTimeout = REQUEST_TIMEOUT, "request_timeout", "The request took too long";
    /// A session may not be opened from this origin.
    ForbiddenOrigin = FORBIDDEN, "forbidden_origin", "The origin is not allowed";
    /// The route speaks WebSocket.
    UpgradeRequired = UPGRADE_REQUIRED, "upgrade_required", "WebSocket upgrade required";
    /// The fault is the server's.
    Internal = INTERNAL_SERVER_ERROR, "internal", "Internal error";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_a_distinct_snake_case_word_with_an_error_status() {
        let mut seen = std::collections::BTreeSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{code:?} is there twice");
            assert!(
                code.as_str()
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'_')
            );
            assert!(code.status().is_client_error() || code.status().is_server_error());
        }
    }
}
