//! A node that knows tenants, and the commands that tests give it.

use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::ports::EventStore;
use punchcard_actors::tenants::{Directory, Following, TenantError, Tenants};
use punchcard_actors::testing::clock::TestClock;
use punchcard_events::tenant::{Command, IssuedKey, Limits, Role, TenantLimits, TenantState};
use punchcard_events::{Act, Author, TenantId, Timestamp};

pub(crate) use punchcard_actors::testing::world::in_paused_time;

/// One node. Several over one store are several nodes.
pub(crate) struct Node {
    pub(crate) tenants: Tenants,
    _following: Following,
}

impl Node {
    pub(crate) async fn over(store: impl EventStore) -> Self {
        let opened = Tenants::open(Arc::new(store), Arc::new(TestClock::new())).await;
        let (tenants, _following) = opened.expect("the store can be read");
        Self {
            tenants,
            _following,
        }
    }

    pub(crate) async fn ask(
        &self,
        name: &str,
        command: Command,
    ) -> Result<Arc<TenantState>, TenantError> {
        self.tenants.execute(&tenant(name), command).await
    }

    /// A tenant with the key of this number.
    pub(crate) async fn with_key(&self, name: &str, number: u64) {
        self.ask(name, create()).await.expect("it is new");
        self.ask(name, issue(number)).await.expect("it is new");
    }

    pub(crate) fn directory(&self) -> &Directory {
        self.tenants.directory()
    }

    /// Waits until this node's directory is as wanted.
    pub(crate) async fn sees(&self, wanted: impl Fn(&Directory) -> bool) {
        let mut changed = self.directory().changed();
        let seen = tokio::time::timeout(Duration::from_secs(60), async {
            while !wanted(self.directory()) {
                changed.changed().await.expect("the directory is there");
            }
        });
        seen.await.expect("the change arrives");
    }
}

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::new(name).expect("a tenant's id")
}

/// Who does everything here. The desk puts the time of the append in.
pub(crate) fn act() -> Act {
    let (at, by) = (Timestamp::default(), Author::Runtime);
    Act { at, by }
}

pub(crate) fn create() -> Command {
    let name = "A company".to_owned();
    Command::Create { name, act: act() }
}

pub(crate) fn prefix(number: u64) -> String {
    format!("pk_live_{number:08}")
}

pub(crate) fn key(number: u64) -> IssuedKey {
    IssuedKey {
        prefix: prefix(number),
        sha256: format!("{number:064x}"),
        name: None,
        roles: [Role::Issuer].into(),
        expires_at: None,
    }
}

pub(crate) fn issue(number: u64) -> Command {
    let key = key(number);
    Command::IssueKey { key, act: act() }
}

pub(crate) fn revoke(number: u64) -> Command {
    Command::RevokeKey {
        prefix: prefix(number),
        reason: None,
        act: act(),
    }
}

pub(crate) fn open_tickets(count: u32) -> Command {
    let all = Limits {
        concurrent_tickets: Some(count),
        ..Limits::default()
    };
    let limits = TenantLimits {
        all,
        ..TenantLimits::default()
    };
    Command::SetLimits { limits, act: act() }
}

pub(crate) fn origins(origins: &[&str]) -> Command {
    let origins = origins.iter().map(ToString::to_string).collect();
    Command::SetOrigins {
        origins,
        act: act(),
    }
}
