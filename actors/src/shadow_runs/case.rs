//! One case: a past ticket is run again, its end is waited for, and both are looked at.

use std::sync::Arc;
use std::time::Duration;

use punchcard_events::shadow_run::{
    CaseVerdict, Measured, ShadowCaseEnded, StopReason, ticket as ticket_of,
};
use punchcard_events::ticket::{ShadowCase, Usage};
use punchcard_events::{TenantId, TicketId};
use uuid::Uuid;

use super::estimate::usd;
use super::judge::{Ended, Judged, failed, judge};
use super::{ShadowRunError, ShadowRuns};
use crate::batches::has_ended;
use crate::errors::IssueError;
use crate::forks::{ForkError, ForkPrompt, ForkSpec};
use crate::ports::AgainError;
use crate::usage::Estimate;
use punchcard_events::shadow_run::CaseFailure;

/// The least and the most that is waited when no more tickets are taken.
const BACK_OFF: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(5);

/// How long is waited where nothing says for how long.
const AGAIN: Duration = Duration::from_secs(2);

/// A case that is to be run.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) run: Uuid,
    pub(super) number: u32,
    pub(super) parent: TicketId,
    pub(super) tenant: TenantId,
    pub(super) version: u32,
    /// The prefix of the key that the run was started with.
    pub(super) by: String,
}

/// What a case came to.
pub(super) enum Came {
    /// It ended.
    Ended(Box<ShadowCaseEnded>),
    /// The run cannot go on.
    Halted(StopReason),
    /// The run was stopped before it began.
    Left,
}

/// Why a case did not begin.
pub(super) enum Refused {
    /// The candidate has no answer to this ticket.
    Case(CaseFailure),
    /// The candidate has no answer to any ticket, for this reason.
    Run(String),
    /// No budget will ever have room for it.
    Budget,
    /// It may begin later: after so long, where that is known.
    ForNow(String, Option<Duration>),
}

/// How a past ticket is run again for a version.
pub(super) fn spec(tenant: &TenantId, version: u32, by: String) -> ForkSpec {
    ForkSpec {
        prompt: Some(ForkPrompt::Version(version)),
        ..ForkSpec::again(tenant.clone(), by)
    }
}

/// Runs a case to its end, and gives way as long as no more tickets are taken. `may_begin` is asked
/// before each try.
pub(super) async fn run(
    runs: ShadowRuns,
    case: Case,
    may_begin: impl Fn() -> bool,
) -> Result<Came, ShadowRunError> {
    let fork = ticket_of(case.run, case.number);
    loop {
        if !may_begin() {
            return Ok(Came::Left);
        }
        let spec = ForkSpec {
            id: Some(fork),
            shadow: Some(ShadowCase {
                run: case.run,
                case: case.number,
            }),
            ..spec(&case.tenant, case.version, case.by.clone())
        };
        let error = match runs.0.parts.forks.fork(case.parent, spec).await {
            Ok(_) => break,
            Err(error) => error,
        };
        match refusal(error) {
            Refused::Case(failure) => return not_begun(&runs, &case, failure).await,
            Refused::Run(reason) => return Ok(Came::Halted(StopReason::Candidate(reason))),
            Refused::Budget => return Ok(Came::Halted(StopReason::Budget)),
            Refused::ForNow(_, wait) => {
                metrics::counter!("shadow_run_back_offs_total").increment(1);
                let wait = wait.unwrap_or(AGAIN);
                tokio::time::sleep(wait.clamp(*BACK_OFF.start(), *BACK_OFF.end())).await;
            }
        }
    }
    has_ended(runs.0.parts.tickets.clone(), fork).await;
    let before = look(&runs, case.parent).await?;
    let after = look(&runs, fork).await?;
    let likeness = Arc::clone(&runs.0.parts.likeness);
    let measured = (before.measured, after.measured);
    // Comparing two long texts takes a while; it keeps nobody else waiting there. How much of it there
    // is at a time is bounded by the cases that are open.
    let judged = tokio::task::spawn_blocking(move || {
        judge(&before, &after, |one, other| {
            likeness.similarity(one, other)
        })
    });
    let judged = judged.await.unwrap_or(Judged {
        verdict: CaseVerdict::Changed,
        similarity: 0.0,
        failure: None,
    });
    Ok(ended(&case, Some(fork), measured, judged))
}

