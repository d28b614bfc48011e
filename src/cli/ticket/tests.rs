//! The ticket commands against a tiny server on loopback that answers from a script.

use clap::Parser as _;
use serde_json::{Value, json};

use crate::cli::args::Cli;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::scripted::{self, Ran, Reply, json_reply};

const ID: &str = "0192c0de-0000-7000-8000-000000000001";

/// Runs `punchcard ticket LINE` against a server that gives `replies` in their order.
fn ran(line: &[&str], replies: &[Reply]) -> Ran {
    scripted::ran("ticket", line, replies)
}

fn sse(text: &str) -> Reply {
    (200, "text/event-stream", text.to_owned())
}

fn ticket(state: &str) -> Value {
    json!({
        "id": ID, "task": "explanation", "user": "student-17", "state": state, "attempt": 1,
        "metadata": {"lesson": "L-204"}, "requested_at": "2026-11-23T10:44:30.000Z",
        "updated_at": "2026-11-23T10:44:33.500Z", "revision": 4, "a_newer_field": 1,
    })
}

#[test]
fn a_list_is_a_table_of_aligned_columns() {
    let page = json!({"tickets": [ticket("delivered"), ticket("sent")], "next_cursor": "c2"});
    let ran = ran(
        &["list", "--state", "sent", "--limit", "2"],
        &[json_reply(200, &page)],
    );
    assert_eq!(ran.ended, Ok(Exit::Success));
    let golden = include_str!("golden/list.txt");
    assert_eq!(ran.stdout.trim_end(), golden.trim_end());
    assert!(ran.stderr.contains("--cursor c2"), "{}", ran.stderr);
    assert_eq!(ran.asked[0].line, "GET /v1/tickets?state=sent&limit=2");
    assert_eq!(ran.asked[0].authorization, "Bearer pk_test");
}

#[test]
fn a_list_of_all_pages_on_and_gives_a_json_line_for_each_ticket() {
    let first = json!({"tickets": [ticket("sent")], "next_cursor": "c2"});
    let last = json!({"tickets": [ticket("failed")]});
    let ran = ran(
        &["list", "--all", "--json"],
        &[json_reply(200, &first), json_reply(200, &last)],
    );
    let states: Vec<Value> = ran
        .stdout
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(states.len(), 2);
    assert_eq!(states[0]["a_newer_field"], 1, "nothing is dropped");
    assert!(ran.asked[1].line.contains("cursor=c2"));
}

#[test]
fn an_issued_ticket_is_its_id_on_stdout() {
    let ran = ran(
        &[
            "issue",
            "explanation",
            "--input",
            r#"{"q":1}"#,
            "-m",
            "a=b",
            "-u",
            "u1",
        ],
        &[json_reply(202, &ticket("requested"))],
    );
    assert_eq!(ran.stdout.trim(), ID);
    let wanted = json!({"task":"explanation","input":{"q":1},"user":"u1","metadata":{"a":"b"}});
    assert_eq!(ran.asked[0].body, wanted);
    assert_eq!(ran.asked[0].prefer, None);
}

