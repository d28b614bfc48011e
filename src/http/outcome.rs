//! Waiting for a ticket's outcome, and noting that an answer was taken.

use std::time::Duration;

use punchcard_actors::feed::{News, Taken};
use punchcard_actors::ports::ReadError;
use punchcard_actors::tickets::Tickets;
use punchcard_events::TicketId;
use punchcard_events::ticket::{Channel, StateName, TicketState};

/// Whether there is an outcome to show: an answer that is persisted, a failure or a cancellation.
pub(super) fn is_concluded(state: &TicketState) -> bool {
    match state.name() {
        StateName::Persisted | StateName::Delivered | StateName::Failed | StateName::Cancelled => {
            true
        }
        StateName::Unrequested
        | StateName::Requested
        | StateName::PreProcessed
        | StateName::Sent
        | StateName::Answered => false,
    }
}

/// Waits for the outcome of `ticket`, for at most `wait`.
pub(super) async fn wait(
    tickets: &Tickets,
    ticket: TicketId,
    wait: Duration,
) -> Result<Option<News>, ReadError> {
    let watch = tickets.watch_ticket(ticket);
    // Watched first, looked at second: nothing can fall in between.
    if let Some(news) = tickets.look(ticket).await?
        && is_concluded(&news.state)
    {
        return Ok(Some(news));
    }
    let concluded = async {
        loop {
            let Taken::News(all) = watch.inbox().take().await else {
                continue;
            };
            if let Some(news) = all.into_iter().find(|news| is_concluded(&news.state)) {
                return news;
            }
        }
    };
    Ok(tokio::time::timeout(wait, concluded).await.ok())
}

/// Notes that the issuer takes the answer, where the ticket has no user: then showing it to the
/// issuer is its delivery. Gives the ticket as it is afterwards. Without an `issuer`, somebody else
/// looks, which delivers nothing.
pub(super) async fn taken_by_issuer(tickets: &Tickets, news: News, issuer: Option<String>) -> News {
    let for_issuer = match &news.state {
        TicketState::Persisted(persisted) => persisted.request.user.is_none(),
        TicketState::Unrequested
        | TicketState::Requested(_)
        | TicketState::PreProcessed(_)
        | TicketState::Sent(_)
        | TicketState::Answered(_)
        | TicketState::Delivered(_)
        | TicketState::Failed(_)
        | TicketState::Cancelled(_) => false,
    };
    let Some(by) = issuer.filter(|_| for_issuer) else {
        return news;
    };
    match tickets.acknowledge(news.ticket, Channel::Fetch, by).await {
        Ok(delivered) => delivered,
        Err(error) => {
            // The answer is persisted and may be shown; the next read notes the delivery.
            tracing::warn!(ticket.id = %news.ticket, error.cause = ?error, "delivery not noted");
            news
        }
    }
}
