//! The program between the load and the model.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use punchcard::keys::ApiKey;
use tempfile::TempDir;

use crate::api::{Api, http};
use crate::model::{Model, PERMITS};
use crate::process::{Holdings, Metrics};
use crate::punchcard::Punchcard;
use crate::wire::Wire;

/// The most open tickets of all tenants.
pub(crate) const MAX_OPEN: usize = 300;
/// The most open tickets of the tenant that is too loud.
pub(crate) const MAX_OPEN_OF_LOUD: usize = 5;
/// The longest a ticket may have to wait for the model when it is issued.
const MAX_QUEUE_WAIT: &str = "2s";
/// By when each must be answered.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Everything around the test.
pub(crate) struct World {
    pub(crate) model: Model,
    pub(crate) server: Punchcard,
    pub(crate) wire: Arc<Wire>,
    /// The API of the tenant that keeps to its bounds.
    pub(crate) steady: Api,
    /// That tenant's key, and the one of the tenant that is too loud.
    pub(crate) keys: [String; 2],
    admin: reqwest::Client,
    _dir: TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let model = Model::start().await;
        let keys = [ApiKey::generate().unwrap(), ApiKey::generate().unwrap()];
        let config: PathBuf = dir.path().join("punchcard.toml");
        let data = dir.path().join("data");
        let text = settings(data.to_str().unwrap(), model.server.base_url(), &keys);
        std::fs::write(&config, text).unwrap();
        let server = Punchcard::start(&[config], &dir.path().join("log")).await;
        let keys = keys.map(|key| key.expose().to_owned());
        Self {
            wire: Arc::new(Wire::to(server.api())),
            steady: Api::new(server.api(), &keys[0]),
            model,
            server,
            keys,
            admin: http(),
            _dir: dir,
        }
    }

    /// What the program holds now.
    pub(crate) fn holdings(&self) -> Holdings {
        Holdings::of(self.server.pid())
    }

    /// What the program says of itself now.
    pub(crate) async fn metrics(&self) -> Metrics {
        Metrics::of(&self.admin, self.server.admin()).await
    }
}

fn settings(data_dir: &str, model: &str, keys: &[ApiKey; 2]) -> String {
    let (steady, loud) = (keys[0].config_line(), keys[1].config_line());
    let task = r#"model = "slow"
messages = [{ role = "user", content = "{{ word }}" }]"#;
    let answer_within = ANSWER_WITHIN.as_secs();
    format!(
        r#"
mode = "development"

[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"

[store]
data_dir = "{data_dir}"

[runtime]
max_open_tickets = {MAX_OPEN}
# Nobody comes for the answers until the end.
passivate_after = "1s"

[ticket]
answer_within = "{answer_within}s"
max_queue_wait = "{MAX_QUEUE_WAIT}"

[retry.model]
initial_delay = "20ms"
max_delay = "50ms"

[log]
level = "warn"

[models.slow]
provider = "openai"
base_url = "{model}"
model = "slow-1"
max_concurrency = {PERMITS}

[tenants.steady]
name = "Steady"
keys = [{steady}]

[tenants.steady.tasks.say]
{task}

[tenants.loud]
name = "Loud"
keys = [{loud}]
max_open_tickets = {MAX_OPEN_OF_LOUD}

[tenants.loud.tasks.say]
{task}
"#
    )
}
