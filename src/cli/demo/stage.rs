//! Everything the demo runs on, in this process: data directory, sample backend, runtime.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::backend::Backend;
use crate::cli::client::ApiClient;
use crate::cli::config::refused;
use crate::cli::exit::Failure;
use crate::cli::runtime::Runtime;
use crate::config::{Config, Log};
use crate::keys::{ApiKey, Role, Roles};
use crate::telemetry;

/// What the demo runs on.
pub(super) struct Stage {
    /// The sample backend.
    pub(super) backend: Backend,
    /// A client that shows the backend's API key.
    pub(super) client: ApiClient,
    /// That key.
    pub(super) key: ApiKey,
    runtime: Runtime,
    data: DataDir,
}

impl Stage {
    /// Starts it all, with the durable data in `keep` or in a directory of its own.
    pub(super) async fn build(keep: Option<&Path>) -> Result<Self, Failure> {
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            Failure::negative(format!("the demo cannot {what}: {error}"))
        };
        let data = DataDir::make(keep).map_err(|error| failed("make its directory", &error))?;
        let key = ApiKey::generate().map_err(|error| failed("make a key", &error))?;
        let secret = secret().map_err(|error| failed("make a secret", &error))?;
        let signing = secret
            .parse()
            .map_err(|error| failed("make a secret", &error))?;
        let backend = Backend::start(signing).map_err(|e| failed("start its backend", &e))?;
        let config = Config::demo(overrides(&data.path, &key, &secret, &backend.url()))
            .map_err(|errors| refused(&errors.to_string()))?;
        let log = Log {
            // Errors only: the demo's own lines tell what happens.
            level: "error".to_owned(),
            format: config.log.format,
        };
        telemetry::start_logging(&log).map_err(|error| refused(&error.to_string()))?;
        let runtime = Runtime::start(config).await?;
        let base = format!("http://{}", runtime.addr());
        let base = base
            .parse()
            .map_err(|error| failed("name its address", &error))?;
        let shown = key
            .expose()
            .parse()
            .map_err(|error| failed("use its key", &error))?;
        Ok(Self {
            client: ApiClient::connect(base, shown)?,
            backend,
            key,
            runtime,
            data,
        })
    }

    /// Where the open API is.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.runtime.addr())
    }

    /// Where health and metrics are.
    pub(super) fn admin_url(&self) -> String {
        format!("http://{}", self.runtime.admin_addr())
    }

    /// Where the durable data is.
    pub(super) fn data_dir(&self) -> &Path {
        &self.data.path
    }

    /// Stops it all. A directory of the demo's own is removed.
    pub(super) async fn strike(self) {
        self.runtime.stop().await;
        self.backend.stop().await;
    }
}

/// What the sample configuration cannot know, in the form of variables of the environment.
fn overrides(data: &Path, key: &ApiKey, secret: &str, backend: &str) -> Vec<(String, String)> {
    let set = |name: &str, value: String| (format!("PUNCHCARD__{name}"), value);
    // The one key of the demo is its backend's and its visitor's, who may try everything.
    let roles = Roles::of(&[Role::Issuer, Role::Admin]);
    let key = key.config_line_of(None, roles);
    vec![
        set("SERVER__LISTEN", "127.0.0.1:0".to_owned()),
        set("SERVER__ADMIN_LISTEN", "127.0.0.1:0".to_owned()),
        set("STORE__DATA_DIR", json!(data).to_string()),
        set("TENANTS__ONEHOUR__KEYS", format!("[{key}]")),
        set(
            "TENANTS__ONEHOUR__ALLOWED_ORIGINS",
            json!([backend]).to_string(),
        ),
        set("TENANTS__ONEHOUR__CALLBACK__BASE_URL", backend.to_owned()),
        set(
            "TENANTS__ONEHOUR__CALLBACK__SECRETS",
            json!([secret]).to_string(),
        ),
    ]
}

/// A fresh Standard Webhooks secret.
fn secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(format!("whsec_{}", STANDARD.encode(bytes)))
}

/// The directory of the demo's data, removed at the end unless it is to be kept.
struct DataDir {
    path: PathBuf,
    remove: bool,
}

impl DataDir {
    fn make(keep: Option<&Path>) -> std::io::Result<Self> {
        if let Some(keep) = keep {
            fs::create_dir_all(keep)?;
            let path = keep.to_owned();
            return Ok(Self {
                path,
                remove: false,
            });
        }
        let random = getrandom::u64().map_err(std::io::Error::other)?;
        let path = std::env::temp_dir().join(format!("punchcard-demo-{random:016x}"));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self { path, remove: true })
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if self.remove {
            // Best effort: what is left is in the system's directory for such things.
            drop(fs::remove_dir_all(&self.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_s_overrides_make_a_valid_configuration() {
        let key = ApiKey::generate().unwrap();
        let backend = "http://127.0.0.1:4321";
        let overrides = overrides(Path::new("/tmp/x \"y"), &key, &secret().unwrap(), backend);
        let config = Config::demo(overrides).unwrap();
        assert_eq!(config.store.data_dir, Path::new("/tmp/x \"y"));
        let tenant = config.tenants.values().next().unwrap();
        assert_eq!(tenant.allowed_origins, [backend]);
        assert_eq!(tenant.keys[0].prefix, key.prefix());
        assert_eq!(
            tenant.callback.as_ref().unwrap().base_url.as_str(),
            "http://127.0.0.1:4321/"
        );
    }

    #[test]
    fn a_directory_of_its_own_is_removed_and_a_kept_one_stays() {
        let own = DataDir::make(None).unwrap();
        let path = own.path.clone();
        assert!(path.is_dir());
        drop(own);
        assert!(!path.exists());
        let dir = tempfile::tempdir().unwrap();
        let kept = dir.path().join("kept");
        drop(DataDir::make(Some(&kept)).unwrap());
        assert!(kept.is_dir());
    }
}
