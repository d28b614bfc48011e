//! What happens between hello and welcome: the token is taken in, the session admitted, and what the
//! user is owed looked up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use punchcard_actors::feed::{Cursor, Frame, Lost, News, Progress, Watch};
use punchcard_actors::ports::{Order, ReadError, TicketFilter};
use punchcard_actors::sessions::{Admission, Grant, Lease, SessionError};
use punchcard_events::TicketId;
use punchcard_events::ticket::StateName;

use super::ledger::Ledger;
use super::protocol::{Close, OpenTicket, ServerFrame};
use crate::http::Api;
use crate::http::connection::Socket;

/// How many tickets are looked up at once.
const LOOKS: usize = 16;

/// Who asks to be let in.
pub(super) struct Hello {
    pub(super) token: String,
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
    pub(super) frames: Vec<Frame>,
}

/// Lets a session in, within the hello timeout.
pub(super) async fn greet(api: Api, hello: Hello) -> Result<Greeted, Close> {
    let timeout = api.options.session.hello_timeout;
    let greeted = tokio::time::timeout(timeout, let_in(api, hello));
    greeted.await.unwrap_or(Err(Close::Unavailable))
}

async fn let_in(api: Api, hello: Hello) -> Result<Greeted, Close> {
    let grant = api.sessions.redeem(&hello.token).await.map_err(refused)?;
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
        inbox: Arc::clone(watch.inbox()),
        connection: Box::new(hello.socket),
    });
    let lease = lease.await.map_err(refused)?;
    let owed = owed(&api, &grant, &hello.cursors).await.map_err(|error| {
        tracing::warn!(error.cause = %error, "a session's tickets cannot be looked up");
        Close::Unavailable
    })?;
    let welcome = welcome(&api, &lease, &grant, &owed);
    let mut ledger = Ledger::default();
    let frames = first_frames(&mut ledger, &owed, &hello.cursors)?;
    Ok(Greeted {
        lease,
        watch,
        grant,
        ledger,
        welcome,
        frames,
    })
}

fn refused(error: SessionError) -> Close {
    match error {
        SessionError::BadToken => Close::BadToken,
        SessionError::Stopping
        | SessionError::TooManySessions
        | SessionError::TooManyTokens
        | SessionError::NoRandomness => Close::GoingAway(std::time::Duration::from_secs(5)),
    }
}

/// The user's open and undelivered tickets and those the client has cursors of, as of now, in the
/// order of their issue.
async fn owed(
    api: &Api,
    grant: &Grant,
    cursors: &[Cursor],
) -> Result<BTreeMap<TicketId, News>, ReadError> {
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
        .map(|id| api.tickets.look(id))
        .buffered(LOOKS);
    let found: Vec<Option<News>> = looks.try_collect().await?;
    let own = found
        .into_iter()
        .flatten()
        .filter(|news| is_own(news, grant));
    Ok(own.map(|news| (news.ticket, news)).collect())
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
    owed: &BTreeMap<TicketId, News>,
) -> ServerFrame {
    let heartbeat = api.options.session.heartbeat.as_millis();
    let open = owed
        .values()
        .filter(|news| !news.state.name().is_terminal());
    let line = |news: &News| {
        let request = news.state.request()?;
        Some(OpenTicket {
            ticket: news.ticket,
            task: request.task.clone(),
            state: news.state.name(),
            attempt: news.state.attempt(),
            requested_at: request.requested_at,
            metadata: request.metadata.clone(),
        })
    };
    ServerFrame::Welcome {
        session: lease.id().to_string(),
        user: grant.user.clone(),
        heartbeat_ms: u64::try_from(heartbeat).unwrap_or(u64::MAX),
        tickets: open.filter_map(line).collect(),
    }
}

/// What the client does not hold yet of what it is owed.
fn first_frames(
    ledger: &mut Ledger,
    owed: &BTreeMap<TicketId, News>,
    cursors: &[Cursor],
) -> Result<Vec<Frame>, Close> {
    let mut frames = Vec::new();
    for cursor in cursors {
        if owed.contains_key(&cursor.ticket) {
            let progress = Progress::resumed(cursor.generation, cursor.offset);
            ledger.resume(cursor.ticket, progress);
        } else {
            frames.push(Frame::Lost {
                ticket: cursor.ticket,
                generation: cursor.generation,
                reason: Lost::UnknownTicket,
            });
        }
    }
    for news in owed.values() {
        frames.extend(ledger.tell(news)?);
    }
    Ok(frames)
}
