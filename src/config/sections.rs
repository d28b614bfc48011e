//! The sections of the configuration that concern the program as a whole. `config/default.toml`
//! holds every key with its default; nothing here has a default of its own.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use punchcard_actors::guards::Concurrency;
use punchcard_events::retry::RetryPolicy;
use serde::{Deserialize, Serialize};
use url::Url;

use super::values;
use crate::adapters::openai::MaxTokensField;
use crate::secret::Secret;

/// The HTTP servers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Where the open API and the sessions are served.
    pub listen: SocketAddr,
    /// Where the admin API, health and metrics are served.
    pub admin_listen: SocketAddr,
    /// Where clients open sessions, when it is not what the request's `Host` says.
    #[serde(default, deserialize_with = "values::optional_socket_url")]
    pub session_url: Option<Url>,
    /// HTTP worker threads; 0 means one for each core.
    pub workers: usize,
    /// The most bytes a request body may have.
    pub max_body_bytes: NonZeroUsize,
    /// The most bytes of bodies in memory at a time; one tenant may have half.
    pub max_body_memory: NonZeroUsize,
    /// The most requests that wait for an outcome; one tenant may have half.
    pub max_waiting: NonZeroUsize,
    /// How long a request body may take to arrive.
    #[serde(deserialize_with = "values::positive")]
    pub body_timeout: Duration,
    /// The most connections at a time, sessions included.
    pub max_connections: NonZeroUsize,
    /// How long work may go on after a stop was asked for.
    #[serde(deserialize_with = "values::duration")]
    pub shutdown_grace: Duration,
}

/// The web console.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Console {
    /// The folder that its files are read from at each request, for whoever changes them; without one
    /// they are those in the program.
    #[serde(default)]
    pub files: Option<PathBuf>,
}

/// The event store.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// The directory that holds everything durable.
    pub data_dir: PathBuf,
    /// The most appends that share one fsync.
    pub max_batch: NonZeroUsize,
    /// The file of the head witness; beside the database when it is left out.
    #[serde(default)]
    pub witness: Option<PathBuf>,
    /// How many pages of 4 KiB the log may grow by before it is folded into the database.
    pub checkpoint_pages: NonZeroU32,
}

/// The ticket actors.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    /// Threads that run ticket actors; 0 means one for each core.
    pub arbiters: usize,
    /// The most open tickets; above it new ones are refused for a while.
    pub max_open_tickets: NonZeroUsize,
    /// The most open tickets of one tenant that has no number of its own.
    pub max_open_tickets_per_tenant: NonZeroUsize,
    /// The most tickets that are being accepted at a time.
    pub max_accepting: NonZeroUsize,
    /// The most of one tenant.
    pub max_accepting_per_tenant: NonZeroUsize,
    /// How long a ticket's actor may be idle before it leaves memory.
    #[serde(deserialize_with = "values::positive")]
    pub passivate_after: Duration,
    /// How many open tickets are taken up again per second after a start.
    pub recovery_per_second: NonZeroU32,
    /// How often overdue tickets are looked for.
    #[serde(deserialize_with = "values::positive")]
    pub sweep_interval: Duration,
}

/// How long each part of a ticket may take, counted from its issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketLimits {
    /// Until the model has answered.
    #[serde(deserialize_with = "values::positive")]
    pub answer_within: Duration,
    /// Until the tenant's API has persisted the answer.
    #[serde(deserialize_with = "values::positive")]
    pub persist_within: Duration,
    /// Until the answer was taken.
    #[serde(deserialize_with = "values::positive")]
    pub deliver_within: Duration,
    /// A ticket that would wait longer for its model is refused at its issue. Half of
    /// `answer_within` where it is not set.
    #[serde(default, deserialize_with = "values::optional_duration")]
    pub max_queue_wait: Option<Duration>,
}

/// How failed calls are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retries {
    /// Calls of the model.
    pub model: Retry,
    /// Calls to the tenant's API.
    pub callback: Retry,
}

/// One retry schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Tries in all, the first included.
    pub max_tries: NonZeroU32,
    /// The ceiling of the first delay; it doubles from try to try.
    #[serde(deserialize_with = "values::positive")]
    pub initial_delay: Duration,
    /// The ceiling that no delay passes.
    #[serde(deserialize_with = "values::positive")]
    pub max_delay: Duration,
}

