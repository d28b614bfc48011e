//! Batches through the real program: bad lines, other tenants, an upload that breaks off, a cancel, an
//! interactive ticket beside one, kill -9 in the middle, and what a large upload takes of memory.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::api::{Answer, Api, send};
use crate::fake_backend::Gate;
use crate::scripted_model::{Call, Turn, saying};
use crate::world::{PROMPT_CANARY, World, held, in_memory};

type Piece = Result<Vec<u8>, std::io::Error>;

/// How long a batch may take here.
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers with the word that was asked for.
fn echo(call: &Call) -> Turn {
    saying(&["about ", call.prompt().replace(PROMPT_CANARY, "").trim()])
}

fn line(number: usize) -> String {
    json!({ "custom_id": format!("n{number}"), "input": { "word": format!("word-{number}") } })
        .to_string()
}

fn lines(count: usize) -> String {
    let lines: Vec<String> = (1..=count).map(line).collect();
    lines.join("\n")
}

async fn submit(api: &Api, query: &str, body: String) -> Answer {
    let request = api.request(Method::POST, &format!("/v1/batches{query}"));
    send(
        request
            .header("content-type", "application/jsonl")
            .body(body),
    )
    .await
}

async fn submitted(api: &Api, body: String) -> String {
    let batch = submit(api, "?task=say", body).await.expect(202);
    batch["id"].as_str().expect("an id").to_owned()
}

async fn view(api: &Api, id: &str) -> Value {
    api.get(&format!("/v1/batches/{id}")).await.expect(200)
}

