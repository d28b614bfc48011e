//! Choosing the tickets of a run: one walk over the ticket list.

use std::sync::Arc;

use punchcard_events::TicketId;
use punchcard_events::shadow_run::Choosing;
use punchcard_events::ticket::StateName;

use super::{NewShadowRun, ShadowRunError, ShadowRuns};
use crate::ports::{Order, TicketFilter};

/// Tickets listed at a time.
const PAGE: usize = 500;

/// How many tickets match, and which of them were chosen. Only tickets with a final answer match, and
/// none that were forks themselves. Those whose texts the tenant does not keep any more are left out:
/// they could not be run again.
pub(super) async fn choose(
    runs: &ShadowRuns,
    new: &NewShadowRun,
) -> Result<(u32, Arc<[TicketId]>), ShadowRunError> {
    let choice = &new.choice;
    let filter = TicketFilter {
        tenant: Some(new.tenant.clone()),
        user: choice.filter.user.clone(),
        task: Some(new.task.clone()),
        states: vec![StateName::Persisted, StateName::Delivered],
        requested_from: choice.filter.requested_from,
        requested_before: choice.filter.requested_before,
        ..TicketFilter::default()
    };
    let tickets = &runs.0.parts.tickets;
    let index = tickets.index();
    let mut choosing = Choosing::new(choice.seed, choice.sample, choice.limit);
    let (mut after, mut seen) = (None, 0_u32);
    loop {
        let page = index.list(&filter, Order::NewestFirst, after, PAGE).await?;
        for line in &page {
            if seen >= runs.0.options.looked_at {
                break;
            }
            seen = seen.saturating_add(1);
            if !tickets.is_past_keeping(&line.tenant, line.state, line.updated_at) {
                choosing.offer(line.id);
            }
        }
        let is_last = page.len() < PAGE || seen >= runs.0.options.looked_at;
        match page.last() {
            Some(last) if !is_last => after = Some(last.id),
            Some(_) | None => break,
        }
    }
    Ok((choosing.matched(), choosing.chosen().into()))
}
