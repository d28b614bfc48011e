//! Users who are away, come back, and are there twice.

use serde_json::json;

use crate::api::types;
use crate::fake_backend::Gate;
use crate::history::fold;
use crate::scripted_model::{Step, saying};
use crate::session::Memory;
use crate::world::{World, held};

#[tokio::test]
async fn a_user_without_a_session_gets_the_answer_at_the_next_connect() {
    let world = World::start().await;
    world
        .model
        .script("harbour", [saying(&["a place ", "for ships"])]);
    let input = json!({ "word": "harbour" });
    let ticket = world.api.issue("explain", Some("u1"), input).await;
    world.api.until_event(&ticket, "TicketPersisted").await;

    let mut session = world.session("u1", Memory::new()).await;
    let welcomed = &session.welcome["tickets"][0];
    assert_eq!(welcomed["ticket"], ticket.as_str());
    assert_eq!(welcomed["task"], "explain");
    assert_eq!(welcomed["state"], "persisted");
    session.until(&ticket, "answer").await;
    assert_eq!(
        session.seen(&ticket).answer,
        Some(json!("a place for ships"))
    );

    // Not acknowledged: the next session gets it again, and another user's does not.
    drop(session.cut());
    let other = world.session("u2", Memory::new()).await;
    assert_eq!(other.welcome["tickets"], json!([]));
    let mut again = world.session("u1", Memory::new()).await;
    again.until(&ticket, "answer").await;
    again.ack(&ticket).await;
    again.until_state(&ticket, "delivered").await;
    let third = world.session("u1", Memory::new()).await;
    assert_eq!(
        third.welcome["tickets"],
        json!([]),
        "nothing is owed any more"
    );
}

#[tokio::test]
async fn a_client_that_comes_back_in_mid_stream_sees_no_gap_and_no_repeat() {
    let world = World::start().await;
    let gates = [Gate::closed(), Gate::closed()];
    let script = vec![
        Step::say("한글 "),
        Step::say("🙂 one"),
        Step::Wait(gates[0].clone()),
        Step::say(", while away"),
        Step::Wait(gates[1].clone()),
        Step::say(", and back"),
        Step::Finish,
    ];
    world.model.script("journey", [script]);
    let mut session = world.session("u1", Memory::new()).await;
    let input = json!({ "word": "journey" });
    let ticket = world.api.issue("explain", Some("u1"), input).await;
    session.until_text(&ticket, "한글 🙂 one").await;
    let memory = session.cut();

    gates[0].open();
    // A second client, from nothing, shows when the server has the next piece.
    let mut fresh = world.session("u1", Memory::new()).await;
    fresh.until_text(&ticket, "한글 🙂 one, while away").await;
    let mut session = world.session("u1", memory).await;
    assert_eq!(session.welcome["tickets"][0]["state"], "sent");
    session.until_text(&ticket, "한글 🙂 one, while away").await;
    gates[1].open();
    for client in [&mut session, &mut fresh] {
        client.until(&ticket, "answer").await;
        let seen = client.seen(&ticket);
        assert_eq!(seen.text, "한글 🙂 one, while away, and back");
        assert_eq!(seen.answer, Some(json!(seen.text)));
        assert_eq!(
            (seen.restarts, seen.lost, seen.answers),
            (vec![], vec![], 1)
        );
    }
}

#[tokio::test]
async fn two_tabs_each_get_everything_and_one_acknowledgement_delivers() {
    let world = World::start().await;
    let gate = Gate::closed();
    world
        .model
        .script("tabs", [held("first half, ", &gate, "second half")]);
    let mut tabs = [
        world.session("u1", Memory::new()).await,
        world.session("u1", Memory::new()).await,
    ];
    let ticket = world
        .api
        .issue("explain", Some("u1"), json!({ "word": "tabs" }))
        .await;
    for tab in &mut tabs {
        tab.until_text(&ticket, "first half, ").await;
    }
    gate.open();
    for tab in &mut tabs {
        tab.until(&ticket, "answer").await;
        assert_eq!(tab.seen(&ticket).text, "first half, second half");
    }
    let [one, two] = &mut tabs;
    one.ack(&ticket).await;
    two.until_state(&ticket, "delivered").await;
    one.until_state(&ticket, "delivered").await;
    // A late acknowledgement of the other tab changes nothing.
    two.ack(&ticket).await;
    two.say(&json!({ "type": "ping", "nonce": "after" })).await;
    assert_eq!(
        two.next().await,
        json!({ "type": "pong", "nonce": "after" })
    );
    let history = world.api.history(&ticket).await;
    fold(&ticket, &history);
    let deliveries = types(&history)
        .iter()
        .filter(|kind| *kind == "TicketDelivered")
        .count();
    assert_eq!(deliveries, 1);
    let by = &history.last().unwrap()["data"]["acknowledged_by"];
    assert_eq!(*by, one.welcome["session"]);
    assert_eq!(
        (one.seen(&ticket).answers, two.seen(&ticket).answers),
        (1, 1)
    );
}

#[tokio::test]
async fn an_answer_that_was_not_shown_cannot_be_acknowledged() {
    let world = World::start().await;
    let gate = Gate::closed();
    world.model.script("early", [held("not ", &gate, "yet")]);
    let mut session = world.session("u1", Memory::new()).await;
    let ticket = world
        .api
        .issue("explain", Some("u1"), json!({ "word": "early" }))
        .await;
    session.until_text(&ticket, "not ").await;
    session.ack(&ticket).await;
    let refused = session.next().await;
    assert_eq!(refused["type"], "error");
    assert_eq!(refused["code"], "not_shown");
    gate.open();
    session.until(&ticket, "answer").await;
    session.ack(&ticket).await;
    session.until_state(&ticket, "delivered").await;
}

#[tokio::test]
async fn a_user_who_comes_back_to_many_answers_acknowledges_them_all_at_once() {
    let many = 60;
    let world = World::with("sessions.max_messages_per_second = 5").await;
    let mut tickets = Vec::new();
    for number in 0..many {
        let input = json!({ "word": format!("number {number}") });
        tickets.push(world.api.issue("explain", Some("u1"), input).await);
    }
    for ticket in &tickets {
        world.api.until_event(ticket, "TicketPersisted").await;
    }
    let mut session = world.session("u1", Memory::new()).await;
    for ticket in &tickets {
        while session.seen(ticket).answer.is_none() {
            session.next().await;
        }
    }
    for ticket in &tickets {
        session.ack(ticket).await;
    }
    for ticket in &tickets {
        session.until_state(ticket, "delivered").await;
    }
    // What nobody asked for is still limited.
    for _ in 0..many {
        session.say(&json!({ "type": "ping" })).await;
    }
    assert_eq!(session.until_closed().await.code, 4429);
}
