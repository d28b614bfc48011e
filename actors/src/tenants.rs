//! Tenants: the desk, where what operators ask of them is decided, and the [`Directory`], where every
//! request reads who may do what.
//!
//! [`Tenants`] is the handle. A command is decided on the tenant's whole history, appended at the exact
//! revision it was decided on, and in this node's directory before its author is answered; other nodes'
//! directories follow the streams. There is no actor here, because there is nothing to own.
//!
//! Not here: what a key looks like and how it is compared, who may ask for what (the edge knows), and
//! what is done to sessions whose key is gone.

mod directory;
mod error;

use std::sync::Arc;

use punchcard_events::ids::TENANT_CATEGORY;
use punchcard_events::recorded::DecodeError;
use punchcard_events::tenant::{Command, Rejection, TenantEvent, TenantState, apply, decide};
use punchcard_events::{
    Act, Author, NewEvent, Recorded, Revision, StreamName, TenantId, Timestamp,
};

pub use directory::Directory;
use error::Refusal;
pub use error::TenantError;

pub use crate::following::Following;

use crate::aggregate::{Aggregate, Desk, Encoded};
use crate::following;
use crate::ports::{Clock, Direction, EventStore, LimitsBook, ReadError};
use crate::steady::SteadyClock;

/// The most tenants there may be: the directory holds all of them in memory.
pub const MAX_TENANTS: usize = 10_000;

/// The most events of a history that are read at a time.
const MOST_HISTORY: usize = 500;

/// A tenant's stream.
#[derive(Debug)]
enum TenantStream {}

impl Aggregate for TenantStream {
    type Id = TenantId;
    type State = TenantState;
    type Event = TenantEvent;

    const CATEGORY: &'static str = TENANT_CATEGORY;

    fn stream(id: &TenantId) -> StreamName {
        StreamName::of_tenant(id)
    }

    fn id(stream: &StreamName) -> Option<TenantId> {
        stream.tenant()
    }

    fn decode(stored: &NewEvent) -> Result<TenantEvent, DecodeError> {
        TenantEvent::decode(&stored.kind, stored.schema_version, &stored.data)
    }

    fn encode(event: &TenantEvent) -> Result<Encoded, serde_json::Error> {
        Ok(Encoded {
            kind: event.kind(),
            schema_version: event.schema_version(),
            data: event.encode()?,
        })
    }

    fn apply(state: TenantState, event: &TenantEvent) -> Result<TenantState, String> {
        apply(state, event).map_err(|illegal| illegal.to_string())
    }
}

/// The handle for everything that is done with tenants. Clones share one directory.
#[derive(Clone)]
pub struct Tenants {
    desk: Desk,
    directory: Directory,
}

impl Tenants {
    /// Reads all tenants into the directory, which from then on follows their streams for as long as
    /// the [`Following`] is kept. To be called within a tokio runtime, before any request is taken.
    ///
    /// # Errors
    /// When the store cannot be read. A tenant whose stored events cannot be read is no such error: it
    /// is out of service, and the log says so.
    pub async fn open(
        store: Arc<dyn EventStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Following), ReadError> {
        let directory = Directory::default();
        let position = following::catch_up(store.as_ref(), &directory).await?;
        let following = following::follow(Arc::clone(&store), directory.clone(), position);
        let clock = Arc::new(SteadyClock::over(clock));
        let desk = Desk { store, clock };
        Ok((Self { desk, directory }, following))
    }

    /// Who may do what, read from memory.
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// What the time is, for the question of which keys are live.
    pub fn now(&self) -> Timestamp {
        self.desk.clock.now()
    }

    /// Something that `by` does now.
    pub fn act(&self, by: Author) -> Act {
        let at = self.now();
        Act { at, by }
    }

    /// Does what `command` asks for, and gives the tenant as it is then. When this returns, it is
    /// durable and in the directory.
    ///
    /// # Errors
    /// See [`TenantError`]. [`TenantError::Rejected`] and [`TenantError::Conflict`] mean that nothing
    /// was written.
    pub async fn execute(
        &self,
        tenant: &TenantId,
        command: Command,
    ) -> Result<Arc<TenantState>, TenantError> {
        self.execute_if(tenant, command, |_| true).await
    }

    /// The same, if the tenant is as whoever asks saw it: `unchanged` is asked of the state that the
    /// command is decided on, so nothing comes between.
    ///
    /// # Errors
    /// [`TenantError::Changed`] where it is not; nothing was written then either.
    pub async fn execute_if(
        &self,
        tenant: &TenantId,
        command: Command,
        unchanged: impl Fn(&TenantState) -> bool,
    ) -> Result<Arc<TenantState>, TenantError> {
        self.room_for(tenant, &command)?;
        let decided = self
            .desk
            .execute::<TenantStream, Refusal>(tenant, tenant, |state, now| {
                if !unchanged(state) {
                    return Err(Refusal::Changed);
                }
                decide(state, command.clone().at(now)).map_err(Refusal::Rejected)
            });
        let (folded, _) = decided.await?;
        let state = Arc::clone(&folded.state);
        if folded.revision.is_some() {
            self.directory.put(tenant, folded);
        }
        Ok(state)
    }

    /// Up to `limit` events of a tenant, and at most 500, from revision `from` on; none, where there is
    /// no such tenant.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn history(
        &self,
        tenant: &TenantId,
        from: Option<Revision>,
        limit: usize,
    ) -> Result<Vec<Recorded>, TenantError> {
        let stream = StreamName::of_tenant(tenant);
        let (forwards, limit) = (Direction::Forwards, limit.min(MOST_HISTORY));
        let read = self.desk.store.read_stream(&stream, from, forwards, limit);
        Ok(read.await?)
    }

    /// What no tenant's own history tells: how many there are, and whose a prefix is. Two nodes that
    /// are asked at the same moment may both say yes; a prefix is therefore never all that is looked at.
    fn room_for(&self, tenant: &TenantId, command: &Command) -> Result<(), TenantError> {
        let key = match command {
            Command::Create { .. } => {
                let full = self.directory.count() >= MAX_TENANTS;
                if full && !self.directory.knows(tenant) {
                    return Err(TenantError::TooManyTenants { max: MAX_TENANTS });
                }
                return Ok(());
            }
            Command::IssueKey { key, .. } | Command::RotateKey { key, .. } => key,
            Command::Rename { .. }
            | Command::Suspend { .. }
            | Command::Resume { .. }
            | Command::SetLimits { .. }
            | Command::SetOrigins { .. }
            | Command::SetCallback { .. }
            | Command::SetHooks { .. }
            | Command::RevokeKey { .. } => return Ok(()),
        };
        let mut holders = self.directory.holders(&key.prefix).into_iter();
        if holders.any(|(holder, _)| holder != *tenant) {
            let prefix = key.prefix.clone();
            return Err(Rejection::PrefixTaken(prefix).into());
        }
        Ok(())
    }
}

impl LimitsBook for Tenants {
    fn limits(&self, tenant: &TenantId) -> Arc<punchcard_events::tenant::TenantLimits> {
        self.directory.limits(tenant)
    }
}

impl std::fmt::Debug for Tenants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tenants").finish_non_exhaustive()
    }
}
