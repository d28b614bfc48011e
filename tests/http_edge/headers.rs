//! The headers that every answer carries, whoever asks.

use punchcard::http::routes::table;

use crate::edge::{Edge, KEY, ORIGIN, OTHER_KEY, Reply};
use crate::keys::filled;

/// Nothing is kept by a cache, taken for another type, or readable by another page.
#[track_caller]
fn assert_guarded(what: &str, reply: &Reply) {
    let kept = match reply.header("etag") {
        // The document and its page, which are the same for everybody: asked for again each time.
        Some(_) if what.contains("openapi.json") || what.contains("/docs") => "no-cache",
        _ => "no-store",
    };
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cache-control", kept),
    ] {
        assert_eq!(reply.header(name), Some(value), "{what}: {reply:?}");
    }
    // No page of another origin reads an answer or sends a key: there is no permission to (CORS).
    assert!(
        !reply.head.contains("access-control-allow"),
        "{what}: {reply:?}"
    );
    assert!(!reply.head.contains("set-cookie"), "{what}: {reply:?}");
    assert_eq!(reply.header("server"), None, "{what}");
}

#[tokio::test]
async fn every_answer_of_every_route_forbids_caching_sniffing_and_other_pages() {
    let edge = Edge::start();
    let ticket = edge.issue(None).await;
    let origin = format!("Origin: {ORIGIN}\r\n");
    for route in table() {
        let (method, path) = (route.method.as_str(), filled(route.path, &ticket, "say"));
        for key in [KEY, OTHER_KEY, "none"] {
            let reply = edge.send(method, key, &path, &origin, "{}").await;
            assert_guarded(&format!("{method} {path}"), &reply);
        }
    }
    for (method, path) in [
        ("GET", "/nothing"),
        ("PUT", "/v1/tickets"),
        ("GET", "/metrics"),
    ] {
        let reply = edge.send(method, KEY, path, &origin, "").await;
        assert!(matches!(reply.status, 404 | 405), "{reply:?}");
        assert_guarded(path, &reply);
    }
}

#[tokio::test]
async fn a_page_of_another_origin_gets_no_permission_to_write() {
    let edge = Edge::start();
    let preflight = format!(
        "Origin: {ORIGIN}\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n"
    );
    for path in ["/v1/tickets", "/v1/session-tokens", "/v1/session"] {
        let reply = edge.send("OPTIONS", KEY, path, &preflight, "").await;
        assert_eq!(reply.status, 405, "{path}");
        assert_guarded(path, &reply);
    }
}
