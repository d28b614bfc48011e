//! Starts with one configuration after another, and what admins do between them.

use std::sync::Arc;

use punchcard_actors::tenants::{Following, TenantError};
use punchcard_actors::testing::clock::TestClock;
use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_actors::testing::world::in_paused_time;
use punchcard_events::TaskName;
use punchcard_events::tenant::{Hooks, IssuedKey, Role, TenantEvent};

use super::*;
use crate::keys::ApiKey;

/// A node over a store, started with a configuration.
struct Start {
    tenants: Tenants,
    _following: Following,
    store: MemoryStore,
}

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// A configuration whose tenant `a` has this.
fn config(tenant: &str) -> Config {
    whole(&format!("[tenants.a]\nname = \"A\"\n{tenant}"))
}

fn whole(text: &str) -> Config {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.toml");
    let text = format!("mode = \"development\"\n{text}");
    std::fs::write(&file, text).unwrap();
    Config::load(&[file], []).unwrap()
}

fn with_keys(keys: &[(&ApiKey, &str)]) -> Config {
    let lines = keys.iter().map(|(key, roles)| {
        let (prefix, hash) = (key.prefix(), key.hash());
        format!("{{ prefix = \"{prefix}\", sha256 = \"{hash}\", roles = [{roles}] }}")
    });
    let lines: Vec<_> = lines.collect();
    config(&format!("keys = [{}]", lines.join(", ")))
}

impl Start {
    async fn over(store: &MemoryStore, config: &Config) -> Self {
        let start = Self::unprovisioned(store).await;
        provision(config, &start.tenants).await.unwrap();
        start
    }

    async fn unprovisioned(store: &MemoryStore) -> Self {
        let clock = Arc::new(TestClock::new());
        let opened = Tenants::open(Arc::new(store.clone()), clock).await;
        let (tenants, _following) = opened.unwrap();
        Self {
            tenants,
            _following,
            store: store.clone(),
        }
    }

    fn state(&self) -> Arc<TenantState> {
        self.tenants.directory().tenant(&a()).unwrap()
    }

    /// What an admin does through the API.
    async fn admin(&self, command: impl FnOnce(Act) -> Command) {
        let act = self.tenants.act(Author::Key {
            prefix: "pk_live_operator".to_owned(),
            name: None,
        });
        self.tenants.execute(&a(), command(act)).await.unwrap();
    }

    fn live(&self, key: &ApiKey) -> bool {
        let directory = self.tenants.directory();
        directory.vouches(&a(), key.prefix(), self.tenants.now())
    }

    fn events(&self) -> usize {
        self.store.all_events().len()
    }
}

fn a() -> TenantId {
    TenantId::new("a").unwrap()
}

fn task() -> TaskName {
    TaskName::new("t").unwrap()
}

const EVERYTHING: &str = r#"
max_open_tickets = 7
allowed_origins = ["https://app.example.com", "none"]
callback = { base_url = "https://api.example.com/v2", secrets = ["SECRET"] }
[tenants.a.limits]
weight = 2
[tenants.a.tasks.t]
pre_process = "/prepare"
"#;

fn everything() -> Config {
    config(&EVERYTHING.replace("SECRET", SECRET))
}

#[test]
fn a_first_start_brings_everything_into_the_store_and_a_second_one_nothing() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let start = Start::over(&store, &everything()).await;
        let state = start.state();
        assert_eq!(state.name, "A");
        assert_eq!(state.limits.all.concurrent_tickets, Some(7));
        assert_eq!(state.limits.weight, Some(2));
        assert_eq!(state.origins.len(), 2);
        assert_eq!(
            state.callback.as_deref(),
            Some("https://api.example.com/v2")
        );
        assert_eq!(
            state.hooks[&task()].pre_process.as_deref(),
            Some("/prepare")
        );
        let events = start.events();
        for recorded in store.all_events() {
            let event = recorded.event;
            let event = TenantEvent::decode(&event.kind, event.schema_version, &event.data);
            assert_eq!(event.unwrap().act().by, Author::Configuration);
        }
        let again = Start::over(&store, &everything()).await;
        assert_eq!(again.state(), state);
        assert_eq!(again.events(), events, "nothing was written");
        assert_eq!(
            as_configured(&everything())
                .unwrap()
                .tenant(&a())
                .unwrap()
                .limits,
            state.limits
        );
    });
}

