//! The seam to the composition root: how `serve` and `demo` start, watch and stop the runtime.

use std::future::Future;
use std::net::SocketAddr;

use super::exit::{Exit, Failure};
use crate::app::{App, StartError};
use crate::config::Config;

/// A running runtime.
pub(crate) struct Runtime {
    app: App,
}

impl Runtime {
    /// Starts everything that `config` asks for; ready when this returns.
    pub(crate) async fn start(config: Config) -> Result<Self, Failure> {
        let app = App::start(config)
            .await
            .map_err(|error| not_started(&error))?;
        Ok(Self { app })
    }

    /// Where the open API and the sessions are served.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.app.addr()
    }

    /// Where health and metrics are served.
    pub(crate) fn admin_addr(&self) -> SocketAddr {
        self.app.admin_addr()
    }

    /// Takes no more, lets what runs end or park within the grace time, and closes the store.
    pub(crate) async fn stop(self) {
        self.app.stop().await;
    }
}

/// The failure that a start without success is.
fn not_started(error: &StartError) -> Failure {
    let exit = match error {
        StartError::Model { .. }
        | StartError::Hooks(_)
        | StartError::Secret { .. }
        | StartError::MasterSecret(_)
        | StartError::Provision(_) => Exit::Usage,
        StartError::Store(_)
        | StartError::Tenants(_)
        | StartError::WebhookLog(_)
        | StartError::WebhookEndpoints(_)
        | StartError::Usage(_)
        | StartError::Prompts(_)
        | StartError::Batches(_)
        | StartError::Workplace(_)
        | StartError::Adopt(_)
        | StartError::Listen { .. }
        | StartError::Http(_) => Exit::Unreachable,
        StartError::Webhooks(_) | StartError::WebhookClient(_) | StartError::Metrics(_) => {
            Exit::Negative
        }
    };
    Failure::new(exit, format!("failed to start: {error}"))
        .advise("`punchcard config show` names every address, directory and task.")
}

/// Runs `work` on the actors' system, which is what the runtime and the demo's backend live on.
pub(crate) fn on_system<T>(work: impl Future<Output = T>) -> T {
    actix::System::new().block_on(work)
}

/// Runs `work` on a small runtime of its own, for commands that only ask a server.
pub(crate) fn on_client<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let failed = |error| Failure::negative(format!("failed to start: {error}"));
    runtime.map_err(failed)?.block_on(work)
}

/// Requests to stop, from the keyboard or the service manager.
pub(crate) struct StopSignals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl StopSignals {
    /// Listens for SIGINT and SIGTERM from now on.
    pub(crate) fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let failed = |error| Failure::negative(format!("failed to listen for signals: {error}"));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        })
    }

    /// Waits for the next one, and names it.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
