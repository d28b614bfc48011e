//! Results of earlier runs: what is in production was often tested with the same cases before, and
//! need not be asked again.

use std::collections::BTreeSet;

use punchcard_events::TenantId;
use punchcard_events::prompt::{ContentHash, PromptTested, TestSet};
use punchcard_events::test_run::{Arm, TestCaseFinished, TestRun};
use uuid::Uuid;

use super::{TestRunError, TestRunParts, read};

/// The most runs that are read in search of results.
const MOST_RUNS: usize = 8;

/// Results that are looked for.
pub(super) struct Wanted<'a> {
    /// Of this content.
    pub(super) hash: ContentHash,
    /// For all of these cases.
    pub(super) test_set: &'a TestSet,
}

/// The newest run that holds the wanted results, and these: one that tested this content, or one that compared
/// another with it.
pub(super) async fn find(
    parts: &TestRunParts,
    tenant: &TenantId,
    tests: &[PromptTested],
    wanted: &Wanted<'_>,
) -> Result<Option<(Uuid, Vec<TestCaseFinished>)>, TestRunError> {
    let same_set = tests.iter().rev();
    let same_set = same_set.filter(|test| test.test_set == wanted.test_set.number);
    let (direct, beside): (Vec<_>, Vec<_>) = same_set.partition(|test| test.hash == wanted.hash);
    for test in direct.into_iter().chain(beside).take(MOST_RUNS) {
        match read::run(parts, tenant, test.run).await {
            Ok(Some(run)) if wanted.stands_in(&run) => {
                return Ok(Some((test.run, results(&run, wanted.hash))));
            }
            // An old run that cannot be read is no reason not to test anew.
            Ok(_) | Err(TestRunError::Damaged(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

impl Wanted<'_> {
    fn stands_in(&self, run: &TestRun) -> bool {
        let found = results(run, self.hash);
        let found: BTreeSet<_> = found.iter().map(|case| case.case.as_str()).collect();
        let cases = &self.test_set.cases;
        run.started.test_set == self.test_set.number
            && cases.iter().all(|case| found.contains(case.name.as_str()))
    }
}

/// The results of a content that a run's own stream holds, as those of a baseline.
pub(super) fn results(run: &TestRun, hash: ContentHash) -> Vec<TestCaseFinished> {
    let compared = run.started.baseline;
    let found = if run.started.hash == hash {
        run.cases(Arm::Candidate)
    } else if compared.is_some_and(|baseline| baseline.hash == hash) {
        run.cases(Arm::Baseline)
    } else {
        &[]
    };
    let as_baseline = found.iter().map(|case| TestCaseFinished {
        arm: Arm::Baseline,
        ..case.clone()
    });
    as_baseline.collect()
}
