//! The composition root: the only place that names concrete adapters. It turns a configuration into
//! a running Punchcard.

mod access;
mod assemble;
mod opening;
mod posting;
mod readiness;
#[cfg(test)]
mod tests;
mod workbench;
mod workplace;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::batches::Feeding;
use punchcard_actors::ports::ReadError;
use punchcard_actors::prompts::{CanaryWatch, Following, PromptError, Prompts, Watching};
use punchcard_actors::runtime::{Ports, Runtime};
use punchcard_actors::sessions::{SessionSupervisor, Sessions};
use punchcard_actors::shadow_runs::Shadowing;
use punchcard_actors::tenants::{Directory, TenantError, Tenants};
use punchcard_actors::test_runs::TestRuns;
use punchcard_actors::usage::{self, Counting, Meter};
use punchcard_actors::webhooks::{Dispatching, WebhookError};

use crate::adapters::clock::SystemClock;
use crate::adapters::models::Models;
use crate::adapters::store_sqlite::{self, OpenError, SqliteStore};
use crate::adapters::webhooks::Webhooks;
use crate::adapters::{openai, webhooks, webhooks_sqlite};
use crate::config::Config;
use crate::master_secret::{MasterSecret, MasterSecretError};
use crate::tasks::{self, Tasks};
use crate::{http, telemetry, tenants};

use access::Access;
use opening::{count_usage, feed_batches, run_tests};
use readiness::StoreReadiness;
use workbench::Bench;

/// How long sessions have to close at a stop before their sockets are closed for them.
const CLOSING_TIME: Duration = Duration::from_secs(3);

/// A running Punchcard. Lives within an actix system.
pub struct App {
    store: SqliteStore,
    runtime: Runtime,
    test_runs: TestRuns,
    /// Batches are fed for as long as this is kept.
    feeding: (Feeding, Shadowing),
    sessions: Sessions,
    http: http::Serving,
    admin: SocketAddr,
    prompts: Prompts,
    tenants: Tenants,
    /// Other nodes' prompts and tenants arrive for as long as these are kept.
    following: [Following; 2],
    /// Canaries are watched for as long as this is kept.
    watching: Watching,
    /// Webhooks are sent for as long as this is kept.
    dispatching: Dispatching,
    /// Usage is counted for as long as this is kept.
    counting: Counting,
    grace: Duration,
}

