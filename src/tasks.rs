//! Tasks: the [`TaskBook`] that tickets read.
//!
//! A task is its settings (sizes, retries, deadlines: the configuration; hooks: the directory of tenants)
//! and its prompt (the event store). A configured task may have its first prompt in the configuration; it
//! is taken over once ([`adopt`]). A task that only planners know has the settings that all tasks inherit.
//!
//! Not here: what a prompt is and says ([`prompts`](crate::prompts)), and which version is in effect
//! ([`PromptBook`](punchcard_actors::prompts::PromptBook)).

use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use punchcard_actors::ports::{
    Again, AgainError, AnswerError, Asked, InputRefusal, Lane, PrepareError, Prepared, TaskBook,
};
use punchcard_actors::prompts::{Effective, NotEffective, Prompts};
use punchcard_actors::tenants::Directory;
use punchcard_events::prompt::{Content, ContentHash};
use punchcard_events::ticket::{AnswerFormat, PromptRef, Terms};
use punchcard_events::{LabelName, Timestamp};
use serde_json::Value;

use crate::config::Config;
use crate::prompts::CompiledPrompt;

mod adoption;
mod again;
mod answered;
mod cache;
mod conversation;
mod flaws;
mod settings;
mod size;
#[cfg(test)]
mod tests;
mod try_out;

pub use adoption::{AdoptError, adopt};
pub(crate) use flaws::flaws;

use cache::{Cache, Uncached};
use settings::{Settings, TaskSettings};

/// Every tenant's tasks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tasks {
    settings: Arc<Settings>,
    prompts: Prompts,
    compiled: Arc<Cache>,
}

impl Tasks {
    /// The tasks of `config` and of the planners, of the tenants in `directory`.
    pub fn new(config: &Config, prompts: Prompts, directory: Directory) -> Self {
        Self::with_cache(config, prompts, directory, config.prompts.cached)
    }

    fn with_cache(
        config: &Config,
        prompts: Prompts,
        directory: Directory,
        cached: NonZeroUsize,
    ) -> Self {
        Self {
            settings: Arc::new(Settings::new(config, directory)),
            prompts,
            compiled: Arc::new(Cache::new(cached)),
        }
    }

    fn effective(&self, asked: Asked<'_>, sticky: Option<&str>) -> Result<Effective, NotEffective> {
        let book = self.prompts.book();
        book.effective(asked.tenant, asked.task, asked.label, sticky)
    }

    /// The content, ready for use.
    ///
    /// # Errors
    /// When it cannot be used, which is logged once, without any text of it: what was published was
    /// sound, so it was published by another release, or under other limits. Or not now.
    fn compile(
        &self,
        asked: Asked<'_>,
        settings: &TaskSettings,
        content: &Arc<Content>,
        hash: ContentHash,
    ) -> Result<Arc<CompiledPrompt>, Uncached> {
        let (tenant, task) = (asked.tenant, asked.task);
        let key = (tenant.clone(), task.clone(), hash);
        let compile = || CompiledPrompt::compile(content, settings.limits());
        self.compiled.get_or_compile(&key, compile, |flaws| {
            let place = flaws.first().map(|flaw| flaw.place.part());
            let count = flaws.len();
            tracing::error!(%tenant, %task, %hash, place, count, "a published prompt cannot be used");
        })
    }
}

#[async_trait]
impl TaskBook for Tasks {
    fn lane(&self, asked: Asked<'_>) -> Option<Lane> {
        let settings = self.settings.of(asked.tenant, asked.task)?;
        if let Some(model) = asked.raw_model() {
            let known = self.settings.has_model(model);
            return known.then(|| self.settings.inherited().raw_lane(model));
        }
        let effective = self.effective(asked, None).ok()?;
        Some(settings.lane(&effective.content))
    }

