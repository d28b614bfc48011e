//! Who gets a canary.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Whether `sticky` is among the `percent` of a hundred who get the canary.
///
/// The choice is a hash and needs no memory: on every node, and after every restart, the same
/// canary has the same users. Another canary has others, so that nobody is always the first to
/// meet a new version. `sticky` is the ticket's user, or the ticket itself where it has none.
pub fn in_canary(canary: Uuid, percent: u8, sticky: &str) -> bool {
    let mut hash = Sha256::new();
    hash.update(canary.as_bytes());
    hash.update([0]);
    hash.update(sticky);
    let digest = hash.finalize();
    // The first 8 bytes as one big-endian number. 2^64 is no multiple of 100, and the difference
    // is too small to matter.
    let number = digest
        .iter()
        .take(8)
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    number % 100 < u64::from(percent)
}
