//! What a ticket does with its prompt: it finds the version that is in effect and renders it.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use punchcard_actors::ports::{Asked, TaskBook as _};
use punchcard_events::{TaskName, TenantId};
use serde_json::json;

use super::super::issuers::INPUT_TEXT;
use super::super::setup::TENANT;
use super::fill;
use crate::adapters::store_sqlite::{Options, SqliteStore};
use crate::app::open_prompts;
use crate::config::Config;
use crate::tasks::Tasks;
use crate::tenants::as_configured;

/// Prompts whose first rendering is timed.
const FIRST: usize = 2_000;

/// Renderings that are timed after that, spread over the same prompts.
const WARM: usize = 20_000;

/// What was measured.
pub(super) struct Rendered {
    /// Reading and folding all prompts.
    pub(super) replay: Duration,
    pub(super) first_us: Vec<f64>,
    pub(super) warm_us: Vec<f64>,
}

/// Opens the store as a server would, and renders.
pub(super) async fn measure(config: &Path, prompts: usize) -> anyhow::Result<Rendered> {
    let config = Config::load(&[config.to_owned()], [])?;
    let options = Options::new(&config.store.data_dir);
    let store = tokio::task::spawn_blocking(move || SqliteStore::open(options)).await??;
    let begun = Instant::now();
    let tenants = as_configured(&config)?;
    let (book, following) = open_prompts(&config, &store, tenants.clone())
        .await
        .context("cannot read the prompts")?;
    let replay = begun.elapsed();
    let tasks = Tasks::new(&config, book, tenants);
    let names: Vec<_> = (0..prompts.min(FIRST))
        .map(fill::task)
        .collect::<Result<_, _>>()?;
    let first_us = render(&tasks, &names, names.len())?;
    let warm_us = render(&tasks, &names, WARM)?;
    drop((tasks, following));
    tokio::task::spawn_blocking(move || store.close()).await?;
    Ok(Rendered {
        replay,
        first_us,
        warm_us,
    })
}

/// Renders so many tickets of `names` in turn and gives the time of each, in microseconds.
fn render(tasks: &Tasks, names: &[TaskName], times: usize) -> anyhow::Result<Vec<f64>> {
    let tenant = TenantId::new(TENANT)?;
    let input = json!({ "text": INPUT_TEXT, "level": "B1" });
    let timed = names.iter().cycle().take(times).map(|task| {
        let asked = Asked::in_production(&tenant, task);
        let begun = Instant::now();
        let prepared = black_box(tasks.prepare(asked, "user-00017", &input));
        let took = begun.elapsed();
        prepared.context("a prompt cannot be rendered")?;
        Ok(took.as_secs_f64() * 1e6)
    });
    timed.collect()
}
