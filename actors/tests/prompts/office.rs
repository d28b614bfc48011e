//! A planner's office: a desk over a store, and the commands that tests give it.

use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::ports::{EventStore, PromptCheck};
use punchcard_actors::prompts::{
    Effective, Executed, Following, NotEffective, PromptError, Prompts,
};
use punchcard_actors::testing::clock::{START, TestClock};
use punchcard_actors::testing::prompts::{PlainCheck, act, content};
use punchcard_events::prompt::{Act, Command, Draft, SeenCanary, Version};
use punchcard_events::{LabelName, TaskName, TenantId};

pub(crate) use punchcard_actors::testing::world::{in_paused_time, task, tenant};

/// One node's desk. Several over one store are several nodes.
pub(crate) struct Office {
    pub(crate) prompts: Prompts,
    pub(crate) tenant: TenantId,
    pub(crate) task: TaskName,
    _following: Following,
}

impl Office {
    pub(crate) async fn over(store: impl EventStore) -> Self {
        Self::with_check(store, PlainCheck).await
    }

    pub(crate) async fn with_check(store: impl EventStore, check: impl PromptCheck) -> Self {
        let clock = Arc::new(TestClock::new());
        let opened = Prompts::open(Arc::new(store), clock, Arc::new(check)).await;
        let (prompts, following) = opened.expect("the store can be read");
        Self {
            prompts,
            tenant: tenant(),
            task: task("review"),
            _following: following,
        }
    }

    /// Goes on with another task.
    pub(crate) fn at(mut self, name: &str) -> Self {
        self.task = task(name);
        self
    }

    pub(crate) async fn execute(&self, command: Command) -> Result<Executed, PromptError> {
        let executed = self.prompts.execute(&self.tenant, &self.task, command);
        executed.await
    }

    pub(crate) async fn save(&self, edit: Option<u32>, words: &str) -> Result<Draft, PromptError> {
        let (tenant, task) = (&self.tenant, &self.task);
        let saved = self
            .prompts
            .save_draft(tenant, task, edit, None, content(words), mina());
        Ok(saved.await?.0)
    }

    /// Writes and publishes a prompt that says `words`.
    pub(crate) async fn publish(&self, words: &str) -> Version {
        let draft = self
            .save(None, words)
            .await
            .expect("no draft is in the way");
        let (tenant, task) = (&self.tenant, &self.task);
        let published = self
            .prompts
            .publish(tenant, task, draft.edit, String::new(), mina());
        published.await.expect("a sound draft")
    }

    pub(crate) async fn deploy(&self, version: u32) -> Result<Executed, PromptError> {
        self.execute(move_to(version, "production")).await
    }

    pub(crate) async fn roll_back(&self) -> Result<Executed, PromptError> {
        let label = LabelName::production();
        let expected = self.production().map_or(0, |(version, _)| version);
        self.execute(Command::RollBack {
            label,
            expected,
            expected_canary: SeenCanary::Nothing,
            reason: None,
            act: mina(),
        })
        .await
    }

    /// What is in production for nobody in particular.
    pub(crate) fn effective(&self) -> Result<Effective, NotEffective> {
        let book = self.prompts.book();
        book.effective(&self.tenant, &self.task, None, None)
    }

    /// The version in production and its words.
    pub(crate) fn production(&self) -> Option<(u32, String)> {
        let effective = self.effective().ok()?;
        let words = effective.content.messages[0].content.clone();
        Some((effective.version, words))
    }

    /// Waits until this node's book says that `version` is in production.
    pub(crate) async fn sees(&self, version: u32) {
        let patience = Duration::from_secs(60);
        let seen = tokio::time::timeout(patience, async {
            while self.production().map(|(version, _)| version) != Some(version) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        seen.await.expect("the deployment arrives");
    }
}

pub(crate) fn move_to(version: u32, label: &str) -> Command {
    Command::MoveLabel {
        label: LabelName::new(label).expect("a label"),
        version,
        expected: None,
        expected_canary: None,
        reason: None,
        override_reason: Some("a test".to_owned()),
        act: mina(),
    }
}

pub(crate) fn mina() -> Act {
    act("mina", START)
}
