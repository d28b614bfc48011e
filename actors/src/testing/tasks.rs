//! A task book without files: tasks whose terms a test sets.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use punchcard_events::retry::RetryPolicy;
use punchcard_events::ticket::{
    AnswerFormat, Deadlines, Message, Parameters, PromptRef, Role, Terms,
};
use punchcard_events::{TaskName, Timestamp};
use serde_json::Value;

use crate::ports::{
    Again, AgainError, AnswerError, Asked, InputRefusal, Lane, PrepareError, Prepared, TaskBook,
};

type Check = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// One task: what its tickets are accepted under. Set the fields that matter to the test.
#[derive(Clone)]
pub struct PlainTask {
    /// Whether the tenant's API prepares the input.
    pub pre_process: bool,
    /// Whether the tenant's API persists the answer.
    pub post_process: bool,
    /// What the answer must be.
    pub answer_format: AnswerFormat,
    /// Tries of the model call.
    pub model_retry: RetryPolicy,
    /// Tries of each callback.
    pub callback_retry: RetryPolicy,
    /// From the request to the deadline of the answer.
    pub answer_within: Duration,
    /// From the request to the deadline of persisting it.
    pub persist_within: Duration,
    /// From the request to the deadline of delivering it.
    pub deliver_within: Duration,
    /// The longest a ticket may have to wait for its model.
    pub max_wait: Duration,
    /// The model to ask.
    pub model: String,
    /// Those to ask in turn where it cannot answer.
    pub fallback_models: Vec<String>,
    /// The members an input object must have.
    pub required: Vec<String>,
    /// The most bytes of an input.
    pub max_input_bytes: usize,
    /// What an answer must pass.
    pub check: Check,
    /// How many of the next answers cannot be checked, because nobody knows how.
    pub uncheckable: Arc<AtomicU32>,
    /// How many of the next preparations cannot be done now.
    pub unready: Arc<AtomicU32>,
    /// Whether the prompt cannot be rendered.
    pub broken_prompt: bool,
}

/// The book. Clones share the tasks.
#[derive(Debug, Clone, Default)]
pub struct PlainTasks {
    tasks: Arc<Mutex<HashMap<TaskName, PlainTask>>>,
}

impl Default for PlainTask {
    /// A task without callbacks: four tries a second apart and up, deadlines after one, two and
    /// three hours.
    fn default() -> Self {
        let retry = RetryPolicy {
            max_tries: 4,
            initial_delay_ms: 1_000,
            max_delay_ms: 8_000,
        };
        Self {
            pre_process: false,
            post_process: false,
            answer_format: AnswerFormat::Text,
            model_retry: retry,
            callback_retry: retry,
            answer_within: Duration::from_hours(1),
            persist_within: Duration::from_hours(2),
            deliver_within: Duration::from_hours(3),
            max_wait: Duration::from_mins(30),
            model: "small".to_owned(),
            fallback_models: vec![],
            required: vec![],
            max_input_bytes: 1 << 20,
            check: Arc::new(|_| Ok(())),
            uncheckable: Arc::default(),
            unready: Arc::default(),
            broken_prompt: false,
        }
    }
}

impl PlainTask {
    /// A task with both callbacks.
    pub fn with_callbacks() -> Self {
        Self {
            pre_process: true,
            post_process: true,
            ..Self::default()
        }
    }
}

impl PlainTask {
    fn terms(&self, now: Timestamp) -> Terms {
        Terms {
            pre_process: self.pre_process,
            post_process: self.post_process,
            answer_format: self.answer_format,
            model_retry: self.model_retry,
            callback_retry: self.callback_retry,
            deadlines: Deadlines {
                answer_by: now.plus(self.answer_within),
                persist_by: now.plus(self.persist_within),
                deliver_by: now.plus(self.deliver_within),
            },
            fallback_models: self.fallback_models.clone(),
        }
    }
}

impl fmt::Debug for PlainTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainTask").finish_non_exhaustive()
    }
}

impl PlainTasks {
    /// An empty book.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a task in, or changes it.
    pub fn set(&self, name: &TaskName, task: PlainTask) {
        self.tasks().insert(name.clone(), task);
    }

    /// Takes a task out.
    pub fn remove(&self, name: &TaskName) {
        self.tasks().remove(name);
    }

    fn find(&self, name: &TaskName) -> Option<PlainTask> {
        self.tasks().get(name).cloned()
    }

