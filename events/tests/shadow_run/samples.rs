//! A run's events and commands.

use punchcard_events::act::{Act, Author};
use punchcard_events::shadow_run::*;
use punchcard_events::ticket::Usage;
use punchcard_events::{TicketId, Timestamp};
use serde_json::json;
use uuid::Uuid;

pub(crate) fn act() -> Act {
    Act {
        at: Timestamp::from_millis(1_795_430_400_000),
        by: Author::Key {
            prefix: "pk_mina".to_owned(),
            name: Some("mina".to_owned()),
        },
    }
}

pub(crate) fn past(number: u32) -> TicketId {
    TicketId(Uuid::from_u128(
        0x0192_0000_0000_7000_8000_0000_0000_0000 + u128::from(number),
    ))
}

pub(crate) fn started(cases: u32) -> ShadowRunStarted {
    serde_json::from_value(json!({
        "tenant": "onehour",
        "task": "writing-review",
        "candidate": { "version": 2, "hash": "ab".repeat(32) },
        "choice": { "seed": 7, "limit": 100 },
        "matched": 1_000,
        "cases": cases,
        "estimate": { "prompt_tokens": 900, "completion_tokens": 300, "cost_usd": null },
        "act": act(),
    }))
    .expect("a start")
}

pub(crate) fn start(cases: u32) -> Command {
    Command::Start(Box::new(started(cases)))
}

pub(crate) fn stop() -> Command {
    let (reason, act) = (StopReason::Asked, act());
    Command::Stop { reason, act }
}

pub(crate) fn resume(max_cost_usd: Option<f64>) -> Command {
    let act = act();
    Command::Resume { max_cost_usd, act }
}

pub(crate) fn finish(same: u32) -> Command {
    let tally = Tally {
        cases: same,
        same,
        ..Tally::default()
    };
    Command::Finish { tally, act: act() }
}

pub(crate) fn measured(bytes: u64, tokens: u64, cost_usd: f64, total_ms: u64) -> Measured {
    Measured {
        answer_bytes: bytes,
        usage: Some(Usage {
            prompt_tokens: 2 * tokens,
            completion_tokens: tokens,
        }),
        cost_usd: Some(cost_usd),
        first_token_ms: Some(total_ms / 2),
        total_ms: Some(total_ms),
    }
}

pub(crate) fn ended(case: u32, verdict: CaseVerdict, similarity: f64) -> ShadowCaseEnded {
    ShadowCaseEnded {
        case,
        parent: past(case),
        fork: Some(past(1_000 + case)),
        verdict,
        similarity,
        before: measured(100, 10, 0.01, 1_000),
        after: Some(measured(50, 5, 0.005, 400)),
        failure: None,
    }
}

/// The cases of a run of so many, of which these have ended.
pub(crate) fn cases(total: u32, all: impl IntoIterator<Item = ShadowCaseEnded>) -> Cases {
    let mut cases = Cases::default();
    cases.fold(ShadowCasesEvent::ShadowCasesChosen(ShadowCasesChosen {
        tickets: (1..=total).map(past).collect(),
    }));
    for case in all {
        cases.fold(ShadowCasesEvent::ShadowCaseEnded(case));
    }
    cases
}
