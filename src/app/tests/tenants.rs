//! Tenants that change while the server runs, through real sockets, and over restarts.

use std::path::Path;
use std::time::Instant;

use punchcard_events::tenant::{IssuedKey, Role, TenantLimits};
use punchcard_events::{Act, tenant};
use reqwest::StatusCode;
use serde_json::Value;

use super::*;
use crate::adapters::tls;
use crate::cli::session_client::{Closed, SessionClient};
use crate::keys::ApiKey;

const ORIGIN: &str = "http://localhost:8080";

/// A company on a running server.
struct Company {
    app: App,
    id: TenantId,
    http: reqwest::Client,
}

impl Company {
    async fn open(data: &Path, id: &str, overrides: &[(&str, &str)]) -> Self {
        let common = [
            ("PUNCHCARD__STORE__DATA_DIR", data.to_str().unwrap()),
            ("PUNCHCARD__SERVER__LISTEN", "127.0.0.1:0"),
            ("PUNCHCARD__SERVER__ADMIN_LISTEN", "127.0.0.1:0"),
            ("PUNCHCARD__SERVER__WORKERS", "1"),
        ];
        let all = common.iter().chain(overrides);
        let all = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let app = App::start(Config::demo(all).unwrap()).await.unwrap();
        tls::install_provider();
        Self {
            app,
            id: TenantId::new(id).unwrap(),
            http: reqwest::Client::new(),
        }
    }

    /// What an operator asks.
    async fn ask(&self, command: impl FnOnce(Act) -> tenant::Command) {
        let by = Author::Key {
            prefix: "pk_live_operator".to_owned(),
            name: None,
        };
        let command = command(self.app.tenants().act(by));
        let done = self.app.tenants().execute(&self.id, command);
        done.await.unwrap();
    }

    async fn issue_key(&self, key: &ApiKey) {
        let key = IssuedKey {
            prefix: key.prefix().to_owned(),
            sha256: key.hash().to_string(),
            name: None,
            roles: [Role::Issuer].into(),
            expires_at: None,
        };
        self.ask(|act| tenant::Command::IssueKey { key, act }).await;
    }

    async fn revoke(&self, key: &ApiKey) {
        let (prefix, reason) = (key.prefix().to_owned(), None);
        self.ask(|act| tenant::Command::RevokeKey {
            prefix,
            reason,
            act,
        })
        .await;
    }

    async fn suspend(&self) {
        let reason = "unpaid".to_owned();
        self.ask(|act| tenant::Command::Suspend { reason, act })
            .await;
    }

    /// The status and body of a list of tickets.
    async fn list(&self, key: &ApiKey) -> (StatusCode, Value) {
        let url = format!("http://{}/v1/tickets", self.app.addr());
        let reply = self.http.get(url).bearer_auth(key.expose()).send().await;
        let reply = reply.unwrap();
        (reply.status(), reply.json().await.unwrap())
    }

    /// A session of a user, opened with a token that `key` asked for.
    async fn session(&self, key: &ApiKey) -> SessionClient {
        let url = format!("http://{}/v1/session-tokens", self.app.addr());
        let asked = self.http.post(url).bearer_auth(key.expose());
        let reply = asked.json(&json!({ "user": "student-1" })).send().await;
        let reply: Value = reply.unwrap().json().await.unwrap();
        let url = reply["url"].as_str().unwrap().parse().unwrap();
        let token = reply["token"].as_str().unwrap();
        let opened = SessionClient::connect(&url, token, ORIGIN, &[]).await;
        opened.unwrap().0
    }
}

/// How the server closed a session, within five seconds.
async fn closed(session: &mut SessionClient) -> Closed {
    let ended = async { while session.frame().await.unwrap().is_some() {} };
    let within = tokio::time::timeout(Duration::from_secs(5), ended).await;
    within.expect("it is closed in time");
    session.closed().cloned().expect("the server said why")
}

#[test]
fn a_key_opens_from_its_issue_to_its_revocation_and_takes_its_sessions_with_it() {
    let data = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let company = Company::open(data.path(), "onehour", &[]).await;
        let (key, other) = (ApiKey::generate().unwrap(), ApiKey::generate().unwrap());
        assert_eq!(company.list(&key).await.0, StatusCode::UNAUTHORIZED);
        company.issue_key(&key).await;
        company.issue_key(&other).await;
        assert_eq!(company.list(&key).await.0, StatusCode::OK);
        let mut session = company.session(&key).await;
        let mut stays = company.session(&other).await;

        company.revoke(&key).await;
        let (status, problem) = company.list(&key).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(problem["code"], "unauthorized");
        assert_eq!(closed(&mut session).await.code, 4403);
        stays.ping(Some("1")).await.unwrap();
        assert!(stays.frame().await.unwrap().is_some());
        assert_eq!(company.list(&other).await.0, StatusCode::OK);
        company.app.stop().await;
    });
}

