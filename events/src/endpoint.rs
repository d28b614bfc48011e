//! Webhook endpoints: where a company wants to be told what became of its tickets.
//!
//! One stream for each, `endpoint-<uuid>`. No secret is in it: signing secrets are derived from the
//! endpoint's id and the *generation* that these events count. Attempts are not here either; each
//! message has a stream of its own ([`crate::delivery`]).

mod command;
mod decide;
mod event;
mod rejection;
mod state;

pub use command::Command;
pub use decide::decide;
pub use event::{
    DeliveriesResent, DisabledReason, EndpointChanged, EndpointDisabled, EndpointEnabled,
    EndpointEvent, EndpointRegistered, EndpointRemoved, EndpointTested, EventType, Resend,
    SecretRotated,
};
pub use rejection::Rejection;
pub use state::{Endpoint, EndpointState};

use crate::codec::stored;
use crate::ids::{EndpointId, StreamName};
use crate::recorded::Upcaster;

/// The category of endpoints' streams.
pub const CATEGORY: &str = "endpoint";

/// The most endpoints a tenant may have.
pub const MAX_ENDPOINTS: usize = 16;

/// The most bytes of an endpoint's URL.
pub const MAX_URL_BYTES: usize = 2_000;

/// The most bytes of an endpoint's description.
pub const MAX_DESCRIPTION_BYTES: usize = 500;

/// The longest that a secret holds on beside the one that replaces it: 30 days, in milliseconds.
pub const MAX_OVERLAP_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// Every upcaster of endpoint events ever needed. Empty while all types are at version 1.
const UPCASTERS: &[Upcaster] = &[];

stored!(
    EndpointEvent,
    UPCASTERS,
    [
        EndpointRegistered @ 1,
        EndpointChanged @ 1,
        SecretRotated @ 1,
        EndpointDisabled @ 1,
        EndpointEnabled @ 1,
        EndpointRemoved @ 1,
        EndpointTested @ 1,
        DeliveriesResent @ 1,
    ]
);

/// The stream of an endpoint.
pub fn stream(endpoint: EndpointId) -> StreamName {
    StreamName::of_uuid(CATEGORY, endpoint.0)
}

/// The endpoint whose stream this is, or `None` for another stream.
pub fn of_stream(stream: &StreamName) -> Option<EndpointId> {
    stream.uuid_in(CATEGORY).map(EndpointId)
}
