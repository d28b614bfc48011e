//! Entity tags of bytes that are the same for everybody (RFC 9110, section 8.8.3).

use actix_web::HttpRequest;
use actix_web::http::header;
use sha2::{Digest as _, Sha256};

/// The strong tag of `bytes`: the start of their SHA-256.
pub(super) fn of(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let digits = digest.iter().take(12).map(|byte| format!("{byte:02x}"));
    format!("\"{}\"", digits.collect::<String>())
}

/// Whether the client says that it has what `tag` names (`If-None-Match`, section 13.1.2).
pub(super) fn is_known(request: &HttpRequest, tag: &str) -> bool {
    let known = request.headers().get_all(header::IF_NONE_MATCH);
    let known = known.filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|value| value.split(',')).map(str::trim);
    known.any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}
