//! From the configuration's words to the adapters' options.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use punchcard_actors::admission::{AdmissionOptions, Places};
use punchcard_actors::batches::BatchOptions;
use punchcard_actors::callbacks::CallbackOptions;
use punchcard_actors::llm::LlmOptions;
use punchcard_actors::ports::LanguageModel;
use punchcard_actors::runtime::RuntimeOptions;
use punchcard_actors::sessions::SessionLimits;
use punchcard_actors::tenants::Directory;
use punchcard_actors::test_runs::{Price, TestRunOptions};
use punchcard_actors::usage;
use punchcard_events::TenantId;

use super::StartError;
use crate::adapters::clock::SystemClock;
use crate::adapters::models::Models;
use crate::adapters::offline::{self, Offline};
use crate::adapters::openai::{self, OpenAi};
use crate::adapters::webhooks::{self, HookBook, SigningSecret, Webhooks};
use crate::config::{CallbackTarget, Config, Model, Provider, Task};
use crate::http;
use crate::master_secret::{CALLBACK_PURPOSE, MasterSecret};
use crate::prompts::Limits;
use crate::prompts::PromptChecker;
use crate::prompts::expect::PromptJudges;

/// The most bytes of one line of a model's stream.
const MAX_LINE_BYTES: usize = 1 << 20;

/// How long a ticket tries an append before it gives way and is picked up again later.
const STORE_PATIENCE: Duration = Duration::from_secs(60);

/// Every configured model behind one port.
pub(super) fn models(config: &Config) -> Result<Models, StartError> {
    let mut models = Models::default();
    for (name, model) in &config.models {
        let adapter = adapter(name, model)?;
        let upstream = model.model.as_deref().unwrap_or(name);
        models = models.with(name, upstream, adapter);
    }
    Ok(models)
}

fn adapter(name: &str, model: &Model) -> Result<Arc<dyn LanguageModel>, StartError> {
    let base_url = match (model.provider, &model.base_url) {
        (Provider::OpenAi, Some(base_url)) => base_url.clone(),
        // Loading the configuration refuses an `openai` model without a URL.
        (Provider::Offline, _) | (Provider::OpenAi, None) => {
            return Ok(Arc::new(Offline::new(offline::Options {
                first_token_delay: model.first_token_delay,
                token_delay: model.token_delay,
            })));
        }
    };
    let options = openai::Options {
        base_url,
        api_key: model.api_key.clone(),
        connect_timeout: model.connect_timeout,
        first_byte_timeout: model.first_byte_timeout,
        idle_timeout: model.idle_timeout,
        total_timeout: model.total_timeout,
        max_answer_bytes: model.max_answer_bytes.get(),
        max_line_bytes: MAX_LINE_BYTES,
        max_tokens_field: model.max_tokens_field(),
    };
    let adapter = OpenAi::new(options).map_err(|source| StartError::Model {
        name: name.to_owned(),
        source,
    })?;
    Ok(Arc::new(adapter))
}

/// The signed calls to every tenant's API. Secrets that are not configured are made of the master's.
pub(super) fn webhooks(
    config: &Config,
    directory: Directory,
    master: MasterSecret,
) -> Result<Webhooks, StartError> {
    let callbacks = &config.callbacks;
    let options = webhooks::Options {
        connect_timeout: callbacks.connect_timeout,
        total_timeout: callbacks.total_timeout,
        max_response_bytes: callbacks.max_response_bytes.get(),
        allow_private_networks: config.calls_private_networks(),
    };
    let configured = config.tenants.iter();
    let targets = configured.filter_map(|(id, tenant)| Some((id, tenant.callback.as_ref()?)));
    let secrets = targets.map(|(id, target)| Ok((id.clone(), secrets(id, target)?)));
    let secrets = secrets.collect::<Result<Vec<_>, StartError>>()?;
    let derive = move |tenant: &TenantId| {
        // The first generation: no other was ever asked for.
        master.derive(CALLBACK_PURPOSE, tenant.as_str(), 1)
    };
    let book = HookBook::live(directory, secrets, Box::new(derive))?;
    Ok(Webhooks::new(options, book, Arc::new(SystemClock))?)
}

fn secrets(id: &TenantId, target: &CallbackTarget) -> Result<Vec<SigningSecret>, StartError> {
    let secrets = target.secrets.iter().map(|secret| {
        let parsed = secret.expose().parse::<SigningSecret>();
        parsed.map_err(|error| StartError::Secret {
            tenant: id.to_string(),
            reason: error.to_string(),
        })
    });
    secrets.collect()
}

/// How the actors work.
pub(super) fn runtime(config: &Config) -> RuntimeOptions {
    let runtime = &config.runtime;
    let models = config.models.iter();
    let of_models = models.map(|(name, model)| (name.clone(), model.max_concurrency));
    let callbacks = &config.callbacks;
    let rate = callbacks.max_calls_per_second;
    let rate = (rate > 0).then(|| f64::from(rate));
    RuntimeOptions {
        arbiters: threads(runtime.arbiters),
        admission: admission(config),
        passivate_after: runtime.passivate_after,
        text_interval: config.sessions.text_interval,
        sweep_interval: runtime.sweep_interval,
        store_patience: STORE_PATIENCE,
        llm: LlmOptions {
            max_concurrency: of_models.collect(),
            default_max_concurrency: 1,
            guard: config.supervision.model.options(None),
        },
        callbacks: CallbackOptions {
            // Each tenant's, whoever made it.
            max_concurrency: HashMap::new(),
            default_max_concurrency: callbacks.max_concurrency,
            guard: config.supervision.callback.options(rate),
        },
    }
}

