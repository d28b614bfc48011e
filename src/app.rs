//! The composition root: the only place that names concrete adapters. It turns a configuration into
//! a running Punchcard.

mod assemble;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use punchcard_actors::runtime::{Ports, Runtime};
use punchcard_actors::tickets::Tickets;

use crate::adapters::clock::SystemClock;
use crate::adapters::store_sqlite::{self, OpenError, SqliteStore};
use crate::adapters::{openai, webhooks};
use crate::config::{Config, ConfigErrors};
use crate::tasks::ConfiguredTasks;

/// Why Punchcard did not start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The event store cannot be used.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The configuration's tasks cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
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
    /// The HTTP server did not start.
    #[error("the HTTP server did not start: {0}")]
    Http(std::io::Error),
    /// The metrics could not be set up.
    #[error("metrics cannot be set up: {0}")]
    Metrics(String),
}
