//! What a run is thought to use, before anything is asked: the candidate's messages as they would be
//! sent, and answers as long as they were.

use futures_util::StreamExt as _;
use futures_util::stream;
use punchcard_events::TicketId;
use punchcard_events::act::Author;
use punchcard_events::shadow_run::Estimate;

use super::case::{Refused, refusal, spec};
use super::{NewShadowRun, ShadowRunError, ShadowRuns};
use crate::usage;

/// The most cases that are made ready for an estimate; the others count as these do on average. The
/// order of the cases is that of a draw, so the first so many are a fair sample of all.
const LOOKED_AT: usize = 64;

/// Cases that are made ready at a time.
const AT_ONCE: usize = 4;

/// What one case is thought to use, and its cost in millionths of a US dollar.
#[derive(Debug, Clone, Copy)]
struct OfCase {
    tokens: usage::Estimate,
    cost: Option<u64>,
}

/// What a run of these tickets is thought to use.
///
/// # Errors
/// When the candidate cannot be run at all. A ticket that it cannot be made ready for uses nothing.
pub(super) async fn estimate(
    runs: &ShadowRuns,
    new: &NewShadowRun,
    tickets: &[TicketId],
) -> Result<Estimate, ShadowRunError> {
    let looked_at = tickets.iter().copied().take(LOOKED_AT);
    let of_cases = looked_at.map(|ticket| of_case(runs, new, ticket));
    let mut of_cases = stream::iter(of_cases).buffer_unordered(AT_ONCE);
    let (mut seen, mut usable) = (0_u64, vec![]);
    while let Some(of_case) = of_cases.next().await {
        seen += 1;
        usable.extend(of_case?);
    }
    let all = u64::try_from(tickets.len()).unwrap_or(u64::MAX);
    let scaled = |sum: u64| scale(sum, all, seen);
    let cost = usable
        .iter()
        .try_fold(0_u64, |sum, of| Some(sum.saturating_add(of.cost?)));
    Ok(Estimate {
        prompt_tokens: scaled(sum(&usable, |of| of.tokens.prompt_tokens)),
        completion_tokens: scaled(sum(&usable, |of| of.tokens.completion_tokens)),
        cost_usd: cost
            .filter(|_| !usable.is_empty())
            .map(|cost| usd(scaled(cost))),
    })
}

async fn of_case(
    runs: &ShadowRuns,
    new: &NewShadowRun,
    ticket: TicketId,
) -> Result<Option<OfCase>, ShadowRunError> {
    let parts = &runs.0.parts;
    let by = match &new.by {
        Author::Key { prefix, .. } => prefix.clone(),
        Author::Configuration | Author::Runtime => "punchcard".to_owned(),
    };
    let plan = parts
        .forks
        .plan(ticket, &spec(&new.tenant, new.version, by))
        .await;
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => {
            return match refusal(error) {
                Refused::Case(_) => Ok(None),
                Refused::Run(reason) => Err(ShadowRunError::Unusable(reason)),
                Refused::Budget => Ok(None),
                Refused::ForNow(reason, _) => Err(ShadowRunError::Unavailable(reason)),
            };
        }
    };
    let before = parts.tickets.look(ticket).await?;
    let answered =
        before.and_then(|news| news.state.answered().and_then(|answered| answered.usage));
    let tokens = usage::Estimate {
        prompt_tokens: plan.estimate.prompt_tokens,
        completion_tokens: answered.map_or(plan.estimate.completion_tokens, |usage| {
            usage.completion_tokens
        }),
    };
    let cost = parts.tickets.cost(&plan.prepared.model, tokens);
    Ok(Some(OfCase {
        tokens,
        cost: cost.map(|cost| cost.0),
    }))
}

fn sum(all: &[OfCase], of: fn(&OfCase) -> u64) -> u64 {
    all.iter().fold(0, |sum, one| sum.saturating_add(of(one)))
}

/// What `sum` of `seen` cases comes to for `all` of them, rounded up.
fn scale(sum: u64, all: u64, seen: u64) -> u64 {
    let scaled = (u128::from(sum) * u128::from(all)).div_ceil(u128::from(seen.max(1)));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// Millionths of a US dollar as dollars.
#[expect(
    clippy::cast_precision_loss,
    reason = "no run costs 2^53 millionths of a dollar, and it is an estimate"
)]
pub(super) fn usd(micro: u64) -> f64 {
    micro as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_looked_at_counts_like_what_was() {
        assert_eq!(scale(640, 1_000, 64), 10_000);
        assert_eq!(scale(1, 3, 2), 2, "rounded up");
        assert_eq!(scale(0, 1_000, 0), 0);
        assert_eq!(scale(u64::MAX, u64::MAX, 1), u64::MAX);
    }
}
