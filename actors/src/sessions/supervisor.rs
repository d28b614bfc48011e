//! The actor that owns tokens and the roster, and cuts connections past their deadlines.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext as _, Context, Handler, Message, MessageResult};
use punchcard_events::TenantId;

use super::lease::{Goodbye, Lease, SessionId};
use super::roster::Roster;
use super::tokens::{Digest, SessionToken, TokenBook};
use super::{Admission, Grant, SessionError, SessionLimits, Sessions, Vouch};

/// How often every connection is looked at.
const ROUND: Duration = Duration::from_secs(1);
/// The most messages that wait for the supervisor; askers past it wait in `send`.
const MAILBOX: usize = 1_024;

/// Owns session tokens and knows every connected watcher.
pub struct SessionSupervisor {
    limits: SessionLimits,
    tokens: TokenBook,
    roster: Roster,
    vouch: Arc<dyn Vouch>,
}

impl SessionSupervisor {
    /// Starts the supervisor on the current arbiter. Sessions and streams are closed when `vouch` does
    /// not speak for their keys any more.
    pub fn launch(limits: SessionLimits, vouch: Arc<dyn Vouch>) -> Sessions {
        let (token_ttl, reconnect_spread) = (limits.token_ttl, limits.reconnect_spread);
        let supervisor = Self {
            limits,
            tokens: TokenBook::default(),
            roster: Roster::default(),
            vouch,
        };
        Sessions {
            supervisor: supervisor.start(),
            token_ttl,
            reconnect_spread,
        }
    }

    fn make_round(&mut self) {
        self.tokens.sweep();
        self.roster.sweep();
        let present: Vec<_> = self.roster.present().collect();
        self.dismiss_the_revoked(&present);
        for lease in present {
            if lease.age() > self.greatest_age(&lease) {
                lease.dismiss(Goodbye::Renew);
            }
            if let Some(reason) = self.overdue(&lease)
                && lease.cut()
            {
                metrics::counter!("sessions_cut_total", "reason" => reason).increment(1);
                tracing::info!(session.id = %lease.id, reason, "connection cut");
            }
        }
    }

    /// Sends those away whose key opens nothing any more. Each key is asked for once.
    fn dismiss_the_revoked(&self, present: &[Arc<Lease>]) {
        let mut vouched = HashMap::new();
        for lease in present {
            let key = (&lease.tenant, lease.key_prefix.as_str());
            let ask = || self.vouch.vouches(key.0, key.1);
            if !*vouched.entry(key).or_insert_with(ask) {
                lease.dismiss(Goodbye::Revoked);
            }
        }
    }

    /// How old this one may get: up to a tenth less than the limit, by its id's random bits.
    fn greatest_age(&self, lease: &Lease) -> Duration {
        let early = spread(self.limits.max_age / 10, lease.id);
        self.limits.max_age.saturating_sub(early)
    }

    fn overdue(&self, lease: &Lease) -> Option<&'static str> {
        if lease.lag() > self.limits.slow_consumer_deadline {
            Some("slow_consumer")
        } else if lease.silence() > self.limits.silence_deadline {
            Some("silent")
        } else if lease.dismissed_for() > Some(self.limits.close_grace) {
            Some("not_closing")
        } else {
            None
        }
    }
}

/// A share of `whole` that is another for each id.
fn spread(whole: Duration, SessionId(id): SessionId) -> Duration {
    let [.., a, b, c, d] = *id.as_bytes();
    whole.mul_f64(f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX))
}

impl Actor for SessionSupervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(ROUND, |supervisor, _| supervisor.make_round());
    }
}

/// Makes a token.
#[derive(Message)]
#[rtype(result = "Result<SessionToken, SessionError>")]
pub(super) struct Mint(pub(super) Grant);

/// Takes a token in.
#[derive(Message)]
#[rtype(result = "Result<Grant, SessionError>")]
pub(super) struct Redeem(pub(super) Digest);

/// Lets a watcher in.
#[derive(Message)]
#[rtype(result = "Result<Arc<Lease>, SessionError>")]
pub(super) struct Admit(pub(super) Admission);

/// Sends everybody away, for a drain.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct CloseAll;

/// Counts who is connected.
#[derive(Message)]
#[rtype(result = "usize")]
pub(super) struct Count;

/// Counts the sessions of each tenant that has some.
#[derive(Message)]
#[rtype(result = "Vec<(TenantId, usize)>")]
pub(super) struct CountByTenant;

impl Handler<Mint> for SessionSupervisor {
    type Result = Result<SessionToken, SessionError>;

    fn handle(&mut self, Mint(grant): Mint, _: &mut Self::Context) -> Self::Result {
        // A token that no session can be opened with would only cost its holder a connection.
        if self.roster.is_closed() {
            return Err(SessionError::Stopping);
        }
        self.tokens.mint(grant, &self.limits)
    }
}

impl Handler<Redeem> for SessionSupervisor {
    type Result = Result<Grant, SessionError>;

    fn handle(&mut self, Redeem(key): Redeem, _: &mut Self::Context) -> Self::Result {
        let grant = self.tokens.redeem(&key)?;
        if self.vouch.vouches(&grant.tenant, &grant.key_prefix) {
            Ok(grant)
        } else {
            Err(SessionError::BadToken)
        }
    }
}

impl Handler<Admit> for SessionSupervisor {
    type Result = Result<Arc<Lease>, SessionError>;

    fn handle(&mut self, Admit(admission): Admit, _: &mut Self::Context) -> Self::Result {
        self.roster.admit(admission, &self.limits)
    }
}

impl Handler<CloseAll> for SessionSupervisor {
    type Result = ();

    fn handle(&mut self, CloseAll: CloseAll, _: &mut Self::Context) {
        self.roster.close();
        let present: Vec<_> = self.roster.present().collect();
        let count = u32::try_from(present.len()).unwrap_or(u32::MAX).max(1);
        // Spread evenly over the time: no two of a drain are told to come back at the same moment.
        for (place, lease) in (0_u32..).zip(present) {
            let share = self.limits.reconnect_spread / count;
            lease.dismiss(Goodbye::GoingAway(share.saturating_mul(place)));
        }
    }
}

impl Handler<Count> for SessionSupervisor {
    type Result = usize;

    fn handle(&mut self, Count: Count, _: &mut Self::Context) -> usize {
        self.roster.present().count()
    }
}

impl Handler<CountByTenant> for SessionSupervisor {
    type Result = MessageResult<CountByTenant>;

    fn handle(&mut self, CountByTenant: CountByTenant, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.roster.sessions_by_tenant())
    }
}
