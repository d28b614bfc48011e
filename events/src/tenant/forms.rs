//! The forms of what is said about a tenant: texts, origins, addresses, paths, prefixes. Whether an
//! address may be called is not asked here.

use super::rejection::Rejection;

/// How a list of origins spells "no `Origin` header", as native clients have it.
pub const NO_ORIGIN: &str = "none";

/// The most bytes of a name.
const NAME_BYTES: usize = 200;
/// The most bytes of a reason.
const REASON_BYTES: usize = 1_024;
/// The most bytes of an origin: a host has at most 253 (RFC 1035, section 2.3.4).
const ORIGIN_BYTES: usize = 300;
/// The most bytes of a callback's base URL, and of a hook's path.
const URL_BYTES: usize = 2_048;
/// The most characters of something refused that is repeated.
const SHOWN: usize = 80;

/// A name for people.
pub(super) fn name(text: &str) -> Result<(), Rejection> {
    sized("a name", text, NAME_BYTES)?;
    readable("the name", text)
}

/// A reason for people.
pub(super) fn reason(text: &str) -> Result<(), Rejection> {
    sized("a reason", text, REASON_BYTES)?;
    readable("the reason", text)
}

fn sized(what: &'static str, text: &str, max: usize) -> Result<(), Rejection> {
    let bytes = text.len();
    if bytes > max {
        return Err(Rejection::TooLong { what, bytes, max });
    }
    Ok(())
}

fn readable(what: &'static str, text: &str) -> Result<(), Rejection> {
    if text.is_empty() || text.trim() != text || text.chars().any(char::is_control) {
        return Err(Rejection::BadText { what });
    }
    Ok(())
}

/// Whether `text` is a web origin as browsers write it (RFC 6454, section 6.2), of `http` or `https`, or
/// [`NO_ORIGIN`].
pub fn is_origin(text: &str) -> bool {
    if text == NO_ORIGIN {
        return true;
    }
    let (rest, default_port) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (rest, "443"),
        (None, Some(rest)) => (rest, "80"),
        (None, None) => return false,
    };
    // The host of an IPv6 address has colons of its own.
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        Some(_) | None => (rest, None),
    };
    text.len() <= ORIGIN_BYTES && is_host(host) && port.is_none_or(|p| is_port(p, default_port))
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        let parsed = address.parse::<std::net::Ipv6Addr>();
        return parsed.is_ok_and(|parsed| parsed.to_string() == address);
    }
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    let label = |label: &str| (1..=63).contains(&label.len());
    host.bytes().all(allowed) && host.len() <= 253 && host.split('.').all(label)
}

fn is_port(port: &str, default: &str) -> bool {
    let number = port.parse::<u16>();
    port != default && number.is_ok_and(|number| number > 0 && number.to_string() == port)
}

pub(super) fn origin(text: &str) -> Result<(), Rejection> {
    if is_origin(text) {
        return Ok(());
    }
    Err(Rejection::BadOrigin(text.chars().take(SHOWN).collect()))
}

/// What the hooks' paths are added to.
pub(super) fn base_url(url: &str) -> Result<(), Rejection> {
    let refuse = |problem| Err(Rejection::BadCallback { problem });
    sized("a callback base URL", url, URL_BYTES)?;
    let http = url.strip_prefix("http://");
    let Some(rest) = url.strip_prefix("https://").or(http) else {
        return refuse("does not begin with https:// or http://");
    };
    if !url.bytes().all(|b| b.is_ascii_graphic()) || url.contains('\\') {
        return refuse("has a space, a backslash, or a character that is not ASCII");
    }
    if url.contains(['?', '#']) {
        return refuse("has a query or a fragment");
    }
    let authority = rest.split('/').next().unwrap_or(rest);
    if authority.is_empty() {
        return refuse("names no host");
    }
    if authority.contains('@') {
        return refuse("has a user name or a password");
    }
    Ok(())
}

/// A path that is added to the base URL and cannot leave it: not to another host, nor upwards.
pub(super) fn hook_path(path: &str) -> Result<(), Rejection> {
    sized("a hook path", path, URL_BYTES)?;
    match problem_of_path(path) {
        None => Ok(()),
        Some(problem) => Err(Rejection::BadHook {
            path: path.chars().take(SHOWN).collect(),
            problem,
        }),
    }
}