#[test]
fn a_rotated_key_and_its_sessions_end_when_their_time_is_over() {
    let data = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let company = Company::open(data.path(), "onehour", &[]).await;
        let (old, new) = (ApiKey::generate().unwrap(), ApiKey::generate().unwrap());
        company.issue_key(&old).await;
        let mut session = company.session(&old).await;
        let key = IssuedKey {
            prefix: new.prefix().to_owned(),
            sha256: new.hash().to_string(),
            name: None,
            roles: [].into(),
            expires_at: None,
        };
        let begun = Instant::now();
        let until = company.app.tenants().now().plus(Duration::from_secs(1));
        let prefix = old.prefix().to_owned();
        company
            .ask(|act| tenant::Command::RotateKey {
                prefix,
                key,
                until,
                act,
            })
            .await;
        for key in [&old, &new] {
            assert_eq!(company.list(key).await.0, StatusCode::OK);
        }
        assert_eq!(closed(&mut session).await.code, 4403);
        assert!(begun.elapsed() >= Duration::from_secs(1), "it had its time");
        assert_eq!(company.list(&old).await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(company.list(&new).await.0, StatusCode::OK);
        company.app.stop().await;
    });
}

#[test]
fn a_suspended_company_is_told_so_and_comes_back_when_it_is_resumed() {
    let data = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let company = Company::open(data.path(), "onehour", &[]).await;
        let key = ApiKey::generate().unwrap();
        company.issue_key(&key).await;
        let mut session = company.session(&key).await;
        company.suspend().await;
        let (status, problem) = company.list(&key).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(problem["code"], "tenant_suspended");
        assert!(problem["detail"].as_str().unwrap().contains("unpaid"));
        let stranger = ApiKey::generate().unwrap();
        assert_eq!(company.list(&stranger).await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(closed(&mut session).await.code, 4403);
        company.ask(|act| tenant::Command::Resume { act }).await;
        assert_eq!(company.list(&key).await.0, StatusCode::OK);
        company.app.stop().await;
    });
}

#[test]
fn what_was_changed_while_it_ran_is_there_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let configured = ApiKey::generate().unwrap();
        let (prefix, hash) = (configured.prefix(), configured.hash());
        let keys = format!("[{{ prefix = \"{prefix}\", sha256 = \"{hash}\" }}]");
        let overrides = [("PUNCHCARD__TENANTS__ONEHOUR__KEYS", keys.as_str())];
        let company = Company::open(data.path(), "onehour", &overrides).await;
        let key = ApiKey::generate().unwrap();
        assert_eq!(company.list(&configured).await.0, StatusCode::OK);
        company.issue_key(&key).await;
        company.revoke(&configured).await;
        let limits = TenantLimits {
            weight: Some(3),
            ..TenantLimits::default()
        };
        let wanted = limits.clone();
        company
            .ask(|act| tenant::Command::SetLimits { limits, act })
            .await;
        let before = company.app.tenants().directory().all();
        company.app.stop().await;

        let company = Company::open(data.path(), "onehour", &overrides).await;
        let directory = company.app.tenants().directory();
        assert_eq!(directory.all(), before, "nothing was undone, or done again");
        assert_eq!(*directory.tenant(&company.id).unwrap().limits, wanted);
        assert_eq!(company.list(&key).await.0, StatusCode::OK);
        let refused = company.list(&configured).await.0;
        assert_eq!(refused, StatusCode::UNAUTHORIZED, "revoked is revoked");
        company.app.stop().await;

        let renamed = [("PUNCHCARD__TENANTS__ONEHOUR__NAME", "Another name")];
        let company = Company::open(data.path(), "onehour", &renamed).await;
        let state = company.app.tenants().directory().tenant(&company.id);
        let state = state.unwrap();
        assert_eq!(state.name, "Another name");
        let history = company.app.tenants().history(&company.id, None, 500);
        let last = history.await.unwrap().pop().unwrap().event;
        assert_eq!(last.kind, "TenantRenamed");
        assert!(last.data.contains("configuration"), "{}", last.data);
        assert_eq!(*state.limits, wanted);
        company.app.stop().await;
    });
}

#[test]
fn a_company_that_no_configuration_knows_issues_tickets() {
    let data = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let company = Company::open(data.path(), "newcomer", &[]).await;
        let name = "A newcomer".to_owned();
        company
            .ask(|act| tenant::Command::Create { name, act })
            .await;
        let key = ApiKey::generate().unwrap();
        company.issue_key(&key).await;
        let onehour = TenantId::new("onehour").unwrap();
        let (prompts, task) = (company.app.prompts(), TaskName::new(TASK).unwrap());
        let lent = prompts.version(&onehour, &task, 1).await.unwrap().unwrap();
        let adopt = Command::Adopt {
            content: lent,
            act: prompts.act(Author::Configuration),
        };
        prompts.execute(&company.id, &task, adopt).await.unwrap();
        let url = format!("http://{}/v1/tickets", company.app.addr());
        let body = json!({
            "task": TASK, "input": { "question": "Why is the sky blue?", "level": "middle" },
        });
        let asked = company.http.post(url).bearer_auth(key.expose()).json(&body);
        let reply = asked.send().await.unwrap();
        assert_eq!(
            reply.status(),
            StatusCode::ACCEPTED,
            "{:?}",
            reply.text().await
        );
        company.app.stop().await;
    });
}
