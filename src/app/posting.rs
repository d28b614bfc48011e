//! Webhooks, put together: the log, the sender and the dispatcher.

use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::tickets::Tickets;
use punchcard_actors::webhooks::{Dispatching, Schedule, WebhookOptions, WebhookParts, Webhooks};

use super::StartError;
use crate::adapters::clock::SystemClock;
use crate::adapters::store_sqlite::SqliteStore;
use crate::adapters::webhooks::{EndpointOptions, Endpoints};
use crate::adapters::webhooks_sqlite::{self, WebhookLog};
use crate::config::Config;
use crate::http::WebhookDesk;
use crate::master_secret::MasterSecret;

/// Begins to follow and to send.
pub(super) async fn start(
    config: &Config,
    master: MasterSecret,
    store: &SqliteStore,
    tickets: &Tickets,
) -> Result<(WebhookDesk, Dispatching), StartError> {
    let allow_private_networks = config.calls_private_networks();
    let webhooks = &config.webhooks;
    let data_dir = config.store.data_dir.clone();
    let bounds = log_options(config);
    let opened = tokio::task::spawn_blocking(move || WebhookLog::open(&data_dir, bounds)).await;
    let log = opened.map_err(|stopped| StartError::Http(std::io::Error::other(stopped)))??;
    let options = EndpointOptions {
        connect_timeout: webhooks.connect_timeout,
        total_timeout: webhooks.total_timeout,
        max_answer_bytes: webhooks.max_answer_bytes.get(),
        allow_private_networks,
    };
    let sender = Endpoints::new(options, master.clone(), Arc::new(SystemClock))
        .map_err(StartError::WebhookClient)?;
    let parts = WebhookParts {
        store: Arc::new(store.clone()),
        log: Arc::new(log),
        sender: Arc::new(sender),
        clock: Arc::new(SystemClock),
        tickets: tickets.clone(),
    };
    let options = WebhookOptions {
        schedule: Schedule::new(webhooks.retry_schedule.clone()),
        per_endpoint: webhooks.max_concurrency_per_endpoint.get(),
        per_tenant: webhooks.max_concurrency_per_tenant.get(),
        in_all: webhooks.max_concurrency.get(),
        keep: webhooks.keep_log,
    };
    let (webhooks, dispatching) = Webhooks::start(parts, options).await?;
    let desk = WebhookDesk {
        webhooks,
        master,
        allow_private_networks,
    };
    Ok((desk, dispatching))
}

fn log_options(config: &Config) -> webhooks_sqlite::Options {
    let webhooks = &config.webhooks;
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    webhooks_sqlite::Options {
        max_queued: webhooks.max_queued_per_endpoint.get() as u64,
        resend_per_second: webhooks.resend_per_second.get(),
        keep_ms: millis(webhooks.keep_log),
    }
}
