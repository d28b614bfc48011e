//! What a run is going to do, found out before it begins.

use std::sync::Arc;

use punchcard_events::prompt::{Author, Content, PromptState, TestSet};
use punchcard_events::test_run::{Arm, Baseline, TestCaseFinished, TestRunStarted};
use punchcard_events::ticket::Parameters;
use punchcard_events::{TaskName, TenantId};
use uuid::Uuid;

use super::aside::aside;
use super::{Shared, TestRunError, earlier};
use crate::ports::Judge;
use crate::prompts::ContentName;

/// What somebody wants to be tested.
pub(super) struct Asked {
    pub(super) run: Uuid,
    pub(super) tenant: TenantId,
    pub(super) task: TaskName,
    pub(super) name: ContentName,
    pub(super) by: Author,
}

/// A run that can begin.
pub(super) struct Plan {
    pub(super) asked: Asked,
    pub(super) started: TestRunStarted,
    pub(super) test_set: Arc<TestSet>,
    pub(super) candidate: Subject,
    /// What is in production, where it has to be asked.
    pub(super) baseline: Option<Subject>,
    /// Its results, where an earlier run has them.
    pub(super) reused: Vec<TestCaseFinished>,
}

/// A content that answers.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) arm: Arm,
    pub(super) model: Arc<str>,
    pub(super) parameters: Arc<Parameters>,
    /// The most that an answer may have.
    pub(super) max_answer_bytes: usize,
    pub(super) judge: Arc<dyn Judge>,
}

impl Plan {
    /// Finds out what there is to do.
    pub(super) async fn make(shared: &Shared, asked: Asked) -> Result<Self, TestRunError> {
        let parts = &shared.parts;
        let prompts = &parts.prompts;
        let named = prompts.sound_content(&asked.tenant, &asked.task, &asked.name);
        let named = named.await?;
        let state = prompts.state(&asked.tenant, &asked.task).await?;
        let state = state.unwrap_or_default();
        let test_set = state.test_set.as_ref().filter(|set| !set.cases.is_empty());
        let Some(test_set) = test_set.map(Arc::clone) else {
            return Err(TestRunError::NoTestCases(asked.task));
        };
        let candidate = subject(shared, &asked, Arm::Candidate, &named.content);
        let candidate = candidate.await.map_err(TestRunError::Unusable)?;
        let mut compared = production(&state).filter(|(baseline, _)| baseline.hash != named.hash);
        let (mut baseline, mut reused, mut unusable) = (None, vec![], None);
        if let Some((compared, content)) = &mut compared {
            let wanted = earlier::Wanted {
                hash: compared.hash,
                test_set: &test_set,
            };
            match earlier::find(parts, &asked.tenant, &state.tests, &wanted).await? {
                Some((run, results)) => {
                    compared.reused = Some(run);
                    reused = results;
                }
                None => match subject(shared, &asked, Arm::Baseline, content).await {
                    Ok(found) => baseline = Some(found),
                    // What cannot be used is no reason to keep its replacement from being tested.
                    Err(_) => unusable = Some(compared.version),
                },
            }
        }
        if let Some(version) = unusable {
            let (run, tenant, task) = (asked.run, &asked.tenant, &asked.task);
            tracing::warn!(test_run.id = %run, %tenant, %task, version, "tested alone: the version in production cannot be used");
            compared = None;
        }
        let started = TestRunStarted {
            task: asked.task.clone(),
            tested: named.which,
            hash: named.hash,
            baseline: compared.map(|(baseline, _)| baseline),
            test_set: test_set.number,
            cases: u32::try_from(test_set.cases.len()).unwrap_or(u32::MAX),
            act: prompts.act(asked.by.clone()),
        };
        Ok(Self {
            asked,
            started,
            test_set,
            candidate,
            baseline,
            reused,
        })
    }
}

/// A content, ready to answer; or why it cannot be used.
async fn subject(
    shared: &Shared,
    asked: &Asked,
    arm: Arm,
    content: &Arc<Content>,
) -> Result<Subject, String> {
    let judges = Arc::clone(&shared.parts.judges);
    let (tenant, task) = (asked.tenant.clone(), asked.task.clone());
    let judged = Arc::clone(content);
    let judge = aside(move || judges.of(&tenant, &task, &judged)).await?;
    let max_answer_bytes = judge
        .max_answer_bytes()
        .unwrap_or(shared.options.max_answer_bytes);
    Ok(Subject {
        arm,
        model: content.model.as_str().into(),
        parameters: Arc::new(content.parameters.clone()),
        max_answer_bytes: max_answer_bytes.get(),
        judge,
    })
}

/// The version in production.
fn production(state: &PromptState) -> Option<(Baseline, Arc<Content>)> {
    let version = state.version(state.production()?)?;
    let baseline = Baseline {
        version: version.number,
        hash: version.hash,
        reused: None,
    };
    Some((baseline, Arc::clone(&version.content)))
}