    fn tasks(&self) -> MutexGuard<'_, HashMap<TaskName, PlainTask>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TaskBook for PlainTasks {
    fn lane(&self, asked: Asked<'_>) -> Option<Lane> {
        let task = self.find(asked.task)?;
        Some(Lane {
            models: std::iter::once(task.model)
                .chain(task.fallback_models)
                .collect(),
            max_wait: task.max_wait,
        })
    }

    fn accept(
        &self,
        asked: Asked<'_>,
        input: &Value,
        now: Timestamp,
    ) -> Result<Terms, InputRefusal> {
        let task = self.find(asked.task);
        let task = task.ok_or_else(|| InputRefusal::UnknownTask(asked.task.clone()))?;
        let actual = input.to_string().len();
        if actual > task.max_input_bytes {
            return Err(InputRefusal::InputTooLarge {
                actual,
                limit: task.max_input_bytes,
            });
        }
        for member in &task.required {
            if input.get(member).is_none() {
                return Err(InputRefusal::InvalidInput {
                    field: format!("/input/{member}"),
                    message: format!("`{member}` is missing"),
                });
            }
        }
        Ok(task.terms(now))
    }

    fn prepare(
        &self,
        asked: Asked<'_>,
        _sticky: &str,
        input: &Value,
    ) -> Result<Prepared, PrepareError> {
        let task = self.find(asked.task);
        let task = task.ok_or_else(|| PrepareError::UnknownTask(asked.task.clone()))?;
        let said = asked.conversation.map(|said| said.messages.as_slice());
        if one_less(&task.unready) {
            return Err(PrepareError::Unavailable(asked.task.clone()));
        }
        if task.broken_prompt {
            return Err(PrepareError::Template("the template is broken".to_owned()));
        }
        Ok(Prepared {
            prompt: PromptRef {
                version: 1,
                hash: "0".repeat(64),
                label: asked.label.cloned(),
                canary: None,
            },
            messages: std::iter::once(Message {
                role: Role::User,
                content: input.to_string(),
            })
            .chain(said.unwrap_or_default().iter().cloned())
            .collect(),
            model: asked.raw_model().map_or(task.model, str::to_owned),
            parameters: Arc::new(Parameters::default()),
            answer_format: task.answer_format,
        })
    }

    /// Versions up to the second are there.
    async fn render_again(
        &self,
        asked: Asked<'_>,
        again: Again<'_>,
    ) -> Result<Prepared, AgainError> {
        let task = asked.task.clone();
        if let Some(version @ 3..) = again.version {
            return Err(AgainError::NoSuchVersion { task, version });
        }
        match self.prepare(asked, "", again.input) {
            Ok(prepared) => Ok(Prepared {
                prompt: PromptRef {
                    version: again.version.unwrap_or(1),
                    ..prepared.prompt
                },
                ..prepared
            }),
            Err(PrepareError::UnknownTask(task)) => Err(AgainError::UnknownTask(task)),
            Err(PrepareError::NotDeployed { task, label }) => {
                Err(AgainError::NotDeployed { task, label })
            }
            Err(PrepareError::Broken(task)) => Err(AgainError::Broken(task)),
            Err(PrepareError::Unavailable(task)) => Err(AgainError::Unavailable(task)),
            Err(PrepareError::Template(why)) => Err(AgainError::Template(why)),
        }
    }

    /// Every model is there but `gone`.
    fn terms_of_fork(
        &self,
        asked: Asked<'_>,
        model: &str,
        answer_format: AnswerFormat,
        now: Timestamp,
    ) -> Option<(Terms, Lane)> {
        let task = self.find(asked.task).filter(|_| model != "gone")?;
        let lane = Lane {
            models: vec![model.to_owned()],
            max_wait: task.max_wait,
        };
        Some((
            Terms {
                pre_process: false,
                post_process: false,
                answer_format,
                fallback_models: vec![],
                ..task.terms(now)
            },
            lane,
        ))
    }

    async fn check_answer(
        &self,
        asked: Asked<'_>,
        _prompt: &PromptRef,
        content: &str,
    ) -> Result<(), AnswerError> {
        let Some(task) = self.find(asked.task) else {
            return Ok(());
        };
        if one_less(&task.uncheckable) {
            return Err(AnswerError::Unavailable("the prompt is gone".to_owned()));
        }
        (task.check)(content).map_err(AnswerError::Misfit)
    }
}

/// Counts down, and says whether there was something left.
fn one_less(left: &AtomicU32) -> bool {
    let counted = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
        left.checked_sub(1)
    });
    counted.is_ok()
}
