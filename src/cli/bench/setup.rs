//! The configuration that Punchcard runs the benchmark with, and the directory its data are in.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use crate::keys::{ApiKey, Role, Roles};

/// The first message of both arms' prompts.
pub(super) const SYSTEM_PROMPT: &str = "You are a friendly English teacher. You read what a student \
    wrote and say, in four short sentences, what is good and what to do better next time.";

/// The tenant.
pub(super) const TENANT: &str = "bench";

/// The model, by its name in the configuration.
pub(super) const MODEL: &str = "bench";

/// The task with both hooks.
pub(super) const HOOKED: &str = "review";

/// The task without hooks.
pub(super) const PLAIN: &str = "plain";

/// The origin that the sessions come from.
pub(super) const ORIGIN: &str = "http://bench.localhost";

/// What differs from section to section.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs {
    /// The model server.
    pub(super) model: SocketAddr,
    /// The tenant's API.
    pub(super) backend: SocketAddr,
    /// Model calls at a time.
    pub(super) model_calls: usize,
}

/// Punchcard's directory: configuration and data. Removed when this is dropped.
pub(super) struct Home {
    dir: TempDir,
    key: ApiKey,
}

impl Home {
    /// A new directory in `parent`.
    pub(super) fn new(parent: &Path, needs: Needs) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("punchcard-bench-")
            .tempdir_in(parent)
            .context("cannot make a directory for the benchmark's data")?;
        let this = Self {
            dir,
            key: ApiKey::generate()?,
        };
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).context("the system gave no random bytes")?;
        let secret = STANDARD.encode(secret);
        let config = config(this.dir.path(), &this.key, &secret, needs);
        fs::write(this.config(), config).context("cannot write the benchmark's configuration")?;
        Ok(this)
    }

    /// The same with more tenants beside, each with the plain task; gives their keys, in order.
    pub(super) fn with_tenants(
        parent: &Path,
        needs: Needs,
        names: &[String],
    ) -> anyhow::Result<(Self, Vec<ApiKey>)> {
        let this = Self::new(parent, needs)?;
        let mut config = fs::read_to_string(this.config()).context("cannot read it back")?;
        let mut keys = Vec::with_capacity(names.len());
        for name in names {
            let key = ApiKey::generate()?;
            let line = key.config_line_of(None, Roles::of(&[Role::Issuer, Role::Viewer]));
            let messages = messages();
            config.push_str(&format!(
                "\n[tenants.{name}]\nname = \"{name}\"\nkeys = [{line}]\n\n\
                 [tenants.{name}.tasks.{PLAIN}]\nmodel = \"{MODEL}\"\n{messages}\n\
                 ticket = {{ answer_within = \"24h\" }}\n"
            ));
            keys.push(key);
        }
        fs::write(this.config(), config).context("cannot write the benchmark's configuration")?;
        Ok((this, keys))
    }

    /// The configuration file.
    pub(super) fn config(&self) -> PathBuf {
        self.dir.path().join("bench.toml")
    }

    /// The issuer's key.
    pub(super) const fn key(&self) -> &ApiKey {
        &self.key
    }

    /// The store's directory.
    pub(super) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// What the store holds on disk now.
    pub(super) fn data_bytes(&self) -> u64 {
        let Ok(entries) = fs::read_dir(self.data()) else {
            return 0;
        };
        let sizes = entries.filter_map(|entry| entry.ok()?.metadata().ok());
        sizes.map(|metadata| metadata.len()).sum()
    }
}

/// The benchmark's own limits are raised where they would be what is measured; everything that makes
/// a ticket durable, signed and bounded is as by default.
fn config(dir: &Path, key: &ApiKey, secret: &str, needs: Needs) -> String {
    let Needs {
        model,
        backend,
        model_calls,
    } = needs;
    let data_dir = toml::Value::from(dir.join("data").display().to_string());
    let messages = messages();
    format!(
        r#"
mode = "development"

[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"

[store]
data_dir = {data_dir}

[runtime]
max_open_tickets = 1_000_000
max_open_tickets_per_tenant = 1_000_000
max_accepting = 100_000
max_accepting_per_tenant = 100_000

[callbacks]
max_concurrency = {CALLBACKS}
allow_private_networks = true

[sessions]
# One session of the load generator stands for many users.
max_messages_per_second = 1_000_000

[log]
level = "warn"

[models.{MODEL}]
provider = "openai"
base_url = "http://{model}/v1"
model = "bench"
max_concurrency = {model_calls}
total_timeout = "1h"
first_byte_timeout = "1h"

[tenants.{TENANT}]
name = "Bench"
keys = [{key}]
allowed_origins = ["{ORIGIN}"]

[tenants.{TENANT}.callback]
base_url = "http://{backend}"
secrets = ["whsec_{secret}"]

[tenants.{TENANT}.tasks.{HOOKED}]
model = "{MODEL}"
{messages}
pre_process = "/pre"
post_process = "/post"

[tenants.{TENANT}.tasks.{PLAIN}]
model = "{MODEL}"
{messages}
ticket = {{ answer_within = "24h" }}
"#,
        key = key.config_line_of(None, Roles::of(&[Role::Issuer, Role::Viewer])),
    )
}

fn messages() -> String {
    let system = toml::Value::from(SYSTEM_PROMPT);
    format!(
        "messages = [{{ role = \"system\", content = {system} }}, \
         {{ role = \"user\", content = \"{{{{ text }}}}\" }}]"
    )
}

/// Callbacks at a time. The floor has no such limit, and the fake tenant's API needs none.
const CALLBACKS: usize = 256;
