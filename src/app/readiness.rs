//! Whether this process can take tickets.

use async_trait::async_trait;

use crate::adapters::store_sqlite::{Health, SqliteStore};
use crate::http::health::{Check, Readiness};

/// Ready means that the store takes events. Tickets of an earlier run are picked up beside that.
pub(super) struct StoreReadiness {
    store: SqliteStore,
}

impl StoreReadiness {
    pub(super) const fn new(store: SqliteStore) -> Self {
        Self { store }
    }
}

#[async_trait]
impl Readiness for StoreReadiness {
    async fn checks(&self) -> Vec<Check> {
        let detail = match self.store.health() {
            Health::Healthy => None,
            Health::Failing { since, cause, .. } => Some(format!(
                "the event store takes no events since {} s: {}",
                since.elapsed().as_secs(),
                cause.as_str()
            )),
            Health::Closed => Some("the event store is closed".to_owned()),
        };
        vec![Check {
            name: "store",
            ok: detail.is_none(),
            detail,
        }]
    }
}
