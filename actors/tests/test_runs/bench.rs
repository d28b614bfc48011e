//! A prompt, its test set, and the runs that test it.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr};
use punchcard_actors::guards::GuardOptions;
use punchcard_actors::llm::{LlmOptions, LlmSupervisor};
use punchcard_actors::ports::{Clock, Direction, EventStore, Unlimited};
use punchcard_actors::prompts::{ContentName, Following, Prompts};
use punchcard_actors::test_runs::{
    Price, RunView, TestRunError, TestRunOptions, TestRunParts, TestRuns,
};
use punchcard_actors::testing::clock::TestClock;
use punchcard_actors::testing::judges::PlainJudges;
use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_actors::testing::model::ScriptedModel;
use punchcard_actors::testing::prompts::PlainCheck;
use punchcard_actors::testing::world::{task, tenant};
use punchcard_events::prompt::{
    Author, Command, Content, Expectation, PromptEvent, PromptTested, TestCase,
};
use punchcard_events::test_run::{self, TestRunEvent};
use punchcard_events::{LabelName, StreamName};
use serde_json::{Value, json};
use uuid::Uuid;

/// The world of a test.
pub(crate) struct Bench {
    pub(crate) store: MemoryStore,
    pub(crate) model: ScriptedModel,
    pub(crate) prompts: Prompts,
    pub(crate) runs: TestRuns,
    _following: Following,
    _llm: Addr<LlmSupervisor>,
}