/// What came of a ticket that has ended.
async fn look(runs: &ShadowRuns, ticket: TicketId) -> Result<Ended, ShadowRunError> {
    let tickets = &runs.0.parts.tickets;
    let history = tickets.history(ticket).await?;
    let cost = |model: &str, usage: Usage| {
        let tokens = Estimate {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
        };
        tickets.cost(model, tokens).map(|cost| usd(cost.0))
    };
    Ok(Ended::of(&history, cost)?)
}

/// A case that has no ticket, because the candidate cannot be made ready for it.
async fn not_begun(
    runs: &ShadowRuns,
    case: &Case,
    failure: CaseFailure,
) -> Result<Came, ShadowRunError> {
    let before = look(runs, case.parent).await?.measured;
    let judged = Judged {
        verdict: CaseVerdict::Failed,
        similarity: 0.0,
        failure: Some(failure),
    };
    let after = None;
    Ok(came(case, None, before, after, judged))
}

fn ended(
    case: &Case,
    fork: Option<TicketId>,
    (before, after): (Measured, Measured),
    judged: Judged,
) -> Came {
    came(case, fork, before, Some(after), judged)
}

fn came(
    case: &Case,
    fork: Option<TicketId>,
    before: Measured,
    after: Option<Measured>,
    judged: Judged,
) -> Came {
    Came::Ended(Box::new(ShadowCaseEnded {
        case: case.number,
        parent: case.parent,
        fork,
        verdict: judged.verdict,
        similarity: judged.similarity,
        before,
        after,
        failure: judged.failure,
    }))
}

/// What a refusal means: for this case, for the whole run, or for now.
pub(super) fn refusal(error: ForkError) -> Refused {
    let message = error.to_string();
    match error {
        ForkError::NoSuchTicket => Refused::Case(failed("not_found", message)),
        ForkError::Damaged => Refused::Case(failed("damaged", message)),
        ForkError::Expired => Refused::Case(failed("result_expired", message)),
        ForkError::NotPrepared
        | ForkError::NoMessages
        | ForkError::NoPrompt
        | ForkError::VersionOfMessages => Refused::Case(failed("not_repeatable", message)),
        ForkError::UnknownModel(_) | ForkError::BadParameter { .. } => Refused::Run(message),
        ForkError::Again(again) => match again {
            AgainError::InvalidInput { .. } => Refused::Case(failed("invalid_input", message)),
            AgainError::Template(_) => Refused::Case(failed("template", message)),
            AgainError::UnknownTask(_)
            | AgainError::NotDeployed { .. }
            | AgainError::NoSuchVersion { .. }
            | AgainError::Broken(_) => Refused::Run(message),
            AgainError::Unavailable(_) => Refused::ForNow(message, None),
        },
        ForkError::Issue(issue) => match issue {
            // No new period has room for it.
            IssueError::BudgetExhausted { exceeded, .. } if exceeded.never => Refused::Budget,
            IssueError::Overloaded { retry_after, .. }
            | IssueError::BudgetExhausted { retry_after, .. } => {
                Refused::ForNow(message, Some(retry_after))
            }
            IssueError::Refused(_) | IssueError::BadTime(_) | IssueError::KeyReused => {
                Refused::Case(failed("not_issued", message))
            }
            IssueError::KeyInFlight
            | IssueError::StillCounting
            | IssueError::Unavailable(_)
            | IssueError::Stopping => Refused::ForNow(message, None),
        },
    }
}
