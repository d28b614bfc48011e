//! What must be true of the accepted tickets, whatever was done to the program: the checker from
//! outside.
//!
//! It judges [`Evidence`]: what clients were told, what the store holds and what the model and the
//! tenant's API have in their ledgers. It shares no code with the program, so that the two cannot
//! agree on a mistake; it has its own table of legal transitions. The numbers of [`Invariant`] are
//! those of `docs/reliability.md`. `control.rs` shows that the checker sees what it is for.
//!
//! Not here: how long to wait before judging. [`gather`] reads a program that has settled.

#![allow(
    dead_code,
    reason = "each test binary that includes this file uses another part of it"
)]

mod acceptance;
mod gather;
mod history;
mod ledgers;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub(crate) use gather::{Shown, Told, Witnesses, gather};

/// A promise of `docs/reliability.md` that can be checked from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Invariant {
    /// Every ticket a client saw accepted exists, with the same content.
    AcceptedTicketsExist = 1,
    /// Revisions run from 0 without gap or repeat, positions rise, the hash chain verifies.
    StreamsAreWhole = 2,
    /// Only legal transitions, one end.
    TransitionsAreLegal = 3,
    /// No call of the model without a durable intent, and none above the limit.
    CallsHaveIntents = 4,
    /// One logical effect per callback at a receiver that drops repeats.
    EffectsAreSingle = 5,
    /// What a user was shown is the stored answer or its beginning.
    TextIsTheAnswers = 6,
    /// Accepted tickets are the ended and the open ones, and nothing is open past its deadline.
    NothingIsForgotten = 7,
    /// One key, one ticket; another body under a used key is refused.
    KeysAreKept = 8,
    /// Reading a history twice gives the same and calls nobody.
    ReplayIsPure = 11,
}

/// What is known from outside.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    /// One for each 2xx that an issuer got, repeats included.
    pub(crate) told: Vec<Told>,
    /// What a used key with another body was answered: the key and the HTTP status.
    pub(crate) reused: Vec<(String, u16)>,
    /// The history of each ticket that was told of, as the API gives it.
    pub(crate) histories: BTreeMap<String, Vec<Value>>,
    /// Every ticket that the store lists, with its state.
    pub(crate) listed: BTreeMap<String, String>,
    /// The word that each call of the model was about.
    pub(crate) calls: Vec<String>,
    /// Every delivery at the tenant's API.
    pub(crate) callbacks: Vec<Callback>,
    /// What users were shown, by ticket.
    pub(crate) shown: BTreeMap<String, Shown>,
    /// What `store verify` has found, if anything.
    pub(crate) damage: Option<String>,
    /// Histories that were replayed twice.
    pub(crate) replays: Vec<Replay>,
}

/// One delivery at the tenant's API.
#[derive(Debug, Clone, Default)]
pub(crate) struct Callback {
    /// The `webhook-id`.
    pub(crate) id: String,
    /// What for: `ticket.pre_process` or `ticket.post_process`.
    pub(crate) kind: String,
    /// Which ticket.
    pub(crate) ticket: String,
    /// All it said.
    pub(crate) data: Value,
    /// Whether the signature held.
    pub(crate) signed: bool,
    /// Whether the receiver, which drops repeats of an id, did something.
    pub(crate) took_effect: bool,
}

/// One history, replayed twice.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replay {
    pub(crate) ticket: String,
    /// What came out.
    pub(crate) results: [String; 2],
    /// How many calls the outside world saw meanwhile.
    pub(crate) calls: usize,
}

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Objection {
    pub(crate) invariant: Invariant,
    pub(crate) ticket: String,
    pub(crate) what: String,
}

/// What is left when all is over, for a test to judge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) tickets: usize,
    pub(crate) delivered: usize,
    pub(crate) failed: usize,
    pub(crate) cancelled: usize,
    pub(crate) open: usize,
    pub(crate) calls: usize,
    pub(crate) interrupted_attempts: usize,
    pub(crate) effects: usize,
    pub(crate) repeated_callbacks: usize,
}

/// Collects objections.
#[derive(Default)]
struct Objections(Vec<Objection>);

impl Objections {
    fn unless(&mut self, holds: bool, invariant: Invariant, ticket: &str, what: impl Into<String>) {
        if !holds {
            self.0.push(Objection {
                invariant,
                ticket: ticket.to_owned(),
                what: what.into(),
            });
        }
    }
}

/// Everything that does not fit.
pub(crate) fn objections(evidence: &Evidence) -> Vec<Objection> {
    let mut found = Objections::default();
    acceptance::check(evidence, &mut found);
    history::check(evidence, &mut found);
    ledgers::check(evidence, &mut found);
    for replay in &evidence.replays {
        let [first, second] = &replay.results;
        let pure = first == second && !first.is_empty() && replay.calls == 0;
        found.unless(
            pure,
            Invariant::ReplayIsPure,
            &replay.ticket,
            format!("{replay:?}"),
        );
    }
    let damage = evidence.damage.as_deref();
    found.unless(
        damage.is_none(),
        Invariant::StreamsAreWhole,
        "",
        damage.unwrap_or_default(),
    );
    found.0
}

/// Fails the test unless everything fits, and gives the account.
#[track_caller]
pub(crate) fn settled(evidence: &Evidence) -> Account {
    let objections = objections(evidence);
    if let Some(first) = objections.first() {
        let history = evidence.histories.get(&first.ticket);
        panic!(
            "{} objections: {objections:#?}\nthe first one's history: {history:#?}",
            objections.len()
        );
    }
    let account = Account::of(evidence);
    assert_eq!(account.open, 0, "not settled yet: {account:?}");
    account
}

impl Account {
    /// Counts, without judging.
    pub(crate) fn of(evidence: &Evidence) -> Self {
        let count = |states: &[&str]| {
            let is_in = |state: &&String| states.contains(&state.as_str());
            evidence.listed.values().filter(is_in).count()
        };
        let tickets = evidence.listed.len();
        let (delivered, failed) = (count(&["delivered"]), count(&["failed"]));
        let cancelled = count(&["cancelled"]);
        let effects = evidence
            .callbacks
            .iter()
            .filter(|call| call.took_effect)
            .count();
        let ids: BTreeSet<&str> = evidence
            .callbacks
            .iter()
            .map(|call| call.id.as_str())
            .collect();
        Self {
            tickets,
            delivered,
            failed,
            cancelled,
            open: tickets - delivered - failed - cancelled,
            calls: evidence.calls.len(),
            interrupted_attempts: evidence
                .histories
                .values()
                .map(|h| history::interruptions(h))
                .sum(),
            effects,
            repeated_callbacks: evidence.callbacks.len() - ids.len(),
        }
    }
}