    /// An input is checked against what the label points to, canary or not: an issuer is told of a
    /// misfit with what is in production, and a canary that cannot take such an input fails, which
    /// is what takes it back.
    fn accept(
        &self,
        asked: Asked<'_>,
        input: &Value,
        now: Timestamp,
    ) -> Result<Terms, InputRefusal> {
        let task = || asked.task.clone();
        let settings = self.settings.of(asked.tenant, asked.task);
        let settings = settings.ok_or_else(|| InputRefusal::UnknownTask(task()))?;
        if let Some(model) = asked.raw_model() {
            if !self.settings.has_model(model) {
                return Err(InputRefusal::UnknownTask(task()));
            }
            return conversation::accept_raw(asked, &self.settings.inherited(), input, now);
        }
        let effective = self
            .effective(asked, None)
            .map_err(|why| refusal(why, asked, settings.configured))?;
        if effective.retired {
            return Err(InputRefusal::Retired(task()));
        }
        let limit = settings.max_input_bytes();
        let actual = conversation::bytes(asked, input);
        if actual > limit {
            return Err(InputRefusal::InputTooLarge { actual, limit });
        }
        let content = &effective.content;
        // It was configured when the version was published.
        if !self.settings.has_model(&content.model) {
            let (tenant, model) = (asked.tenant, &content.model);
            tracing::error!(%tenant, task = %asked.task, version = effective.version, model, "a published prompt asks a model that is not configured any more");
            return Err(InputRefusal::Broken(task()));
        }
        let prompt = self
            .compile(asked, &settings, content, effective.hash)
            .map_err(|why| match why {
                Uncached::Broken => InputRefusal::Broken(task()),
                Uncached::Unavailable => InputRefusal::Unavailable(task()),
            })?;
        let hooked = settings.has_pre_process();
        let placed = conversation::place(&prompt, hooked, asked, input).map_err(|message| {
            InputRefusal::InvalidInput {
                field: "/messages".to_owned(),
                message,
            }
        })?;
        prompt
            .check_input(&placed.input, hooked)
            .map_err(|misfit| InputRefusal::InvalidInput {
                field: format!("/input{}", misfit.pointer),
                message: misfit.message,
            })?;
        Ok(settings.terms(content.answer, now))
    }

    fn prepare(
        &self,
        asked: Asked<'_>,
        sticky: &str,
        input: &Value,
    ) -> Result<Prepared, PrepareError> {
        if let Some(said) = asked.conversation
            && let Some(model) = asked.raw_model()
        {
            return Ok(conversation::prepare_raw(said, model));
        }
        let gone = || PrepareError::UnknownTask(asked.task.clone());
        let settings = self
            .settings
            .of(asked.tenant, asked.task)
            .ok_or_else(gone)?;
        let broken = || PrepareError::Broken(asked.task.clone());
        let effective = self
            .effective(asked, Some(sticky))
            .map_err(|why| match why {
                NotEffective::NoSuchPrompt => gone(),
                NotEffective::NotDeployed => PrepareError::NotDeployed {
                    task: asked.task.clone(),
                    label: label(asked),
                },
                NotEffective::Broken => broken(),
            })?;
        let content = &effective.content;
        let prompt = self
            .compile(asked, &settings, content, effective.hash)
            .map_err(|why| match why {
                Uncached::Broken => broken(),
                Uncached::Unavailable => PrepareError::Unavailable(asked.task.clone()),
            })?;
        let placed = conversation::place(&prompt, settings.has_pre_process(), asked, input)
            .map_err(PrepareError::Template)?;
        let messages = prompt
            .render(&placed.input)
            .and_then(|own| conversation::join(own, placed.after, prompt.max_bytes()))
            .map_err(PrepareError::Template)?;
        Ok(Prepared {
            messages,
            model: content.model.clone(),
            parameters: conversation::parameters(prompt.parameters(), asked.conversation),
            answer_format: content.answer,
            prompt: PromptRef {
                version: effective.version,
                hash: effective.hash.to_string(),
                label: Some(effective.label).filter(|label| !label.is_production()),
                canary: effective.canary,
            },
        })
    }

    async fn render_again(
        &self,
        asked: Asked<'_>,
        again: Again<'_>,
    ) -> Result<Prepared, AgainError> {
        self.again(asked, again).await
    }

    fn terms_of_fork(
        &self,
        asked: Asked<'_>,
        model: &str,
        answer_format: AnswerFormat,
        now: Timestamp,
    ) -> Option<(Terms, Lane)> {
        self.fork_terms(asked, model, answer_format, now)
    }

    async fn check_answer(
        &self,
        asked: Asked<'_>,
        prompt: &PromptRef,
        content: &str,
    ) -> Result<(), AnswerError> {
        if prompt.is_none() {
            return conversation::check_raw(&self.settings.inherited(), content);
        }
        // A tenant that is out of service has tickets to end.
        let settings = self.settings.of(asked.tenant, asked.task);
        let settings = settings.unwrap_or_else(|| self.settings.inherited());
        match self.of_ticket(asked, &settings, prompt).await? {
            Some(prompt) => prompt.check_answer(content).map_err(AnswerError::Misfit),
            None => Ok(()),
        }
    }
}

fn refusal(why: NotEffective, asked: Asked<'_>, configured: bool) -> InputRefusal {
    let task = asked.task.clone();
    match why {
        NotEffective::NoSuchPrompt if !configured => InputRefusal::UnknownTask(task),
        NotEffective::NoSuchPrompt | NotEffective::NotDeployed => InputRefusal::NotDeployed {
            task,
            label: label(asked),
        },
        NotEffective::Broken => InputRefusal::Broken(task),
    }
}

fn label(asked: Asked<'_>) -> LabelName {
    asked.label.cloned().unwrap_or_else(LabelName::production)
}
