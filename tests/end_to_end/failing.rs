//! What fails and is tried again, and what fails for good.

use serde_json::{Value, json};

use crate::api::types;
use crate::fake_backend::{Behaviour, Gate};
use crate::history::fold;
use crate::scripted_model::{Step, saying};
use crate::session::Memory;
use crate::world::{POST, PRE, World, review};

#[tokio::test]
async fn a_422_from_the_pre_process_fails_the_ticket_with_its_reason() {
    let world = World::start().await;
    let refusal = Behaviour::json(422, &json!({ "reason": "the essay is in French" }));
    world.backend.script(PRE, [refusal]);
    let mut session = world.session("u1", Memory::new()).await;
    let input = json!({ "essay": "Il pleut." });
    let ticket = world.api.issue("review", Some("u1"), input).await;
    let told = session.until(&ticket, "failed").await;
    let shown = world.api.ticket(&ticket).await;
    assert_eq!(shown["state"], "failed");
    for failure in [&told, &shown["failure"]] {
        assert_eq!(failure["stage"], "pre_process");
        let message = failure["message"].as_str().unwrap();
        assert!(message.contains("the essay is in French"), "{message}");
        assert!(!failure["code"].as_str().unwrap().is_empty());
    }
    let history = world.api.history(&ticket).await;
    fold(&ticket, &history);
    assert_eq!(types(&history).last().unwrap(), "TicketFailed");
    assert_eq!(world.model.calls().len(), 0, "the model was not asked");
    assert_eq!(
        world.backend.deliveries().len(),
        1,
        "a refusal is not repeated"
    );
}

#[tokio::test]
async fn a_model_that_breaks_off_is_asked_again_and_the_text_starts_again() {
    let world = World::start().await;
    let broken = Gate::closed();
    let first = vec![
        Step::say("a first attempt that"),
        Step::Wait(broken.clone()),
        Step::Cut,
    ];
    let second = saying(&["the second ", "attempt"]);
    world.model.script("fragile", [first, second]);
    let mut session = world.session("u1", Memory::new()).await;
    let input = json!({ "word": "fragile" });
    let ticket = world.api.issue("explain", Some("u1"), input).await;
    session.until_text(&ticket, "a first attempt that").await;
    broken.open();
    session.until(&ticket, "answer").await;
    let seen = session.seen(&ticket);
    assert_eq!(seen.text, "the second attempt");
    assert_eq!(seen.answer, Some(json!("the second attempt")));
    assert_eq!(seen.generation, 2);
    let was_told = seen.restarts == [2] || seen.lost == ["attempt_ended"];
    assert!(
        was_told,
        "the client knows that the first text is void: {seen:?}"
    );

    let history = world.api.history(&ticket).await;
    fold(&ticket, &history);
    let expected = [
        "TicketRequested",
        "TicketPreProcessed",
        "TicketSent",
        "AttemptFailed",
        "TicketSent",
        "TicketAnswered",
        "TicketPersisted",
    ];
    assert_eq!(types(&history), expected);
    assert_eq!(history[3]["data"]["attempt"], 1);
    assert!(history[3]["data"]["retry_at"].is_string(), "a due time");
    assert_eq!(history[4]["data"]["attempt"], 2);
    assert_eq!(history[5]["data"]["attempt"], 2);
}

