//! Which URL is called for which task, and what the calls are signed with.
//!
//! Addresses and paths are read from the directory of tenants at each call. Secrets are in no store: they
//! come from the configuration, or are derived for tenants that have none there.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use punchcard_actors::tenants::Directory;
use punchcard_events::tenant::{Hooks, TenantState};
use punchcard_events::ticket::CallbackKind;
use punchcard_events::{TaskName, TenantId};
use url::Url;

use super::signature::SigningSecret;

/// The most secrets that may be live at once. Two are enough to rotate one.
pub const MAX_SECRETS: usize = 8;

/// A tenant's hooks, as configured.
#[derive(Debug, Clone)]
pub struct TenantHooks {
    /// What the hooks' paths are appended to, such as `https://api.onehour.example/v2`.
    pub base_url: Url,
    /// What calls are signed with: one secret, or several while one is being replaced.
    pub secrets: Vec<SigningSecret>,
    /// The hooks of each task that has any.
    pub tasks: HashMap<TaskName, TaskHooks>,
}

/// A task's hooks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskHooks {
    /// The path that prepares the input.
    pub pre_process: Option<String>,
    /// The path that persists the answer.
    pub post_process: Option<String>,
}

/// All hooks of all tenants.
pub struct HookBook {
    directory: Directory,
    /// Those that are configured.
    secrets: HashMap<TenantId, Arc<[SigningSecret]>>,
    /// Makes the secret of a tenant without configured ones.
    derive: Option<Derive>,
}

/// Makes a tenant's secret.
pub type Derive = Box<dyn Fn(&TenantId) -> SigningSecret + Send + Sync>;

/// Where one call goes.
pub(super) struct Hook {
    pub(super) url: Url,
    pub(super) secrets: Arc<[SigningSecret]>,
}

impl fmt::Debug for HookBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookBook").finish_non_exhaustive()
    }
}

/// What is wrong with a tenant's hooks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HookError {
    /// None, or too many.
    #[error("tenant `{tenant}` has {count} signing secrets: give 1 to {MAX_SECRETS}")]
    Secrets {
        /// Whose.
        tenant: TenantId,
        /// How many.
        count: usize,
    },
    /// The base URL cannot have a path appended.
    #[error("the callback base URL {url} of tenant `{tenant}` {problem}")]
    BaseUrl {
        /// Whose.
        tenant: TenantId,
        /// The URL without credentials.
        url: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A path leads out of the base URL.
    #[error("the {} path `{path}` of task `{task}` of tenant `{tenant}` {problem}", kind.as_str())]
    Path {
        /// Whose.
        tenant: TenantId,
        /// Of which task.
        task: TaskName,
        /// Which hook.
        kind: CallbackKind,
        /// The path, shortened.
        path: String,
        /// What is wrong.
        problem: &'static str,
    },
}

impl HookBook {
    /// The hooks of tenants that nobody changes, checked and joined. Whether the addresses may be called
    /// is checked where the book is put to use.
    ///
    /// # Errors
    /// [`HookError`] for the first thing found wrong.
    pub fn new(
        tenants: impl IntoIterator<Item = (TenantId, TenantHooks)>,
    ) -> Result<Self, HookError> {
        let (mut states, mut secrets) = (Vec::new(), HashMap::new());
        for (tenant, hooks) in tenants {
            check(&tenant, &hooks)?;
            states.push((tenant.clone(), state(&hooks)));
            secrets.insert(tenant, hooks.secrets.into());
        }
        Ok(Self {
            directory: Directory::of(states),
            secrets,
            derive: None,
        })
    }

    /// The hooks that `directory` has at each call. Tenants without `secrets` of their own have those
    /// that `derive` makes.
    ///
    /// # Errors
    /// When a tenant has no configured secret in its list, or too many.
    pub fn live(
        directory: Directory,
        secrets: impl IntoIterator<Item = (TenantId, Vec<SigningSecret>)>,
        derive: Derive,
    ) -> Result<Self, HookError> {
        let checked = secrets.into_iter().map(|(tenant, secrets)| {
            check_secrets(&tenant, &secrets)?;
            Ok((tenant, secrets.into()))
        });
        Ok(Self {
            directory,
            secrets: checked.collect::<Result<_, _>>()?,
            derive: Some(derive),
        })
    }

