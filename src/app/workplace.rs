//! The admins' and planners' working place: what histories are good for once they are written.

use std::sync::Arc;

use punchcard_actors::forks::Forks;
use punchcard_actors::now::Now;
use punchcard_actors::prompts::Prompts;
use punchcard_actors::redrives::Redrives;
use punchcard_actors::runtime::Runtime;
use punchcard_actors::shadow_runs::{
    Likeness, ShadowRunOptions, ShadowRunParts, ShadowRuns, Shadowing,
};
use punchcard_actors::tenants::Tenants;
use serde_json::Value;

use super::StartError;
use crate::adapters::clock::SystemClock;
use crate::adapters::store_sqlite::SqliteStore;
use crate::compare;
use crate::http::Workplace;

/// Opens it, as soon as tickets can be issued.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn open(
    store: &SqliteStore,
    runtime: &Runtime,
    tenants: &Tenants,
    prompts: &Prompts,
) -> Result<(Workplace, Shadowing), StartError> {
    let store = || Arc::new(store.clone());
    let tickets = || runtime.tickets().clone();
    let directory = || tenants.directory().clone();
    let shadow = ShadowRunParts {
        store: store(),
        clock: Arc::new(SystemClock),
        tickets: tickets(),
        forks: Forks::new(tickets()),
        prompts: prompts.clone(),
        tenants: directory(),
        likeness: Arc::new(Words),
    };
    let opened = ShadowRuns::open(shadow, ShadowRunOptions::default()).await;
    let (shadow_runs, shadowing) = opened.map_err(StartError::Workplace)?;
    let redrives = Redrives::open(store(), tickets(), directory()).await;
    let redrives = redrives.map_err(StartError::Workplace)?;
    let workplace = Workplace {
        forks: Forks::new(tickets()),
        redrives,
        shadow_runs,
        now: Now::start(store(), runtime, store()),
    };
    Ok((workplace, shadowing))
}

/// Answers compared by their words, as everywhere.
struct Words;

impl Likeness for Words {
    fn similarity(&self, before: &str, after: &str) -> f64 {
        let text = |text: &str| Value::String(text.to_owned());
        compare::similarity(&text(before), &text(after))
    }
}