impl Retry {
    /// The schedule as tickets carry it.
    pub fn policy(self) -> RetryPolicy {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        RetryPolicy {
            max_tries: self.max_tries.get(),
            initial_delay_ms: millis(self.initial_delay),
            max_delay_ms: millis(self.max_delay),
        }
    }
}

/// The planners' prompts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompts {
    /// The most versions that are kept ready for use.
    pub cached: NonZeroUsize,
    /// Cases of one test run that are tried at a time.
    pub test_concurrency: NonZeroUsize,
    /// The most test runs at a time.
    pub max_test_runs: NonZeroUsize,
    /// The most test runs of one tenant at a time.
    pub max_test_runs_per_tenant: NonZeroUsize,
    /// For one answer in a test run, the wait for the model included.
    #[serde(deserialize_with = "values::positive")]
    pub test_case_timeout: Duration,
    /// For a whole test run.
    #[serde(deserialize_with = "values::positive")]
    pub test_run_timeout: Duration,
}

/// Batches of tickets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batches {
    /// The most tickets of one batch that are open at a time.
    pub window: NonZeroUsize,
    /// The most batches of one tenant that are open at a time.
    pub max_open_per_tenant: NonZeroUsize,
    /// The most lines of a batch; 50,000 at most.
    pub max_lines: NonZeroU32,
    /// The most bytes of an upload.
    pub max_bytes: NonZeroU64,
    /// The most bytes of a line.
    pub max_line_bytes: NonZeroUsize,
    /// How long an upload may take.
    #[serde(deserialize_with = "values::positive")]
    pub upload_timeout: Duration,
}

/// A language model that tasks may name.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// What speaks for it.
    pub provider: Provider,
    /// The server's base URL, up to and without `/chat/completions` (`openai` only).
    #[serde(default, deserialize_with = "values::optional_url")]
    pub base_url: Option<Url>,
    /// The key for that server, where it wants one (`openai` only).
    #[serde(default, deserialize_with = "values::optional_secret")]
    pub api_key: Option<Secret>,
    /// The model's name at that server (`openai` only).
    #[serde(default)]
    pub model: Option<String>,
    /// What that server calls the limit of the answer's tokens (`openai` only); without it, what
    /// [`Self::max_tokens_field`] finds.
    #[serde(default)]
    pub max_tokens_field: Option<MaxTokensField>,
    /// What its tokens cost, so that test runs can say what they cost.
    #[serde(default)]
    pub price: Option<Price>,
    /// The most calls at a time; tickets above it wait in line.
    #[serde(deserialize_with = "values::concurrency")]
    pub max_concurrency: Concurrency,
    /// Until a connection stands.
    #[serde(deserialize_with = "values::positive")]
    pub connect_timeout: Duration,
    /// Until the first byte of the answer.
    #[serde(deserialize_with = "values::positive")]
    pub first_byte_timeout: Duration,
    /// Between two pieces of the answer.
    #[serde(deserialize_with = "values::positive")]
    pub idle_timeout: Duration,
    /// For the whole call.
    #[serde(deserialize_with = "values::positive")]
    pub total_timeout: Duration,
    /// The most bytes an answer may have.
    pub max_answer_bytes: NonZeroUsize,
    /// The pause before the first token (`offline` only).
    #[serde(deserialize_with = "values::duration")]
    pub first_token_delay: Duration,
    /// The pause between tokens (`offline` only).
    #[serde(deserialize_with = "values::duration")]
    pub token_delay: Duration,
}

impl Model {
    /// The configured name of the limit of the answer's tokens. Else that of OpenAI's own API,
    /// whose newest models refuse `max_tokens` (its reference calls the field deprecated), where
    /// the server is OpenAI's; and the name that every compatible server knows elsewhere.
    pub fn max_tokens_field(&self) -> MaxTokensField {
        let host = self.base_url.as_ref().and_then(Url::host_str);
        self.max_tokens_field.unwrap_or(match host {
            Some("api.openai.com") => MaxTokensField::MaxCompletionTokens,
            Some(_) | None => MaxTokensField::MaxTokens,
        })
    }
}

