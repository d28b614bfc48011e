//! What no single value can say: limits that contradict each other, names that lead nowhere, tasks
//! that cannot run. Every check runs, so that one look shows all there is to mend.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use punchcard_events::ticket::AnswerFormat;
use url::Url;

use super::sections::{Model, Provider, Retries, TicketLimits};
use super::tenants::{CallbackTarget, Task, Tenant};
use super::tree::KeyPath;
use super::values::Mode;
use super::{Config, admin, limits};
use crate::adapters::outbound::check_url;
use crate::http::RESERVED;
use crate::http::auth::NO_ORIGIN;
use crate::keys::KeyHash;
use crate::master_secret::MasterSecret;

/// The bytes of a Standard Webhooks secret: "between 24 bytes (192 bits) and 64 bytes (512 bits)".
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The most fallbacks a task may name: they travel with every ticket.
const MAX_FALLBACKS: usize = 8;

/// A mistake and where it is.
pub(super) struct Mistake {
    /// The key it is at.
    pub(super) key: KeyPath,
    /// The key that it contradicts: one of the two was written by hand.
    pub(super) other: Option<KeyPath>,
    /// What is wrong.
    pub(super) message: String,
}

impl Mistake {
    pub(super) fn new(key: KeyPath, message: impl Into<String>) -> Self {
        Self {
            key,
            other: None,
            message: message.into(),
        }
    }
}

/// Everything that is wrong with `config`.
pub(super) fn check(config: &Config) -> Vec<Mistake> {
    let mut found = limits::check(config);
    if let Some(Err(error)) =
        (config.secrets.master.as_ref()).map(|secret| MasterSecret::new(secret.expose()))
    {
        let at = KeyPath::of(&["secrets", "master"]);
        found.push(Mistake::new(at, error.to_string()));
    }
    for (name, model) in &config.models {
        check_model(&KeyPath::of(&["models", name]), model, config, &mut found);
    }
    admin::check(&config.admin, &mut found);
    let mut hashes = BTreeMap::new();
    for (place, key) in config.admin.keys.iter().enumerate() {
        let at = KeyPath::of(&["admin", "keys"]).index(place).key("sha256");
        found.extend(owned_twice(&mut hashes, key.sha256, at));
    }
    for (id, tenant) in &config.tenants {
        let at = KeyPath::of(&["tenants", id.as_str()]);
        for (place, key) in tenant.keys.iter().enumerate() {
            let at = at.key("keys").index(place).key("sha256");
            found.extend(owned_twice(&mut hashes, key.sha256, at));
        }
        check_tenant(&at, tenant, config, &mut found);
    }
    let inherited = &config.defaults.task;
    check_settings(
        &KeyPath::of(&["defaults", "task"]),
        inherited,
        config,
        &mut found,
    );
    found
}

/// One key cannot be two people's: nobody could say who did something with it.
fn owned_twice(
    hashes: &mut BTreeMap<KeyHash, KeyPath>,
    hash: KeyHash,
    at: KeyPath,
) -> Option<Mistake> {
    let first = hashes.insert(hash, at.clone())?;
    let message = format!("the same key hash as {first}; every key has one owner");
    Some(Mistake::new(at, message))
}

fn check_model(at: &KeyPath, model: &Model, config: &Config, found: &mut Vec<Mistake>) {
    match model.provider {
        Provider::OpenAi => {
            for (key, present) in [
                ("base_url", model.base_url.is_some()),
                (
                    "model",
                    model.model.as_ref().is_some_and(|name| !name.is_empty()),
                ),
            ] {
                if !present {
                    let message = format!("provider = \"openai\" needs the key `{key}`");
                    found.push(Mistake::new(at.clone(), message));
                }
            }
            let plain = model
                .base_url
                .as_ref()
                .is_some_and(|url| url.scheme() == "http");
            let keyed = model.api_key.is_some();
            if plain && keyed && config.mode == Mode::Production {
                let message = "would send the api_key over plain HTTP; use https, or \
                               mode = \"development\"";
                found.push(Mistake::new(at.key("base_url"), message));
            }
        }
        Provider::Offline => {}
    }
    if let Some(price) = &model.price {
        for (key, dollars) in [
            ("input_per_million_usd", price.input_per_million_usd),
            ("output_per_million_usd", price.output_per_million_usd),
        ] {
            if !dollars.is_finite() || dollars < 0.0 {
                let message = "must be a number of US dollars, 0 or more";
                found.push(Mistake::new(at.key("price").key(key), message));
            }
        }
    }
    for key in ["connect_timeout", "first_byte_timeout", "idle_timeout"] {
        let part = match key {
            "connect_timeout" => model.connect_timeout,
            "first_byte_timeout" => model.first_byte_timeout,
            _ => model.idle_timeout,
        };
        found.extend(limits::ordered(
            at,
            (key, part),
            ("total_timeout", model.total_timeout),
        ));
    }
}

