//! The composition root: the only place that names concrete adapters. It turns a configuration into
//! a running Punchcard.

mod access;
mod assemble;
mod readiness;
#[cfg(test)]
mod tests;
mod workbench;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::batches::{Batches, Feeding};
use punchcard_actors::ports::Judges;
use punchcard_actors::ports::ReadError;
use punchcard_actors::prompts::{CanaryWatch, Following, PromptError, Prompts, Watching};
use punchcard_actors::runtime::{Ports, Runtime};
use punchcard_actors::sessions::{SessionSupervisor, Sessions};
use punchcard_actors::test_runs::{TestRunParts, TestRuns};

use crate::adapters::clock::SystemClock;
use crate::adapters::store_sqlite::{self, OpenError, SqliteStore};
use crate::adapters::{openai, webhooks};
use crate::config::Config;
use crate::tasks::{self, Tasks};
use crate::{http, telemetry};

use access::Access;
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
    feeding: Feeding,
    sessions: Sessions,
    http: http::Serving,
    admin: SocketAddr,
    prompts: Prompts,
    /// Other nodes' prompts arrive for as long as this is kept.
    following: Following,
    /// Canaries are watched for as long as this is kept.
    watching: Watching,
    grace: Duration,
}

impl App {
    /// Starts everything that `config` asks for. Tickets that an earlier run left open are picked up
    /// in the background.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let metrics =
            telemetry::start_metrics().map_err(|error| StartError::Metrics(error.to_string()))?;
        let models = assemble::models(&config)?;
        let callbacks = assemble::webhooks(&config)?;
        let store = open_store(&config).await?;
        let opened = open_prompts(&config, &store).await;
        let (prompts, following) = opened.map_err(PromptError::from)?;
        tasks::adopt(&config, &prompts).await?;
        let (tenants, _tenants_following) = punchcard_actors::tenants::Tenants::open(
            Arc::new(store.clone()),
            Arc::new(SystemClock),
        )
        .await
        .map_err(PromptError::from)?;
        let (canaries, watching) = CanaryWatch::start(Arc::new(store.clone()), prompts.clone());
        let listener = listen(config.server.listen)?;
        let admin = listen(config.server.admin_listen)?;

        let tasks = Tasks::new(&config, prompts.clone());
        let ports = Ports {
            store: Arc::new(store.clone()),
            index: Arc::new(store.clone()),
            model: Arc::new(models),
            callbacks: Arc::new(callbacks),
            tasks: Arc::new(tasks.clone()),
            limits: Arc::new(punchcard_actors::ports::Unlimited),
            clock: Arc::new(SystemClock),
        };
        let store_of_runs = Arc::clone(&ports.store);
        let runtime = Runtime::start(ports, assemble::runtime(&config)).await;
        let judges: Arc<dyn Judges> = Arc::new(assemble::judges(&config));
        let test_runs = TestRuns::new(
            TestRunParts {
                store: store_of_runs,
                llm: runtime.calls().clone(),
                prompts: prompts.clone(),
                judges: Arc::clone(&judges),
            },
            assemble::test_runs(&config),
        );
        let (batches, feeding) = Batches::open(
            Arc::new(store.clone()),
            Arc::new(SystemClock),
            runtime.tickets().clone(),
            assemble::batches(&config),
        )
        .await
        .map_err(StartError::Batches)?;
        let sessions = SessionSupervisor::launch(assemble::sessions(&config));
        let access = Arc::new(Access::new(&config));
        let parts = http::Parts {
            tickets: runtime.tickets().clone(),
            batches,
            sessions: sessions.clone(),
            tenants,
            prompts: prompts.clone(),
            canaries,
            test_runs: test_runs.clone(),
            workbench: Arc::new(Bench::new(tasks, judges)),
            keys: access.clone(),
            operators: config.operators(),
            origins: access,
            readiness: Arc::new(StoreReadiness::new(store.clone())),
            metrics: Some(metrics),
        };
        let http = http::serve(listener, Some(admin), parts, assemble::http(&config))
            .map_err(StartError::Http)?;
        let admin = http.admin_address().unwrap_or(config.server.admin_listen);
        recover(&runtime, &config);
        Ok(Self {
            store,
            runtime,
            test_runs,
            feeding,
            sessions,
            http,
            admin,
            prompts,
            following,
            watching,
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
        drop((self.watching, self.following));
        let store = self.store;
        // Only a panic in there could fail this, and then nothing is left to do.
        let _ = tokio::task::spawn_blocking(move || store.close()).await;
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

/// Reads all prompts of a store, as a start does.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn open_prompts(
    config: &Config,
    store: &SqliteStore,
) -> Result<(Prompts, Following), ReadError> {
    let check = Arc::new(assemble::prompt_checker(config));
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

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|source| StartError::Listen { address, source })
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
    /// The prompts cannot be read.
    #[error("the prompts cannot be had: {0}")]
    Prompts(#[from] PromptError),
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
