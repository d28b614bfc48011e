//! Many prompts with many versions: how long they delay a start, what a list of them costs, and what
//! rendering adds to a ticket.
//!
//! The start and the list are of a process of its own, over HTTP. Rendering is measured in this
//! process, because a ticket has no place at which it alone could be timed from outside.

mod fill;
mod rendering;

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, bail};
use serde::Serialize;
use serde_json::Value;

use super::child::UnderTest;
use super::fakes::{Backend, FakeModel, Script};
use super::settings::Settings;
use super::setup::{Home, Needs};
use super::stats::Spread;
use super::wire::Wire;

const TARGET_RENDER_US: f64 = 100.0;

/// Prompts in one answer of the list.
const PAGE: usize = 100;

/// What many prompts cost.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Prompts {
    pub(super) prompts: usize,
    pub(super) versions: u32,
    pub(super) events: u64,
    pub(super) disk_bytes: u64,
    /// From the start of the process to its first yes on `/readyz`, without a prompt but the
    /// configured ones.
    pub(super) ready_without_seconds: f64,
    /// The same with all of them.
    pub(super) ready_seconds: f64,
    /// The part of it that reads and folds the prompts' events, measured in this process.
    pub(super) replay_seconds: f64,
    /// The growth of the resident memory per prompt.
    pub(super) bytes_per_prompt: f64,
    /// One page of the list over HTTP.
    pub(super) page: usize,
    pub(super) page_ms: Spread,
    /// All pages one after the other.
    pub(super) list_seconds: f64,
    /// Choosing the version and rendering it, as each ticket does once.
    pub(super) render_us: Spread,
    pub(super) render_samples: usize,
    /// The same for the first ticket of a version, which makes it ready for use.
    pub(super) first_render_us: Spread,
    pub(super) target_us: f64,
    pub(super) reached: bool,
}

/// What a running program showed.
struct Served {
    ready_seconds: f64,
    rss_bytes: u64,
    pages_ms: Vec<f64>,
}

/// Measures with as many prompts as `settings` say.
pub(super) async fn measure(settings: &Settings) -> anyhow::Result<Prompts> {
    let model = FakeModel::start(Script::Held)?;
    let backend = Backend::start(None)?;
    let needs = Needs {
        model: model.addr(),
        backend: backend.addr(),
        model_calls: 1,
    };
    let home = Home::new(&settings.directory, needs)?;
    let without = serve(&home, None).await?;
    let (prompts, versions) = (settings.prompts, settings.prompt_versions);
    let events = fill::fill(&home.data(), prompts, versions).await?;
    let disk_bytes = home.data_bytes();
    let with = serve(&home, Some(prompts)).await?;
    let rendered = rendering::measure(&home.config(), prompts).await?;
    let page_ms = Spread::of(&with.pages_ms).context("no page was read")?;
    let render_us = Spread::of(&rendered.warm_us).context("nothing was rendered")?;
    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
    let bytes_per_prompt = with.rss_bytes.saturating_sub(without.rss_bytes) as f64 / prompts as f64;
    Ok(Prompts {
        prompts,
        versions,
        events,
        disk_bytes,
        ready_without_seconds: without.ready_seconds,
        ready_seconds: with.ready_seconds,
        replay_seconds: rendered.replay.as_secs_f64(),
        bytes_per_prompt,
        page: PAGE,
        page_ms,
        list_seconds: with.pages_ms.iter().sum::<f64>() / 1e3,
        render_us,
        render_samples: rendered.warm_us.len(),
        first_render_us: Spread::of(&rendered.first_us).context("nothing was rendered")?,
        target_us: TARGET_RENDER_US,
        reached: render_us.median < TARGET_RENDER_US,
    })
}

/// Starts the program, lists its prompts if there are any to be listed, and ends it.
async fn serve(home: &Home, prompts: Option<usize>) -> anyhow::Result<Served> {
    let (child, addresses) = UnderTest::punchcard(&home.config()).await?;
    let rss_bytes = child.usage()?.rss_bytes;
    let pages_ms = match prompts {
        None => vec![],
        Some(prompts) => list(addresses.listen, home.key().expose(), prompts).await?,
    };
    let ready_seconds = child.ready_after.as_secs_f64();
    child.kill().await?;
    Ok(Served {
        ready_seconds,
        rss_bytes,
        pages_ms,
    })
}

/// Reads the whole list and gives the time of each page, in milliseconds.
async fn list(listen: SocketAddr, key: &str, prompts: usize) -> anyhow::Result<Vec<f64>> {
    let mut wire = Wire::connect(listen).await?;
    let (mut listed, mut times, mut after) = (0, Vec::new(), String::new());
    loop {
        let request = format!(
            "GET /v1/prompts?limit={PAGE}{after} HTTP/1.1\r\nhost: {listen}\r\n\
             authorization: Bearer {key}\r\n\r\n"
        );
        let begun = Instant::now();
        let response = wire.ask(request.as_bytes()).await?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        if response.status != 200 {
            bail!("the list of prompts was answered {}", response.status);
        }
        let page: Value = serde_json::from_slice(&response.body)?;
        listed += page["prompts"].as_array().map_or(0, Vec::len);
        match page["next_cursor"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    if listed < prompts {
        bail!("of {prompts} prompts {listed} are listed");
    }
    Ok(times)
}
