//! The hash chain of a stream: each event's hash covers the event and the hash before it, so a
//! changed, swapped or missing event breaks the chain from there on.

use punchcard_events::{NewEvent, Revision, StreamName};
use sha2::{Digest, Sha256};

/// A link of the chain: a SHA-256.
pub(super) type Hash = [u8; 32];

/// What stands before a stream's first event.
pub(super) const ROOT: Hash = [0; 32];

/// Separates these hashes from any other use of SHA-256, and names the framing.
const DOMAIN: &[u8] = b"punchcard event 1";

/// The hash of `event` at `revision` of `stream`, after an event with hash `previous`.
///
/// Every field is framed by its length (64 bits, little endian), so no two different events
/// give the same bytes.
pub(super) fn link(
    previous: &Hash,
    stream: &StreamName,
    revision: Revision,
    event: &NewEvent,
) -> Hash {
    let mut hash = Sha256::new();
    let mut field = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    field(DOMAIN);
    field(previous);
    field(stream.as_str().as_bytes());
    field(&revision.0.to_le_bytes());
    field(event.id.0.as_bytes());
    field(event.kind.as_bytes());
    field(&event.schema_version.to_le_bytes());
    field(event.tenant.as_str().as_bytes());
    field(event.correlation_id.as_bytes());
    // No id and any id differ in length.
    field(
        event
            .causation_id
            .as_ref()
            .map_or(&[][..], |id| id.0.as_bytes()),
    );
    field(&event.recorded_at.as_millis().to_le_bytes());
    field(event.data.as_bytes());
    hash.finalize().into()
}
