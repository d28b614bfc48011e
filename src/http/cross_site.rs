//! Pages of other sites change nothing through the admin listener.
//!
//! The console keeps its key where no other site finds it and sends no cookie, so a foreign page has
//! nothing to borrow. This is the second bolt: what a browser itself says of where a request comes from is
//! believed. Clients that are no browsers say nothing of it, and are not asked.

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};

use super::errors::{Code, Problem};

/// How a page stands to where it sends a request (Fetch Metadata Request Headers, section 2.4).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a request that may change something and that a browser sends for another site.
///
/// # Errors
/// With `cross_site` where `Sec-Fetch-Site` or `Origin` name another site.
pub(super) fn refuse(request: &HttpRequest) -> Result<(), Problem> {
    if request.method().is_safe() || (is_of_this_site(request) && is_of_this_origin(request)) {
        return Ok(());
    }
    let detail = "A page of another site asked for this. Open the console at this address, or call \
                  the API from a program.";
    Err(Problem::new(Code::CrossSite, detail))
}

/// `none` is what somebody does by hand, such as following a bookmark.
fn is_of_this_site(request: &HttpRequest) -> bool {
    let mut said = request.headers().get_all(SEC_FETCH_SITE);
    said.all(|site| matches!(site.as_bytes(), b"same-origin" | b"none"))
}

/// An origin is a scheme, a host and a port; the last two are what the request's `Host` says. The scheme is
/// not compared: behind a proxy that ends TLS it is not known here.
fn is_of_this_origin(request: &HttpRequest) -> bool {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok());
    let mut origins = request.headers().get_all(header::ORIGIN);
    origins.all(|origin| {
        let place = origin.to_str().ok().and_then(|text| text.split_once("://"));
        match (place, host) {
            (Some((_, place)), Some(host)) => place.eq_ignore_ascii_case(host),
            // `null`, which sandboxed pages and files send, is nobody's origin.
            (None, _) | (_, None) => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn asked(method: &str, headers: &[(&str, &str)]) -> bool {
        let method = method.parse().unwrap();
        let mut request = TestRequest::default().method(method);
        request = request.insert_header(("host", "127.0.0.1:9090"));
        for header in headers {
            request = request.append_header(*header);
        }
        refuse(&request.to_http_request()).is_ok()
    }

    #[test]
    fn a_program_and_the_console_itself_may_write() {
        assert!(asked("POST", &[]));
        let own = [
            ("sec-fetch-site", "same-origin"),
            ("origin", "http://127.0.0.1:9090"),
        ];
        assert!(asked("POST", &own));
        assert!(asked("DELETE", &[("origin", "https://127.0.0.1:9090")]));
        assert!(asked("PUT", &[("sec-fetch-site", "none")]));
    }

    #[test]
    fn pages_of_other_sites_may_not_write() {
        for foreign in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", ""),
            ("origin", "http://127.0.0.1:9091"),
            ("origin", "http://evil.example"),
            ("origin", "http://127.0.0.1:9090.evil.example"),
            ("origin", "null"),
        ] {
            for method in ["POST", "PUT", "DELETE", "PATCH"] {
                assert!(!asked(method, &[foreign]), "{method} {foreign:?}");
            }
            assert!(asked("GET", &[foreign]), "reading changes nothing");
        }
    }

    #[test]
    fn one_foreign_word_among_good_ones_is_enough() {
        let both = [
            ("origin", "http://127.0.0.1:9090"),
            ("origin", "http://evil.example"),
        ];
        assert!(!asked("POST", &both));
    }
}
