//! Which canaries run, told to whoever follows them.

use std::collections::BTreeMap;
use std::sync::Arc;

use punchcard_events::prompt::CanaryStarted;
use punchcard_events::{TaskName, TenantId};
use tokio::sync::watch;
use uuid::Uuid;

/// The running canaries by their ids.
pub(super) type Canaries = BTreeMap<Uuid, RunningCanary>;

/// A canary of one prompt.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RunningCanary {
    pub(super) tenant: TenantId,
    pub(super) task: TaskName,
    pub(super) started: CanaryStarted,
}

/// Where the book notes them. Clones share the note.
#[derive(Debug, Clone, Default)]
pub(super) struct CanaryBoard(Arc<watch::Sender<Canaries>>);

impl CanaryBoard {
    /// The canaries now, and each change to come.
    pub(super) fn follow(&self) -> watch::Receiver<Canaries> {
        self.0.subscribe()
    }

    /// Notes which canary a prompt has now. Nobody is woken where that is no news.
    pub(super) fn note(&self, tenant: &TenantId, task: &TaskName, now: Option<&CanaryStarted>) {
        self.0.send_if_modified(|canaries| {
            let mut present = canaries
                .iter()
                .filter(|(_, canary)| canary.tenant == *tenant && canary.task == *task);
            let present = present.next().map(|(id, _)| *id);
            if present == now.map(|started| started.canary) {
                return false;
            }
            if let Some(over) = present {
                canaries.remove(&over);
            }
            if let Some(started) = now {
                let running = RunningCanary {
                    tenant: tenant.clone(),
                    task: task.clone(),
                    started: started.clone(),
                };
                canaries.insert(started.canary, running);
            }
            true
        });
    }
}