/// How batches work.
pub(super) fn batches(config: &Config) -> BatchOptions {
    let batches = &config.batches;
    BatchOptions {
        window: batches.window,
        open_per_tenant: batches.max_open_per_tenant,
        max_lines: batches
            .max_lines
            .get()
            .min(punchcard_events::batch::MAX_LINES),
        max_bytes: batches.max_bytes.get(),
        max_line_bytes: batches.max_line_bytes.get(),
        upload_within: batches.upload_timeout,
    }
}

/// What the tokens of each model cost.
pub(super) fn prices(config: &Config) -> usage::Prices {
    let prices = config.models.iter().filter_map(|(name, model)| {
        let price = model.price?;
        let (prompt, completion) = (price.input_per_million_usd, price.output_per_million_usd);
        Some((name.clone(), usage::Price::per_million(prompt, completion)))
    });
    prices.collect()
}

/// How test runs work. An answer may be as long as that of a task that has no settings of its own.
pub(super) fn test_runs(config: &Config) -> TestRunOptions {
    let prompts = &config.prompts;
    let prices = config.models.iter().filter_map(|(name, model)| {
        let price = model.price?;
        let price = Price {
            input_per_million_usd: price.input_per_million_usd,
            output_per_million_usd: price.output_per_million_usd,
        };
        Some((name.clone(), price))
    });
    TestRunOptions {
        concurrency: prompts.test_concurrency,
        max_runs: prompts.max_test_runs,
        max_runs_per_tenant: prompts.max_test_runs_per_tenant,
        case_deadline: prompts.test_case_timeout,
        run_deadline: prompts.test_run_timeout,
        max_answer_bytes: config.defaults.task.max_answer_bytes,
        store_patience: STORE_PATIENCE,
        prices: prices.collect(),
        ..TestRunOptions::default()
    }
}

/// Who judges the answers of test runs: by the settings that the task has for its tickets, too.
pub(super) fn judges(config: &Config) -> PromptJudges {
    let limits = |task: &Task| Limits {
        max_prompt_bytes: task.max_prompt_bytes,
        max_answer_bytes: task.max_answer_bytes,
    };
    let own = config.tenants.iter().flat_map(|(id, tenant)| {
        let tasks = tenant.tasks.iter();
        tasks.map(move |(name, task)| ((id.clone(), name.clone()), limits(task)))
    });
    let models = config.models.keys().cloned().collect();
    PromptJudges::new(limits(&config.defaults.task), own.collect(), models)
}

/// Which new tickets are taken.
fn admission(config: &Config) -> AdmissionOptions {
    let runtime = &config.runtime;
    let open = Places::new(
        runtime.max_open_tickets.get(),
        runtime.max_open_tickets_per_tenant.get(),
    );
    let accepting = Places::new(
        runtime.max_accepting.get(),
        runtime.max_accepting_per_tenant.get(),
    );
    AdmissionOptions { open, accepting }
}

/// The limits of sessions.
pub(super) fn sessions(config: &Config) -> SessionLimits {
    let sessions = &config.sessions;
    SessionLimits {
        token_ttl: sessions.token_ttl,
        sessions: sessions.max_sessions,
        sessions_per_user: sessions.max_sessions_per_user,
        sessions_per_tenant: sessions.max_sessions_per_tenant,
        streams_per_tenant: sessions.max_streams_per_tenant,
        max_age: sessions.max_session_age,
        reconnect_spread: sessions.reconnect_spread,
        slow_consumer_deadline: sessions.slow_consumer_deadline,
        silence_deadline: sessions.heartbeat_timeout,
        ..SessionLimits::default()
    }
}

/// The limits of the HTTP edge.
pub(super) fn http(config: &Config) -> http::Options {
    let (server, sessions) = (&config.server, &config.sessions);
    http::Options {
        workers: threads(server.workers),
        max_connections: server.max_connections.get(),
        max_body_bytes: server.max_body_bytes.get(),
        max_body_memory: server.max_body_memory.get(),
        max_waiting: server.max_waiting.get(),
        body_timeout: server.body_timeout,
        console_files: config.console.files.clone(),
        session_url: server.session_url.as_ref().map(ToString::to_string),
        calls_private_networks: config.calls_private_networks(),
        stream: http::StreamOptions {
            heartbeat: sessions.heartbeat,
            patience: sessions.heartbeat_timeout,
        },
        session: http::SessionOptions {
            hello_timeout: sessions.hello_timeout,
            heartbeat: sessions.heartbeat,
            heartbeat_timeout: sessions.heartbeat_timeout,
            max_message_bytes: sessions.max_frame_bytes.get(),
            max_frames_per_second: sessions.max_messages_per_second.get(),
            ..http::SessionOptions::default()
        },
        ..http::Options::default()
    }
}

/// `configured` threads, or one for each core.
pub(super) fn threads(configured: usize) -> NonZeroUsize {
    NonZeroUsize::new(configured)
        .or_else(|| available_parallelism().ok())
        .unwrap_or(NonZeroUsize::MIN)
}

/// The checker of prompts: it knows the configured models, and the tasks whose inputs a hook prepares.
pub(super) fn prompt_checker(config: &Config, directory: Directory) -> PromptChecker {
    PromptChecker::new(config.models.keys().cloned(), directory)
}

#[cfg(test)]
mod tests;