#[test]
fn what_admins_changed_stays_until_the_configuration_says_something_else() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let start = Start::over(&store, &config("max_open_tickets = 7")).await;
        let limits = |open, weight| {
            let mut limits = punchcard_events::tenant::TenantLimits::default();
            limits.all.concurrent_tickets = Some(open);
            limits.weight = weight;
            limits
        };
        let set = |limits| move |act| Command::SetLimits { limits, act };
        start.admin(set(limits(9, Some(3)))).await;
        let name = "Admin's".to_owned();
        start.admin(|act| Command::Rename { name, act }).await;
        let same = Start::over(&store, &config("max_open_tickets = 7")).await;
        assert_eq!(*same.state().limits, limits(9, Some(3)));
        assert_eq!(same.state().name, "Admin's");
        // It speaks of the open tickets alone, so the weight stays.
        let other = Start::over(&store, &config("max_open_tickets = 8")).await;
        assert_eq!(*other.state().limits, limits(8, Some(3)));
        assert_eq!(other.state().name, "Admin's");
        let silent = Start::over(&store, &config("")).await;
        assert_eq!(silent.state().limits.all.concurrent_tickets, None);
    });
}

#[test]
fn a_configuration_that_follows_an_admin_is_not_news_at_the_next_start() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let start = Start::over(&store, &config("")).await;
        let origins = |origin: &str| [origin.to_owned()].into();
        let one = origins("https://one.example");
        start
            .admin(|act| Command::SetOrigins { origins: one, act })
            .await;
        // The same is written into the configuration, and then an admin changes it.
        let same = config("allowed_origins = [\"https://one.example\"]");
        let start = Start::over(&store, &same).await;
        let two = origins("https://two.example");
        start
            .admin(|act| Command::SetOrigins { origins: two, act })
            .await;
        let start = Start::over(&store, &same).await;
        assert!(start.state().origins.contains("https://two.example"));
    });
}

#[test]
fn a_key_comes_with_the_configuration_goes_with_it_and_does_not_come_back() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let (one, two) = (ApiKey::generate().unwrap(), ApiKey::generate().unwrap());
        let start = Start::over(&store, &with_keys(&[(&one, "\"issuer\"")])).await;
        assert!(start.live(&one));
        let start = Start::over(&store, &with_keys(&[(&two, "\"viewer\"")])).await;
        assert!(!start.live(&one) && start.live(&two));
        let both = with_keys(&[(&one, "\"issuer\""), (&two, "\"admin\"")]);
        let start = Start::over(&store, &both).await;
        assert!(!start.live(&one), "it was revoked");
        assert_eq!(
            start.state().keys[two.prefix()].key.roles,
            [Role::Admin].into()
        );
    });
}

#[test]
fn a_key_that_an_admin_revoked_stays_revoked_and_one_that_an_admin_issued_stays() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let (one, two) = (ApiKey::generate().unwrap(), ApiKey::generate().unwrap());
        let configured = with_keys(&[(&one, "\"issuer\"")]);
        let start = Start::over(&store, &configured).await;
        let key = IssuedKey {
            prefix: two.prefix().to_owned(),
            sha256: two.hash().to_string(),
            name: None,
            roles: [Role::Admin].into(),
            expires_at: None,
        };
        start.admin(|act| Command::IssueKey { key, act }).await;
        let (prefix, reason) = (one.prefix().to_owned(), None);
        start
            .admin(|act| Command::RevokeKey {
                prefix,
                reason,
                act,
            })
            .await;
        let start = Start::over(&store, &configured).await;
        assert!(!start.live(&one) && start.live(&two));
    });
}

