//! Past tickets that are rendered again, with any version that was ever published.

use std::sync::Arc;

use punchcard_actors::ports::{Again, AgainError, Asked, Lane, Prepared};
use punchcard_actors::prompts::{NotEffective, PromptError};
use punchcard_events::Timestamp;
use punchcard_events::prompt::{Content, ContentHash};
use punchcard_events::ticket::{AnswerFormat, PromptRef, Terms};

use super::cache::Uncached;
use super::{Tasks, conversation, label};

/// A version that is to be rendered.
struct Chosen {
    number: u32,
    hash: ContentHash,
    content: Arc<Content>,
}

impl Tasks {
    /// See [`TaskBook::render_again`](punchcard_actors::ports::TaskBook::render_again).
    pub(super) async fn again(
        &self,
        asked: Asked<'_>,
        again: Again<'_>,
    ) -> Result<Prepared, AgainError> {
        if let Some(said) = asked.conversation
            && let Some(model) = asked.raw_model()
        {
            return Ok(conversation::prepare_raw(said, model));
        }
        let settings = self.settings.of(asked.tenant, asked.task);
        let settings = settings.ok_or_else(|| AgainError::UnknownTask(asked.task.clone()))?;
        let chosen = match again.version {
            Some(version) => self.by_number(asked, version).await?,
            None => self.by_label(asked)?,
        };
        let Chosen {
            number,
            hash,
            content,
        } = chosen;
        let prompt = self
            .compile(asked, &settings, &content, hash)
            .map_err(|why| match why {
                Uncached::Broken => AgainError::Broken(asked.task.clone()),
                Uncached::Unavailable => AgainError::Unavailable(asked.task.clone()),
            })?;
        let hooked = again.prepared_by_hook;
        let placed = conversation::place(&prompt, hooked, asked, again.input)
            .map_err(AgainError::Template)?;
        // The schema says what an issuer sends, not what a hook makes of it.
        if !hooked && let Err(misfit) = prompt.check_input(&placed.input, false) {
            return Err(AgainError::InvalidInput {
                pointer: misfit.pointer,
                message: misfit.message,
            });
        }
        let messages = prompt
            .render(&placed.input)
            .and_then(|own| conversation::join(own, placed.after, prompt.max_bytes()))
            .map_err(AgainError::Template)?;
        Ok(Prepared {
            messages,
            model: content.model.clone(),
            parameters: conversation::parameters(prompt.parameters(), asked.conversation),
            answer_format: content.answer,
            prompt: PromptRef {
                version: number,
                hash: hash.to_string(),
                label: asked.label.filter(|label| !label.is_production()).cloned(),
                canary: None,
            },
        })
    }

    /// See [`TaskBook::terms_of_fork`](punchcard_actors::ports::TaskBook::terms_of_fork).
    pub(super) fn fork_terms(
        &self,
        asked: Asked<'_>,
        model: &str,
        answer_format: AnswerFormat,
        now: Timestamp,
    ) -> Option<(Terms, Lane)> {
        let settings = self.settings.of(asked.tenant, asked.task)?;
        if !self.settings.has_model(model) {
            return None;
        }
        // No other model answers in its place: what is compared is the one that was asked for.
        let terms = Terms {
            pre_process: false,
            post_process: false,
            fallback_models: vec![],
            ..settings.terms(answer_format, now)
        };
        Some((terms, settings.raw_lane(model)))
    }

    async fn by_number(&self, asked: Asked<'_>, version: u32) -> Result<Chosen, AgainError> {
        let (tenant, task) = (asked.tenant, asked.task);
        let none = || AgainError::NoSuchVersion {
            task: task.clone(),
            version,
        };
        let book = self.prompts.book();
        let summary = book.summary(tenant, task).ok_or_else(none)?;
        let line = summary.version(version).ok_or_else(none)?;
        let content = self.prompts.version(tenant, task, version).await;
        let content = content.map_err(|error| match error {
            PromptError::Unavailable(_) => AgainError::Unavailable(task.clone()),
            error => {
                tracing::error!(%tenant, %task, version, %error, "a version cannot be read");
                AgainError::Broken(task.clone())
            }
        })?;
        Ok(Chosen {
            number: version,
            hash: line.hash,
            content: content.ok_or_else(none)?,
        })
    }

    fn by_label(&self, asked: Asked<'_>) -> Result<Chosen, AgainError> {
        let task = || asked.task.clone();
        let effective = self.effective(asked, None).map_err(|why| match why {
            NotEffective::NoSuchPrompt => AgainError::UnknownTask(task()),
            NotEffective::NotDeployed => AgainError::NotDeployed {
                task: task(),
                label: label(asked),
            },
            NotEffective::Broken => AgainError::Broken(task()),
        })?;
        Ok(Chosen {
            number: effective.version,
            hash: effective.hash,
            content: effective.content,
        })
    }
}
