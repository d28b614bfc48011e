//! Typed configuration, validated once, with file and line in every error.
//!
//! Layers, from the bottom: `config/default.toml` (inside the program), the files given, overrides
//! from the environment. They are merged as a tree whose values remember where they were written
//! (`tree`), completed (`inherit`, `references`), read into types (`decode`) and checked as a whole
//! (`check`). A configuration with one mistake is no configuration: nothing starts on it.
//!
//! There is no reloading here, and nothing else in the program reads the environment.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use punchcard_events::TenantId;
use serde::Deserialize;

mod admin;
mod check;
mod decode;
mod depth;
mod environment;
mod error;
mod inherit;
mod limits;
mod references;
mod sections;
mod show;
mod supervision;
mod tenants;
#[cfg(test)]
mod tests;
mod tree;
mod values;

pub use admin::{Admin, OperatorKey};
pub use error::{ConfigError, ConfigErrors};
pub use sections::{
    Batches, Callbacks, Console, Log, LogFormat, Model, Price, Prompts, Provider, Retries, Retry,
    Runtime, Secrets, Server, Sessions, Store, TicketLimits, Webhooks,
};
pub use supervision::{Guarding, Supervision};
pub use tenants::{CallbackTarget, Defaults, Task, Tenant, TenantKey};
pub use tree::{KeyPath, Origin};
pub use values::Mode;

use check::Mistake;
use tree::Node;

use crate::keys::{Operator, Operators};

pub use crate::adapters::openai::MaxTokensField;
pub use punchcard_events::prompt::MessageTemplate;

/// The bottom layer: every key.
const DEFAULT: &str = include_str!("../config/default.toml");
/// The sample tenant of the demo.
const DEMO: &str = include_str!("../config/demo.toml");

/// The whole configuration, checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whether the program guards real users.
    pub mode: Mode,
    /// The HTTP servers.
    pub server: Server,
    /// Who operates it.
    #[serde(default)]
    pub admin: Admin,
    /// The web console.
    #[serde(default)]
    pub console: Console,
    /// The event store.
    pub store: Store,
    /// The ticket actors.
    pub runtime: Runtime,
    /// How long each part of a ticket may take.
    pub ticket: TicketLimits,
    /// How failed calls are repeated.
    pub retry: Retries,
    /// Calls to the tenants' APIs.
    pub callbacks: Callbacks,
    /// How calls to models and to the tenants' APIs are guarded.
    pub supervision: Supervision,
    /// The planners' prompts.
    pub prompts: Prompts,
    /// Webhooks to the tenants' endpoints.
    pub webhooks: Webhooks,
    /// What other secrets are made of.
    pub secrets: Secrets,
    /// Tickets by the thousand.
    pub batches: Batches,
    /// The users' sessions.
    pub sessions: Sessions,
    /// The log.
    pub log: Log,
    /// The models that tasks may name.
    #[serde(default)]
    pub models: BTreeMap<String, Model>,
    /// What tasks have that do not say otherwise.
    pub defaults: Defaults,
    /// The tenants.
    #[serde(default)]
    pub tenants: BTreeMap<TenantId, Tenant>,
    /// Where every value comes from, secrets redacted.
    #[serde(skip)]
    origins: Origins,
}

/// The merged tree, kept to be shown and to locate mistakes found later.
#[derive(Debug, Clone)]
struct Origins(Node);

impl Default for Origins {
    fn default() -> Self {
        Self(Node::empty_table(Origin::File {
            name: "".into(),
            line: 1,
        }))
    }
}

impl Config {
    /// Reads the defaults, then `files` in their order, then the overrides in `environment`
    /// (`PUNCHCARD__SECTION__KEY`). Secrets by reference are taken from `environment` too.
    ///
    /// # Errors
    /// With every mistake that was found, each with its place.
    pub fn load(
        files: &[PathBuf],
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        let mut layers = Vec::with_capacity(files.len());
        for file in files {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(file).map_err(|error| ConfigError {
                origin: Origin::File {
                    name: name.as_str().into(),
                    line: 1,
                },
                key: KeyPath::default(),
                message: format!("cannot be read: {error}"),
            })?;
            layers.push((name, text));
        }
        Self::from_layers(&layers, environment)
    }

