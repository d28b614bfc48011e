//! What clients were told, against what the store has.

use std::collections::{BTreeMap, BTreeSet};

use super::{Evidence, Invariant, Objections, Told};

/// Checks both ways: nothing told is missing, and nothing is there that nobody was told of.
pub(super) fn check(evidence: &Evidence, found: &mut Objections) {
    told(evidence, found);
    listed(evidence, found);
}

/// Checks what clients were told against the store.
fn told(evidence: &Evidence, found: &mut Objections) {
    let mut by_key: BTreeMap<&str, &Told> = BTreeMap::new();
    for told in &evidence.told {
        let first = evidence
            .histories
            .get(&told.ticket)
            .and_then(|all| all.first());
        let Some(first) = first else {
            found.unless(
                false,
                Invariant::AcceptedTicketsExist,
                &told.ticket,
                "it is lost",
            );
            continue;
        };
        for field in ["task", "input", "metadata", "user"] {
            let same = first["data"][field] == told.body[field];
            let what = format!("{field} is not what was asked: {first}");
            found.unless(same, Invariant::AcceptedTicketsExist, &told.ticket, what);
        }
        let before = by_key.entry(&told.key).or_insert(told);
        let what = format!("key {} also has {}", told.key, before.ticket);
        found.unless(
            before.ticket == told.ticket,
            Invariant::KeysAreKept,
            &told.ticket,
            what,
        );
    }
    for (key, status) in &evidence.reused {
        let what = format!("key {key} with another body: {status}");
        found.unless(
            (400..500).contains(status),
            Invariant::KeysAreKept,
            "",
            what,
        );
    }
}

/// Checks that the store lists the accepted tickets and no others, in their states.
fn listed(evidence: &Evidence, found: &mut Objections) {
    let told: BTreeSet<&str> = evidence
        .told
        .iter()
        .map(|told| told.ticket.as_str())
        .collect();
    for ticket in &told {
        let is_listed = evidence.listed.contains_key(*ticket);
        found.unless(
            is_listed,
            Invariant::NothingIsForgotten,
            ticket,
            "the store does not list it",
        );
    }
    for ticket in evidence.listed.keys() {
        let is_told = told.contains(ticket.as_str());
        found.unless(
            is_told,
            Invariant::NothingIsForgotten,
            ticket,
            "nobody was told of it",
        );
    }
}
