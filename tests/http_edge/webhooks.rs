//! The URLs of webhook endpoints, as production saves them: never one that leads inside.

use serde_json::json;

use crate::edge::{Edge, KEY, working_as};

/// Every spelling of a host that is never called.
const FORBIDDEN: &[&str] = &[
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "0x7f.1",
    "%31%32%37.0.0.1",
    "１２７.0.0.1",
    "127。0。0。1",
    "0",
    "0x0",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[fd00::1]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "a.localhost",
    "a.b.localhost.",
    "169.254.169.254",
    "0xA9FEA9FE",
    "2852039166",
    "0251.0376.0251.0376",
    "169.254.43518",
    "10.0.0.1",
    "192.168.0.1",
    "172.16.0.1",
    "100.64.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
];

#[tokio::test]
async fn no_spelling_of_a_forbidden_address_is_saved() {
    let edge = Edge::start();
    let admin = working_as(KEY, "admin");
    let public = "https://hooks.example/h".to_owned();
    let forbidden = FORBIDDEN.iter().map(|host| format!("https://{host}/h"));
    let others = [
        "http://hooks.example/h",
        "ftp://hooks.example/h",
        "file:///etc/passwd",
        "gopher://hooks.example/h",
        "data:,x",
        "https://user@hooks.example/h",
        "https://user:password@hooks.example/h",
        "https://",
        "hooks.example/h",
        "",
    ];
    let body = |url: &str| json!({ "url": url, "event_types": ["ticket.failed"] }).to_string();
    let made = edge
        .send("POST", &admin, "/v1/webhooks", "", &body(&public))
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!(
        "/v1/webhooks/{}",
        made.json()["id"].as_str().expect("an id")
    );
    let others = others.iter().map(|&url| url.to_owned());
    let mut refused = 0;
    for url in forbidden.chain(others) {
        for (method, at) in [("POST", "/v1/webhooks"), ("PATCH", path.as_str())] {
            let sent = match method {
                "POST" => body(&url),
                _ => json!({ "url": url }).to_string(),
            };
            let reply = edge.send(method, &admin, at, "", &sent).await;
            assert_eq!(
                (reply.status, reply.code()),
                (422, "forbidden_url".to_owned()),
                "{url}"
            );
            refused += 1;
        }
    }
    assert!(refused >= 100, "{refused}");
    let kept = edge.get(&admin, &path).await.json();
    assert_eq!(kept["url"], public.as_str(), "nothing of it was saved");
}