impl App {
    /// Starts everything that `config` asks for. Tickets that an earlier run left open are picked up
    /// in the background.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let metrics = telemetry::start_metrics();
        let metrics = metrics.map_err(|error| StartError::Metrics(error.to_string()))?;
        let model = Arc::new(assemble::models(&config)?);
        let store = open_store(&config).await?;
        let (tenants, of_tenants) = open_tenants(&config, &store).await?;
        let master = MasterSecret::open(config.secrets.master.as_ref(), &config.store.data_dir)?;
        let directory = || tenants.directory().clone();
        let callbacks = assemble::webhooks(&config, directory(), master.clone())?;
        let opened = open_prompts(&config, &store, directory()).await;
        let (prompts, following) = opened.map_err(PromptError::from)?;
        tasks::adopt(&config, &prompts).await?;
        let (canaries, watching) = CanaryWatch::start(Arc::new(store.clone()), prompts.clone());
        let (listener, admin) = listen(&config)?;
        let (table, meter, counting) = count_usage(&config, &store).await?;
        let tasks = Tasks::new(&config, prompts.clone(), directory());
        let world = World {
            model,
            callbacks,
            tasks: &tasks,
            directory: directory(),
            meter,
        };
        let ports = ports(&store, world);
        let runtime = Runtime::start(ports, assemble::runtime(&config)).await;
        let (judges, test_runs) = run_tests(&config, &store, &runtime, &prompts);
        let (webhooks, dispatching) =
            posting::start(&config, master, &store, runtime.tickets()).await?;
        let sessions = supervise_sessions(&config, &tenants);
        let (batches, feeding) = feed_batches(&config, &store, &runtime, &tenants).await?;
        let (workplace, shadowing) = workplace::open(&store, &runtime, &tenants, &prompts).await?;
        let parts = http::Parts {
            tickets: runtime.tickets().clone(),
            batches,
            sessions: sessions.clone(),
            tenants: tenants.clone(),
            prompts: prompts.clone(),
            canaries,
            test_runs: test_runs.clone(),
            workplace,
            usage: Arc::new(table),
            webhooks,
            workbench: Arc::new(Bench::new(tasks, judges)),
            keys: Arc::new(Access::new(tenants.clone())),
            operators: config.operators(),
            origins: Arc::new(Access::new(tenants.clone())),
            readiness: Arc::new(StoreReadiness::new(store.clone())),
            metrics: Some(metrics),
        };
        let http = http::serve(listener, Some(admin), parts, assemble::http(&config));
        let http = http.map_err(StartError::Http)?;
        let admin = http.admin_address().unwrap_or(config.server.admin_listen);
        recover(&runtime, &config);
        Ok(Self {
            store,
            runtime,
            test_runs,
            feeding: (feeding, shadowing),
            sessions,
            http,
            admin,
            prompts,
            tenants,
            following: [following, of_tenants],
            watching,
            dispatching,
            counting,
            grace: config.server.shutdown_grace,
        })
    }

    /// Where the open API and the sessions are served.
    pub const fn addr(&self) -> SocketAddr {
        self.http.address()
    }

    /// Where health and metrics are served.
    pub const fn admin_addr(&self) -> SocketAddr {
        self.admin
    }

    /// The planners' prompts.
    pub const fn prompts(&self) -> &Prompts {
        &self.prompts
    }

    /// The tenants.
    pub const fn tenants(&self) -> &Tenants {
        &self.tenants
    }

    /// Stops: nothing new is admitted, calls in flight have the grace time to end, sessions are told
    /// to come back, and the store is closed. What is left goes on at the next start.
    pub async fn stop(self) {
        // The next start goes on where they are.
        drop(self.feeding);
        let drained = self.runtime.drain(self.grace);
        let (parked, interrupted) = tokio::join!(drained, self.test_runs.drain(self.grace));
        if interrupted > 0 {
            tracing::warn!(test_runs = interrupted, "test runs are cut without an end");
        }
        if parked > 0 {
            tracing::info!(
                tickets = parked,
                "calls in flight are cut; their tickets go on later"
            );
        }
        // A supervisor that is gone has no sessions to close.
        let _ = self.sessions.close_all().await;
        sessions_gone(&self.sessions).await;
        self.http.stop().await;
        self.runtime.stop(Duration::ZERO).await;
        // They read the store.
        drop((
            self.watching,
            self.following,
            self.dispatching,
            self.counting,
        ));
        let store = self.store;
        // Only a panic in there could fail this, and then nothing is left to do.
        let _ = tokio::task::spawn_blocking(move || store.close()).await;
    }
}

/// What the runtime works with beside the store.
struct World<'a> {
    model: Arc<Models>,
    callbacks: Webhooks,
    tasks: &'a Tasks,
    directory: Directory,
    meter: Meter,
}

fn ports(store: &SqliteStore, world: World<'_>) -> Ports {
    Ports {
        store: Arc::new(store.clone()),
        index: Arc::new(store.clone()),
        model: world.model,
        callbacks: Arc::new(world.callbacks),
        tasks: Arc::new(world.tasks.clone()),
        limits: Arc::new(world.directory),
        meter: world.meter,
        clock: Arc::new(SystemClock),
    }
}

/// Waits until every session has closed, as far as that goes. To a server a session is a request
/// that never ends, and waiting for those is slower.
async fn sessions_gone(sessions: &Sessions) {
    let deadline = tokio::time::Instant::now() + CLOSING_TIME;
    while tokio::time::Instant::now() < deadline
        && !matches!(sessions.count().await, Ok(0) | Err(_))
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn supervise_sessions(config: &Config, tenants: &Tenants) -> Sessions {
    SessionSupervisor::launch(assemble::sessions(config), Arc::new(tenants.clone()))
}

/// Reads all tenants of a store, and brings in what is new in the configuration.
async fn open_tenants(
    config: &Config,
    store: &SqliteStore,
) -> Result<(Tenants, Following), StartError> {
    let opened = Tenants::open(Arc::new(store.clone()), Arc::new(SystemClock)).await;
    let (tenants, following) = opened.map_err(TenantError::from)?;
    tenants::provision(config, &tenants).await?;
    Ok((tenants, following))
}

/// Reads all prompts of a store, as a start does.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn open_prompts(
    config: &Config,
    store: &SqliteStore,
    tenants: Directory,
) -> Result<(Prompts, Following), ReadError> {
    let check = Arc::new(assemble::prompt_checker(config, tenants));
    Prompts::open(Arc::new(store.clone()), Arc::new(SystemClock), check).await
}

