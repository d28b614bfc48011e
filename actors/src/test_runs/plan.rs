//! What a run is going to do, found out before it begins.

use std::sync::Arc;

use punchcard_events::prompt::{Author, Content, PromptState, TestSet};
use punchcard_events::test_run::{Arm, Baseline, TestCaseFinished, TestRunStarted};
use punchcard_events::ticket::Parameters;
use punchcard_events::{TaskName, TenantId};
use uuid::Uuid;

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
        let subject = |arm, content: &Arc<Content>| {
            let judge = parts.judges.of(content).map_err(TestRunError::Unusable)?;
            Ok::<_, TestRunError>(Subject {
                arm,
                model: content.model.as_str().into(),
                parameters: Arc::new(content.parameters.clone()),
                judge,
            })
        };
        let candidate = subject(Arm::Candidate, &named.content)?;
        let mut compared = production(&state).filter(|(baseline, _)| baseline.hash != named.hash);
        let (mut baseline, mut reused) = (None, vec![]);
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
                None => baseline = Some(subject(Arm::Baseline, content)?),
            }
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
