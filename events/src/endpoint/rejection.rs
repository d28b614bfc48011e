//! Why a change of an endpoint was refused.

use super::{MAX_DESCRIPTION_BYTES, MAX_OVERLAP_MS, MAX_URL_BYTES};
use crate::time::Timestamp;

/// Why a change of an endpoint was refused. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such endpoint, or none any more.
    #[error("there is no such webhook endpoint")]
    NoSuchEndpoint,
    /// The id is taken.
    #[error("this webhook endpoint is there already")]
    AlreadyRegistered,
    /// The URL is too long, or empty.
    #[error("a webhook endpoint's URL has 1 to {MAX_URL_BYTES} bytes")]
    UrlLength,
    /// The description is too long.
    #[error("a description may have at most {MAX_DESCRIPTION_BYTES} bytes")]
    DescriptionTooLong,
    /// It asks for nothing.
    #[error("a webhook endpoint asks for at least one event type, and not for the test")]
    EventTypes,
    /// Two secrets are live, and a third would take one of them away unannounced.
    #[error("the secret before this one holds until {until}: two may be live at a time")]
    RotationUnderWay {
        /// Until when.
        until: Timestamp,
    },
    /// The secret before would hold for too long.
    #[error("the old secret may hold on for at most {} days", MAX_OVERLAP_MS / 86_400_000)]
    OverlapTooLong,
    /// Nothing is sent to it.
    #[error("the webhook endpoint is disabled: enable it first")]
    Disabled,
    /// The range of a resending is empty.
    #[error("`from` must be before `until`")]
    EmptyRange,
}

impl Rejection {
    /// A short name that never changes, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchEndpoint => "not_found",
            Self::AlreadyRegistered => "already_registered",
            Self::UrlLength => "url_length",
            Self::DescriptionTooLong => "description_too_long",
            Self::EventTypes => "event_types",
            Self::RotationUnderWay { .. } => "rotation_under_way",
            Self::OverlapTooLong => "overlap_too_long",
            Self::Disabled => "endpoint_disabled",
            Self::EmptyRange => "empty_range",
        }
    }
}
