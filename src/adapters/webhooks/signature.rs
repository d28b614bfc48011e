//! Standard Webhooks signatures (<https://www.standardwebhooks.com>, specification 1.0.0): symmetric,
//! `v1`, HMAC-SHA256 over `id.timestamp.body`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use punchcard_events::Timestamp;
use sha2::Sha256;

/// The header with the message's id, the same over all its deliveries.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the time of the try, in seconds since the Unix epoch.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header with the signatures, separated by spaces.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// How far a delivery's timestamp may be from the receiver's clock, as the specification's reference
/// libraries have it.
pub const TOLERANCE: Duration = Duration::from_mins(5);

const SECRET_PREFIX: &str = "whsec_";
const VERSION_PREFIX: &str = "v1,";

/// The most signatures that are looked at, so that a header cannot buy unbounded work.
const MAX_SIGNATURES: usize = 32;

/// A secret that callbacks are signed with: `whsec_` and the base64 of 24 to 64 bytes. It is never
/// shown again.
#[derive(Clone)]
pub struct SigningSecret {
    /// HMAC with the key already worked in, copied for each signature.
    keyed: Hmac<Sha256>,
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A text that is no signing secret. The text itself is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signing secret is `whsec_` followed by the base64 of 24 to 64 random bytes")]
pub struct InvalidSecret;

impl FromStr for SigningSecret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let encoded = text.strip_prefix(SECRET_PREFIX).ok_or(InvalidSecret)?;
        let key = STANDARD.decode(encoded).map_err(|_| InvalidSecret)?;
        if !(24..=64).contains(&key.len()) {
            return Err(InvalidSecret);
        }
        let keyed = Hmac::new_from_slice(&key).map_err(|_| InvalidSecret)?;
        Ok(Self { keyed })
    }
}

impl SigningSecret {
    /// The secret with this key.
    pub(crate) fn of_key(key: &[u8; 32]) -> Self {
        // As RFC 2104 pads it: this form of the key has no error to handle.
        let mut block = [0_u8; 64];
        block[..32].copy_from_slice(key);
        Self {
            keyed: Hmac::new(&block.into()),
        }
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.keyed.clone();
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac
    }
}

/// The value of [`SIGNATURE_HEADER`]: one signature for each of `secrets`. `timestamp` is the text of
/// [`TIMESTAMP_HEADER`]; `id` must have no `.` in it.
pub fn sign(secrets: &[SigningSecret], id: &str, timestamp: &str, body: &[u8]) -> String {
    let mut header = String::with_capacity(secrets.len() * 48);
    for secret in secrets {
        if !header.is_empty() {
            header.push(' ');
        }
        header.push_str(VERSION_PREFIX);
        STANDARD.encode_string(
            secret.mac(id, timestamp, body).finalize().into_bytes(),
            &mut header,
        );
    }
    header
}

/// The three headers of a delivery, as received.
#[derive(Debug, Clone, Copy)]
pub struct SignedHeaders<'a> {
    /// [`ID_HEADER`].
    pub id: &'a str,
    /// [`TIMESTAMP_HEADER`].
    pub timestamp: &'a str,
    /// [`SIGNATURE_HEADER`].
    pub signature: &'a str,
}

/// Checks a delivery as a receiver must: the raw `body` is signed with one of `secrets`, and the try
/// was made within `tolerance` of `now`.
///
/// # Errors
/// [`VerifyError`] with what does not hold.
pub fn verify(
    secrets: &[SigningSecret],
    headers: SignedHeaders<'_>,
    body: &[u8],
    now: Timestamp,
    tolerance: Duration,
) -> Result<(), VerifyError> {
    // `parse` would take `+5` too, and what is signed is the text.
    if !headers.timestamp.bytes().all(|b| b.is_ascii_digit()) {
        return Err(VerifyError::Timestamp);
    }
    let seconds: u64 = headers
        .timestamp
        .parse()
        .map_err(|_| VerifyError::Timestamp)?;
    if (now.as_millis() / 1000).abs_diff(seconds) > tolerance.as_secs() {
        return Err(VerifyError::Stale);
    }
    let signed = headers
        .signature
        .split(' ')
        .take(MAX_SIGNATURES)
        .filter_map(|entry| entry.strip_prefix(VERSION_PREFIX))
        .filter_map(|encoded| STANDARD.decode(encoded).ok())
        .any(|signature| {
            secrets.iter().any(|secret| {
                // Constant time; a truncated signature is refused.
                let mac = secret.mac(headers.id, headers.timestamp, body);
                mac.verify_slice(&signature).is_ok()
            })
        });
    if signed {
        Ok(())
    } else {
        Err(VerifyError::Signature)
    }
}

