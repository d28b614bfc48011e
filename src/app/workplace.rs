//! The admins' and planners' working place: what histories are good for once they are written.

use std::sync::Arc;

use punchcard_actors::forks::Forks;
use punchcard_actors::now::Now;
use punchcard_actors::redrives::Redrives;
use punchcard_actors::runtime::Runtime;
use punchcard_actors::shadow_runs::ShadowRuns;

use crate::adapters::store_sqlite::SqliteStore;
use crate::http::Workplace;

/// Opens it, as soon as tickets can be issued.
pub(super) fn open(store: &SqliteStore, runtime: &Runtime) -> Workplace {
    let store = || Arc::new(store.clone());
    let tickets = || runtime.tickets().clone();
    Workplace {
        forks: Forks::new(tickets()),
        redrives: Redrives::new(store(), tickets()),
        shadow_runs: ShadowRuns::new(store(), tickets()),
        now: Now::new(store(), tickets()),
    }
}
