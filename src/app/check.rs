//! Stand-in until the checker of `prompts` is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use punchcard_actors::ports::{Checked, Finding, PromptCheck, Severity};
use punchcard_events::prompt::Content;
use punchcard_events::{PartialName, TaskName, TenantId};

use crate::config::Config;
use crate::prompts::{CompiledPrompt, Limits};

pub(super) struct Compiles(Limits);

impl Compiles {
    pub(super) fn new(config: &Config) -> Self {
        let task = &config.defaults.task;
        Self(Limits {
            max_prompt_bytes: task.max_prompt_bytes,
            max_answer_bytes: task.max_answer_bytes,
        })
    }
}

impl PromptCheck for Compiles {
    fn check(
        &self,
        _: &TenantId,
        _: &TaskName,
        content: &Content,
        _: &BTreeMap<PartialName, String>,
    ) -> Checked {
        let content = Arc::new(content.clone());
        let flaws = CompiledPrompt::compile(&content, self.0).err();
        let findings = flaws.unwrap_or_default().into_iter().map(|flaw| Finding {
            severity: Severity::Error,
            place: flaw.place.to_string(),
            line: None,
            column: None,
            message: flaw.message,
            remedy: flaw.remedy,
        });
        Checked {
            findings: findings.collect(),
            content,
        }
    }
}