/// Why a delivery is not to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The timestamp is not a number of seconds.
    #[error("webhook-timestamp is not a number of seconds")]
    Timestamp,
    /// The timestamp is too far from now: perhaps a recorded delivery, played again.
    #[error("webhook-timestamp is too far from now")]
    Stale,
    /// No signature is by a known secret.
    #[error("no signature in webhook-signature is by a known secret")]
    Signature,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // The example of the specification's own reference libraries.
    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
    const TIME: &str = "1649367553";
    const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
    const SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

    fn secret() -> SigningSecret {
        SECRET.parse().unwrap()
    }

    fn other() -> SigningSecret {
        format!("whsec_{}", STANDARD.encode([7; 64]))
            .parse()
            .unwrap()
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn check(signature: &str, body: &[u8], now: u64) -> Result<(), VerifyError> {
        let headers = SignedHeaders {
            id: ID,
            timestamp: TIME,
            signature,
        };
        verify(&[secret()], headers, body, at(now), TOLERANCE)
    }

    #[test]
    fn the_example_of_the_reference_libraries_is_reproduced() {
        assert_eq!(sign(&[secret()], ID, TIME, BODY), SIGNATURE);
        assert_eq!(check(SIGNATURE, BODY, 1_649_367_553), Ok(()));
    }

    #[test]
    fn the_reference_library_and_this_one_accept_each_other() {
        let reference = standardwebhooks::Webhook::new(SECRET).unwrap();
        let theirs = reference.sign(ID, 1_649_367_553, BODY).unwrap();
        assert_eq!(check(&theirs, BODY, 1_649_367_553), Ok(()));

        let now = seconds_now();
        let ours = sign(&[other(), secret()], ID, &now.to_string(), BODY);
        let headers = [
            (ID_HEADER, ID.to_owned()),
            (TIMESTAMP_HEADER, now.to_string()),
            (SIGNATURE_HEADER, ours),
        ];
        let headers = headers
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect::<reqwest::header::HeaderMap>();
        reference.verify(BODY, &headers).unwrap();
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the reference library compares with the real clock"
    )]
    fn seconds_now() -> u64 {
        let now = std::time::SystemTime::now();
        now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
    }

    #[test]
    fn while_a_secret_rotates_either_one_verifies() {
        let signature = sign(&[other(), secret()], ID, TIME, BODY);
        assert_eq!(signature.split(' ').count(), 2);
        assert_eq!(check(&signature, BODY, 1_649_367_553), Ok(()));
        let headers = SignedHeaders {
            id: ID,
            timestamp: TIME,
            signature: &signature,
        };
        let now = at(1_649_367_553);
        assert_eq!(verify(&[other()], headers, BODY, now, TOLERANCE), Ok(()));
    }

    #[test]
    fn whatever_is_changed_the_signature_no_longer_holds() {
        let now = 1_649_367_553;
        assert_eq!(check(SIGNATURE, b"{}", now), Err(VerifyError::Signature));
        let by_other = sign(&[other()], ID, TIME, BODY);
        for bad in [
            "",
            "v1,",
            "v1",
            " ",
            "v1,AAAA",
            "v1a,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            "tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd",
            &by_other,
        ] {
            assert_eq!(check(bad, BODY, now), Err(VerifyError::Signature), "{bad}");
        }
        let id = SignedHeaders {
            id: "msg_other",
            timestamp: TIME,
            signature: SIGNATURE,
        };
        assert!(verify(&[secret()], id, BODY, at(now), TOLERANCE).is_err());
    }

    #[test]
    fn a_delivery_is_fresh_for_five_minutes_either_way() {
        let made = 1_649_367_553;
        assert_eq!(check(SIGNATURE, BODY, made + 300), Ok(()));
        assert_eq!(check(SIGNATURE, BODY, made - 300), Ok(()));
        assert_eq!(check(SIGNATURE, BODY, made + 301), Err(VerifyError::Stale));
        assert_eq!(check(SIGNATURE, BODY, made - 301), Err(VerifyError::Stale));
    }

    #[test]
    fn only_long_enough_secrets_are_taken_and_none_is_shown() {
        for bytes in [24, 32, 64] {
            let text = format!("whsec_{}", STANDARD.encode(vec![1; bytes]));
            assert!(text.parse::<SigningSecret>().is_ok(), "{bytes} bytes");
        }
        for bytes in [0, 23, 65] {
            let text = format!("whsec_{}", STANDARD.encode(vec![1; bytes]));
            assert!(text.parse::<SigningSecret>().is_err(), "{bytes} bytes");
        }
        assert!("whsec_not base64!".parse::<SigningSecret>().is_err());
        assert!(SECRET["whsec_".len()..].parse::<SigningSecret>().is_err());
        assert_eq!(format!("{:?}", secret()), "[redacted]");
    }

    proptest! {
        #[test]
        fn verifying_anything_never_panics(
            id in ".{0,40}", timestamp in ".{0,30}", signature in ".{0,200}",
            body in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let headers = SignedHeaders { id: &id, timestamp: &timestamp, signature: &signature };
            let verdict = verify(&[secret()], headers, &body, at(1_649_367_553), TOLERANCE);
            prop_assert!(verdict.is_err());
        }
    }

    #[test]
    fn no_mutant_verifies() {
        crate::fuzz::run_text("signature", |text| {
            let mut lines = text.splitn(4, '\n');
            let mut line = || lines.next().unwrap_or_default();
            let headers = SignedHeaders {
                id: line(),
                timestamp: line(),
                signature: line(),
            };
            let body = line().as_bytes();
            assert!(verify(&[secret()], headers, body, at(1_649_367_553), TOLERANCE).is_err());
        });
    }
}
