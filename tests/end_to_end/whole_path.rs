//! One ticket from the issuer's request to the user's acknowledgement.

use serde_json::{Value, json};

use crate::api::types;
use crate::fake_backend::{Behaviour, Gate};
use crate::history::fold;
use crate::scripted_model::{COMPLETION_TOKENS, PROMPT_TOKENS, Step};
use crate::session::Memory;
use crate::world::{MODEL_KEY, POST, PRE, World, review};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn a_ticket_goes_from_an_http_request_to_the_acknowledgement_of_its_user() {
    let world = World::start().await;
    let prepared = json!({ "input": { "essay": "prepared essay" } });
    world.backend.script(PRE, [Behaviour::json(200, &prepared)]);
    // The answer comes in pieces; the second half only after the user has the first.
    let answer = review(4, "clear 🙂 한글").to_string();
    let (first, second) = answer.split_at(answer.find('한').unwrap());
    let gate = Gate::closed();
    world.model.script(
        "prepared essay",
        [vec![
            Step::say(first),
            Step::Wait(gate.clone()),
            Step::say(second),
            Step::Finish,
        ]],
    );
    let persisting = Gate::closed();
    let persisted = Behaviour::status(204).behind(&persisting);
    world.backend.script(POST, [persisted]);

    let mut session = world.session("student-1", Memory::new()).await;
    assert_eq!(session.welcome["user"], "student-1");
    assert_eq!(session.welcome["tickets"], json!([]));
    let ticket = issue(&world).await;

    session.until_text(&ticket, first).await;
    gate.open();
    session.until_text(&ticket, &answer).await;
    session.until_state(&ticket, "answered").await;
    persisting.reached_by(1).await;
    assert_eq!(
        session.seen(&ticket).answer,
        None,
        "nobody has said 2xx yet"
    );
    let waiting = world.api.ticket(&ticket).await;
    assert_eq!(
        (&waiting["state"], waiting.get("answer")),
        (&json!("answered"), None)
    );
    persisting.open();
    session.until(&ticket, "answer").await;
    assert_eq!(
        session.seen(&ticket).answer,
        Some(review(4, "clear 🙂 한글"))
    );
    session.ack(&ticket).await;
    session.until_state(&ticket, "delivered").await;

    check_callbacks(&world, &ticket);
    check_model_call(&world);
    let session_id = session.welcome["session"].as_str().unwrap();
    check_history(&world, &ticket, session_id, &answer).await;
    check_ticket(&world, &ticket, session_id).await;
}

async fn issue(world: &World) -> String {
    let body = json!({
        "task": "review", "user": "student-1", "input": { "essay": "my essay" },
        "metadata": { "class": "5-b" },
    });
    let request = world.api.request(reqwest::Method::POST, "/v1/tickets");
    let request = request.header("traceparent", TRACEPARENT).json(&body);
    let answer = crate::api::send(request).await;
    let issued = answer.expect(202);
    let id = issued["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/v1/tickets/{id}"));
    assert_eq!(issued["state"], "requested");
    assert_eq!(issued["metadata"], body["metadata"]);
    id.to_owned()
}

fn check_callbacks(world: &World, ticket: &str) {
    let deliveries = world.backend.deliveries();
    let paths: Vec<&str> = deliveries.iter().map(|call| call.path.as_str()).collect();
    assert_eq!(paths, [PRE, POST]);
    for (call, kind) in deliveries.iter().zip(["pre_process", "post_process"]) {
        assert_eq!(call.signature, Ok(()));
        assert_eq!(call.id(), format!("msg_{ticket}_{kind}"));
        assert_eq!(call.header("traceparent"), TRACEPARENT);
        let body = call.json();
        assert_eq!(body["type"], format!("ticket.{kind}"));
        assert_eq!(body["data"]["ticket"], ticket);
        assert_eq!(body["data"]["task"], "review");
        assert_eq!(body["data"]["user"], "student-1");
        assert_eq!(body["data"]["metadata"], json!({ "class": "5-b" }));
        assert_eq!(body["data"]["input"], json!({ "essay": "my essay" }));
    }
    let persisted = deliveries[1].json();
    assert_eq!(persisted["data"]["answer"], review(4, "clear 🙂 한글"));
    assert_eq!(persisted["data"]["finish_reason"], "stop");
    assert_eq!(persisted["data"]["attempt"], 1);
}

fn check_model_call(world: &World) {
    let calls = world.model.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].authorization, format!("Bearer {MODEL_KEY}"));
    let body = &calls[0].body;
    assert_eq!(body["model"], "scripted-1");
    assert_eq!(body["stream"], true);
    assert_eq!(
        body["max_tokens"]
            .as_u64()
            .or_else(|| body["max_completion_tokens"].as_u64()),
        Some(500)
    );
    assert_eq!(calls[0].prompt(), "prepared essay");
}

async fn check_history(world: &World, ticket: &str, session: &str, answer: &str) {
    let history = world.api.history(ticket).await;
    let expected = [
        "TicketRequested",
        "TicketPreProcessed",
        "TicketSent",
        "TicketAnswered",
        "TicketPersisted",
        "TicketDelivered",
    ];
    assert_eq!(types(&history), expected);
    fold(ticket, &history);
    let data: Vec<&Value> = history.iter().map(|event| &event["data"]).collect();
    assert_eq!(data[0]["tenant"], "acme");
    assert_eq!(data[0]["task"], "review");
    assert_eq!(data[0]["user"], "student-1");
    assert_eq!(data[0]["input"], json!({ "essay": "my essay" }));
    assert_eq!(data[0]["traceparent"], TRACEPARENT);
    assert_eq!(data[0]["terms"]["pre_process"], true);
    assert_eq!(data[0]["terms"]["answer_format"], "json");
    assert_eq!(data[1]["input"], json!({ "essay": "prepared essay" }));
    assert_eq!(data[1]["messages"][1]["content"], "prepared essay");
    assert_eq!(data[1]["model"], "scripted");
    assert_eq!(data[2]["attempt"], 1);
    assert_eq!(data[3]["content"], answer);
    assert_eq!(data[3]["finish_reason"], "stop");
    assert_eq!(data[4].get("answer"), None);
    assert_eq!(data[4]["call"]["status"], 204);
    let delivered = json!({ "channel": "session", "acknowledged_by": session });
    assert_eq!(*data[5], delivered);
}

async fn check_ticket(world: &World, ticket: &str, session: &str) {
    let shown = world.api.ticket(ticket).await;
    assert_eq!(shown["state"], "delivered");
    assert_eq!(shown["attempt"], 1);
    assert_eq!(shown["revision"], 5);
    assert_eq!(shown["answer"], review(4, "clear 🙂 한글"));
    assert_eq!(shown["finish_reason"], "stop");
    let usage = json!({ "prompt_tokens": PROMPT_TOKENS, "completion_tokens": COMPLETION_TOKENS });
    assert_eq!(shown["usage"], usage);
    assert_eq!(shown["prompt"]["version"], 1);
    assert_eq!(shown["prompt"]["hash"].as_str().map(str::len), Some(64));
    let delivered = json!({ "channel": "session", "acknowledged_by": session });
    assert_eq!(shown["delivered"], delivered);
    let listed = world
        .api
        .get("/v1/tickets?state=delivered&user=student-1")
        .await;
    assert_eq!(listed.expect(200)["tickets"][0]["id"], ticket);
    let path = format!("/v1/tickets/{ticket}");
    world
        .stranger
        .get(&path)
        .await
        .expect_problem(404, "not_found");
}
