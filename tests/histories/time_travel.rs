//! A ticket as of any of its events, with the whole program: the events, each state, the timeline and the
//! pictures tell one story, which is the one that everybody outside saw.

use punchcard::keys::{ApiKey, Role, Roles};
use serde_json::{Value, json};

use crate::api::{Api, types};
use crate::fake_backend::Behaviour;
use crate::punchcard::{Env, run_with};
use crate::scripted_model::{Step, saying};
use crate::world::{POST, PRE, World, otherwise, review, text};

/// What the tenant's API puts in the place of the input.
const PREPARED: &str = "Prepared by the school.";

/// The events of a ticket whose hook and whose model each fail once.
const LIFE: [&str; 9] = [
    "TicketRequested",
    "CallbackFailed",
    "TicketPreProcessed",
    "TicketSent",
    "AttemptFailed",
    "TicketSent",
    "TicketAnswered",
    "TicketPersisted",
    "TicketDelivered",
];

/// The same life as steps.
const STEPS: [&str; 10] = [
    "pre process #1",
    "retry wait #2",
    "pre process #2",
    "model queue #1",
    "first token #1",
    "retry wait #2",
    "model queue #2",
    "first token #2",
    "streaming #2",
    "post process #1",
];

/// A world whose tenant has a viewer beside its backend, and a ticket with that life.
async fn lived() -> (World, Api, String) {
    let mut world = World::stopped("", otherwise).await;
    let key = ApiKey::generate().unwrap();
    let line = key.config_line_of(None, Roles::of(&[Role::Viewer]));
    let file = world.configs()[0].clone();
    let config = std::fs::read_to_string(&file).unwrap();
    let config = config.replacen("keys = [", &format!("keys = [{line}, "), 1);
    std::fs::write(&file, config).unwrap();
    world.start_again().await;
    let viewer = world.api.with_key(key.expose());
    let replaced = json!({ "input": { "essay": PREPARED } });
    let hooks = [Behaviour::status(500), Behaviour::json(200, &replaced)];
    world.backend.script(PRE, hooks);
    let busy = vec![Step::Refuse(503, r#"{"error":{"message":"busy"}}"#)];
    let answer = review(4, "good").to_string();
    world.model.script("Prepared", [busy, saying(&[&answer])]);
    let ticket = world.api.issue("review", None, json!({ "essay": "Raw." }));
    let ticket = ticket.await;
    world.api.until_event(&ticket, "TicketPersisted").await;
    // Of a ticket without a user this takes the answer.
    world.api.ticket(&ticket).await;
    world.api.until_event(&ticket, "TicketDelivered").await;
    (world, viewer, ticket)
}

/// What the command prints, and how it ends.
async fn ran(world: &World, args: &[&str]) -> (Option<i32>, String) {
    let env = Env::from([
        ("PUNCHCARD_URL", world.api.base().into()),
        ("PUNCHCARD_KEY", world.api.key().into()),
    ]);
    let ended = run_with(args, &env).await;
    let said = if ended.status.success() {
        &ended.stdout
    } else {
        &ended.stderr
    };
    (
        ended.status.code(),
        String::from_utf8_lossy(said).into_owned(),
    )
}

/// A step's name and number, as pictures and terminals show it.
fn label(step: &Value) -> String {
    let name = step["step"].as_str().unwrap().replace('_', " ");
    match step["attempt"].as_u64().or_else(|| step["try"].as_u64()) {
        Some(number) => format!("{name} #{number}"),
        None => name,
    }
}

#[tokio::test]
async fn events_states_timeline_and_pictures_tell_one_story() {
    let (mut world, _, ticket) = lived().await;
    let api = &world.api;
    let path = |part: &str| format!("/v1/tickets/{ticket}/{part}");
    let events = api.history(&ticket).await;
    assert_eq!(types(&events), LIFE);
    for (revision, event) in events.iter().enumerate() {
        let state = api.get(&path(&format!("state?at={revision}"))).await;
        let state = state.expect(200);
        assert_eq!(state["at"], revision);
        assert_eq!(state["state"], event["state"], "{state}");
        assert_eq!(state["recorded_at"], event["recorded_at"]);
        assert_eq!(state["view"]["state"], event["state"]);
        let answered = ["answered", "persisted", "delivered"].map(Value::from);
        assert_eq!(
            state["fingerprint"].as_str().map(str::len),
            Some(64),
            "{state}"
        );
        let past_the_model = answered.contains(&event["state"]);
        assert_eq!(revision >= 6, past_the_model, "{state}");
    }
    let timeline = api.get(&path("timeline")).await.expect(200);
    assert_eq!(timeline["state"], events[8]["state"]);
    assert_eq!(timeline["total_ms"], events[8]["since_ms"], "{timeline}");
    let steps = timeline["steps"].as_array().unwrap();
    // Waits that were over before anybody looked are no steps, so some may be missing.
    let mut known = STEPS.iter().chain(&["delivery"]);
    for step in steps {
        let label = label(step);
        assert!(known.any(|known| *known == label), "{label}: {timeline}");
    }
    for pair in steps.windows(2) {
        assert_eq!(pair[0]["ends_ms"], pair[1]["begins_ms"], "{timeline}");
    }
    let outcomes = |of: &str| -> Vec<Value> {
        let lines = timeline[of].as_array().unwrap();
        lines.iter().map(|line| line["outcome"].clone()).collect()
    };
    assert_eq!(outcomes("attempts"), ["failed", "done"]);
    assert_eq!(outcomes("callbacks"), ["failed", "done", "done"]);
    let waterfall = api.get(&path("pictures/waterfall.svg")).await;
    waterfall.expect(200);
    assert_eq!(waterfall.header("content-type"), "image/svg+xml");
    let mut rest = waterfall.text.as_str();
    for step in steps {
        let label = format!(">{}</text>", label(step));
        let (_, after) = rest.split_once(&label).unwrap_or_else(|| panic!("{label}"));
        rest = after;
    }
    let drawn = api.get(&path("pictures/path.svg")).await;
    drawn.expect(200);
    let mut rest = drawn.text.as_str();
    for (kind, event) in LIFE.iter().zip(&events) {
        let state = event["state"].as_str().unwrap().replace('_', " ");
        for words in [format!(">{kind}</text>"), format!(">then {state}</text>")] {
            let (_, after) = rest.split_once(&words).unwrap_or_else(|| panic!("{words}"));
            rest = after;
        }
    }
    // All of that was looking: nothing happened by it.
    assert_eq!(api.history(&ticket).await.len(), LIFE.len());
    world.stop().await;
    world.verify_store().await;
}

#[tokio::test]
async fn callbacks_are_shown_as_the_tenant_received_them_and_a_viewer_sees_no_bodies() {
    let (mut world, viewer, ticket) = lived().await;
    let path = format!("/v1/tickets/{ticket}/timeline");
    let timeline = world.api.get(&path).await.expect(200);
    assert_eq!(timeline["bodies"], "shown");
    let told = timeline["callbacks"].as_array().unwrap();
    let received = world.backend.deliveries();
    assert_eq!((told.len(), received.len()), (3, 3), "{timeline}");
    for (told, received) in told.iter().zip(&received) {
        assert_eq!(told["id"], received.id());
        let (mut told, mut received) = (told["request"].clone(), received.json());
        for body in [&mut told, &mut received] {
            body.as_object_mut().unwrap().remove("timestamp");
        }
        assert_eq!(told, received);
    }
    let statuses: Vec<_> = told.iter().map(|call| &call["status"]).collect();
    assert_eq!(statuses, [500, 200, 200]);
    let tries: Vec<_> = told.iter().map(|call| &call["try"]).collect();
    assert_eq!(tries, [1, 2, 1]);
    assert_eq!(told[1]["response"]["input"]["essay"], PREPARED);
    assert!(told.iter().all(|call| call["took_ms"].is_u64()));

    let seen = viewer.get(&path).await.expect(200);
    assert_eq!(seen["bodies"], "withheld");
    let calls = seen["callbacks"].as_array().unwrap();
    assert_eq!(calls.len(), 3);
    for call in calls {
        assert_eq!(call.get("request").or(call.get("response")), None);
        assert!(call["status"].is_u64(), "{call}");
    }
    for kind in ["waterfall", "path"] {
        let path = format!("/v1/tickets/{ticket}/pictures/{kind}.svg");
        let picture = viewer.get(&path).await;
        picture.expect(200);
        assert!(!picture.text.contains(PREPARED), "{}", picture.text);
        let hidden = world.stranger.get(&path).await;
        hidden.expect_problem(404, "not_found");
    }
    world.stop().await;
}

#[tokio::test]
async fn the_command_line_travels_in_time_too() {
    let (mut world, _, ticket) = lived().await;
    let id = ticket.as_str();
    let (code, shown) = ran(&world, &["ticket", "timeline", id]).await;
    assert_eq!(code, Some(0), "{shown}");
    for words in [
        "pre process #2",
        "first token #2",
        "attempts",
        "callbacks",
        "█",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let (_, json) = ran(&world, &["--json", "ticket", "timeline", id]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["attempts"][1]["outcome"], "done");

    let (code, shown) = ran(&world, &["ticket", "state", id, "--at", "2"]).await;
    assert_eq!(code, Some(0), "{shown}");
    for words in [
        "revision 2 of 8",
        "send, attempt 1, of scripted",
        "pre_processed",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let (_, now) = ran(&world, &["ticket", "state", id]).await;
    assert!(now.contains("nothing"), "{now}");
    let (code, said) = ran(&world, &["ticket", "state", id, "--at", "9"]).await;
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("no revision 9. Its newest is 8."), "{said}");

    let (_, printed) = ran(&world, &["ticket", "picture", id, "--kind", "path"]).await;
    let over_http = format!("/v1/tickets/{id}/pictures/path.svg");
    let over_http = world.api.get(&over_http).await;
    assert_eq!(printed, over_http.text);
    let file = world.dir().join("path.svg");
    let args = ["ticket", "picture", id, "--kind", "path", "--output"];
    let (code, said) = ran(&world, &[&args[..], &[text(&file)]].concat()).await;
    assert_eq!((code, said.as_str()), (Some(0), ""));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), printed);
    world.stop().await;
}
