//! The `Prefer` header (RFC 7240), of which `wait` means something here.

use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName};

/// The request's header.
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// How long the client prefers to wait, capped at `max`. As the RFC has it, preferences that are
/// unknown or malformed are ignored, and of several the first counts.
pub(super) fn wait(headers: &HeaderMap, max: Duration) -> Option<Duration> {
    headers
        .get_all(PREFER)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(wait_seconds)
        .map(|seconds| Duration::from_secs(seconds).min(max))
        .filter(|wait| !wait.is_zero())
}

/// Whether the client prefers not to wait for an outcome.
pub(super) fn respond_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all(PREFER);
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|preference| preference.split(';').next())
        .any(|token| token.trim().eq_ignore_ascii_case("respond-async"))
}

fn wait_seconds(preference: &str) -> Option<u64> {
    let token = preference.split(';').next()?;
    let (name, value) = token.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("wait") {
        return None;
    }
    let value = value.trim();
    let value = value
        .strip_prefix('"')
        .map_or(Some(value), |v| v.strip_suffix('"'))?;
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    // More digits than fit are longer than any cap.
    digits.then(|| value.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;
    use proptest::prelude::*;

    fn wait_of(value: &str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(PREFER, HeaderValue::from_str(value).ok()?);
        wait(&headers, Duration::from_secs(60)).map(|wait| wait.as_secs())
    }

    #[test]
    fn wait_is_read_as_rfc_7240_writes_it() {
        assert_eq!(wait_of("wait=25"), Some(25));
        assert_eq!(wait_of("respond-async, Wait = \"10\"; foo=bar"), Some(10));
        assert_eq!(wait_of("wait=9, wait=20"), Some(9));
        assert_eq!(wait_of("wait=99999999999999999999999"), Some(60));
        for ignored in [
            "",
            "wait",
            "wait=",
            "wait=-1",
            "wait=\"5",
            "wait=0",
            "waiting=5",
            "wait=5s",
        ] {
            assert_eq!(wait_of(ignored), None, "{ignored:?}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic_or_wait_longer_than_the_cap(value in "[ -~]{0,60}") {
            prop_assert!(wait_of(&value).is_none_or(|seconds| (1..=60).contains(&seconds)));
        }
    }

    #[test]
    fn no_mutant_waits_longer_than_the_cap() {
        crate::fuzz::run_text("prefer", |text| {
            assert!(wait_of(text).is_none_or(|seconds| (1..=60).contains(&seconds)));
        });
    }
}