    /// Where the call goes now; `None` where the task has no such hook, or none that can be called.
    pub(super) fn find(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        kind: CallbackKind,
    ) -> Option<Hook> {
        let state = self.directory.tenant(tenant)?;
        let hooks = state.hooks.get(task)?;
        let path = match kind {
            CallbackKind::PreProcess => hooks.pre_process.as_ref()?,
            CallbackKind::PostProcess => hooks.post_process.as_ref()?,
        };
        let base_url = Url::parse(state.callback.as_ref()?).ok()?;
        let url = join(&base_url, path).ok()?;
        let secrets = self.secrets_of(tenant)?;
        Some(Hook { url, secrets })
    }

    fn secrets_of(&self, tenant: &TenantId) -> Option<Arc<[SigningSecret]>> {
        if let Some(configured) = self.secrets.get(tenant) {
            return Some(Arc::clone(configured));
        }
        let derive = self.derive.as_ref()?;
        Some(Arc::new([derive(tenant)]))
    }

    /// Each base URL that stays as it is; the hooks' URLs differ from it in their path only. What may
    /// change is checked at each call: one tenant's address keeps no start from going on.
    pub(super) fn urls(&self) -> impl Iterator<Item = (TenantId, Url)> + use<> {
        let stays = self.derive.is_none();
        let all = self.directory.all().into_iter().filter(move |_| stays);
        all.filter_map(|(id, state)| {
            let url = Url::parse(state.callback.as_ref()?).ok()?;
            Some((id, url))
        })
    }
}

/// A tenant that has these hooks and nothing else.
fn state(hooks: &TenantHooks) -> TenantState {
    let tasks = hooks.tasks.iter().map(|(task, paths)| {
        let paths = Hooks {
            pre_process: paths.pre_process.clone(),
            post_process: paths.post_process.clone(),
        };
        (task.clone(), paths)
    });
    TenantState {
        callback: Some(hooks.base_url.to_string()),
        hooks: tasks.collect(),
        ..TenantState::default()
    }
}

fn check_secrets(tenant: &TenantId, secrets: &[SigningSecret]) -> Result<(), HookError> {
    let count = secrets.len();
    if (1..=MAX_SECRETS).contains(&count) {
        return Ok(());
    }
    Err(HookError::Secrets {
        tenant: tenant.clone(),
        count,
    })
}

fn check(tenant: &TenantId, hooks: &TenantHooks) -> Result<(), HookError> {
    check_secrets(tenant, &hooks.secrets)?;
    if let Some(problem) = problem_of_base(&hooks.base_url) {
        return Err(HookError::BaseUrl {
            tenant: tenant.clone(),
            url: without_credentials(&hooks.base_url),
            problem,
        });
    }
    for (task, paths) in &hooks.tasks {
        for (kind, path) in [
            (CallbackKind::PreProcess, &paths.pre_process),
            (CallbackKind::PostProcess, &paths.post_process),
        ] {
            let Some(path) = path else { continue };
            join(&hooks.base_url, path).map_err(|problem| HookError::Path {
                tenant: tenant.clone(),
                task: task.clone(),
                kind,
                path: path.chars().take(80).collect(),
                problem,
            })?;
        }
    }
    Ok(())
}

/// The URL for messages to people.
pub(super) fn without_credentials(url: &Url) -> String {
    format!(
        "{}://{}{}",
        url.scheme(),
        url.host_str().unwrap_or(""),
        url.path()
    )
}

fn problem_of_base(url: &Url) -> Option<&'static str> {
    if url.cannot_be_a_base() || !url.has_host() {
        Some("names no host")
    } else if url.query().is_some() || url.fragment().is_some() {
        Some("has a query or a fragment: give only scheme, host and path")
    } else {
        None
    }
}