fn problem_of_path(text: &str) -> Option<&'static str> {
    let path = text.split_once('?').map_or(text, |(path, _)| path);
    if path.trim_matches('/').is_empty() {
        return Some("is empty");
    }
    if !path.starts_with('/') {
        return Some("does not begin with /");
    }
    if path.starts_with("//") {
        return Some("starts with // and would name another host");
    }
    let foreign = |c: char| c == '\\' || c == '#' || c.is_whitespace() || c.is_control();
    if text.chars().any(foreign) {
        return Some("has a backslash, a #, a space or a control character");
    }
    // Percent-encoded dots are dots to the URL standard, encoded slashes are slashes to many servers.
    let plain = path.to_ascii_lowercase().replace("%2e", ".");
    if plain.contains("%2f") || plain.contains("%5c") {
        return Some("has an encoded slash or backslash");
    }
    let dots = |part: &str| part == "." || part == "..";
    plain
        .split('/')
        .any(dots)
        .then_some("has a . or .. segment and would leave the base URL")
}

/// Whether `text` has the form of a key's prefix: `pk_` and 1 to 61 ASCII letters, digits or `_`.
pub fn is_key_prefix(text: &str) -> bool {
    let rest = text.strip_prefix("pk_").unwrap_or_default();
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=61).contains(&rest.len()) && rest.bytes().all(allowed)
}

pub(super) fn is_sha256(text: &str) -> bool {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    text.len() == 64 && text.bytes().all(digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_would_write() {
        for good in [
            "https://app.example.com",
            "https://app.example.com:8443",
            "http://localhost:3000",
            "http://127.0.0.1:3000",
            "http://[::1]:3000",
            "https://xn--9t4b11yi5a.example",
            NO_ORIGIN,
        ] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "*",
            "null",
            "https://",
            "https://a.example/",
            "https://a.example/x",
            "https://A.example",
            "https://a.example:443",
            "http://a.example:080",
            "ftp://a.example",
            "https://a b.example",
            "https://u@a.example",
            "https://a.example?x",
            "http://[::1",
            "http://[0:0:0:0:0:0:0:1]",
            "https://a..example",
            "https://한글.example",
            "a.example",
            "https://a.example:99999",
            "https://a.example:",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }

    #[test]
    fn a_path_that_leaves_the_base_url_is_refused() {
        for good in ["/hooks/x", "/x?to=1&b", "/훅", "/a..b/.c/@x"] {
            assert_eq!(hook_path(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "/",
            "//",
            "?x",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example/",
            "hooks/x",
            "/a/../x",
            "/a/..",
            "/./x",
            "/%2e%2e/x",
            "/.%2E/x",
            "/..%2fx",
            "/a%5cx",
            "/a b",
            "/a\nb",
            "/a#b",
            "/a\u{0}",
            "/a?b c",
        ] {
            assert!(hook_path(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_base_url_names_a_host_and_carries_nothing_secret() {
        for good in ["https://a.example", "http://127.0.0.1:8080/v2/"] {
            assert_eq!(base_url(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "a.example",
            "ftp://a.example",
            "https://",
            "https:///x",
            "https://u:p@a.example",
            "https://a.example/?x=1",
            "https://a.example/#x",
            "https://a.example/a b",
            "javascript:alert(1)",
            "https://a.example\\x",
        ] {
            assert!(base_url(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_prefix_and_a_hash_have_one_form() {
        assert!(is_key_prefix("pk_live_0a1B2c3D"));
        for bad in [
            "",
            "pk_",
            "live_x",
            "pk_a b",
            "pk_한",
            &format!("pk_{}", "x".repeat(62)),
        ] {
            assert!(!is_key_prefix(bad), "{bad}");
        }
        assert!(is_sha256(&"0f".repeat(32)));
        for bad in [
            String::new(),
            "0F".repeat(32),
            "0f".repeat(31),
            "0g".repeat(32),
        ] {
            assert!(!is_sha256(&bad), "{bad}");
        }
    }
}
