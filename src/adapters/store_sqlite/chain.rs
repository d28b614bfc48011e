//! The hash chain of a stream: each event's hash covers the event and the hash before it, so a
//! changed, swapped or missing event breaks the chain from there on. A second chain, over the links
//! of all streams in the order of positions, stands for the whole log.

use punchcard_events::{NewEvent, Revision, StreamName};
use sha2::{Digest, Sha256};

/// A link of the chain: a SHA-256.
pub(super) type Hash = [u8; 32];

/// What stands before a stream's first event.
pub(super) const ROOT: Hash = [0; 32];

/// Separates these hashes from any other use of SHA-256, and names the framing.
const DOMAIN: &[u8] = b"punchcard event 1";
const LOG_DOMAIN: &[u8] = b"punchcard log 1";
const LOSS_DOMAIN: &[u8] = b"punchcard loss 1";
const LINE_DOMAIN: &[u8] = b"punchcard line 1";

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
    let mut field = |bytes: &[u8]| add(&mut hash, bytes);
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

/// The chain over the whole log after one more event, which its stream's link stands for.
pub(super) fn over_event(previous: &Hash, position: u64, link: &Hash) -> Hash {
    framed(&[LOG_DOMAIN, previous, &position.to_le_bytes(), link])
}

/// The chain over the whole log after the positions of events that were given up.
pub(super) fn over_loss(previous: &Hash, first: u64, last: u64, accepted_at_ms: u64) -> Hash {
    let numbers = [first, last, accepted_at_ms].map(u64::to_le_bytes);
    framed(&[LOSS_DOMAIN, previous, &numbers[0], &numbers[1], &numbers[2]])
}

/// A short sum over the fields of a line of the ticket list. It is there to find damage, so eight
/// bytes are enough.
pub(super) fn line_sum(fields: &[&[u8]]) -> i64 {
    let mut hash = Sha256::new();
    add(&mut hash, LINE_DOMAIN);
    for field in fields {
        add(&mut hash, field);
    }
    let sum: Hash = hash.finalize().into();
    let mut first = [0; 8];
    first.copy_from_slice(&sum[..8]);
    i64::from_le_bytes(first)
}

/// A checksum over a few fields.
pub(super) fn framed(fields: &[&[u8]]) -> Hash {
    let mut hash = Sha256::new();
    for field in fields {
        add(&mut hash, field);
    }
    hash.finalize().into()
}

fn add(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}