async fn until(api: &Api, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let batch = view(api, id).await;
        if wanted(&batch) {
            return batch;
        }
        assert!(begun.elapsed() < PATIENCE, "it never came: {batch}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn until_finished(api: &Api, id: &str) -> Value {
    until(api, id, |batch| batch["finished_at"].is_string()).await
}

async fn results(api: &Api, id: &str) -> Vec<Value> {
    let answer = api.get(&format!("/v1/batches/{id}/results")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let lines = answer.text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[expect(
    clippy::too_many_lines,
    reason = "one story, from the start to the end"
)]
#[tokio::test]
async fn two_thousand_lines_some_of_them_bad_are_done_and_read_in_their_order() {
    let mut world = World::stopped_in(in_memory(), "", echo).await;
    world.start_again().await;
    let bad = [
        (3, "{".to_owned(), "invalid_json", None),
        (
            700,
            r#"{"input":{"word":"x"},"tenant":"y"}"#.to_owned(),
            "invalid_request",
            None,
        ),
        (
            1_200,
            r#"{"task":"nothing","input":{"word":"x"},"custom_id":"c"}"#.to_owned(),
            "unknown_task",
            Some("c"),
        ),
        (2_000, r#"{"input":{}}"#.to_owned(), "invalid_input", None),
    ];
    let text: Vec<String> = (1..=2_000)
        .map(|n| {
            bad.iter()
                .find(|bad| bad.0 == n)
                .map_or_else(|| line(n), |bad| bad.1.clone())
        })
        .collect();
    let batch = submit(&world.api, "?task=say", text.join("\r\n") + "\n")
        .await
        .expect(202);
    assert_eq!(
        (&batch["accepted"], &batch["rejected"]),
        (&json!(1_996), &json!(4))
    );
    let told: Vec<_> = batch["rejected_lines"]
        .as_array()
        .expect("lines")
        .iter()
        .collect();
    for (told, (number, _, code, custom_id)) in told.iter().zip(&bad) {
        assert_eq!(told["line"], *number, "{told}");
        assert_eq!(told["code"], *code, "{told}");
        assert_eq!(told["custom_id"].as_str(), *custom_id, "{told}");
    }
    let id = batch["id"].as_str().expect("an id");
    let done = until_finished(&world.api, id).await;
    assert_eq!(done["tickets"], json!({ "persisted": 1_996 }));
    assert_eq!(done["waiting"], 0);
    let results = results(&world.api, id).await;
    assert_eq!(results.len(), 2_000);
    for (result, number) in results.iter().zip(1_usize..) {
        assert_eq!(result["line"], number, "{result}");
        match bad.iter().find(|bad| bad.0 == number) {
            Some(bad) => assert_eq!(result["error"]["code"], bad.2),
            None => {
                assert_eq!(result["custom_id"], format!("n{number}"));
                assert_eq!(result["answer"], format!("about word-{number}"));
            }
        }
    }
    let read = view(&world.api, id).await;
    assert_eq!(
        read["tickets"],
        json!({ "delivered": 1_996 }),
        "reading is their delivery"
    );
    let ticket = results[0]["ticket"].as_str().expect("a ticket");
    let ticket = world.api.ticket(ticket).await;
    assert_eq!(ticket["batch"], json!({ "batch": id, "line": 1 }));
    assert_eq!(ticket["priority"], "low");
    assert_eq!(world.model.calls_count(), 1_996);
    world.stop().await;
    world.verify_store().await;
}

#[tokio::test]
async fn what_cannot_be_a_batch_is_refused_and_another_tenants_is_not_there() {
    let mut world = World::stopped_in(
        in_memory(),
        "[batches]\nmax_open_per_tenant = 2\nmax_line_bytes = 200\nmax_bytes = 4000",
        echo,
    )
    .await;
    world.start_again().await;
    let api = &world.api;
    let all = submit(
        api,
        "?task=say&mode=all_or_nothing",
        format!("{}\n{{", line(1)),
    )
    .await;
    let problem = all.expect_problem(422, "batch_rejected");
    assert_eq!(problem["rejected"][0]["line"], 2);
    submit(api, "?task=say", String::new())
        .await
        .expect_problem(422, "batch_rejected");
    submit(api, "?tasks=say", line(1))
        .await
        .expect_problem(400, "invalid_parameter");
    submit(api, "?mode=some", line(1))
        .await
        .expect_problem(400, "invalid_parameter");
    submit(api, "?task=say", " ".repeat(4_001))
        .await
        .expect_problem(413, "body_too_large");
    let json = api.post("/v1/batches", &json!({})).await;
    json.expect_problem(415, "unsupported_media_type");

    let long = format!(
        "{}\n{{\"input\":{{\"word\":\"{}\"}}}}",
        line(1),
        "x".repeat(300)
    );
    let batch = submit(api, "?task=say", long).await.expect(202);
    assert_eq!(batch["rejected_lines"][0]["code"], "body_too_large");
    let id = batch["id"].as_str().expect("an id");
    for path in ["", "/results", "/cancel"] {
        let method = if path == "/cancel" {
            Method::POST
        } else {
            Method::GET
        };
        let theirs = send(
            world
                .stranger
                .request(method.clone(), &format!("/v1/batches/{id}{path}")),
        )
        .await;
        let unknown = format!("/v1/batches/{}{path}", uuid::Uuid::nil());
        let nobodys = send(world.stranger.request(method, &unknown)).await;
        let strip = |answer: &Answer| {
            let mut problem = answer.expect_problem(404, "not_found");
            problem["request_id"] = Value::Null;
            problem
        };
        assert_eq!(strip(&theirs), strip(&nobodys));
    }
    let listed = world.stranger.get("/v1/batches").await.expect(200);
    assert_eq!(listed["batches"], json!([]));
    let listed = api.get("/v1/batches?limit=1").await.expect(200);
    assert_eq!(listed["batches"][0]["id"], id);
    let cursor = listed["next_cursor"].as_str().expect("more");
    let next = api
        .get(&format!("/v1/batches?cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(next["batches"][0]["state"], "discarded");
    world.stop().await;
}

#[tokio::test]
async fn the_same_key_gives_the_same_batch_and_an_upload_that_breaks_off_claims_none() {
    let mut world = World::stopped_in(in_memory(), "", echo).await;
    world.start_again().await;
    let keyed = |body: reqwest::Body| {
        let request = world.api.request(Method::POST, "/v1/batches?task=say");
        request
            .header("content-type", "application/x-ndjson")
            .header("idempotency-key", "monday")
            .body(body)
    };
    let (pieces, body) = piecewise();
    pieces
        .send(Ok(lines(2_000).into_bytes()))
        .expect("it is read");
    let breaking = tokio::spawn(keyed(body).send());
    while world.api.get("/v1/batches").await.expect(200)["batches"] == json!([]) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let gone = std::io::Error::other("the client is gone");
    pieces.send(Err(gone)).expect("it is read");
    assert!(breaking.await.expect("sent").is_err());
    let begun = Instant::now();
    loop {
        let listed = world.api.get("/v1/batches").await.expect(200);
        let batch = &listed["batches"][0];
        if batch["discarded"] == "broken_off" {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{listed}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(world.model.calls_count(), 0, "nothing of it ran");
    let first = send(keyed(lines(5).into())).await.expect(202);
    let again = send(keyed(lines(5).into())).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.expect(202)["id"], first["id"]);
    let other = send(keyed(lines(6).into())).await;
    other.expect_problem(422, "idempotency_key_reused");
    until_finished(&world.api, first["id"].as_str().expect("an id")).await;
    assert_eq!(world.model.calls_count(), 5);
    world.stop().await;
}

#[tokio::test]
async fn a_cancel_feeds_no_more_and_ends_what_is_open() {
    let gate = Gate::closed();
    let holding = gate.clone();
    let mut world = World::stopped_in(in_memory(), "", move |_| held("", &holding, "never")).await;
    world.start_again().await;
    let id = submitted(&world.api, lines(500)).await;
    world.model.calls_reach(10).await;
    let path = format!("/v1/batches/{id}/cancel");
    send(world.api.request(Method::POST, &path))
        .await
        .expect(200);
    let done = until_finished(&world.api, &id).await;
    assert_eq!(done["state"], "cancelled");
    let cancelled = done["tickets"]["cancelled"].as_u64().expect("some");
    assert!((10..=64).contains(&cancelled), "{done}");
    assert_eq!(done["waiting"], 500 - cancelled);
    let again = send(world.api.request(Method::POST, &path)).await;
    again.expect(200);
    let results = results(&world.api, &id).await;
    assert_eq!(results.len() as u64, cancelled);
    assert!(
        results
            .iter()
            .all(|line| line["error"]["code"] == "cancelled")
    );
    gate.open();
    world.stop().await;
}

#[tokio::test]
async fn an_interactive_ticket_does_not_wait_for_a_batch() {
    let gate = Gate::closed();
    let holding = gate.clone();
    let mut world = World::stopped_in(in_memory(), "", move |call| {
        if call.prompt().contains("word-") {
            held("", &holding, "late")
        } else {
            echo(call)
        }
    })
    .await;
    world.start_again().await;
    let id = submitted(&world.api, lines(1_000)).await;
    until(&world.api, &id, |batch| {
        batch["tickets"]["sent"].as_u64() >= Some(8)
    })
    .await;
    let begun = Instant::now();
    let ticket = world.api.issue("say", None, json!({ "word": "now" })).await;
    world.api.until_event(&ticket, "TicketPersisted").await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    let batch = view(&world.api, &id).await;
    assert!(
        batch["waiting"].as_u64() > Some(900),
        "the window holds: {batch}"
    );
    gate.open();
    let path = format!("/v1/batches/{id}/cancel");
    send(world.api.request(Method::POST, &path))
        .await
        .expect(200);
    until_finished(&world.api, &id).await;
    world.stop().await;
}

#[tokio::test]
async fn after_kills_in_the_middle_no_line_ran_as_two_tickets_and_none_is_lost() {
    const LINES: usize = 600;
    const KILLS: usize = 8;
    let mut world = World::stopped_in(in_memory(), "", echo).await;
    world.start_again().await;
    let id = submitted(&world.api, lines(LINES)).await;
    for kill in 1..=KILLS {
        world.model.calls_reach(kill * LINES / (KILLS + 2)).await;
        let signal = world.take_server().kill().await;
        assert_eq!(signal, Some(9));
        world.start_again().await;
    }
    let done = until_finished(&world.api, &id).await;
    assert_eq!(done["tickets"], json!({ "persisted": LINES }), "{done}");
    let results = results(&world.api, &id).await;
    let by_line: BTreeMap<u64, &Value> = results
        .iter()
        .map(|line| (line["line"].as_u64().expect("a line"), line))
        .collect();
    assert_eq!(by_line.len(), LINES);
    let tickets: BTreeSet<&str> = results
        .iter()
        .filter_map(|line| line["ticket"].as_str())
        .collect();
    assert_eq!(tickets.len(), LINES);
    for (line, result) in by_line {
        assert_eq!(result["answer"], format!("about word-{line}"));
    }
    let mut listed = 0;
    let mut query = String::from("/v1/tickets?limit=200");
    loop {
        let page = world.api.get(&query).await.expect(200);
        let of_page = page["tickets"].as_array().expect("tickets");
        listed += of_page.len();
        assert!(
            of_page
                .iter()
                .all(|line| tickets.contains(line["id"].as_str().expect("an id")))
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("/v1/tickets?limit=200&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(listed, LINES, "there are no other tickets");
    world.stop().await;
    world.verify_store().await;
}

#[tokio::test]
async fn a_large_upload_takes_no_more_memory_than_a_smaller_one() {
    let mut world = World::stopped_in(in_memory(), "[tenants.acme.tasks.large]\nmodel = \"scripted\"\nmax_input_bytes = 100000\nmessages = [{ role = \"user\", content = \"{{ word }}\" }]", echo).await;
    world.start_again().await;
    let before = resident_kib(world.server().pid());
    // The first fills caches, the store's and the allocator's, which are bounded.
    let small = most_while_uploading(&mut world, 400).await;
    let large = most_while_uploading(&mut world, 1_600).await;
    println!("{before} KiB before, {small} KiB with 24 MB, {large} KiB with 96 MB");
    let more = large.saturating_sub(small);
    // Were the upload held, it would be 70 MiB.
    assert!(more < 24 * 1024, "it grew by {more} KiB over {small} KiB");
    world.stop().await;
}

/// The most memory that the server has while it takes a batch of so many lines of 60 kB in.
async fn most_while_uploading(world: &mut World, lines: usize) -> u64 {
    let pid = world.server().pid();
    // Its time never comes here, so nothing of it runs beside the upload.
    let text = "x".repeat(60_000);
    let far = json!({ "task": "large", "input": { "word": text }, "not_before": tomorrow() });
    let piece = bytes::Bytes::from(far.to_string() + "\n");
    let upload =
        futures_util::stream::iter((0..lines).map(move |_| Ok::<_, std::io::Error>(piece.clone())));
    let request = world.api.request(Method::POST, "/v1/batches");
    let request = request.header("content-type", "application/jsonl");
    let request = request
        .timeout(PATIENCE)
        .body(reqwest::Body::wrap_stream(upload));
    let sending = tokio::spawn(send(request));
    let mut most = 0;
    while !sending.is_finished() {
        most = most.max(resident_kib(pid));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let batch = sending.await.expect("sent").expect(202);
    assert_eq!(batch["accepted"], lines);
    let id = batch["id"].as_str().expect("an id");
    let path = format!("/v1/batches/{id}/cancel");
    send(world.api.request(Method::POST, &path))
        .await
        .expect(200);
    until_finished(&world.api, id).await;
    most
}

/// A body that is sent piece by piece.
fn piecewise() -> (mpsc::UnboundedSender<Piece>, reqwest::Body) {
    let (pieces, mut taken) = mpsc::unbounded_channel::<Piece>();
    let body = futures_util::stream::poll_fn(move |cx| taken.poll_recv(cx));
    (pieces, reqwest::Body::wrap_stream(body))
}

fn tomorrow() -> String {
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970");
    let millis = u64::try_from(now.as_millis()).expect("before the year 9999");
    punchcard_events::Timestamp::from_millis(millis + 86_400_000).to_string()
}

/// What a process holds in memory.
fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("a size");
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}
