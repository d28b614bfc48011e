//! What every route that takes a body does with a bad one, and every route behind a key with a bad
//! header: the list of `docs/security.md`, for the whole table.

use std::time::Duration;

use punchcard::http::routes::{Policy, Route, admin_table, table};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::asking::{body, headers, is_admins, target};
use crate::world::{Names, VICTIM, World};

/// The longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A route with a body, a key that it takes, and who listens.
struct Case {
    route: &'static Route,
    host: String,
    head: String,
    example: String,
}

impl Case {
    fn of(world: &World, route: &'static Route, names: &Names) -> Option<Self> {
        let (media_type, example) = body(route)?;
        let (base, key) = match is_admins(route) {
            true => (world.server.admin(), world.operator()),
            false => (world.server.api(), world.key(VICTIM, "admin")),
        };
        let host = base.strip_prefix("http://").unwrap().to_owned();
        let more: String = headers(route)
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let head = format!(
            "{} {} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: {media_type}\r\n{more}",
            route.method,
            target(route, names)
        );
        Some(Self {
            route,
            host,
            head,
            example,
        })
    }

    fn takes_json(&self) -> bool {
        self.head.contains("Content-Type: application/json\r\n")
    }

    /// Sends a head and some of a body, and gives the status and the code.
    async fn send(&self, head: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.host).await.unwrap();
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        // A server that has not read a body leaves the connection open for a moment: its end says
        // nothing about the answer. A reset is an end too.
        let whole = async {
            while !is_whole(&answer) && stream.read_buf(&mut answer).await.is_ok_and(|n| n > 0) {}
        };
        let whole = tokio::time::timeout(PATIENCE, whole).await;
        let what = format!("{} {}", self.route.method, self.route.path);
        whole.unwrap_or_else(|_| panic!("{what} is not answered"));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.get(9..12).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("{what}: {answer:?}"));
        let text = answer.split_once("\r\n\r\n").map_or("", |(_, text)| text);
        let problem: Value = serde_json::from_str(text).unwrap_or_default();
        // OpenAI's clients know another shape of errors.
        let code = problem["code"]
            .as_str()
            .or_else(|| problem["error"]["code"].as_str());
        (status, code.unwrap_or_default().to_owned())
    }

    async fn with_body(&self, body: &[u8]) -> (u16, String) {
        let head = format!("{}Content-Length: {}\r\n\r\n", self.head, body.len());
        self.send(&head, body).await
    }

    async fn with_headers(&self, more: &str) -> (u16, String) {
        self.send(&format!("{}{more}\r\n", self.head), b"").await
    }
}

/// Whether an answer has as many bytes as it says.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let head = head.to_ascii_lowercase();
    let mut lengths = head
        .lines()
        .filter_map(|line| line.strip_prefix("content-length: "));
    let length = lengths.next().and_then(|length| length.parse().ok());
    length.is_some_and(|length: usize| body.len() >= length)
}

fn cases(world: &World, names: &Names) -> Vec<Case> {
    let routes = table().chain(admin_table());
    let cases: Vec<_> = routes
        .filter_map(|route| Case::of(world, route, names))
        .collect();
    assert!(cases.len() > 10, "the table lost its routes");
    cases
}

#[tokio::test]
async fn a_field_that_is_not_there_is_refused_on_every_route_with_a_body() {
    let world = World::start().await;
    let names = world.furnish().await;
    let mut count = 0;
    for case in cases(&world, &names)
        .iter()
        .filter(|case| case.takes_json())
    {
        for field in ["tenant", "state", "admin", "__proto__"] {
            let mut body: Value = serde_json::from_str(&case.example).unwrap();
            // Where a tenant is made, its name is a field.
            if body.get(field).is_some() {
                continue;
            }
            body[field] = json!("x");
            let (status, code) = case.with_body(body.to_string().as_bytes()).await;
            let what = format!(
                "{} {} with {field}: {status} {code}",
                case.route.method, case.route.path
            );
            assert_eq!(status, 400, "{what}");
            count += 1;
        }
    }
    println!("{count} unknown fields refused");
}

