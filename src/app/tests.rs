//! The whole program in one process, over a store on disk.

use std::sync::Arc;

use punchcard_actors::tickets::{Issue, Issued};
use punchcard_events::prompt::{Author, Command, Content, SeenCanary};
use punchcard_events::ticket::PromptRef;
use punchcard_events::{LabelName, TaskName, TenantId, UserId};
use serde_json::json;

use super::*;

mod deployments;
mod tenants;

const TASK: &str = "explanation";

struct Office {
    app: App,
    tenant: TenantId,
    task: TaskName,
}

impl Office {
    async fn open(data: &std::path::Path) -> Self {
        let overrides = [
            ("PUNCHCARD__STORE__DATA_DIR", data.to_str().unwrap()),
            ("PUNCHCARD__SERVER__LISTEN", "127.0.0.1:0"),
            ("PUNCHCARD__SERVER__ADMIN_LISTEN", "127.0.0.1:0"),
            ("PUNCHCARD__MODELS__DEMO__FIRST_TOKEN_DELAY", "1ms"),
            ("PUNCHCARD__MODELS__DEMO__TOKEN_DELAY", "0s"),
        ];
        let overrides = overrides.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let app = App::start(Config::demo(overrides).unwrap()).await.unwrap();
        Self {
            app,
            tenant: TenantId::new("onehour").unwrap(),
            task: TaskName::new(TASK).unwrap(),
        }
    }

    async fn issue(&self, label: Option<&str>) -> Issued {
        self.issue_for("student-1", label).await
    }

    async fn issue_for(&self, user: &str, label: Option<&str>) -> Issued {
        let issue = Issue {
            tenant: self.tenant.clone(),
            task: self.task.clone(),
            label: label.map(|label| LabelName::new(label).unwrap()),
            user: Some(UserId::new(user).unwrap()),
            input: Arc::new(json!({ "question": "Why is the sky blue?", "level": "middle" })),
            metadata: [].into(),
            priority: punchcard_events::ticket::Priority::Normal,
            not_before: None,
            deadline: None,
            batch: None,
            conversation: None,
            idempotency: None,
            traceparent: None,
        };
        self.app.runtime.tickets().issue(issue).await.unwrap()
    }

    /// What the next ticket runs. Its task has no hook, so it is prepared when it is accepted.
    async fn next(&self, label: Option<&str>) -> PromptRef {
        let issued = self.issue(label).await;
        issued.news.state.prepared().unwrap().prompt.clone()
    }

    async fn execute(&self, command: Command) {
        let executed = self.app.prompts.execute(&self.tenant, &self.task, command);
        executed.await.unwrap();
    }

    async fn deploy(&self, version: u32, label: &str) {
        self.execute(Command::MoveLabel {
            label: LabelName::new(label).unwrap(),
            version,
            expected: None,
            expected_canary: None,
            reason: None,
            override_reason: Some("a test".to_owned()),
            act: self.app.prompts.act(Author::Runtime),
        })
        .await;
    }

    /// Publishes the configured prompt with other words in front.
    async fn publish(&self, words: &str) {
        let (prompts, tenant, task) = (&self.app.prompts, &self.tenant, &self.task);
        let first = prompts.version(tenant, task, 1).await.unwrap().unwrap();
        let mut content = Content::clone(&first);
        content.messages[0].content.insert_str(0, words);
        let act = || prompts.act(Author::Runtime);
        let draft = prompts
            .save_draft(tenant, task, None, Some(1), content.into(), act())
            .await;
        let (draft, findings) = draft.unwrap();
        assert_eq!(findings, []);
        let notes = words.to_owned();
        let published = prompts.publish(tenant, task, draft.edit, notes, act());
        published.await.unwrap();
    }
}

#[test]
fn a_deployment_or_rollback_is_for_the_next_ticket_and_needs_no_restart() {
    let data = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let office = Office::open(data.path()).await;
        let configured = office.next(None).await;
        assert_eq!((configured.version, &configured.label), (1, &None));
        office.publish("Be brief. ").await;
        assert_eq!(
            office.next(None).await,
            configured,
            "published is not deployed"
        );
        office.deploy(2, "staging").await;
        assert_eq!(office.next(None).await, configured);
        let staged = office.next(Some("staging")).await;
        assert_eq!(staged.version, 2);
        assert_eq!(
            staged.label.map(|l| l.to_string()).as_deref(),
            Some("staging")
        );
        office.deploy(2, "production").await;
        let deployed = office.next(None).await;
        assert_eq!((deployed.version, &deployed.hash), (2, &staged.hash));
        office
            .execute(Command::RollBack {
                label: LabelName::production(),
                expected: 2,
                expected_canary: SeenCanary::Nothing,
                reason: None,
                act: office.app.prompts.act(Author::Runtime),
            })
            .await;
        assert_eq!(office.next(None).await, configured);
        office.deploy(2, "production").await;
        let running = office.issue(None).await;
        office.app.stop().await;

        let office = Office::open(data.path()).await;
        assert_eq!(
            office.next(None).await.version,
            2,
            "the store is what counts"
        );
        let history = office.app.runtime.tickets().look(running.ticket).await;
        let kept = history.unwrap().unwrap();
        assert_eq!(kept.state.prepared().unwrap().prompt.version, 2);
        office.app.stop().await;
    });
}
