//! What must be true of the accepted tickets once everything has settled, whatever was done to the
//! program: an account from histories, from the model's calls and from the backend's ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use punchcard_events::ticket::StateName;
use serde_json::Value;

use crate::history::fold;
use crate::load::word_of;
use crate::punchcard::run;
use crate::world::{World, text};

/// How long the rest may take once nothing is killed any more.
const AFTERMATH: Duration = Duration::from_secs(60);
/// Between two looks at a ticket.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A ticket that an issuer was told is accepted.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    pub(crate) id: String,
    pub(crate) word: String,
    pub(crate) body: Value,
}

/// What is left when the load is over, for the test to judge.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) tickets: usize,
    pub(crate) delivered: usize,
    pub(crate) failed: usize,
    pub(crate) interrupted_attempts: usize,
    pub(crate) repeated_callbacks: usize,
}

/// Fetches what nobody else takes, until every ticket has ended.
pub(crate) async fn until_ended(world: &World, accepted: &[Accepted]) {
    let ended = fetch_all(world, accepted);
    if tokio::time::timeout(AFTERMATH, ended).await.is_err() {
        blame(world, accepted).await;
    }
}

async fn fetch_all(world: &World, accepted: &[Accepted]) {
    for ticket in accepted {
        loop {
            let shown = world.api.ticket(&ticket.id).await;
            let state = StateName::parse(shown["state"].as_str().unwrap()).unwrap();
            if state.is_terminal() {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Fails the test with the first ticket that is still open.
async fn blame(world: &World, accepted: &[Accepted]) -> ! {
    for ticket in accepted {
        let shown = world.api.ticket(&ticket.id).await;
        let state = shown["state"].as_str().and_then(StateName::parse);
        if !state.is_some_and(StateName::is_terminal) {
            let history = world.api.history(&ticket.id).await;
            panic!("left open after {AFTERMATH:?}: {shown:#}\n{history:#?}");
        }
    }
    panic!("it took longer than {AFTERMATH:?} until every ticket had ended");
}

impl Account {
    /// Checks everything that must be true of the accepted tickets, whatever was done to the program.
    pub(crate) async fn draw_up(world: &World, accepted: &[Accepted]) -> Self {
        let mut account = Self {
            tickets: accepted.len(),
            delivered: 0,
            failed: 0,
            interrupted_attempts: 0,
            repeated_callbacks: check_callbacks(world, accepted),
        };
        let calls = world.model.calls();
        let mut called: BTreeMap<&str, usize> = BTreeMap::new();
        for call in &calls {
            *called.entry(word_of(call)).or_default() += 1;
        }
        let effects = world.backend.effects();
        for ticket in accepted {
            let id = ticket.id.as_str();
            let history = world.api.history(id).await;
            for field in ["task", "input", "metadata"] {
                assert_eq!(history[0]["data"][field], ticket.body[field], "{id}");
            }
            let called = called.remove(ticket.word.as_str()).unwrap_or_default();
            let sent = count(&history, "TicketSent");
            assert!(
                called <= sent,
                "{called} calls, {sent} intents: {history:#?}"
            );
            let has_hook = ticket.body["task"] != "say";
            if has_hook && count(&history, "TicketPersisted") == 1 {
                let key = format!("msg_{id}_post_process");
                assert!(effects.contains_key(&key), "persisted at nobody's: {id}");
            }
            account.add(id, &history);
        }
        assert!(
            called.is_empty(),
            "calls for tickets nobody was told of: {called:?}"
        );
        account
    }

    fn add(&mut self, id: &str, history: &[Value]) {
        self.interrupted_attempts += interruptions(history);
        match fold(id, history).name() {
            StateName::Delivered => self.delivered += 1,
            StateName::Failed => {
                let failure = &history.last().unwrap()["data"]["failure"];
                assert_ne!(failure["message"], "", "{id}");
                self.failed += 1;
            }
            other => panic!("{id} ended as {other:?}: {history:#?}"),
        }
    }
}

fn count(history: &[Value], kind: &str) -> usize {
    history.iter().filter(|event| event["type"] == kind).count()
}

/// Checks that all tries of a callback said the same and belong to an accepted ticket; gives how
/// many were repeats.
fn check_callbacks(world: &World, accepted: &[Accepted]) -> usize {
    let ids: BTreeSet<&str> = accepted.iter().map(|ticket| ticket.id.as_str()).collect();
    let deliveries = world.backend.deliveries();
    let mut first: BTreeMap<&str, Value> = BTreeMap::new();
    for delivery in &deliveries {
        assert_eq!(delivery.signature, Ok(()));
        let data = delivery.json()["data"].take();
        assert!(ids.contains(data["ticket"].as_str().unwrap()), "{data}");
        let said = first.entry(delivery.id()).or_insert_with(|| data.clone());
        assert_eq!(*said, data, "a repeat says something else");
    }
    deliveries.len() - first.len()
}

/// Checks that the store holds the accepted tickets and no others.
pub(crate) async fn check_count(world: &World, accepted: usize) {
    let data_dir = world.data_dir();
    let stats = run(&["--json", "store", "stats", "--data-dir", text(&data_dir)]).await;
    let stats: Value = serde_json::from_slice(&stats.stdout).unwrap();
    let states = stats["tickets"].as_object().unwrap();
    let stored: u64 = states.values().filter_map(Value::as_u64).sum();
    assert_eq!(stored, accepted as u64, "{stats}");
}

/// How many attempts a crash or stop has cut off.
fn interruptions(history: &[Value]) -> usize {
    let is_interruption = |event: &&Value| {
        event["type"] == "AttemptFailed" && event["data"]["error"]["kind"] == "interrupted"
    };
    history.iter().filter(is_interruption).count()
}
