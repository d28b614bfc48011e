//! Reading runs back from their streams.

use punchcard_events::TenantId;
use punchcard_events::test_run::{TestRun, TestRunEvent, stream};
use uuid::Uuid;

use super::view::RunView;
use super::{TestRunError, TestRunParts, earlier};
use crate::ports::Direction;

/// Events that are read at a time.
const PAGE: usize = 200;

/// The run as its stream tells it; `None` where the tenant has none.
pub(super) async fn run(
    parts: &TestRunParts,
    tenant: &TenantId,
    run: Uuid,
) -> Result<Option<TestRun>, TestRunError> {
    let stream = stream(run);
    let mut state = None;
    let mut from = None;
    loop {
        let page = parts
            .store
            .read_stream(&stream, from, Direction::Forwards, PAGE)
            .await?;
        for recorded in &page {
            let event = &recorded.event;
            if event.tenant != *tenant {
                return Ok(None);
            }
            let event = TestRunEvent::decode(&event.kind, event.schema_version, &event.data);
            let event = event.map_err(|error| TestRunError::Damaged(error.to_string()))?;
            state = TestRun::fold(state, &event);
        }
        match page.last() {
            Some(last) if page.len() == PAGE => from = Some(last.revision.next()),
            _ => return Ok(state),
        }
    }
}

/// How a run stands that does not run here.
pub(super) async fn ended(
    parts: &TestRunParts,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Option<RunView>, TestRunError> {
    let Some(run) = run(parts, tenant, id).await? else {
        return Ok(None);
    };
    let run = with_reused(parts, tenant, id, run).await?;
    if run.end.is_some() {
        return Ok(Some(RunView::ended(id, run)));
    }
    // The process may have died between the result and the run's own end: the result counts.
    let state = parts.prompts.state(tenant, &run.started.task).await?;
    let tests = state.map(|state| state.tests).unwrap_or_default();
    let result = tests.into_iter().find(|test| test.run == id);
    Ok(Some(RunView::without_end(id, run, result)))
}

/// The run with the results of its baseline that it took from an earlier one.
async fn with_reused(
    parts: &TestRunParts,
    tenant: &TenantId,
    id: Uuid,
    mut state: TestRun,
) -> Result<TestRun, TestRunError> {
    let Some(baseline) = state.started.baseline else {
        return Ok(state);
    };
    let Some(reused) = baseline.reused.filter(|reused| *reused != id) else {
        return Ok(state);
    };
    if let Some(other) = run(parts, tenant, reused).await? {
        state.baseline = earlier::results(&other, baseline.hash);
    }
    Ok(state)
}
