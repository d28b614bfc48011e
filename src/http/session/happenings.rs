//! What reaches an open session from inside, in the order in which it is told: what the user was owed
//! at the welcome, then news as they come.
//!
//! Pulled, never pushed: a ticket is looked at, and its news are taken, only when the connection has
//! room for what is told of it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::LocalBoxStream;
use futures_util::{Stream, StreamExt as _, stream};
use punchcard_actors::feed::{Inbox, News, Taken};
use punchcard_actors::ports::ReadError;
use punchcard_actors::sessions::{Goodbye, Lease};
use punchcard_actors::tickets::Tickets;
use punchcard_events::TicketId;

use super::greeting::left_out;
use crate::http::outlet::Flow;

/// How many tickets are looked at before their turn. Their answers wait in memory.
const AHEAD: usize = 2;

/// One thing that reaches the session.
pub(super) enum Happening {
    /// News of a ticket.
    News(Box<News>),
    /// More than can be told in order.
    Overflowed,
    /// What is owed cannot be looked at.
    Unavailable,
    /// The session must end.
    Goodbye(Goodbye),
}

/// Where happenings come from.
pub(super) struct Source {
    pub(super) tickets: Tickets,
    pub(super) owed: Vec<TicketId>,
    /// How long one look may take.
    pub(super) patience: Duration,
    pub(super) inbox: Arc<Inbox>,
    pub(super) lease: Arc<Lease>,
    pub(super) flow: Flow,
}

struct Inside {
    owed: LocalBoxStream<'static, Happening>,
    inbox: Arc<Inbox>,
    lease: Arc<Lease>,
    flow: Flow,
    over: bool,
}

/// Everything that happens, up to the goodbye.
pub(super) fn happenings(source: Source) -> impl Stream<Item = Happening> {
    let Source {
        tickets,
        owed,
        patience,
        inbox,
        lease,
        flow,
    } = source;
    // Tasks of their own: a session whose client reads nothing is not polled, and a look that has
    // begun must not count that time as the store's.
    let looks = stream::iter(owed).map(move |id| {
        let looked = actix::spawn(look(tickets.clone(), id, patience));
        async move { looked.await.unwrap_or(Some(Happening::Unavailable)) }
    });
    let inside = Inside {
        owed: looks
            .buffered(AHEAD)
            .filter_map(std::future::ready)
            .boxed_local(),
        inbox,
        lease,
        flow,
        over: false,
    };
    Box::pin(stream::unfold(inside, |mut inside| async move {
        if inside.over {
            return None;
        }
        let lease = Arc::clone(&inside.lease);
        let happening = tokio::select! {
            biased;
            goodbye = lease.goodbye() => Happening::Goodbye(goodbye),
            happening = inside.next() => happening,
        };
        inside.over = matches!(happening, Happening::Goodbye(_));
        Some((happening, inside))
    }))
}

async fn look(tickets: Tickets, ticket: TicketId, patience: Duration) -> Option<Happening> {
    match tokio::time::timeout(patience, tickets.look(ticket)).await {
        Ok(Ok(news)) => news
            .filter(|news| !tickets.is_expired(news))
            .map(|news| Happening::News(Box::new(news))),
        Ok(Err(ReadError::Damaged(what))) => {
            left_out(ticket, &what);
            None
        }
        Ok(Err(error @ ReadError::Unavailable(_))) => {
            tracing::warn!(ticket.id = %ticket, error.cause = %error, "an owed ticket cannot be looked up");
            Some(Happening::Unavailable)
        }
        Err(_) => Some(Happening::Unavailable),
    }
}

impl Inside {
    async fn next(&mut self) -> Happening {
        loop {
            self.flow.room().await;
            if let Some(owed) = self.owed.next().await {
                return owed;
            }
            match self.inbox.take_one().await {
                Taken::News(mut news) => {
                    if let Some(news) = news.pop() {
                        return Happening::News(Box::new(news));
                    }
                }
                Taken::Overflowed => return Happening::Overflowed,
            }
        }
    }
}
