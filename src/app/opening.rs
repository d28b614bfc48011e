//! Opening what works beside the tickets: the count of what they use, and the batches they come from.

use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::batches::{Batches, Feeding};
use punchcard_actors::ports::Judges;
use punchcard_actors::prompts::Prompts;
use punchcard_actors::runtime::Runtime;
use punchcard_actors::tenants::Tenants;
use punchcard_actors::test_runs::{TestRunParts, TestRuns};
use punchcard_actors::usage::{self, Counting, Meter};

use super::{StartError, assemble};
use crate::adapters::clock::SystemClock;
use crate::adapters::store_sqlite::SqliteStore;
use crate::adapters::usage_sqlite::UsageSqlite;
use crate::config::Config;

/// How long a start waits until everything that tickets used before is counted.
const COUNTING_TIME: Duration = Duration::from_secs(1);

/// Counts what tickets use, from the events and into a table of its own.
pub(super) async fn count_usage(
    config: &Config,
    store: &SqliteStore,
) -> Result<(UsageSqlite, Meter, Counting), StartError> {
    let table = open_usage(config).await?;
    let (meter, counting) = Counting::start(
        Arc::new(store.clone()),
        Arc::new(table.clone()),
        assemble::prices(config),
        &SystemClock,
    )
    .await?;
    // Mostly next to nothing is to be counted. Where it is much, only tenants with budgets wait.
    drop(tokio::time::timeout(COUNTING_TIME, meter.ready()).await);
    Ok((table, meter, counting))
}

async fn open_usage(config: &Config) -> Result<UsageSqlite, StartError> {
    let directory = config.store.data_dir.clone();
    let opened = tokio::task::spawn_blocking(move || UsageSqlite::open(&directory)).await;
    match opened {
        Ok(opened) => Ok(opened.map_err(usage::OpenError::from)?),
        Err(stopped) => Err(StartError::Http(std::io::Error::other(stopped))),
    }
}

/// Tries prompts with the same calls that tickets make.
pub(super) fn run_tests(
    config: &Config,
    store: &SqliteStore,
    runtime: &Runtime,
    prompts: &Prompts,
) -> (Arc<dyn Judges>, TestRuns) {
    let judges: Arc<dyn Judges> = Arc::new(assemble::judges(config));
    let parts = TestRunParts {
        store: Arc::new(store.clone()),
        llm: runtime.calls().clone(),
        prompts: prompts.clone(),
        judges: Arc::clone(&judges),
    };
    (judges, TestRuns::new(parts, assemble::test_runs(config)))
}

/// Goes on with the batches that were sealed, as soon as tickets can be issued.
pub(super) async fn feed_batches(
    config: &Config,
    store: &SqliteStore,
    runtime: &Runtime,
    tenants: &Tenants,
) -> Result<(Batches, Feeding), StartError> {
    Batches::open(
        Arc::new(store.clone()),
        Arc::new(SystemClock),
        runtime.tickets().clone(),
        tenants.directory().clone(),
        assemble::batches(config),
    )
    .await
    .map_err(StartError::Batches)
}