#[tokio::test]
async fn an_overloaded_model_is_asked_again_and_a_refused_key_is_not() {
    let world = World::start().await;
    let busy = vec![Step::Refuse(503, r#"{"error":{"message":"busy"}}"#)];
    let slow_down = vec![Step::Refuse(429, r#"{"error":{"message":"slow down"}}"#)];
    world
        .model
        .script("busy", [busy, slow_down, saying(&["done"])]);
    let ticket = world
        .api
        .issue("say", None, json!({ "word": "busy" }))
        .await;
    let history = world.api.until_event(&ticket, "TicketPersisted").await;
    let failures: Vec<&Value> = history
        .iter()
        .filter(|event| event["type"] == "AttemptFailed")
        .map(|event| &event["data"]["error"]["kind"])
        .collect();
    assert_eq!(failures, ["server", "rate_limited"]);

    let refused = vec![Step::Refuse(401, r#"{"error":{"message":"bad key"}}"#)];
    world.model.script("locked", [refused]);
    let ticket = world
        .api
        .issue("say", None, json!({ "word": "locked" }))
        .await;
    let history = world.api.until_event(&ticket, "TicketFailed").await;
    fold(&ticket, &history);
    assert_eq!(history.last().unwrap()["data"]["failure"]["stage"], "model");
    let asked = |word: &str| {
        world
            .model
            .calls()
            .iter()
            .filter(|c| c.prompt().contains(word))
            .count()
    };
    assert_eq!((asked("busy"), asked("locked")), (3, 1));
}

#[tokio::test]
async fn where_the_first_model_refuses_its_fallback_answers_and_everybody_can_see_that() {
    let world = World::start().await;
    let refused = vec![Step::Refuse(401, r#"{"error":{"message":"bad key"}}"#)];
    world
        .model
        .script("insist", [refused, saying(&["from the spare one"])]);
    let mut session = world.session("u1", Memory::new()).await;
    let input = json!({ "word": "insist" });
    let ticket = world.api.issue("insist", Some("u1"), input).await;
    session.until(&ticket, "answer").await;
    assert_eq!(
        session.seen(&ticket).answer,
        Some(json!("from the spare one"))
    );
    let why = json!({ "from": "scripted", "reason": "failed" });
    let shown = world.api.ticket(&ticket).await;
    assert_eq!(
        (&shown["model"], &shown["fallback"]),
        (&json!("spare"), &why)
    );

    let history = world.api.history(&ticket).await;
    fold(&ticket, &history);
    let of_type = |name: &str| -> Vec<&Value> {
        let of = history.iter().filter(|event| event["type"] == name);
        of.map(|event| &event["data"]).collect()
    };
    assert_eq!(of_type("AttemptFailed")[0]["next_model"], "spare");
    let sent = of_type("TicketSent");
    assert_eq!(sent[0], &json!({ "attempt": 1, "model": "scripted" }));
    assert_eq!(
        sent[1],
        &json!({ "attempt": 2, "model": "spare", "fallback": why })
    );

    let calls = world.model.calls();
    let asked: Vec<_> = calls.iter().map(|call| &call.body["model"]).collect();
    assert_eq!(asked, ["scripted-1", "scripted-2"]);
    assert_eq!(calls[0].body["max_tokens"], 50);
    assert_eq!(calls[1].body["max_completion_tokens"], 50);
    let told = world.backend.deliveries();
    assert_eq!(told.last().unwrap().json()["data"]["model"], "spare");
}

#[tokio::test]
async fn a_persist_is_tried_until_the_backend_is_back_and_nothing_is_final_before() {
    let world = World::start().await;
    let back = Gate::closed();
    let accepted = Behaviour::json(200, &json!({ "answer": "what the backend made of it" }));
    let failures = [
        Behaviour::status(500),
        Behaviour::Reset,
        Behaviour::status(503),
        Behaviour::CutBody,
        Behaviour::redirect(302, &world.backend.url()),
        accepted.behind(&back),
    ];
    world.backend.script(POST, failures);
    let mut session = world.session("u1", Memory::new()).await;
    let input = json!({ "word": "patience" });
    let ticket = world.api.issue("explain", Some("u1"), input).await;
    back.reached_by(1).await;
    session.until_state(&ticket, "answered").await;
    let shown = world.api.ticket(&ticket).await;
    assert_eq!(shown["state"], "answered");
    assert_eq!(
        shown.get("answer"),
        None,
        "not final before it is persisted"
    );
    assert_eq!(session.seen(&ticket).answer, None);
    back.open();
    // The strict session fails the test if the answer comes before the state `persisted`.
    session.until(&ticket, "answer").await;
    assert_eq!(
        session.seen(&ticket).answer,
        Some(json!("what the backend made of it"))
    );

    let deliveries = world.backend.deliveries();
    assert_eq!(deliveries.len(), 6);
    let mut timestamps = Vec::new();
    for delivery in &deliveries {
        assert_eq!(delivery.signature, Ok(()));
        assert_eq!(delivery.id(), format!("msg_{ticket}_post_process"));
        assert_eq!(delivery.json()["data"], deliveries[0].json()["data"]);
        timestamps.push(delivery.json()["timestamp"].as_str().unwrap().to_owned());
    }
    assert!(
        timestamps.is_sorted(),
        "each try has its own time: {timestamps:?}"
    );
    let history = world.api.history(&ticket).await;
    fold(&ticket, &history);
    let tries: Vec<&Value> = history
        .iter()
        .filter(|event| event["type"] == "CallbackFailed")
        .map(|event| &event["data"]["try"])
        .collect();
    assert_eq!(tries, [1, 2, 3, 4, 5]);
    let persisted = &history.last().unwrap()["data"];
    assert_eq!(persisted["answer"], "what the backend made of it");
    assert_eq!(persisted["call"]["try"], 6);
    assert_eq!(persisted["call"]["status"], 200);
}

#[tokio::test]
async fn an_answer_that_breaks_its_schema_is_asked_for_again() {
    let world = World::start().await;
    let turns = [
        saying(&[r#"{"score": "four"#, r#"", "comment": "no number"}"#]),
        saying(&["I would rather talk about the weather."]),
        saying(&[&review(4, "good").to_string()]),
    ];
    world.model.script("an essay to score", turns);
    let input = json!({ "essay": "an essay to score" });
    let ticket = world.api.issue("review", None, input).await;
    let history = world.api.until_event(&ticket, "TicketPersisted").await;
    fold(&ticket, &history);
    let failures: Vec<&Value> = history
        .iter()
        .filter(|event| event["type"] == "AttemptFailed")
        .map(|event| &event["data"]["error"]["kind"])
        .collect();
    assert_eq!(failures, ["schema_violation", "schema_violation"]);
    let shown = world.api.ticket(&ticket).await;
    assert_eq!(shown["answer"], review(4, "good"));
    assert_eq!(shown["attempt"], 3);
}