/// What a model's tokens cost.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// US dollars for a million tokens of messages.
    pub input_per_million_usd: f64,
    /// US dollars for a million tokens of answers.
    pub output_per_million_usd: f64,
}

/// What speaks for a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// A server with an OpenAI-compatible chat completions API.
    OpenAi,
    /// A deterministic model inside the program, without a network.
    Offline,
}

/// Calls to the tenants' APIs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callbacks {
    /// The most calls to one tenant at a time.
    #[serde(deserialize_with = "values::concurrency")]
    pub max_concurrency: Concurrency,
    /// The most calls to one tenant per second; 0 means no limit.
    pub max_calls_per_second: u32,
    /// Until a connection stands.
    #[serde(deserialize_with = "values::positive")]
    pub connect_timeout: Duration,
    /// For the whole call.
    #[serde(deserialize_with = "values::positive")]
    pub total_timeout: Duration,
    /// The most bytes a response may have.
    pub max_response_bytes: NonZeroUsize,
    /// Whether a tenant's API may be at a private or loopback address.
    pub allow_private_networks: bool,
}

/// Webhooks to the tenants' endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// The pauses after each failed attempt; after the last one the message is given up.
    #[serde(deserialize_with = "values::schedule")]
    pub retry_schedule: Vec<Duration>,
    /// Until a connection stands.
    #[serde(deserialize_with = "values::positive")]
    pub connect_timeout: Duration,
    /// For the whole call.
    #[serde(deserialize_with = "values::positive")]
    pub total_timeout: Duration,
    /// The most calls to one endpoint at a time.
    pub max_concurrency_per_endpoint: NonZeroUsize,
    /// The most calls for one tenant at a time.
    pub max_concurrency_per_tenant: NonZeroUsize,
    /// The most calls at a time.
    pub max_concurrency: NonZeroUsize,
    /// The most messages of one endpoint that wait.
    pub max_queued_per_endpoint: NonZeroUsize,
    /// The most bytes of an answer that is sent along.
    pub max_answer_bytes: NonZeroUsize,
    /// How many messages per second a resending queues.
    pub resend_per_second: NonZeroU32,
    /// How long a message that ended stays in the log.
    #[serde(deserialize_with = "values::positive")]
    pub keep_log: Duration,
}

/// What other secrets are made of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// The master secret; without it, that of the file `secret.key` in the data directory.
    #[serde(default, deserialize_with = "values::optional_secret")]
    pub master: Option<Secret>,
}

/// The users' WebSocket sessions.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    /// How long a session token can be used.
    #[serde(deserialize_with = "values::positive")]
    pub token_ttl: Duration,
    /// Until the client has said hello.
    #[serde(deserialize_with = "values::positive")]
    pub hello_timeout: Duration,
    /// Between two pings.
    #[serde(deserialize_with = "values::positive")]
    pub heartbeat: Duration,
    /// How long a client may be silent before its session is closed.
    #[serde(deserialize_with = "values::positive")]
    pub heartbeat_timeout: Duration,
    /// The most bytes a client's frame may have.
    pub max_frame_bytes: NonZeroUsize,
    /// The most frames a client may send per second.
    pub max_messages_per_second: NonZeroU32,
    /// How long a client may take nothing of what waits for it before its connection is cut.
    #[serde(deserialize_with = "values::positive")]
    pub slow_consumer_deadline: Duration,
    /// The most sessions at a time.
    pub max_sessions: NonZeroUsize,
    /// The most sessions of one user.
    pub max_sessions_per_user: NonZeroUsize,
    /// The most sessions of one tenant.
    pub max_sessions_per_tenant: NonZeroUsize,
    /// The most event streams of one tenant.
    pub max_streams_per_tenant: NonZeroUsize,
    /// The greatest age of a session or an event stream.
    #[serde(deserialize_with = "values::positive")]
    pub max_session_age: Duration,
    /// Over which time sessions that end at once are told to come back.
    #[serde(deserialize_with = "values::duration")]
    pub reconnect_spread: Duration,
    /// The shortest time between two text frames of one ticket.
    #[serde(deserialize_with = "values::duration")]
    pub text_interval: Duration,
}

/// The log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The least level that is logged, or directives such as `info,punchcard=debug`.
    pub level: String,
    /// How lines are written.
    pub format: LogFormat,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object for each line.
    Json,
}
