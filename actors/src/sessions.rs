//! Who is connected: session tokens, admission, and the watch over slow and dead connections.
//!
//! A session is one connection of one user. Its actor lives in the HTTP edge and is polled as the
//! response's body, so a peer that stops reading freezes it, its timers included. What must not
//! depend on a frozen actor is therefore here: [`SessionSupervisor`] looks at every [`Lease`] once a
//! second and shuts the connection itself down when a deadline has passed. In the same round it asks
//! of each key that vouched for somebody whether it still opens anything ([`Vouch`]).
//!
//! Not here: sockets, frames and the protocol. Tokens and sessions are known to this process only;
//! a token must be used at the node that minted it.

mod lease;
mod roster;
mod supervisor;
mod tokens;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use punchcard_events::{TenantId, UserId};

pub use lease::{Connection, Goodbye, Lease, SessionId};
pub use supervisor::SessionSupervisor;
pub use tokens::SessionToken;

use supervisor::{Admit, CloseAll, Count, CountByTenant, Mint, Redeem};

/// Knows which keys still open something: asked again and again, so it answers from memory.
pub trait Vouch: Send + Sync + 'static {
    /// Whether this key of `tenant` does now: it is neither revoked nor over, and the tenant is not
    /// suspended.
    fn vouches(&self, tenant: &TenantId, key_prefix: &str) -> bool;
}

/// The limits of sessions and their tokens.
#[derive(Debug, Clone)]
pub struct SessionLimits {
    /// How long a token can be used.
    pub token_ttl: Duration,
    /// The most unused tokens of one tenant.
    pub tokens_per_tenant: NonZeroUsize,
    /// The most unused tokens in all.
    pub tokens: NonZeroUsize,
    /// The most sessions and streams in all; past it a newcomer is refused.
    pub sessions: NonZeroUsize,
    /// The most sessions of one user; past it the user's oldest is closed, so that a browser whose
    /// old connections are half dead can always come back.
    pub sessions_per_user: NonZeroUsize,
    /// The most sessions of one tenant; past it a newcomer is refused.
    pub sessions_per_tenant: NonZeroUsize,
    /// The most streams of one tenant; past it a newcomer is refused.
    pub streams_per_tenant: NonZeroUsize,
    /// The greatest age of a session or stream; then it is told to come back with a new token. Each
    /// ends up to a tenth earlier, so that those of one reconnect storm do not make another.
    pub max_age: Duration,
    /// For how long a connection may take nothing of what it was given.
    pub slow_consumer_deadline: Duration,
    /// For how long nothing may be heard from a watcher before its connection is cut.
    pub silence_deadline: Duration,
    /// How long a connection has to close once it was told to.
    pub close_grace: Duration,
    /// When many are closed at once, they are told to come back spread over this time.
    pub reconnect_spread: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        const fn count(n: usize) -> NonZeroUsize {
            match NonZeroUsize::new(n) {
                Some(n) => n,
                None => NonZeroUsize::MIN,
            }
        }
        Self {
            token_ttl: Duration::from_secs(60),
            tokens_per_tenant: count(10_000),
            tokens: count(100_000),
            sessions: count(20_000),
            sessions_per_user: count(16),
            sessions_per_tenant: count(20_000),
            streams_per_tenant: count(2_000),
            max_age: Duration::from_secs(12 * 60 * 60),
            slow_consumer_deadline: Duration::from_secs(10),
            silence_deadline: Duration::from_secs(60),
            close_grace: Duration::from_secs(2),
            reconnect_spread: Duration::from_secs(10),
        }
    }
}

/// What a token lets its holder do: open one session of this user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The user's tenant.
    pub tenant: TenantId,
    /// The user.
    pub user: UserId,
    /// The readable prefix of the API key that asked for the token.
    pub key_prefix: String,
}

/// A watcher that asks to be let in.
pub struct Admission {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Its user; a stream that an issuer watches has none.
    pub user: Option<UserId>,
    /// The key that vouches for it.
    pub key_prefix: String,
    /// How to end its connection from outside.
    pub connection: Box<dyn Connection>,
}

/// Why the supervisor did not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// Too many unused tokens are about, of this tenant or in all.
    #[error("too many unused session tokens; use or drop some, they expire by themselves")]
    TooManyTokens,
    /// The token is unknown, used or expired.
    #[error("the session token is unknown, used or expired")]
    BadToken,
    /// The process or the tenant holds as many sessions or streams as it may.
    #[error("too many sessions are open")]
    TooManySessions,
    /// The process is draining or its supervisor is gone.
    #[error("sessions are closing")]
    Stopping,
    /// The system's random numbers cannot be had.
    #[error("no random numbers could be had")]
    NoRandomness,
}

/// The supervisor's handle. Cheap to copy.
#[derive(Clone)]
pub struct Sessions {
    supervisor: Addr<SessionSupervisor>,
    token_ttl: Duration,
    reconnect_spread: Duration,
}

impl Sessions {
    /// For how long a fresh token can be used.
    pub const fn token_ttl(&self) -> Duration {
        self.token_ttl
    }

    /// Over which time many who are sent away at once are told to come back.
    pub const fn reconnect_spread(&self) -> Duration {
        self.reconnect_spread
    }

    /// Makes a token that opens one session.
    ///
    /// # Errors
    /// When there are too many, or the supervisor is stopping.
    pub async fn mint(&self, grant: Grant) -> Result<SessionToken, SessionError> {
        self.ask(Mint(grant)).await?
    }

    /// Takes a token in; it cannot be used again.
    ///
    /// # Errors
    /// When it is unknown, used or expired.
    pub async fn redeem(&self, token: &str) -> Result<Grant, SessionError> {
        self.ask(Redeem(tokens::digest(token))).await?
    }

    /// Lets a watcher in. It is known until the lease is dropped.
    ///
    /// # Errors
    /// When the process is full or stopping.
    pub async fn admit(&self, admission: Admission) -> Result<Arc<Lease>, SessionError> {
        self.ask(Admit(admission)).await?
    }

    /// Closes every session and stream and admits no more, for a drain. Each gets its own time to
    /// come back, so that they do not all come at once.
    ///
    /// # Errors
    /// When the supervisor is gone.
    pub async fn close_all(&self) -> Result<(), SessionError> {
        self.ask(CloseAll).await
    }

    /// How many watchers are connected.
    ///
    /// # Errors
    /// When the supervisor is gone.
    pub async fn count(&self) -> Result<usize, SessionError> {
        self.ask(Count).await
    }

    /// How many sessions each tenant has, in no order; those without any are left out.
    ///
    /// # Errors
    /// When the supervisor is gone.
    pub async fn by_tenant(&self) -> Result<Vec<(TenantId, usize)>, SessionError> {
        self.ask(CountByTenant).await
    }

    async fn ask<M>(&self, message: M) -> Result<M::Result, SessionError>
    where
        M: actix::Message + Send + 'static,
        M::Result: Send,
        SessionSupervisor: actix::Handler<M>,
    {
        let answer = self.supervisor.send(message).await;
        answer.map_err(|_| SessionError::Stopping)
    }
}
