//! What is not HTTP at all. The HTTP library answers it before any of our code sees it: without problem
//! details, but with a status, the end of the connection and nothing left behind.

use std::fs;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::edge::{Edge, KEY, PATIENCE};

/// What the server says to these bytes before it closes.
async fn answer_to(edge: &Edge, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(edge.address)
        .await
        .expect("a connection");
    // It may close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // A reset is an end too: it closed with bytes of ours unread.
    let _ = end.expect("an end in time");
    String::from_utf8_lossy(&answer).into_owned()
}

/// How many file descriptors this process has open; the edge lives in it.
fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

#[tokio::test]
async fn bytes_that_are_no_request_are_answered_closed_and_leave_nothing_behind() {
    let edge = Edge::start();
    assert_eq!(edge.get(KEY, "/v1/tickets").await.status, 200);
    let before = descriptors();
    let long = "x".repeat(200_000);
    let many: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    let host = "Host: edge\r\n";
    let malformed = [
        "\r\n\r\n\0\0\0\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "G<T / HTTP/1.1\r\n\r\n".to_owned(),
        "GET /\u{7f} HTTP/1.1\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\n{host}Bad Name: x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}X: {long}\r\n\r\n"),
        format!("GET /{long} HTTP/1.1\r\n{host}\r\n"),
        format!("GET / HTTP/1.1\r\n{host}{many}\r\n"),
        format!("POST /v1/tickets HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n"),
        format!(
            "POST /v1/tickets HTTP/1.1\r\n{host}Content-Length: 1\r\nContent-Length: 2\r\n\r\n"
        ),
        format!(
            "POST /v1/tickets HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
        ),
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}".repeat(20),
    ];
    for (number, bytes) in malformed.iter().enumerate() {
        let answer = answer_to(&edge, bytes.as_bytes()).await;
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(refused, "{number}: {answer}");
    }
    // Nobody panicked, and it goes on.
    assert_eq!(edge.get(KEY, "/v1/tickets").await.status, 200);
    let gone = async {
        while descriptors() > before {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let gone = tokio::time::timeout(PATIENCE, gone).await;
    assert!(gone.is_ok(), "{} descriptors of {before}", descriptors());
}