#[test]
fn a_wait_follows_the_stream_and_ends_with_five_when_the_ticket_failed() {
    let mut failed = ticket("failed");
    failed["failure"] = json!({"stage":"model","code":"quota_exceeded","message":"no quota"});
    let stream = format!(
        "id: 5\ndata: {{\"type\":\"failed\",\"ticket\":\"{ID}\",\"stage\":\"model\",\
         \"code\":\"quota_exceeded\",\"message\":\"no quota\"}}\n\n"
    );
    let ran = ran(
        &["issue", "explanation", "--input", "{}", "--wait=20"],
        &[
            json_reply(202, &ticket("requested")),
            sse(&stream),
            json_reply(200, &failed),
        ],
    );
    assert_eq!(ran.ended, Ok(Exit::TicketEnded));
    assert_eq!(ran.asked[0].prefer.as_deref(), Some("wait=20"));
    assert!(
        ran.stdout.contains("no quota (quota_exceeded)"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_cut_stream_is_taken_up_after_the_last_event_and_prints_only_the_answer() {
    let state = format!(
        "id: 7\ndata: {{\"type\":\"text\",\"ticket\":\"{ID}\",\"generation\":1,\"offset\":0,\
         \"text\":\"provis\"}}\n\n"
    );
    let answer = format!(
        "id: 9\ndata: {{\"type\":\"answer\",\"ticket\":\"{ID}\",\"generation\":1,\
         \"answer\":\"final\"}}\n\n"
    );
    let ran = ran(&["watch", ID], &[sse(&state), sse(&answer)]);
    assert_eq!(ran.ended, Ok(Exit::Success));
    assert_eq!(ran.stdout, "final\n");
    assert_eq!(ran.asked[0].last_event_id, None);
    assert_eq!(ran.asked[1].last_event_id.as_deref(), Some("7"));
}

#[test]
fn an_unknown_ticket_exits_with_four_and_a_sentence() {
    let problem = json!({"title":"Not found","status":404,"code":"not_found",
        "detail":"there is no such ticket"});
    let ran = ran(&["show", ID], &[json_reply(404, &problem)]);
    let failure = ran.ended.unwrap_err();
    assert_eq!(failure.exit(), Exit::NotFound);
    assert_eq!(failure.to_string(), "there is no such ticket");
}

#[test]
fn a_server_that_is_not_there_exits_with_three() {
    // Bound and dropped: nobody listens on this port.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let line = [
        "punchcard",
        "ticket",
        "show",
        ID,
        "--url",
        &url,
        "--key",
        "k",
    ];
    let cli = Cli::try_parse_from(line).unwrap();
    let (mut out, _, _) = Output::captured(false);
    let ended = crate::cli::run(&cli, &mut out);
    assert_eq!(ended.unwrap_err().exit(), Exit::Unreachable);
}

#[test]
fn a_replay_shows_the_timeline_or_the_state_at_a_revision() {
    let events: Value =
        serde_json::from_str(include_str!("../timeline/golden/history.json")).unwrap();
    let history = json!({"ticket": ID, "events": events});
    let whole = ran(&["replay", ID], &[json_reply(200, &history)]);
    assert_eq!(whole.ended, Ok(Exit::Success));
    assert!(whole.stdout.contains("fingerprint"), "{}", whole.stdout);
    let early = ran(&["replay", ID, "--at", "4"], &[json_reply(200, &history)]);
    let state: Value = serde_json::from_str(&early.stdout).unwrap();
    assert_eq!(state["state"], "sent");
    let late = ran(&["replay", ID, "--at", "99"], &[json_reply(200, &history)]);
    assert_eq!(late.ended.unwrap_err().exit(), Exit::Usage);
}

#[test]
fn a_broken_history_exits_with_one() {
    let mut events: Value =
        serde_json::from_str(include_str!("../timeline/golden/history.json")).unwrap();
    events.as_array_mut().unwrap().remove(3);
    let history = json!({"ticket": ID, "events": events});
    let ran = ran(&["replay", ID], &[json_reply(200, &history)]);
    assert_eq!(ran.ended, Ok(Exit::Negative));
    assert!(
        ran.stdout.contains("breaks at revision 3"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_timeline_is_a_waterfall_with_why_it_failed_and_no_text_steers_the_terminal() {
    let hostile = "busy\u{1b}[2J\nforged\u{202e}";
    let error = json!({"kind": "server", "message": hostile});
    let shown = json!({
        "ticket": ID, "task": "explanation", "state": "failed", "total_ms": 4_000, "now_ms": 9_000,
        "requested_at": "2026-11-23T10:44:30.000Z", "bodies": "withheld", "a_newer_field": 1,
        "failure": {"stage": "model", "code": hostile, "message": hostile},
        "steps": [
            {"step": "pre_process", "try": 1, "begins_ms": 0, "ends_ms": 1_000, "outcome": "done", "note": hostile},
            {"step": hostile, "attempt": 1, "begins_ms": 1_000, "ends_ms": null, "outcome": hostile},
        ],
        "attempts": [{"attempt": 1, "model": hostile, "outcome": "failed", "total_ms": 3_000, "error": error}],
        "callbacks": [{"callback": "pre_process", "try": 1, "outcome": "done", "status": 200,
            "waited_ms": 3, "took_ms": 12}],
    });
    let told = ran(&["timeline", ID], &[json_reply(200, &shown)]);
    assert_eq!(told.ended, Ok(Exit::Success));
    assert_eq!(told.asked[0].line, format!("GET /v1/tickets/{ID}/timeline"));
    for words in [
        "pre process #1",
        "████████····",
        "1.00 s",
        "at model: busy",
        "12 ms",
    ] {
        assert!(told.stdout.contains(words), "{words}: {}", told.stdout);
    }
    let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    let plain = anstream::adapter::strip_str(&told.stdout).to_string();
    assert_eq!(plain.find(steers), None, "{plain:?}");
    assert!(!plain.contains("\nforged"), "{plain}");
    let exact = ran(&["timeline", ID, "--json"], &[json_reply(200, &shown)]);
    let read: Value = serde_json::from_str(&exact.stdout).unwrap();
    assert_eq!(read, shown, "nothing is dropped");
}

#[test]
fn a_picture_that_cannot_be_written_is_a_sentence() {
    let svg = (200, "image/svg+xml", "<svg/>\n".to_owned());
    let printed = ran(
        &["picture", ID, "--kind", "path"],
        std::slice::from_ref(&svg),
    );
    assert_eq!(printed.stdout, "<svg/>\n");
    assert_eq!(
        printed.asked[0].line,
        format!("GET /v1/tickets/{ID}/pictures/path.svg")
    );
    let args = [
        "picture",
        ID,
        "--kind",
        "waterfall",
        "--output",
        "/dev/null/x.svg",
    ];
    let failed = ran(&args, &[svg]).ended.unwrap_err();
    assert_eq!(failed.exit(), Exit::Negative);
}