    /// The demo's configuration: the sample tenant, with `overrides` (named as in the
    /// environment) for what is only known at run time.
    ///
    /// # Errors
    /// When an override is wrong.
    pub fn demo(
        overrides: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        let layer = ("demo.toml (built in)".to_owned(), DEMO.to_owned());
        Self::from_layers(&[layer], overrides)
    }

    /// Reads named texts as if they were files.
    fn from_layers(
        layers: &[(String, String)],
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        let environment: BTreeMap<String, String> = environment.into_iter().collect();
        let defaults = Node::parse(tree::BUILT_IN, DEFAULT)?;
        let mut tree = defaults.clone();
        let mut errors = Vec::new();
        for (name, text) in layers {
            match Node::parse(name, text) {
                Ok(layer) => tree.overlay(layer),
                Err(error) => errors.push(error),
            }
        }
        let variables = environment.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        errors.extend(environment::overlay(&mut tree, variables));
        if !errors.is_empty() {
            return Err(ConfigErrors(errors));
        }
        Self::from_tree(tree, &defaults, &environment)
    }

    fn from_tree(
        mut tree: Node,
        defaults: &Node,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, ConfigErrors> {
        let mut errors = inherit::inherit(&mut tree, defaults);
        let mut shown = tree.clone();
        references::redact(&mut shown);
        // A mistyped mode is the decoder's to report; until then the stricter one holds.
        let mode = match tree.get(&KeyPath::of(&["mode"])).and_then(Node::as_str) {
            Some("development") => Mode::Development,
            _ => Mode::Production,
        };
        let around = references::Surroundings { mode, environment };
        errors.extend(references::resolve_secrets(&mut tree, &around));
        errors.extend(references::resolve_schemas(&mut tree));
        match decode::decode_all::<Self>(&tree, defaults) {
            Ok(mut config) => {
                config.origins = Origins(shown);
                let found = check::check(&config).into_iter();
                errors.extend(found.map(|mistake| config.locate(mistake)));
                if errors.is_empty() {
                    return Ok(config);
                }
            }
            Err(found) => errors.extend(found),
        }
        unrepeat(&mut errors);
        errors.sort_by(|one, other| one.origin.cmp(&other.origin));
        Err(ConfigErrors(errors))
    }

    /// Whether callbacks may go over plain HTTP and to this host or a private network. In
    /// development the tenant's API is on the developer's own machine.
    pub fn calls_private_networks(&self) -> bool {
        self.callbacks.allow_private_networks || self.mode == Mode::Development
    }

    /// Those whose keys open the admin API.
    pub fn operators(&self) -> Operators {
        Operators::new(self.admin.keys.iter().map(|key| {
            let operator = Operator {
                prefix: key.prefix.clone(),
                name: key.name.clone(),
            };
            (key.sha256, operator)
        }))
    }

    /// A mistake with its place. Of two values that contradict each other, the one that somebody
    /// wrote over a default is the one to look at.
    fn locate(&self, mistake: Mistake) -> ConfigError {
        let tree = &self.origins.0;
        let built_in = |key: &KeyPath| tree.origin_of(key).is_built_in();
        let key = match mistake.other {
            Some(other) if built_in(&mistake.key) && !built_in(&other) => other,
            Some(_) | None => mistake.key,
        };
        tree.error(&key, mistake.message)
    }
}

/// Models and tasks inherit mistakes as well as values: one that was written once is told once.
fn unrepeat(errors: &mut Vec<ConfigError>) {
    let mut told = HashSet::new();
    errors.retain(|error| told.insert((error.origin.to_string(), error.message.clone())));
}