async fn open_store(config: &Config) -> Result<SqliteStore, StartError> {
    let mut options = store_sqlite::Options::new(config.store.data_dir.clone());
    options.max_batch = config.store.max_batch.get();
    options.witness.clone_from(&config.store.witness);
    options.checkpoint_pages = config.store.checkpoint_pages.get();
    let opened = tokio::task::spawn_blocking(move || SqliteStore::open(options)).await;
    match opened {
        Ok(opened) => Ok(opened?),
        Err(stopped) => Err(StartError::Http(std::io::Error::other(stopped))),
    }
}

/// Where the open API is served, and where operators are.
fn listen(config: &Config) -> Result<(TcpListener, TcpListener), StartError> {
    let bind = |address| {
        TcpListener::bind(address).map_err(|source| StartError::Listen { address, source })
    };
    Ok((
        bind(config.server.listen)?,
        bind(config.server.admin_listen)?,
    ))
}

fn recover(runtime: &Runtime, config: &Config) {
    let recovery = runtime.recover(config.runtime.recovery_per_second);
    actix::spawn(async move {
        let begun = tokio::time::Instant::now();
        let recovered = recovery.await;
        if recovered.tickets > 0 {
            tracing::info!(
                tickets = recovered.tickets,
                duration_ms = begun.elapsed().as_millis(),
                "open tickets are picked up"
            );
        }
    });
}

/// Why Punchcard did not start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The event store cannot be used.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// What was used cannot be counted.
    #[error("usage cannot be counted: {0}")]
    Usage(#[from] usage::OpenError),
    /// The prompts cannot be read.
    #[error("the prompts cannot be had: {0}")]
    Prompts(#[from] PromptError),
    /// The tenants cannot be read.
    #[error("the tenants cannot be had: {0}")]
    Tenants(#[from] TenantError),
    /// What the configuration says of a tenant cannot be done.
    #[error(transparent)]
    Provision(#[from] tenants::ProvisionError),
    /// The secret that others are made of cannot be had.
    #[error(transparent)]
    MasterSecret(#[from] MasterSecretError),
    /// What is kept for the console cannot be read.
    #[error("redrives cannot be had: {0}")]
    Workplace(ReadError),
    /// The batches cannot be read.
    #[error("the batches cannot be had: {0}")]
    Batches(ReadError),
    /// A configured prompt cannot be taken over.
    #[error(transparent)]
    Adopt(#[from] tasks::AdoptError),
    /// A model's client cannot be set up.
    #[error("the model `{name}` cannot be set up: {source}")]
    Model {
        /// The model's name in the configuration.
        name: String,
        /// Why.
        source: openai::SetupError,
    },
    /// A tenant's hooks cannot be used.
    #[error(transparent)]
    Hooks(#[from] webhooks::HookError),
    /// A tenant's signing secret cannot be used.
    #[error("a callback secret of tenant `{tenant}` cannot be used: {reason}")]
    Secret {
        /// Whose.
        tenant: String,
        /// Why.
        reason: String,
    },
    /// The callback client cannot be set up.
    #[error(transparent)]
    Webhooks(#[from] webhooks::BuildError),
    /// The log of webhooks cannot be opened.
    #[error(transparent)]
    WebhookLog(#[from] webhooks_sqlite::OpenError),
    /// The client of webhooks cannot be set up.
    #[error("the HTTP client for webhooks cannot be set up")]
    WebhookClient(#[source] reqwest::Error),
    /// The webhook endpoints cannot be read.
    #[error("the webhook endpoints cannot be had: {0}")]
    WebhookEndpoints(#[from] WebhookError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A server or thread did not start.
    #[error("the server did not start: {0}")]
    Http(std::io::Error),
    /// The metrics could not be set up.
    #[error("metrics cannot be set up: {0}")]
    Metrics(String),
}
