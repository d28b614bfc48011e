//! What is refused of webhooks.

use punchcard_actors::webhooks::WebhookError;
use punchcard_events::endpoint::{EventType, MAX_ENDPOINTS, Rejection};

use crate::adapters::outbound::UrlError;
use crate::http::errors::{Code, Problem, store_unavailable};

pub(super) fn no_such_endpoint() -> Problem {
    Problem::new(Code::NotFound, "There is no such webhook endpoint.")
}

pub(super) fn no_such_delivery() -> Problem {
    Problem::new(Code::NotFound, "There is no such webhook message.")
}

/// A URL that is not called. What it leads to is said: it is the caller's own.
pub(super) fn forbidden_url(error: &UrlError) -> Problem {
    Problem::new(Code::ForbiddenUrl, format!("The URL is refused: {error}."))
        .remedy("Use a public https address without a user name or password.")
        .field("/url")
}

pub(super) fn not_a_url() -> Problem {
    Problem::new(Code::ForbiddenUrl, "This is not an absolute URL.")
        .remedy("Use an address such as https://example.com/punchcard.")
        .field("/url")
}

/// What endpoints may ask for.
pub(super) fn event_types() -> Problem {
    let known = EventType::ASKABLE.map(EventType::as_str).join(", ");
    Problem::new(
        Code::InvalidRequest,
        "An endpoint needs at least one event type, and each must be known.",
    )
    .remedy(format!("Choose among {known}."))
    .field("/event_types")
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        let detail = error.to_string();
        match error {
            WebhookError::Rejected(rejection) => rejection.into(),
            WebhookError::TooMany => Self::new(
                Code::TooManyWebhooks,
                format!("There are {MAX_ENDPOINTS} webhook endpoints, which is the most."),
            )
            .remedy("Change or remove one of them."),
            WebhookError::Conflict => Self::new(
                Code::WebhookBusy,
                "The endpoint was changed by others at the same time. Look at it and ask again.",
            ),
            WebhookError::Unavailable(cause) => store_unavailable(cause),
            WebhookError::OutcomeUnknown(cause) => Self::new(
                Code::OutcomeUnknown,
                "The event store did not say whether it was done. Look before you ask again.",
            )
            .caused_by(cause),
            WebhookError::Damaged(_) => Self::internal(detail),
        }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let text = rejection.to_string();
        let invalid = |field: &str| Self::new(Code::InvalidRequest, text.clone()).field(field);
        match rejection {
            Rejection::NoSuchEndpoint => no_such_endpoint(),
            Rejection::AlreadyRegistered => Self::new(Code::WebhookBusy, text),
            Rejection::UrlLength => invalid("/url"),
            Rejection::DescriptionTooLong => invalid("/description"),
            Rejection::EventTypes => event_types(),
            Rejection::RotationUnderWay { .. } => Self::new(Code::RotationUnderWay, text).remedy(
                "Wait until then, or rotate with an overlap of 0: only the new one holds then.",
            ),
            Rejection::OverlapTooLong => invalid("/overlap_seconds"),
            Rejection::Disabled => Self::new(Code::WebhookDisabled, text)
                .remedy("Enable the endpoint, then ask again."),
            Rejection::EmptyRange => invalid("/until"),
        }
    }
}