#[test]
fn a_tenant_whose_admins_took_all_keys_keeps_no_start_from_going_on() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let start = Start::over(&store, &config("")).await;
        let mut issued = 0;
        loop {
            let theirs = ApiKey::generate().unwrap();
            let key = IssuedKey {
                prefix: theirs.prefix().to_owned(),
                sha256: theirs.hash().to_string(),
                name: None,
                roles: [Role::Admin].into(),
                expires_at: None,
            };
            let act = start.tenants.act(Author::Key {
                prefix: "pk_live_operator".to_owned(),
                name: None,
            });
            let command = Command::IssueKey { key, act };
            if start.tenants.execute(&a(), command).await.is_err() {
                break;
            }
            issued += 1;
            assert!(issued < 1_000, "there is a limit");
        }
        let one = ApiKey::generate().unwrap();
        let start = Start::over(&store, &with_keys(&[(&one, "\"issuer\"")])).await;
        assert!(!start.live(&one), "there was no room for it");
    });
}

#[test]
fn a_suspension_outlives_every_start() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let key = ApiKey::generate().unwrap();
        let configured = with_keys(&[(&key, "\"issuer\"")]);
        let start = Start::over(&store, &configured).await;
        let reason = "unpaid".to_owned();
        start.admin(|act| Command::Suspend { reason, act }).await;
        let start = Start::over(&store, &configured).await;
        assert!(start.state().suspended.is_some() && !start.live(&key));
    });
}

#[test]
fn a_tenant_that_left_the_configuration_loses_its_configured_keys_and_nothing_else() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let key = ApiKey::generate().unwrap();
        Start::over(&store, &with_keys(&[(&key, "\"issuer\"")])).await;
        let start = Start::over(&store, &whole("")).await;
        assert!(!start.live(&key));
        assert_eq!(start.state().name, "A");
    });
}

#[test]
fn hooks_come_and_go_with_their_address_and_an_admins_hook_keeps_it() {
    in_paused_time(async {
        let store = MemoryStore::new();
        Start::over(&store, &everything()).await;
        let bare = config("");
        let start = Start::over(&store, &bare).await;
        assert!(start.state().hooks.is_empty() && start.state().callback.is_none());
        let start = Start::over(&store, &everything()).await;
        let (other, path) = (TaskName::new("u").unwrap(), Some("/save".to_owned()));
        let hooks = Hooks {
            pre_process: None,
            post_process: path,
        };
        let wanted = hooks.clone();
        start
            .admin(|act| Command::SetHooks {
                task: other.clone(),
                pre_process: hooks.pre_process,
                post_process: hooks.post_process,
                act,
            })
            .await;
        let start = Start::over(&store, &bare).await;
        assert_eq!(start.state().hooks.get(&other), Some(&wanted));
        assert_eq!(start.state().hooks.get(&task()), None);
        assert!(start.state().callback.is_some());
        let left = |config: &Config| left_to_derived_secrets(config, start.tenants.directory());
        assert_eq!(left(&bare), [a()], "its calls are signed otherwise now");
        assert!(left(&everything()).is_empty());
    });
}

#[test]
fn a_prefix_of_another_tenant_is_refused_with_what_to_do() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let key = ApiKey::generate().unwrap();
        Start::over(&store, &with_keys(&[(&key, "\"issuer\"")])).await;
        let (prefix, hash) = (key.prefix(), key.hash());
        let moved = format!(
            "[tenants.b]\nname = \"B\"\nkeys = [{{ prefix = \"{prefix}\", sha256 = \"{hash}\" }}]"
        );
        let start = Start::unprovisioned(&store).await;
        let refused = provision(&whole(&moved), &start.tenants).await.unwrap_err();
        assert!(matches!(
            refused.source,
            TenantError::Rejected(Rejection::PrefixTaken(_))
        ));
        let told = refused.to_string();
        assert!(
            told.contains("tenant `b`") && told.contains("Make another key"),
            "{told}"
        );
    });
}
