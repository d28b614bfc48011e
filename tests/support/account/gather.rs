//! Reading the evidence: over HTTP, by the program's own commands, and from the fakes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use super::{Callback, Evidence, Replay};
use crate::api::Api;
use crate::fake_backend::FakeBackend;
use crate::punchcard::run;
use crate::scripted_model::ScriptedModel;

/// How many histories are replayed twice: each costs two processes.
const REPLAYS: usize = 1;

/// How many histories are read at a time.
const READERS: usize = 8;

/// What an issuer was told by a 2xx.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// The idempotency key.
    pub(crate) key: String,
    /// The ticket's id.
    pub(crate) ticket: String,
    /// What was asked. Its `metadata.word` is in the prompt, and in no other ticket's.
    pub(crate) body: Value,
}

/// What a user was shown of a ticket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    /// Whose attempt the text is of; 0 for none.
    pub(crate) generation: u64,
    pub(crate) text: String,
    pub(crate) answer: Option<Value>,
}

/// Who is asked.
pub(crate) struct Witnesses<'a> {
    pub(crate) api: &'a Api,
    pub(crate) key: &'a str,
    pub(crate) data_dir: &'a Path,
    pub(crate) model: &'a ScriptedModel,
    pub(crate) backend: &'a FakeBackend,
}

/// Reads everything about the tickets that were `told` of. The program must run; it delivers nothing
/// by being asked.
pub(crate) async fn gather(witnesses: &Witnesses<'_>, told: Vec<Told>) -> Evidence {
    let tickets: BTreeSet<&str> = told.iter().map(|told| told.ticket.as_str()).collect();
    let read = stream::iter(tickets).map(async |ticket| {
        let path = format!("/v1/tickets/{ticket}/events");
        let mut answer = witnesses.api.get(&path).await.json();
        match answer["events"].take() {
            Value::Array(events) => Some((ticket.to_owned(), events)),
            // A lost ticket has no history, and that is the checker's to object to.
            _ => None,
        }
    });
    let read = read
        .buffer_unordered(READERS)
        .filter_map(std::future::ready);
    let histories: BTreeMap<String, Vec<Value>> = read.collect().await;
    let mut replays = Vec::new();
    for ticket in histories.keys().take(REPLAYS) {
        replays.push(replay(witnesses, ticket).await);
    }
    Evidence {
        told,
        histories,
        listed: list(witnesses).await,
        calls: calls(witnesses.model),
        callbacks: callbacks(witnesses.backend),
        damage: damage(witnesses.data_dir).await,
        replays,
        ..Evidence::default()
    }
}

/// The tickets as `ticket list --all` has them.
async fn list(witnesses: &Witnesses<'_>) -> BTreeMap<String, String> {
    let (url, key) = (witnesses.api.base(), witnesses.key);
    let list = [
        "--json", "ticket", "list", "--all", "--url", url, "--key", key,
    ];
    let listed = run(&list).await;
    assert!(listed.status.success(), "{listed:?}");
    let listed = String::from_utf8(listed.stdout).unwrap();
    let tickets = listed.lines().map(|line| {
        let ticket: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| ticket[name].as_str().unwrap_or_default().to_owned();
        (text("id"), text("state"))
    });
    tickets.collect()
}

async fn replay(witnesses: &Witnesses<'_>, ticket: &str) -> Replay {
    let calls = || witnesses.model.calls_count() + witnesses.backend.deliveries().len();
    let before = calls();
    let (url, key) = (witnesses.api.base(), witnesses.key);
    let replay = [
        "--json", "ticket", "replay", ticket, "--url", url, "--key", key,
    ];
    let mut results = [String::new(), String::new()];
    for result in &mut results {
        let output = run(&replay).await;
        if output.status.success() {
            *result = String::from_utf8(output.stdout).unwrap();
        }
    }
    Replay {
        ticket: ticket.to_owned(),
        results,
        calls: calls() - before,
    }
}

/// What `store verify` objects to.
async fn damage(data_dir: &Path) -> Option<String> {
    let data_dir = data_dir.to_str().unwrap();
    let verified = run(&["--json", "store", "verify", "--data-dir", data_dir]).await;
    let text = String::from_utf8_lossy(&verified.stdout).into_owned();
    (!verified.status.success()).then(|| format!("{text} {verified:?}"))
}

/// The word that each call is about: the last one of its prompt.
fn calls(model: &ScriptedModel) -> Vec<String> {
    let calls = model.calls();
    let words = calls
        .iter()
        .map(|call| call.prompt().split_whitespace().last());
    words
        .map(|word| word.unwrap_or_default().to_owned())
        .collect()
}

fn callbacks(backend: &FakeBackend) -> Vec<Callback> {
    let effects = backend.effects();
    let deliveries = backend.deliveries().into_iter().map(|delivery| {
        let mut body = delivery.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let effect = effects.get(delivery.id());
        Callback {
            id: delivery.id().to_owned(),
            kind: text(&body["type"]),
            ticket: text(&body["data"]["ticket"]),
            data: body["data"].take(),
            signed: delivery.signature.is_ok(),
            took_effect: effect.is_some_and(|effect| effect.place == delivery.place),
        }
    });
    deliveries.collect()
}
