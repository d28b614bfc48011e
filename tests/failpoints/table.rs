//! The table of all failpoints, and one test for each row and fault.

use std::collections::BTreeSet;

use punchcard_events::claim::IdempotencyKeyClaimed;
use punchcard_events::ticket::{Effect, TicketEvent};

use crate::lives::Life;
use crate::{kill, panics};

/// What a panic at a point does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Panic {
    /// The ticket's actor comes to this point again with every new start, and is poison after three.
    Recurs,
    /// The ticket's actor has passed this point for good, and goes on.
    Passes,
    /// It is no ticket's actor: one request or one session breaks off, and the client comes back.
    OfTheEdge,
    /// It is no actor: a store whose writer is gone serves nothing until a restart, and says so.
    OfTheStore,
}

/// The failpoints around one step.
#[derive(Debug)]
pub(crate) struct Row {
    /// What the points are named after.
    pub(crate) step: &'static str,
    /// The points, and what a panic at each does.
    pub(crate) points: &'static [(&'static str, Panic)],
    /// Whose life passes them.
    pub(crate) life: Life,
}

impl Row {
    /// The full names.
    pub(crate) fn names(&self) -> impl Iterator<Item = (String, Panic)> {
        let named = |(point, panic): &(&str, Panic)| (format!("{}::{point}", self.step), *panic);
        self.points.iter().map(named)
    }
}

/// Makes the table, and for each row a test that kills and one that panics.
macro_rules! rows {
    ($($test:ident: $step:literal in $life:ident { $($point:ident: $panic:ident),+ })+) => {
        pub(crate) const ROWS: &[Row] = &[$(Row {
            step: $step,
            points: &[$((stringify!($point), Panic::$panic)),+],
            life: Life::$life,
        }),+];

        mod killed_around {
            $(#[tokio::test]
            async fn $test() {
                super::kill::around(super::row($step)).await;
            })+
        }

        mod a_panic_around {
            $(#[tokio::test]
            async fn $test() {
                super::panics::around(super::row($step)).await;
            })+
        }
    };
}

rows! {
    idempotency_key_claimed: "ticket::IdempotencyKeyClaimed" in Said {
        before_append: OfTheEdge, after_append: OfTheEdge
    }
    ticket_requested: "ticket::TicketRequested" in Said {
        before_append: Passes, after_append: Passes
    }
    ticket_pre_processed: "ticket::TicketPreProcessed" in Reviewed {
        before_append: Recurs, after_append: Passes
    }
    ticket_sent: "ticket::TicketSent" in Reviewed {
        before_append: Recurs, after_append: Recurs
    }
    attempt_failed: "ticket::AttemptFailed" in Reviewed {
        before_append: Recurs, after_append: Passes
    }
    ticket_answered: "ticket::TicketAnswered" in Reviewed {
        before_append: Recurs, after_append: Passes
    }
    callback_failed: "ticket::CallbackFailed" in Reviewed {
        before_append: Passes, after_append: Passes
    }
    ticket_persisted: "ticket::TicketPersisted" in Reviewed {
        before_append: Recurs, after_append: Passes
    }
    ticket_delivered: "ticket::TicketDelivered" in Said {
        before_append: Recurs, after_append: Passes
    }
    ticket_failed: "ticket::TicketFailed" in Refused {
        before_append: Recurs, after_append: Passes
    }
    ticket_cancelled: "ticket::TicketCancelled" in Cancelled {
        before_append: Recurs, after_append: Passes
    }
    the_reply_to_an_issuer: "effect::accept" in Said { before: OfTheEdge }
    the_pre_process_call: "effect::pre_process" in Reviewed { before: Recurs, after: Recurs }
    the_model_call: "effect::model" in Reviewed { before: Recurs, after: Recurs }
    the_post_process_call: "effect::post_process" in Reviewed { before: Recurs, after: Recurs }
    the_frame_with_the_answer: "effect::deliver" in Reviewed { before: OfTheEdge, after: OfTheEdge }
    the_commit: "store::commit" in Said { before: OfTheStore, after: OfTheStore }
}

/// Events that nothing asks for yet: their points are there, and no test can come to them. The first
/// command that redrives a ticket takes its row out of here.
const OUT_OF_REACH: [&str; 1] = ["TicketRedriven"];

fn row(step: &str) -> &'static Row {
    ROWS.iter().find(|row| row.step == step).unwrap()
}

#[test]
fn every_event_has_a_point_before_and_after_its_append() {
    let kinds = TicketEvent::KINDS.iter().map(|(kind, _)| *kind);
    let kinds = kinds.chain([IdempotencyKeyClaimed::KIND]);
    let wanted: BTreeSet<String> = kinds
        .filter(|kind| !OUT_OF_REACH.contains(kind))
        .flat_map(|kind| ["before", "after"].map(|side| format!("ticket::{kind}::{side}_append")))
        .collect();
    assert_eq!(points("ticket::"), wanted);
}

#[test]
fn every_effect_has_a_point_before_and_after_it() {
    // A new effect does not compile here until it has its place below.
    let key = |effect: Effect| match effect {
        Effect::PreProcess { .. }
        | Effect::Send { .. }
        | Effect::CallModel { .. }
        | Effect::PostProcess { .. }
        | Effect::Deliver => effect.key(),
    };
    let effects = [
        Effect::PreProcess {
            callback: true,
            not_before: None,
        },
        Effect::CallModel { attempt: 1 },
        Effect::PostProcess {
            callback: true,
            not_before: None,
        },
        Effect::Deliver,
    ];
    let keys = effects.map(key);
    let mut wanted: BTreeSet<String> = keys
        .into_iter()
        .flat_map(|key| ["before", "after"].map(|side| format!("effect::{key}::{side}")))
        .collect();
    // After the reply to an issuer nothing of ours is left to run.
    wanted.insert("effect::accept::before".to_owned());
    assert_eq!(points("effect::"), wanted);
}

fn points(prefix: &str) -> BTreeSet<String> {
    let names = ROWS
        .iter()
        .flat_map(|row| row.names().map(|(name, _)| name));
    names.filter(|name| name.starts_with(prefix)).collect()
}
