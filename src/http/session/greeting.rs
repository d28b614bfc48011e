//! What happens between hello and welcome: the token is taken in, the session admitted, and what the
//! user is owed looked up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use punchcard_actors::feed::{Cursor, Frame, Lost, News, Progress, Watch};
use punchcard_actors::ports::{Order, ReadError, TicketFilter};
use punchcard_actors::sessions::{Admission, Grant, Lease, SessionError};
use punchcard_events::TicketId;
use punchcard_events::ticket::StateName;

use uuid::Uuid;

use super::ledger::Ledger;
use super::protocol::{Close, OpenTicket, ServerFrame};
use crate::http::Api;
use crate::http::connection::Socket;
use crate::secret::Secret;

/// How many tickets are looked up at once.
const LOOKS: usize = 16;
/// How soon one that was refused for want of room may come back.
const NOT_BEFORE: Duration = Duration::from_secs(2);

/// Who asks to be let in.
pub(super) struct Hello {
    pub(super) token: Secret,
    pub(super) cursors: Vec<Cursor>,
    pub(super) origin: String,
    pub(super) socket: Socket,
}

/// A session that was let in.
pub(super) struct Greeted {
    pub(super) lease: Arc<Lease>,
    pub(super) watch: Watch,
    pub(super) grant: Grant,
    pub(super) ledger: Ledger,
    pub(super) welcome: ServerFrame,
    /// What the client holds of tickets that are not its user's.
    pub(super) lost: Vec<Frame>,
    /// What is to be told first: the tickets only, since their answers together may be large.
    pub(super) owed: Vec<TicketId>,
}

/// Lets a session in, within the hello timeout.
pub(super) async fn greet(api: Api, hello: Hello) -> Result<Greeted, Close> {
    let timeout = api.options.session.hello_timeout;
    let greeted = tokio::time::timeout(timeout, let_in(api, hello));
    greeted.await.unwrap_or(Err(Close::Unavailable))
}

async fn let_in(api: Api, hello: Hello) -> Result<Greeted, Close> {
    let redeemed = api.sessions.redeem(hello.token.expose()).await;
    let grant = redeemed.map_err(|error| refused(&api, error))?;
    if !api.origins.tenant_allows(&grant.tenant, &hello.origin) {
        return Err(Close::ForbiddenOrigin);
    }
    // Watched first, looked at second: nothing can fall in between.
    let watch = api
        .tickets
        .watch_user(grant.tenant.clone(), grant.user.clone());
    let lease = api.sessions.admit(Admission {
        tenant: grant.tenant.clone(),
        user: Some(grant.user.clone()),
        key_prefix: grant.key_prefix.clone(),
        connection: Box::new(hello.socket),
    });
    let lease = lease.await.map_err(|error| refused(&api, error))?;
    let owed = owed(&api, &grant, &hello.cursors).await.map_err(|error| {
        tracing::warn!(error.cause = %error, "a session's tickets cannot be looked up");
        Close::Unavailable
    })?;
    let mut ledger = Ledger::default();
    let lost = take_up(&mut ledger, &owed, &hello.cursors);
    Ok(Greeted {
        owed: owed.keys().copied().collect(),
        welcome: welcome(&api, &lease, &grant, owed),
        lease,
        watch,
        grant,
        ledger,
        lost,
    })
}

fn refused(api: &Api, error: SessionError) -> Close {
    match error {
        SessionError::BadToken => Close::BadToken,
        SessionError::Stopping
        | SessionError::TooManySessions
        | SessionError::TooManyTokens
        | SessionError::NoRandomness => Close::GoingAway(later(api)),
    }
}

/// When to come back: another time for each, so that those who were refused together do not come back
/// together.
fn later(api: &Api) -> Duration {
    let [.., a, b, c, d] = *Uuid::now_v7().as_bytes();
    let share = f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX);
    NOT_BEFORE + api.sessions.reconnect_spread().mul_f64(share)
}

/// The user's open and undelivered tickets and those the client has cursors of, in the order of their
/// issue, with their line in the welcome where they have one. No more than that is kept of them.
async fn owed(
    api: &Api,
    grant: &Grant,
    cursors: &[Cursor],
) -> Result<BTreeMap<TicketId, Option<OpenTicket>>, ReadError> {
    let filter = TicketFilter {
        tenant: Some(grant.tenant.clone()),
        user: Some(grant.user.clone()),
        states: StateName::ALL
            .into_iter()
            .filter(|state| !state.is_terminal())
            .collect(),
        ..TicketFilter::default()
    };
    let limit = api.options.session.welcome_tickets;
    let open = api
        .tickets
        .index()
        .list(&filter, Order::NewestFirst, None, limit);
    let mut ids: BTreeSet<TicketId> = open.await?.into_iter().map(|line| line.id).collect();
    ids.extend(cursors.iter().map(|cursor| cursor.ticket));
    let looks = stream::iter(ids)
        .map(|id| async move {
            let news = match api.tickets.look(id).await {
                Ok(news) => news,
                Err(ReadError::Damaged(what)) => {
                    left_out(id, &what);
                    None
                }
                Err(error @ ReadError::Unavailable(_)) => return Err(error),
            };
            let shown = |news: &News| is_own(news, grant) && !api.tickets.is_expired(news);
            let own = news.filter(shown);
            Ok(own.map(|news| (id, open_ticket(&news))))
        })
        .buffered(LOOKS);
    let found: Vec<Option<(TicketId, Option<OpenTicket>)>> = looks.try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// Logs that a session goes on without a ticket whose stored events are damaged: one such ticket must
/// not keep its user from all others.
pub(super) fn left_out(ticket: TicketId, what: &str) {
    tracing::error!(ticket.id = %ticket, error.cause = what, "a damaged ticket is left out of a session");
}

/// A ticket's line in the welcome; `None` when it is over.
fn open_ticket(news: &News) -> Option<OpenTicket> {
    let request = news.state.request()?;
    let state = news.state.name();
    (!state.is_terminal()).then(|| OpenTicket {
        ticket: news.ticket,
        task: request.task.clone(),
        state,
        attempt: news.state.attempt(),
        requested_at: request.requested_at,
        metadata: request.metadata.clone(),
    })
}

/// Whether a ticket is of the session's tenant and user.
pub(super) fn is_own(news: &News, grant: &Grant) -> bool {
    let request = news.state.request();
    request.is_some_and(|r| r.tenant == grant.tenant && r.user.as_ref() == Some(&grant.user))
}

fn welcome(
    api: &Api,
    lease: &Lease,
    grant: &Grant,
    owed: BTreeMap<TicketId, Option<OpenTicket>>,
) -> ServerFrame {
    let heartbeat = api.options.session.heartbeat.as_millis();
    ServerFrame::Welcome {
        session: lease.id().to_string(),
        user: grant.user.clone(),
        heartbeat_ms: u64::try_from(heartbeat).unwrap_or(u64::MAX),
        tickets: owed.into_values().flatten().collect(),
    }
}

/// Notes what the client holds already, and gives the frames about what it cannot hold.
fn take_up<T>(ledger: &mut Ledger, owed: &BTreeMap<TicketId, T>, cursors: &[Cursor]) -> Vec<Frame> {
    let mut lost = Vec::new();
    for cursor in cursors {
        if owed.contains_key(&cursor.ticket) {
            let progress = Progress::resumed(cursor.generation, cursor.offset);
            ledger.resume(cursor.ticket, progress);
        } else {
            lost.push(Frame::Lost {
                ticket: cursor.ticket,
                generation: cursor.generation,
                reason: Lost::UnknownTicket,
            });
        }
    }
    lost
}
