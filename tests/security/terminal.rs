//! What a server, a model or a user may have written, on its way to a terminal: text, and never a
//! command to the terminal. What programs read (`--json`) is exact.

use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::fake_backend::read_request;

const ID: &str = "0192c0de-0000-7000-8000-000000000001";
/// Colour, title, clear screen, 8-bit CSI, carriage return, backspace, bell, delete, right-to-left
/// override and isolate, and markup.
const HOSTILE: &str = "go\u{1b}[31mred\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}2J\rover\u{8}\u{7f}\u{202e}txt\u{2066}<script>x</script>";
/// The same with lines of its own.
const LINES: &str = "one\u{1b}[2J\n\u{202e}forged";

/// A server that answers every request with the same.
struct Liar {
    url: String,
    server: JoinHandle<()>,
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Liar {
    async fn saying(status: u16, media_type: &str, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} Said\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n{body}"
        );
        let server = tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                if read_request(&mut socket, &mut Vec::new()).await.is_some() {
                    let _ = socket.write_all(answer.as_bytes()).await;
                }
            }
        });
        Self { url, server }
    }

    /// Runs a command against it. Colours are forced, so nothing is taken out for the pipe's sake.
    async fn hears(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_punchcard"))
            .args(args)
            .env("PUNCHCARD_URL", &self.url)
            .env("PUNCHCARD_KEY", "x")
            .env("CLICOLOR_FORCE", "1")
            .env_remove("NO_COLOR")
            .env("NO_PROXY", "*")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap()
    }
}

/// What is left of `bytes` without the program's own colours and styles.
fn without_styles(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let mut pieces = text.split("\u{1b}[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece
            .find(|c: char| !(c.is_ascii_digit() || c == ';'))
            .unwrap();
        assert!(
            piece[end..].starts_with('m'),
            "a command that is no style: {piece:?}"
        );
        // The colour of the hostile text, had it come through.
        assert!(!piece.starts_with("31mred"), "{piece:?}");
        plain.push_str(&piece[end + 1..]);
    }
    plain
}

/// Everything a person sees is harmless, and something of it was there to be seen.
#[track_caller]
fn assert_harmless(what: &str, ran: &Output, seen: &str) {
    let mut all = String::new();
    for bytes in [&ran.stdout, &ran.stderr] {
        all.push_str(&without_styles(bytes));
    }
    let steers = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert_eq!(all.find(steers), None, "{what}: {all:?}");
    assert!(all.contains(seen), "{what} shows nothing of it: {all:?}");
}

fn hostile_ticket() -> Value {
    json!({
        "id": ID, "task": HOSTILE, "user": HOSTILE, "state": "failed", "attempt": 1,
        "metadata": { HOSTILE: LINES }, "requested_at": "2026-11-23T10:44:30.000Z",
        "prompt": { "version": 1, "hash": HOSTILE }, "model": HOSTILE, "finish_reason": HOSTILE,
        "fallback": { "from": HOSTILE, "reason": "failed" }, "answer": HOSTILE,
        "failure": { "stage": "model", "code": HOSTILE, "message": LINES },
        "cancelled": { "mode": "stop", "by": HOSTILE, "text": HOSTILE },
        "delivered": { "channel": "fetch", "acknowledged_by": HOSTILE },
    })
}

/// Tickets, lists and problems, each with the commands that print it.
#[tokio::test]
async fn no_answer_of_a_server_steers_the_terminal() {
    let ticket = hostile_ticket();
    let mut document = ticket.clone();
    document["answer"] = json!({ HOSTILE: [HOSTILE] });
    let list = json!({ "tickets": [ticket], "next_cursor": HOSTILE });
    let problem = json!({ "title": HOSTILE, "detail": HOSTILE, "code": HOSTILE, "field": LINES });
    let odd = json!({ "id": ID, "task": "t", "state": HOSTILE });
    let show = &["ticket", "show", ID][..];
    for (what, status, body, args) in [
        ("a text", 200, &ticket, show),
        ("a document", 200, &document, show),
        ("a list", 200, &list, &["ticket", "list"]),
        ("a problem", 422, &problem, show),
        ("an unknown state", 200, &odd, show),
    ] {
        let server = Liar::saying(status, "application/json", &body.to_string()).await;
        let ran = server.hears(args).await;
        assert_harmless(
            what,
            &ran,
            if what == "an unknown state" {
                "error"
            } else {
                "go"
            },
        );
        if what == "a text" {
            // The control: styles pass, so a command of the server would have passed as well.
            assert!(ran.stdout.contains(&0x1b), "{ran:?}");
            let stdout = without_styles(&ran.stdout);
            let forged = stdout
                .lines()
                .find(|line| line.trim().starts_with("forged"));
            assert_eq!(forged, None, "a value made a line of its own: {stdout}");
        }
    }
}

#[tokio::test]
async fn no_streamed_text_and_no_history_steers_the_terminal() {
    let frame = |frame: Value| format!("data: {frame}\n\n");
    let state =
        |state: &str| frame(json!({ "type": "state", "ticket": ID, "state": state, "attempt": 1 }));
    let text =
        json!({ "type": "text", "ticket": ID, "generation": 1, "offset": 0, "text": HOSTILE });
    let failed = json!({
        "type": "failed", "ticket": ID, "stage": "model", "code": HOSTILE, "message": HOSTILE,
    });
    let answer = json!({ "type": "answer", "ticket": ID, "answer": format!("{HOSTILE}!") });
    for end in [failed, answer] {
        let stream = [state("sent"), frame(text.clone()), frame(end)].concat();
        let server = Liar::saying(200, "text/event-stream", &stream).await;
        let ran = server.hears(&["ticket", "watch", ID]).await;
        assert_harmless("a stream", &ran, "go");
    }

    let golden = include_str!("../../src/cli/timeline/golden/history.json");
    let history: Value = serde_json::from_str(golden).unwrap();
    for (pointer, hostile) in [
        ("/0/data/metadata/lesson", LINES),
        ("/1/data/error/message", HOSTILE),
        ("/1/type", HOSTILE),
        ("/1/data/error/kind", HOSTILE),
    ] {
        let mut events = history.clone();
        *events.pointer_mut(pointer).unwrap() = json!(hostile);
        let body = json!({ "ticket": ID, "events": events }).to_string();
        let server = Liar::saying(200, "application/json", &body).await;
        for args in [
            &["ticket", "replay", ID][..],
            &["ticket", "replay", ID, "--at", "1"],
        ] {
            let ran = server.hears(args).await;
            assert_harmless(pointer, &ran, "re");
        }
    }
}

#[tokio::test]
async fn what_programs_read_is_exact() {
    let ticket = hostile_ticket();
    let server = Liar::saying(200, "application/json", &ticket.to_string()).await;
    let ran = server.hears(&["--json", "ticket", "show", ID]).await;
    let shown: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(shown, ticket);
    // All that could steer is an escape in it.
    assert_harmless("JSON", &ran, "go");
}