fn check_tenant(at: &KeyPath, tenant: &Tenant, config: &Config, found: &mut Vec<Mistake>) {
    if tenant.name.trim().is_empty() {
        found.push(Mistake::new(at.key("name"), "must not be empty"));
    }
    for (place, key) in tenant.keys.iter().enumerate() {
        if !key.prefix.starts_with("pk_") {
            let message = "is no key's prefix; `punchcard key new` prints the whole line";
            let at = at.key("keys").index(place).key("prefix");
            found.push(Mistake::new(at, message));
        }
    }
    for (place, origin) in tenant.allowed_origins.iter().enumerate() {
        if origin != NO_ORIGIN && !is_origin(origin) {
            let message = "is no origin; write scheme, host and port alone, such as \
                           \"https://app.example.com\", or \"none\" for clients that send none";
            found.push(Mistake::new(
                at.key("allowed_origins").index(place),
                message,
            ));
        }
    }
    if let Some(target) = &tenant.callback {
        check_target(&at.key("callback"), target, config, found);
    }
    for (name, task) in &tenant.tasks {
        let at = at.key("tasks").key(name.as_str());
        if RESERVED.contains(&name.as_str()) {
            let message = "is a route of the prompt API, so its prompt could not be reached; choose \
                           another name";
            found.push(Mistake::new(at.clone(), message));
        }
        check_task(&at, task, tenant, config, found);
    }
}

fn is_origin(text: &str) -> bool {
    Url::parse(text)
        .is_ok_and(|url| url.origin().is_tuple() && url.origin().ascii_serialization() == text)
}

fn check_target(at: &KeyPath, target: &CallbackTarget, config: &Config, found: &mut Vec<Mistake>) {
    if let Err(error) = check_url(&target.base_url, config.calls_private_networks()) {
        let remedy = if config.calls_private_networks() {
            ""
        } else {
            "; plain HTTP, this host and private networks need \
             callbacks.allow_private_networks = true, or mode = \"development\""
        };
        found.push(Mistake::new(at.key("base_url"), format!("{error}{remedy}")));
    }
    if target.secrets.is_empty() {
        let message = "needs at least one secret to sign calls with";
        found.push(Mistake::new(at.key("secrets"), message));
    }
    for (place, secret) in target.secrets.iter().enumerate() {
        let bytes = secret
            .expose()
            .strip_prefix("whsec_")
            .and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
        // A secret that could not be had is reported where it was looked for.
        let missing = secret.expose().is_empty();
        if !missing && !bytes.is_some_and(|bytes| SECRET_BYTES.contains(&bytes.len())) {
            let message = "is no Standard Webhooks secret: whsec_ and 24 to 64 bytes in base64";
            found.push(Mistake::new(at.key("secrets").index(place), message));
        }
    }
}

fn check_task(
    at: &KeyPath,
    task: &Task,
    tenant: &Tenant,
    config: &Config,
    found: &mut Vec<Mistake>,
) {
    check_settings(at, task, config, found);
    check_prompt(at, task, config, found);
    for (key, path) in [
        ("pre_process", &task.pre_process),
        ("post_process", &task.post_process),
    ] {
        let Some(path) = path else {
            continue;
        };
        if tenant.callback.is_none() {
            let message = "is a hook, but the tenant has no `callback` section that says where";
            found.push(Mistake::new(at.key(key), message));
        }
        if !path.starts_with('/') || path.contains(['?', '#', ' ']) || path.contains("..") {
            let message = "must be a path that starts with / and is added to the base_url";
            found.push(Mistake::new(at.key(key), message));
        }
    }
}

/// What every task has, with a prompt in the configuration or without.
fn check_settings(at: &KeyPath, task: &Task, config: &Config, found: &mut Vec<Mistake>) {
    check_models(at, task, config, found);
    check_ticket_limits(&at.key("ticket"), &task.ticket, found);
    check_retries(&at.key("retry"), &task.retry, found);
}

