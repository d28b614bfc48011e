//! The ways an issuer asks: again with the same key, waiting for the answer, over an event stream.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Answer, send, types};
use crate::fake_backend::Gate;
use crate::history::fold;
use crate::scripted_model::Step;
use crate::world::{World, held};

async fn issue_with_key(world: &World, key: &str, body: &Value) -> Answer {
    let request = world.api.request(Method::POST, "/v1/tickets");
    send(request.header("idempotency-key", key).json(body)).await
}

#[tokio::test]
async fn a_repeat_with_the_same_key_gets_the_same_ticket_in_the_same_bytes() {
    let world = World::start().await;
    let body = json!({ "task": "say", "input": { "word": "once" }, "metadata": { "n": "1" } });
    let first = issue_with_key(&world, "key-1", &body).await;
    let id = first.expect(202)["id"].as_str().unwrap().to_owned();
    world.api.until_event(&id, "TicketPersisted").await;
    let again = issue_with_key(&world, "key-1", &body).await;
    again.expect(202);
    assert_eq!(again.text, first.text, "whatever has happened since");
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(first.header("idempotency-replayed"), "");

    let other = json!({ "task": "say", "input": { "word": "twice" } });
    let reused = issue_with_key(&world, "key-1", &other).await;
    reused.expect_problem(422, "idempotency_key_reused");
    // Keys are a tenant's own.
    let stranger = world.stranger.request(Method::POST, "/v1/tickets");
    let body = json!({ "task": "say", "input": { "word": "else" } });
    let theirs = send(stranger.header("idempotency-key", "key-1").json(&body)).await;
    assert_ne!(theirs.expect(202)["id"], id.as_str());
    let listed = world.api.get("/v1/tickets").await.expect(200);
    assert_eq!(listed["tickets"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn concurrent_repeats_make_one_ticket() {
    let world = World::start().await;
    let body = json!({ "task": "say", "input": { "word": "storm" } });
    let all = join_all((0..20).map(|_| issue_with_key(&world, "key-1", &body))).await;
    let (accepted, in_flight): (Vec<_>, Vec<_>) = all.iter().partition(|a| a.status == 202);
    assert!(!accepted.is_empty());
    for answer in &accepted {
        assert_eq!(answer.text, accepted[0].text);
    }
    for answer in in_flight {
        answer.expect_problem(409, "idempotency_key_in_flight");
    }
    let listed = world.api.get("/v1/tickets").await.expect(200);
    assert_eq!(listed["tickets"].as_array().map(Vec::len), Some(1));
    let id = accepted[0].json()["id"].as_str().unwrap().to_owned();
    world.api.until_event(&id, "TicketPersisted").await;
    assert_eq!(world.model.calls().len(), 1);
}

#[tokio::test]
async fn prefer_wait_is_200_when_fast_and_202_when_slow() {
    let world = World::start().await;
    let gate = Gate::closed();
    world.model.script("slow", [held("", &gate, "late")]);
    world
        .model
        .script("fast", [vec![Step::say("quick"), Step::Finish]]);
    let ask = async |word: &str, wait: &str| {
        let body = json!({ "task": "say", "input": { "word": word } });
        let request = world.api.request(Method::POST, "/v1/tickets");
        send(request.header("prefer", wait).json(&body)).await
    };
    let fast = ask("fast", "wait=20").await;
    let ticket = fast.expect(200);
    assert_eq!(fast.header("preference-applied"), "wait=20");
    assert_eq!(
        (&ticket["state"], &ticket["answer"]),
        (&json!("delivered"), &json!("quick"))
    );
    assert_eq!(ticket["delivered"]["channel"], "fetch");

    let slow = ask("slow", "wait=1").await;
    let ticket = slow.expect(202);
    assert_eq!(
        slow.header("location"),
        format!("/v1/tickets/{}", ticket["id"].as_str().unwrap())
    );
    assert_eq!(ticket.get("answer"), None);
    gate.open();
    let id = ticket["id"].as_str().unwrap();
    world.api.until_event(id, "TicketPersisted").await;
    assert_eq!(world.api.ticket(id).await["answer"], "late");
}

#[tokio::test]
async fn a_ticket_without_a_user_is_delivered_by_its_fetch() {
    let world = World::start().await;
    let ticket = world
        .api
        .issue("say", None, json!({ "word": "parcel" }))
        .await;
    let history = world.api.until_event(&ticket, "TicketPersisted").await;
    assert_eq!(
        types(&history).last().unwrap(),
        "TicketPersisted",
        "reading events takes nothing"
    );
    let fetched = world.api.ticket(&ticket).await;
    assert_eq!(fetched["state"], "delivered");
    assert_eq!(fetched["delivered"]["channel"], "fetch");
    let again = world.api.ticket(&ticket).await;
    assert_eq!(again, fetched);
    let history = world.api.history(&ticket).await;
    fold(&ticket, &history);
    assert_eq!(history.last().unwrap()["data"]["channel"], "fetch");
}

/// A reader of server-sent events.
struct Events {
    response: reqwest::Response,
    buffer: String,
    last_id: String,
}

impl Events {
    async fn open(world: &World, ticket: &str, last_id: &str) -> Self {
        let request = world
            .api
            .request(Method::GET, &format!("/v1/tickets/{ticket}/stream"));
        let response = request
            .header("last-event-id", last_id)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            buffer: String::new(),
            last_id: last_id.to_owned(),
        }
    }

    /// The next event's data; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some((event, rest)) = self.buffer.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.buffer = rest;
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                let Some(data) = field("data: ") else {
                    continue;
                };
                field("id: ").unwrap().clone_into(&mut self.last_id);
                let data: Value = serde_json::from_str(data).unwrap();
                assert_eq!(data["type"], field("event: ").unwrap());
                return Some(data);
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Reads until the text of attempt 1 is `text`, of which `held` was there before.
    async fn until_text(&mut self, held: &str, text: &str) {
        let mut have = held.to_owned();
        while have != text {
            let event = self.next().await.unwrap();
            if event["type"] == "text" {
                assert_eq!(event["offset"], have.encode_utf16().count());
                have.push_str(event["text"].as_str().unwrap());
                assert!(text.starts_with(&have), "{have}");
            }
        }
    }
}

#[tokio::test]
async fn an_event_stream_goes_on_from_the_last_event_id() {
    let world = World::start().await;
    let gates = [Gate::closed(), Gate::closed()];
    let script = vec![
        Step::say("🙂 one"),
        Step::Wait(gates[0].clone()),
        Step::say(", two"),
        Step::Wait(gates[1].clone()),
        Step::say(", three"),
        Step::Finish,
    ];
    world.model.script("river", [script]);
    let ticket = world
        .api
        .issue("say", None, json!({ "word": "river" }))
        .await;
    let mut events = Events::open(&world, &ticket, "").await;
    events.until_text("", "🙂 one").await;
    let last_id = events.last_id.clone();
    drop(events);
    gates[0].open();
    let mut events = Events::open(&world, &ticket, &last_id).await;
    events.until_text("🙂 one", "🙂 one, two").await;
    gates[1].open();
    let answer = loop {
        let event = events.next().await.unwrap();
        if event["type"] == "answer" {
            break event;
        }
    };
    assert_eq!(answer["answer"], "🙂 one, two, three");
    assert_eq!(events.next().await, None, "the outcome is the end");
    // An EventSource that comes back after the end is told to stay away.
    let request = world
        .api
        .request(Method::GET, &format!("/v1/tickets/{ticket}/stream"));
    let over = send(request.header("last-event-id", &events.last_id)).await;
    assert_eq!(over.status, 204);
    // To the issuer of a ticket without a user, the answer event was the delivery.
    world.api.until_event(&ticket, "TicketDelivered").await;
    let request = world
        .api
        .request(Method::GET, &format!("/v1/tickets/{ticket}/stream"));
    let refused = send(request.header("last-event-id", "7-x")).await;
    refused.expect_problem(400, "invalid_parameter");
}