/// Appends `path` to the path of `base`. It cannot leave it: not to another host, nor upwards.
fn join(base: &Url, path: &str) -> Result<Url, &'static str> {
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    };
    if path.trim_matches('/').is_empty() {
        return Err("is empty: give a path such as /hooks/prepare");
    }
    if path.starts_with("//") {
        return Err("starts with // and would name another host: give a path only");
    }
    let foreign = |c: char| c == '\\' || c == '#' || c.is_whitespace() || c.is_control();
    if path.chars().chain(query.unwrap_or("").chars()).any(foreign) {
        return Err("has a backslash, a #, a space or a control character");
    }
    if Url::parse(path).is_ok() {
        return Err("is a whole URL: give a path only, it is appended to the base URL");
    }
    // Percent-encoded dots are dots to the URL standard, encoded slashes are slashes to many servers.
    let plain = path.to_ascii_lowercase().replace("%2e", ".");
    if plain.contains("%2f") || plain.contains("%5c") {
        return Err("has an encoded slash or backslash");
    }
    if plain.split('/').any(|part| part == "." || part == "..") {
        return Err("has a . or .. segment and would leave the base URL");
    }
    let mut url = base.clone();
    let prefix = base.path().trim_end_matches('/');
    url.set_path(&format!("{prefix}/{}", path.trim_start_matches('/')));
    url.set_query(query);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn secret() -> SigningSecret {
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD".parse().unwrap()
    }

    fn book(base_url: &str, path: &str) -> Result<HookBook, HookError> {
        let paths = TaskHooks {
            pre_process: None,
            post_process: Some(path.to_owned()),
        };
        let hooks = TenantHooks {
            base_url: base(base_url),
            secrets: vec![secret()],
            tasks: HashMap::from([(TaskName::new("review").unwrap(), paths)]),
        };
        HookBook::new([(TenantId::new("onehour").unwrap(), hooks)])
    }

    #[test]
    fn a_path_is_appended_to_the_base_url() {
        for (base_url, path, url) in [
            ("https://a.example", "/hooks/x", "https://a.example/hooks/x"),
            ("https://a.example/", "hooks/x", "https://a.example/hooks/x"),
            (
                "https://a.example/v2",
                "/hooks/x",
                "https://a.example/v2/hooks/x",
            ),
            (
                "https://a.example/v2/",
                "hooks/x?to=1&b",
                "https://a.example/v2/hooks/x?to=1&b",
            ),
            (
                "https://a.example:8443",
                "/훅",
                "https://a.example:8443/%ED%9B%85",
            ),
            (
                "https://a.example",
                "/a..b/.c/@evil.example",
                "https://a.example/a..b/.c/@evil.example",
            ),
        ] {
            assert_eq!(join(&base(base_url), path).unwrap().as_str(), url);
        }
    }

    #[test]
    fn a_path_that_leaves_the_base_url_is_refused() {
        for path in [
            "",
            "/",
            "//",
            "?x",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example/",
            "HTTPS:evil",
            "javascript:alert(1)",
            "..",
            "../x",
            "/a/../x",
            "/a/..",
            ".",
            "/./x",
            "/%2e%2e/x",
            "/.%2E/x",
            "/%2e/x",
            "/..%2fx",
            "/a%5cx",
            "/a b",
            "/a\nb",
            "\t//evil.example",
            "/a#b",
            "/a\u{0}",
            "/a?b c",
        ] {
            let refused = book("https://a.example/v2", path);
            assert!(
                matches!(refused, Err(HookError::Path { .. })),
                "{path:?}: {refused:?}"
            );
        }
    }

    #[test]
    fn the_error_says_which_tenant_task_and_hook() {
        let text = book("https://a.example", "//evil.example")
            .unwrap_err()
            .to_string();
        for part in [
            "onehour",
            "review",
            "post_process",
            "//evil.example",
            "another host",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_base_url_with_more_than_a_path_is_refused() {
        for base_url in [
            "https://a.example/?x=1",
            "https://a.example/#x",
            "mailto:a@a.example",
        ] {
            let refused = book(base_url, "/x");
            assert!(
                matches!(refused, Err(HookError::BaseUrl { .. })),
                "{base_url}"
            );
        }
    }

    #[test]
    fn a_tenant_needs_a_secret_and_not_a_crowd_of_them() {
        for count in [0, MAX_SECRETS + 1] {
            let hooks = TenantHooks {
                base_url: base("https://a.example"),
                secrets: vec![secret(); count],
                tasks: HashMap::new(),
            };
            let refused = HookBook::new([(TenantId::new("onehour").unwrap(), hooks)]);
            assert!(matches!(refused, Err(HookError::Secrets { .. })), "{count}");
        }
    }

    #[test]
    fn a_hook_is_found_by_tenant_task_and_kind() {
        let book = book("https://a.example", "/x").unwrap();
        let tenant = TenantId::new("onehour").unwrap();
        let task = TaskName::new("review").unwrap();
        assert!(
            book.find(&tenant, &task, CallbackKind::PostProcess)
                .is_some()
        );
        assert!(
            book.find(&tenant, &task, CallbackKind::PreProcess)
                .is_none()
        );
        let other = TenantId::new("other").unwrap();
        assert!(
            book.find(&other, &task, CallbackKind::PostProcess)
                .is_none()
        );
    }

    fn live(state: TenantState, configured: bool) -> HookBook {
        let tenant = TenantId::new("onehour").unwrap();
        let secrets = configured.then(|| (tenant.clone(), vec![secret(), secret()]));
        let directory = Directory::of([(tenant, state)]);
        HookBook::live(directory, secrets, Box::new(|_| secret())).unwrap()
    }

    fn hooked(base_url: Option<&str>, path: Option<&str>) -> TenantState {
        let hooks = Hooks {
            pre_process: None,
            post_process: path.map(str::to_owned),
        };
        TenantState {
            callback: base_url.map(str::to_owned),
            hooks: [(TaskName::new("review").unwrap(), hooks)].into(),
            ..TenantState::default()
        }
    }

    #[test]
    fn a_tenant_without_configured_secrets_has_the_one_that_is_made_for_it() {
        let tenant = TenantId::new("onehour").unwrap();
        let task = TaskName::new("review").unwrap();
        for (configured, count) in [(true, 2), (false, 1)] {
            let book = live(hooked(Some("https://a.example"), Some("/x")), configured);
            let hook = book
                .find(&tenant, &task, CallbackKind::PostProcess)
                .unwrap();
            assert_eq!(hook.url.as_str(), "https://a.example/x");
            assert_eq!(hook.secrets.len(), count);
        }
    }

    #[test]
    fn a_hook_that_leads_nowhere_or_elsewhere_is_none() {
        let tenant = TenantId::new("onehour").unwrap();
        let task = TaskName::new("review").unwrap();
        for (base_url, path) in [
            (None, Some("/x")),
            (Some("https://a.example"), None),
            (Some("not a URL"), Some("/x")),
            (Some("https://a.example"), Some("//evil.example")),
        ] {
            let book = live(hooked(base_url, path), true);
            let hook = book.find(&tenant, &task, CallbackKind::PostProcess);
            assert!(hook.is_none(), "{base_url:?} {path:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_path_the_host_and_the_prefix_stay(path in "[/.%25eEfF\\\\:?#@a-c\\s]{0,12}|.{0,20}") {
            let base = base("https://a.example:8443/v2");
            if let Ok(url) = join(&base, &path) {
                proptest::prop_assert_eq!(url.host_str(), Some("a.example"));
                proptest::prop_assert_eq!(url.port(), Some(8443));
                proptest::prop_assert_eq!(url.scheme(), "https");
                proptest::prop_assert!(url.path().starts_with("/v2/"));
            }
        }
    }

    #[test]
    fn no_mutant_of_a_path_leaves_the_base_url() {
        let base = base("https://a.example:8443/v2");
        crate::fuzz::run_text("hook-path", |path| {
            if let Ok(url) = join(&base, path) {
                assert_eq!(
                    (url.host_str(), url.port()),
                    (Some("a.example"), Some(8443))
                );
                assert!(url.path().starts_with("/v2/"), "{url}");
            }
        });
    }
}
