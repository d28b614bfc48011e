//! An idempotency key and the ticket it was first used for.
//!
//! A key is claimed by appending [`IdempotencyKeyClaimed`] as the first event of a stream named
//! after tenant and key. The store's expected revision makes one claim win, on one node or many; a
//! crash between claim and ticket leaves a claim that the next try of the same request completes.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{StreamName, TenantId, TicketId};
use crate::recorded::{DecodeError, upcast};

/// A tenant used an idempotency key for the first time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyKeyClaimed {
    /// The ticket that the key stands for.
    pub ticket: TicketId,
    /// SHA-256 of the request it came with, in hexadecimal.
    pub fingerprint: String,
}

impl IdempotencyKeyClaimed {
    /// The stored type name.
    pub const KIND: &'static str = "IdempotencyKeyClaimed";
    /// The schema version this build writes.
    pub const SCHEMA_VERSION: u16 = 1;

    /// The stream that holds the claim of `key` by `tenant`.
    ///
    /// The name is a hash, because a key is the issuer's own text and may be long or private.
    pub fn stream(tenant: &TenantId, key: &str) -> StreamName {
        let mut hash = Sha256::new();
        hash.update(tenant.as_str());
        hash.update([0]);
        hash.update(key);
        StreamName::of_hash("idempotency", &hash.finalize())
    }

    /// Reads a stored claim.
    ///
    /// # Errors
    /// When the event is of another type or cannot be read.
    pub fn decode(kind: &str, version: u16, data: &str) -> Result<Self, DecodeError> {
        if kind != Self::KIND {
            return Err(DecodeError::UnknownKind(kind.to_owned()));
        }
        let fail = |error: serde_json::Error| DecodeError::Body {
            kind: kind.to_owned(),
            reason: error.to_string(),
        };
        let body = serde_json::from_str(data).map_err(fail)?;
        let body = upcast(&[], kind, version, Self::SCHEMA_VERSION, body)?;
        serde_json::from_value(body).map_err(fail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_two_tenants_never_share_a_stream() -> Result<(), crate::InvalidName> {
        let (a, ab) = (TenantId::new("a")?, TenantId::new("ab")?);
        let streams = [
            IdempotencyKeyClaimed::stream(&a, "bc"),
            IdempotencyKeyClaimed::stream(&ab, "c"),
            IdempotencyKeyClaimed::stream(&a, "c"),
        ];
        assert_eq!(streams[0], IdempotencyKeyClaimed::stream(&a, "bc"));
        assert_ne!(streams[0], streams[1]);
        assert_ne!(streams[0], streams[2]);
        Ok(())
    }

    #[test]
    fn a_stored_claim_is_read_for_ever() {
        let golden = r#"{"ticket":"01920000-0000-7000-8000-000000000001","fingerprint":"ab12"}"#;
        let claim = IdempotencyKeyClaimed::decode("IdempotencyKeyClaimed", 1, golden);
        let claim = claim.expect("version 1 is readable");
        assert_eq!(serde_json::to_string(&claim).expect("JSON"), golden);
    }
}
