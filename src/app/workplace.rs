//! The admins' and planners' working place: what histories are good for once they are written.

use std::sync::Arc;

use punchcard_actors::forks::Forks;
use punchcard_actors::now::Now;
use punchcard_actors::redrives::Redrives;
use punchcard_actors::runtime::Runtime;
use punchcard_actors::shadow_runs::ShadowRuns;
use punchcard_actors::tenants::Tenants;

use super::StartError;
use crate::adapters::store_sqlite::SqliteStore;
use crate::http::Workplace;

/// Opens it, as soon as tickets can be issued.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn open(
    store: &SqliteStore,
    runtime: &Runtime,
    tenants: &Tenants,
) -> Result<Workplace, StartError> {
    let store = || Arc::new(store.clone());
    let tickets = || runtime.tickets().clone();
    let directory = || tenants.directory().clone();
    let redrives = Redrives::open(store(), tickets(), directory()).await;
    let redrives = redrives.map_err(StartError::Workplace)?;
    Ok(Workplace {
        forks: Forks::new(tickets()),
        redrives,
        shadow_runs: ShadowRuns::new(store(), tickets()),
        now: Now::new(store(), tickets()),
    })
}
