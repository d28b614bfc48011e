//! Everybody is cut at once and comes back at once.
//!
//! `PUNCHCARD_STORM_SESSIONS` is how many (1,000).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use serde_json::json;

use crate::api::Api;
use crate::fake_backend::Gate;
use crate::process::{affordable, descriptors, size};
use crate::scripted_model::Step;
use crate::session::{Memory, Session};
use crate::world::{ORIGIN, World};

/// How many users they are; each has one ticket on its way, all of them
/// within the model's limit of 32 calls.
const USERS: usize = 20;
/// How many come back at the same moment: as many as a test machine can be.
const AT_ONCE: usize = 256;

const FIRST: &str = "한글 🙂 before, ";
const MEANWHILE: &str = "🙂 meanwhile, ";
const LAST: &str = "and after";

async fn come(world: &World, user: usize, memory: Memory) -> Session {
    let token = world.api.session_token(&format!("u{user}")).await;
    Session::open(world.api.base(), ORIGIN, &token, memory).await
}

/// Issues each user's ticket; its text is held up at three gates.
async fn issue_held(world: &World, gates: &[Gate; 3]) -> Vec<String> {
    let mut tickets = Vec::new();
    for user in 0..USERS {
        let word = format!("storm {user}.");
        let turn = vec![
            Step::say(FIRST),
            Step::Wait(gates[0].clone()),
            Step::say(MEANWHILE),
            Step::Wait(gates[1].clone()),
            Step::say(LAST),
            Step::Wait(gates[2].clone()),
            Step::Finish,
        ];
        world.model.script(&word, [turn]);
        let input = json!({ "word": word });
        let user = format!("u{user}");
        tickets.push(world.api.issue("say", Some(&user), input).await);
    }
    tickets
}

/// Issues tickets until it is told to stop, one after another, and says how long each took.
async fn issue_on(api: &Api, stop: &AtomicBool) -> Vec<Duration> {
    let mut took = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let begun = Instant::now();
        api.issue("say", None, json!({ "word": "meanwhile" })).await;
        took.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    took
}

#[tokio::test]
async fn everybody_comes_back_from_a_cut_without_gap_or_repeat_while_tickets_are_taken() {
    let count = affordable(size("PUNCHCARD_STORM_SESSIONS", 1_000));
    // A model that is held up by a gate is held up for as long as a busy machine takes.
    let more = format!(
        "sessions.max_sessions_per_user = {count}\ndefaults.model.idle_timeout = \"4m\"\nlog.level = \"warn\""
    );
    let mut world = World::with(&more).await;
    let gates = [Gate::closed(), Gate::closed(), Gate::closed()];
    let tickets = issue_held(&world, &gates).await;
    let pid = world.server().pid();
    let open_before = descriptors(pid);
    let (world, tickets) = (&world, &tickets);
    let opened = (0..count).map(|number| async move {
        let user = number % USERS;
        let mut session = come(world, user, Memory::new()).await;
        session.until_text(&tickets[user], FIRST).await;
        (user, session)
    });
    let opened: Vec<_> = stream::iter(opened).buffer_unordered(64).collect().await;

    // Every connection drops, the text goes on, and all come back with what they hold.
    let begun = Instant::now();
    let memories: Vec<_> = opened.into_iter().map(|(u, s)| (u, s.cut())).collect();
    gates[0].open();
    let stop = AtomicBool::new(false);
    let back = async {
        let back = memories.into_iter().map(|(user, memory)| async move {
            let mut session = come(world, user, memory).await;
            let text = [FIRST, MEANWHILE].concat();
            session.until_text(&tickets[user], &text).await;
            (user, session)
        });
        let back: Vec<_> = stream::iter(back).buffer_unordered(AT_ONCE).collect().await;
        stop.store(true, Ordering::SeqCst);
        back
    };
    let (back, mut issued) = tokio::join!(back, issue_on(&world.api, &stop));
    let took = begun.elapsed();
    issued.sort();
    let (median, worst) = (issued[issued.len() / 2], issued[issued.len() - 1]);
    eprintln!(
        "{count} sessions back in {took:?}; {} tickets meanwhile, median {median:?}, worst {worst:?}",
        issued.len()
    );
    assert!(issued.len() > 5, "the intake starved: {issued:?}");
    assert!(
        median < Duration::from_secs(2),
        "the intake starved: {median:?}"
    );

    gates[1].open();
    gates[2].open();
    for (user, mut session) in back {
        let ticket = &tickets[user];
        session.until(ticket, "answer").await;
        let seen = session.seen(ticket);
        let whole = [FIRST, MEANWHILE, LAST].concat();
        assert!(whole.starts_with(&seen.text) && seen.text.len() > FIRST.len());
        assert_eq!(seen.answer, Some(json!(whole)));
        assert_eq!((seen.restarts, seen.lost), (vec![], vec![]));
    }
    let back = async {
        // The issuer's own idle connections stay open.
        while descriptors(pid) > open_before + 2 * AT_ONCE + 64 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let back = tokio::time::timeout(Duration::from_secs(20), back).await;
    back.unwrap_or_else(|_| panic!("{} descriptors of {open_before}", descriptors(pid)));
}