/// One case at a time, unless a test says otherwise.
pub(crate) fn options() -> TestRunOptions {
    let price = Price {
        input_per_million_usd: 1_000.0,
        output_per_million_usd: 2_000.0,
    };
    TestRunOptions {
        concurrency: NonZeroUsize::MIN,
        prices: BTreeMap::from([("gpt".to_owned(), price)]),
        ..TestRunOptions::default()
    }
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(options()).await
    }

    pub(crate) async fn with(options: TestRunOptions) -> Self {
        Self::over(MemoryStore::new(), ScriptedModel::new(), options).await
    }

    /// Over a store with a past.
    pub(crate) async fn over(
        store: MemoryStore,
        model: ScriptedModel,
        options: TestRunOptions,
    ) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::new());
        let shared: Arc<dyn EventStore> = Arc::new(store.clone());
        let opened = Prompts::open(
            Arc::clone(&shared),
            Arc::clone(&clock),
            Arc::new(PlainCheck),
        );
        let (prompts, following) = opened.await.unwrap();
        let limits = LlmOptions {
            max_concurrency: HashMap::new(),
            default_max_concurrency: 64,
            guard: GuardOptions::default(),
        };
        let llm = LlmSupervisor::new(Arc::new(model.clone()), limits, Arc::new(Unlimited), clock);
        let parts = TestRunParts {
            store: shared,
            llm: llm.handle(),
            prompts: prompts.clone(),
            judges: Arc::new(PlainJudges),
        };
        Self {
            store,
            model,
            prompts,
            runs: TestRuns::new(parts, options),
            _following: following,
            _llm: llm.start(),
        }
    }

    pub(crate) async fn does(&self, command: Command) {
        let (tenant, task) = (tenant(), task("review"));
        let done = self.prompts.execute(&tenant, &task, command);
        done.await.unwrap();
    }

    /// Makes these the test set.
    pub(crate) async fn cases(&self, cases: Vec<TestCase>) {
        let state = self
            .prompts
            .state(&tenant(), &task("review"))
            .await
            .unwrap();
        let present = state.and_then(|state| state.test_set);
        self.does(Command::SaveTestSet {
            expected_number: present.map(|set| set.number),
            cases,
            act: self.prompts.act(author()),
        })
        .await;
    }

    /// Makes a prompt that says this the draft.
    pub(crate) async fn draft(&self, words: &str) {
        let state = self
            .prompts
            .state(&tenant(), &task("review"))
            .await
            .unwrap();
        let present = state.and_then(|state| state.draft);
        self.does(Command::SaveDraft {
            expected_edit: present.map(|draft| draft.edit),
            based_on: None,
            content: content(words),
            act: self.prompts.act(author()),
        })
        .await;
    }

    /// Publishes a prompt that says this; the version's number.
    pub(crate) async fn publish(&self, words: &str) -> u32 {
        self.draft(words).await;
        let state = self
            .prompts
            .state(&tenant(), &task("review"))
            .await
            .unwrap();
        let state = state.unwrap();
        self.does(Command::Publish {
            expected_edit: state.draft.unwrap().edit,
            content: content(words),
            notes: String::new(),
            act: self.prompts.act(author()),
        })
        .await;
        u32::try_from(state.versions.len()).unwrap() + 1
    }

    /// Puts a version into production.
    pub(crate) async fn deploy(&self, version: u32) {
        self.does(Command::MoveLabel {
            label: LabelName::production(),
            version,
            expected: None,
            expected_canary: None,
            reason: None,
            override_reason: Some("a test".to_owned()),
            act: self.prompts.act(author()),
        })
        .await;
    }

    /// Starts a run of the draft.
    pub(crate) async fn start(&self) -> Result<Uuid, TestRunError> {
        self.start_of(ContentName::Draft).await
    }

    pub(crate) async fn start_of(&self, name: ContentName) -> Result<Uuid, TestRunError> {
        let (tenant, task) = (tenant(), task("review"));
        self.runs.start(&tenant, &task, &name, author()).await
    }

    /// Runs the draft to the run's end.
    pub(crate) async fn test(&self) -> RunView {
        self.test_of(ContentName::Draft).await
    }

    pub(crate) async fn test_of(&self, name: ContentName) -> RunView {
        let run = self.start_of(name).await.unwrap();
        self.ended(run).await
    }

    /// Stops a run, for this reason.
    pub(crate) async fn stop(&self, run: Uuid, reason: &str) -> Result<RunView, TestRunError> {
        let reason = Some(reason.to_owned());
        self.runs.stop(&tenant(), run, author(), reason).await
    }

    /// Waits for the run's end.
    pub(crate) async fn ended(&self, run: Uuid) -> RunView {
        let hours = Duration::from_hours(6);
        let view = self.runs.wait(&tenant(), run, hours).await;
        view.unwrap().unwrap()
    }

    pub(crate) async fn status(&self, run: Uuid) -> RunView {
        self.runs.status(&tenant(), run).await.unwrap().unwrap()
    }

    /// The results in the prompt's stream.
    pub(crate) async fn results(&self) -> Vec<PromptTested> {
        let stream = StreamName::of_prompt(&tenant(), &task("review"));
        let events = self.events(&stream).await.into_iter();
        let events =
            events.map(|(kind, version, data)| PromptEvent::decode(&kind, version, &data).unwrap());
        events
            .filter_map(|event| match event {
                PromptEvent::PromptTested(tested) => Some(tested),
                _ => None,
            })
            .collect()
    }

    /// The events of a run.
    pub(crate) async fn stream(&self, run: Uuid) -> Vec<TestRunEvent> {
        let events = self.events(&test_run::stream(run)).await.into_iter();
        let decode = |(kind, version, data): (String, u16, String)| {
            TestRunEvent::decode(&kind, version, &data).unwrap()
        };
        events.map(decode).collect()
    }

    async fn events(&self, stream: &StreamName) -> Vec<(String, u16, String)> {
        let forwards = Direction::Forwards;
        let read = self.store.read_stream(stream, None, forwards, 1_000);
        let read = read.await.unwrap().into_iter();
        let body = |recorded: punchcard_events::Recorded| {
            let event = recorded.event;
            (event.kind.into_owned(), event.schema_version, event.data)
        };
        read.map(body).collect()
    }
}

pub(crate) fn author() -> Author {
    Author::Key {
        prefix: "pk_test_mina".to_owned(),
        name: Some("mina".to_owned()),
    }
}

pub(crate) fn content(words: &str) -> Arc<Content> {
    let content = json!({
        "messages": [{ "role": "user", "content": words }],
        "model": "gpt",
        "answer": "text",
    });
    Arc::new(serde_json::from_value(content).unwrap())
}

/// A case whose answer must contain `good`.
pub(crate) fn case(name: &str) -> TestCase {
    expecting(name, vec![Expectation::Contains("good".to_owned())])
}

/// So many of them.
pub(crate) fn cases(count: usize) -> Vec<TestCase> {
    (0..count).map(|n| case(&format!("case-{n:03}"))).collect()
}

pub(crate) fn expecting(name: &str, expect: Vec<Expectation>) -> TestCase {
    TestCase {
        name: name.to_owned(),
        input: Arc::new(Value::from(name)),
        expect,
    }
}