/// The prompt that a configured task may have: whole, or not at all.
fn check_prompt(at: &KeyPath, task: &Task, config: &Config, found: &mut Vec<Mistake>) {
    let Some(messages) = &task.messages else {
        let inherited = &config.defaults.task;
        let own = [
            ("model", task.model != inherited.model),
            ("input_schema", task.input_schema != inherited.input_schema),
            (
                "answer_schema",
                task.answer_schema != inherited.answer_schema,
            ),
        ];
        for (key, _) in own.into_iter().filter(|(_, own)| *own) {
            let message =
                "is a part of a prompt; write `messages` too, or leave it to the planners";
            found.push(Mistake::new(at.key(key), message));
        }
        return;
    };
    if task.model.is_none() {
        let message = "needs the key `model` beside it: the model that the prompt asks";
        found.push(Mistake::new(at.key("messages"), message));
    }
    if messages.is_empty() {
        let message = "needs at least one message";
        found.push(Mistake::new(at.key("messages"), message));
    }
    if task.answer_schema.is_some() && task.answer == AnswerFormat::Text {
        let message = "is only for answer = \"json\"";
        found.push(Mistake::new(at.key("answer_schema"), message));
    }
    check_parameters(&at.key("parameters"), task, found);
    for flaw in crate::tasks::flaws(task) {
        let mut key = at.clone();
        key.0.extend(flaw.key.0);
        found.push(Mistake::new(key, flaw.message));
    }
}

/// The task's model and its fallbacks: all there, and each once.
fn check_models(at: &KeyPath, task: &Task, config: &Config, found: &mut Vec<Mistake>) {
    let missing = |name: &str| {
        let known = config.models.keys().map(|name| format!("`{name}`"));
        let known: Vec<_> = known.collect();
        let known = match known.as_slice() {
            [] => "no model is configured".to_owned(),
            names => format!("configured are {}", names.join(", ")),
        };
        format!("there is no model `{name}` under [models]; {known}")
    };
    if let Some(model) = &task.model
        && !config.models.contains_key(model)
    {
        found.push(Mistake::new(at.key("model"), missing(model)));
    }
    let list = at.key("fallback_models");
    for (place, name) in task.fallback_models.iter().enumerate() {
        let earlier = task.fallback_models.get(..place).unwrap_or_default();
        let message = if Some(name) == task.model.as_ref() {
            format!("`{name}` is the task's own model, which has failed when this is read")
        } else if earlier.contains(name) {
            format!("`{name}` is named twice; each model has one turn")
        } else if !config.models.contains_key(name) {
            missing(name)
        } else {
            continue;
        };
        found.push(Mistake::new(list.index(place), message));
    }
    if task.fallback_models.len() > MAX_FALLBACKS {
        let message = format!("names more than {MAX_FALLBACKS} models");
        found.push(Mistake::new(list, message));
    }
}

fn check_parameters(at: &KeyPath, task: &Task, found: &mut Vec<Mistake>) {
    let parameters = &task.parameters;
    for (key, value, most) in [
        ("temperature", parameters.temperature, 2.0),
        ("top_p", parameters.top_p, 1.0),
    ] {
        if value.is_some_and(|value| !(0.0..=most).contains(&value)) {
            found.push(Mistake::new(
                at.key(key),
                format!("must be from 0 to {most}"),
            ));
        }
    }
    if parameters.max_tokens == Some(0) {
        found.push(Mistake::new(at.key("max_tokens"), "must be at least 1"));
    }
}

/// Deadlines come in the order of the states they end.
pub(super) fn check_ticket_limits(at: &KeyPath, limits: &TicketLimits, found: &mut Vec<Mistake>) {
    let answer = ("answer_within", limits.answer_within);
    let persist = ("persist_within", limits.persist_within);
    let deliver = ("deliver_within", limits.deliver_within);
    found.extend(limits::ordered(at, answer, persist));
    found.extend(limits::ordered(at, persist, deliver));
    if let Some(wait) = limits.max_queue_wait {
        found.extend(limits::ordered(at, ("max_queue_wait", wait), answer));
    }
}

/// A first delay above the ceiling of all delays is a slip.
pub(super) fn check_retries(at: &KeyPath, retries: &Retries, found: &mut Vec<Mistake>) {
    for (key, retry) in [("model", retries.model), ("callback", retries.callback)] {
        let first: (&str, Duration) = ("initial_delay", retry.initial_delay);
        found.extend(limits::ordered(
            &at.key(key),
            first,
            ("max_delay", retry.max_delay),
        ));
    }
}
