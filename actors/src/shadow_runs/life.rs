//! The life of a run as an aggregate: its stream, and what is on the shelf.

use punchcard_events::recorded::DecodeError;
use punchcard_events::shadow_run::{
    Phase, RUN_CATEGORY, ShadowRunEvent, ShadowRunState, apply, run_of_stream, stream,
};
use punchcard_events::{NewEvent, StreamName, TenantId};
use uuid::Uuid;

use crate::aggregate::{Aggregate, Encoded, Shelf};

/// Shadow runs, by their ids.
#[derive(Debug)]
pub(super) struct Run;

impl Aggregate for Run {
    type Id = Uuid;
    type State = Option<ShadowRunState>;
    type Event = ShadowRunEvent;

    const CATEGORY: &'static str = RUN_CATEGORY;

    fn stream(id: &Uuid) -> StreamName {
        stream(*id)
    }

    fn id(stream: &StreamName) -> Option<Uuid> {
        run_of_stream(stream)
    }

    fn decode(stored: &NewEvent) -> Result<ShadowRunEvent, DecodeError> {
        ShadowRunEvent::decode(&stored.kind, stored.schema_version, &stored.data)
    }

    fn encode(event: &ShadowRunEvent) -> Result<Encoded, serde_json::Error> {
        Ok(Encoded {
            kind: event.kind(),
            schema_version: event.schema_version(),
            data: event.encode()?,
        })
    }

    fn apply(
        state: Option<ShadowRunState>,
        event: &ShadowRunEvent,
    ) -> Result<Option<ShadowRunState>, String> {
        let applied = apply(state, event);
        applied.map(Some).map_err(|illegal| illegal.to_string())
    }
}

/// The runs that are to be at work, the oldest first.
pub(super) fn to_run(shelf: &Shelf<Run>) -> Vec<Uuid> {
    let all = shelf.all().into_iter();
    all.filter(|(_, state)| is_running(state.as_ref().as_ref()))
        .map(|(run, _)| run)
        .collect()
}

/// The runs of a tenant that are running.
pub(super) fn running(shelf: &Shelf<Run>, tenant: &TenantId) -> Vec<Uuid> {
    let all = shelf.all().into_iter();
    all.filter(|(_, state)| {
        let state = state.as_ref().as_ref();
        is_running(state) && state.is_some_and(|state| state.started.tenant == *tenant)
    })
    .map(|(run, _)| run)
    .collect()
}

fn is_running(state: Option<&ShadowRunState>) -> bool {
    state.is_some_and(|state| state.phase == Phase::Running)
}
