//! SIGTERM with sessions on the line: everybody is told when to come back, and comes back.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::fake_backend::Gate;
use crate::process::address;
use crate::scripted_model::{Step, saying};
use crate::session::{Memory, Session};
use crate::wire::Wire;
use crate::world::{ORIGIN, World};

const USERS: usize = 10;
const TABS: usize = 6;
/// Readers among them who have stopped and will see no close frame.
const STOPPED: usize = 10;
/// The grace time of the configuration, the time for sessions to close, and what a busy machine needs.
const EXIT_WITHIN: Duration = Duration::from_secs(2 + 3 + 10);

struct Present {
    tickets: Vec<String>,
    sessions: Vec<(usize, Session)>,
    stopped: Vec<Wire>,
}

/// Sessions in the middle of their tickets' text.
async fn gather(world: &World, gate: &Gate) -> Present {
    let long = "x".repeat(200_000);
    let held = vec![
        Step::say("long "),
        Step::say(&long),
        Step::Wait(gate.clone()),
    ];
    world.model.script("long", [held]);
    let input = json!({ "word": "long" });
    world.api.issue("say", Some("stopped"), input).await;
    let mut stopped = Vec::new();
    for _ in 0..STOPPED {
        let token = world.api.session_token("stopped").await;
        let mut wire = Wire::open_from(address(world), ORIGIN).await;
        wire.say(&json!({ "type": "hello", "token": token })).await;
        assert_eq!(wire.hear().await["type"], "welcome");
        stopped.push(wire);
    }
    let (mut tickets, mut sessions) = (Vec::new(), Vec::new());
    for user in 0..USERS {
        let word = format!("drain {user}.");
        let first = vec![Step::say("half of "), Step::Wait(gate.clone())];
        let second = saying(&["all ", "of it"]);
        world.model.script(&word, [first, second]);
        let input = json!({ "word": word });
        let name = format!("u{user}");
        let ticket = world.api.issue("say", Some(&name), input).await;
        for _ in 0..TABS {
            let mut session = world.session(&name, Memory::new()).await;
            session.until_text(&ticket, "half of ").await;
            sessions.push((user, session));
        }
        tickets.push(ticket);
    }
    Present {
        tickets,
        sessions,
        stopped,
    }
}

#[tokio::test]
async fn a_stop_tells_everybody_another_time_and_after_the_restart_all_go_on() {
    let mut world = World::start().await;
    let gate = Gate::closed();
    let present = gather(&world, &gate).await;
    let early = world.api.session_token("u0").await;
    let at = address(&world);
    let begun = Instant::now();
    world.server().ask_to_stop().await;

    let (mut memories, mut waits) = (Vec::new(), BTreeSet::new());
    let mut sessions = present.sessions.into_iter();
    for (user, mut session) in sessions.by_ref().take(1) {
        waits.insert(wait_of(&session.until_closed().await.reason));
        memories.push((user, session.cut()));
    }
    // The stopped readers keep it from ending at once, so there is somebody to refuse newcomers.
    let mut newcomer = Wire::open_from(at, ORIGIN).await;
    newcomer
        .say(&json!({ "type": "hello", "token": early }))
        .await;
    let (code, reason) = newcomer.closed().await;
    assert_eq!(code, 4503);
    assert!(wait_of(&reason) >= 2_000, "{reason}");
    for (user, mut session) in sessions {
        let closed = session.until_closed().await;
        assert_eq!(closed.code, 4503, "{closed:?}");
        waits.insert(wait_of(&closed.reason));
        memories.push((user, session.cut()));
    }
    assert!(waits.len() >= USERS * TABS - 1, "not spread: {waits:?}");
    assert!(
        waits
            .last()
            .is_some_and(|last| (5_000..=10_000).contains(last))
    );
    let status = world.server().ended().await;
    let took = begun.elapsed();
    assert!(status.success(), "{status}");
    assert!(took < EXIT_WITHIN, "it took {took:?}");
    for mut wire in present.stopped {
        let rest = wire.ended_within(Duration::from_secs(1)).await;
        assert!(rest < 200_000, "it never stopped");
    }

    drop(world.take_server());
    world.start_again().await;
    for (user, memory) in memories {
        let ticket = &present.tickets[user];
        let mut session = world.session(&format!("u{user}"), memory).await;
        while session.seen(ticket).answer.is_none() {
            session.next().await;
        }
        let seen = session.seen(ticket);
        assert_eq!(seen.answer, Some(json!("all of it")));
        assert!(
            "all of it".starts_with(&seen.text) || seen.text == "half of ",
            "{seen:#?}"
        );
    }
    gate.open();
}

fn wait_of(reason: &str) -> u64 {
    let wait = reason.strip_prefix("going_away;reconnect_in_ms=");
    wait.and_then(|wait| wait.parse().ok()).expect("a time")
}