#[tokio::test]
async fn what_is_not_json_is_refused_on_every_route_with_a_body() {
    let world = World::start().await;
    let names = world.furnish().await;
    let deep = format!("{{\"x\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let bad: [&[u8]; 6] = [
        b"{",
        b"[1,]",
        br#"{"x":NaN}"#,
        br#"{"x":"\ud800"}"#,
        b"{\"x\":\"\xff\"}",
        deep.as_bytes(),
    ];
    let mut count = 0;
    for case in cases(&world, &names)
        .iter()
        .filter(|case| case.takes_json())
    {
        for body in bad {
            let (status, code) = case.with_body(body).await;
            let start = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
            let what = format!(
                "{} {} with {start}: {status} {code}",
                case.route.method, case.route.path
            );
            assert_eq!(status, 400, "{what}");
            count += 1;
        }
    }
    println!("{count} broken bodies refused");
}

#[tokio::test]
async fn a_body_too_large_or_packed_or_of_another_kind_is_refused_before_it_is_read() {
    let world = World::start().await;
    let names = world.furnish().await;
    let mut count = 0;
    for case in cases(&world, &names) {
        let what = format!("{} {}", case.route.method, case.route.path);
        // Announced and never sent: an answer can have read none of it.
        let (status, code) = case.with_headers("Content-Length: 9999999999\r\n").await;
        assert_eq!(status, 413, "{what}: {code}");
        for encoding in ["gzip", "br", "deflate", "zstd"] {
            let packed = format!("Content-Encoding: {encoding}\r\nContent-Length: 1000\r\n");
            let (status, code) = case.with_headers(&packed).await;
            assert_eq!(status, 415, "{what} {encoding}: {code}");
        }
        let kind = case
            .head
            .lines()
            .find(|line| line.starts_with("Content-Type"))
            .unwrap();
        for other in ["Content-Type: text/html", "X-No-Content-Type: x"] {
            let head = case.head.replace(kind, other);
            let head = format!("{head}Content-Length: {}\r\n\r\n", case.example.len());
            let (status, code) = case.send(&head, case.example.as_bytes()).await;
            assert_eq!(status, 415, "{what} as {other}: {code}");
        }
        count += 7;
    }
    println!("{count} bodies refused unread");
}

#[tokio::test]
async fn two_keys_or_a_key_elsewhere_open_no_route() {
    let world = World::start().await;
    let names = world.furnish().await;
    let mut count = 0;
    for route in table().chain(admin_table()) {
        let (base, key) = match is_admins(route) {
            true => (world.server.admin(), world.operator()),
            false => (world.server.api(), world.key(VICTIM, "admin")),
        };
        if matches!(route.policy(), Policy::Open | Policy::Session) {
            continue;
        }
        let method: reqwest::Method = route.method.as_str().parse().unwrap();
        let url = format!("{base}{}", target(route, &names));
        let bearer = format!("Bearer {key}");
        let request = || world.http.request(method.clone(), &url);
        for (how, request) in [
            (
                "twice",
                request()
                    .header("authorization", &bearer)
                    .header("authorization", &bearer),
            ),
            ("as Basic", request().basic_auth(key, Some(""))),
            (
                "in the query",
                world.http.request(
                    method.clone(),
                    format!(
                        "{url}{}key={key}",
                        if url.contains('?') { '&' } else { '?' }
                    ),
                ),
            ),
            (
                "as a cookie",
                request().header("cookie", format!("authorization={key}")),
            ),
            ("as another header", request().header("x-api-key", key)),
        ] {
            let answer = crate::api::send(request).await;
            assert_eq!(
                answer.status, 401,
                "{} {} {how}: {answer:?}",
                route.method, route.path
            );
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            count += 1;
        }
    }
    println!("{count} keys in the wrong place refused");
}
