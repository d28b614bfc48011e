//! Commands: load, decide, append, and into the book before the author is answered.

use std::borrow::Cow;

use punchcard_events::prompt::{Command, PromptEvent, PromptState, decide};
use punchcard_events::{EventId, NewEvent, Revision, StreamName, TaskName, TenantId, Timestamp};

use super::stream::load;
use super::{PromptError, Prompts};
use crate::aggregate::append;
use crate::ports::{ExpectedRevision, ReadError};

/// How often a command is decided: again once for each time somebody else was faster, where the
/// command says what its author saw ([`Command::is_bound`]). Another one would do something to a
/// prompt that nobody looked at.
const DECISIONS: u32 = 3;

/// The most prompts a tenant may have: the book holds all of them in memory.
pub const MAX_PROMPTS: usize = 50_000;

/// What a command led to.
#[derive(Debug, Clone, PartialEq)]
pub struct Executed {
    /// What happened; nothing, where the command asked for what was already true.
    pub events: Vec<PromptEvent>,
    /// The prompt after that.
    pub state: PromptState,
}

impl Prompts {
    /// Does what `command` asks for. When this returns, it is durable and in the book. The time that
    /// is recorded is that of the append, so that later events have later times.
    ///
    /// What brings a version to users is refused where that version has mistakes today: its model may
    /// have left the configuration since it was published. The way back from a canary is always open.
    ///
    /// # Errors
    /// See [`PromptError`]. [`PromptError::Rejected`] and [`PromptError::Conflict`] mean that
    /// nothing was written.
    pub async fn execute(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        command: Command,
    ) -> Result<Executed, PromptError> {
        let decisions = if command.is_bound() { DECISIONS } else { 1 };
        for _ in 0..decisions {
            match self.try_execute(tenant, task, command.clone()).await {
                Err(PromptError::Conflict) => {}
                done => return done,
            }
        }
        Err(PromptError::Conflict)
    }

    async fn try_execute(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        command: Command,
    ) -> Result<Executed, PromptError> {
        let mut loaded = load(self.store(), tenant, task).await?;
        let now = self.clock().now();
        let events = decide(&loaded.state, command.at(now))?;
        self.usable(tenant, task, &loaded.state, &events)?;
        let expected = loaded.expected();
        match expected {
            ExpectedRevision::NoStream if self.book().count(tenant) >= MAX_PROMPTS => {
                return Err(PromptError::TooManyPrompts { max: MAX_PROMPTS });
            }
            ExpectedRevision::NoStream | ExpectedRevision::Exact(_) => {}
        }
        if !events.is_empty() {
            let stream = StreamName::of_prompt(tenant, task);
            let mut new = Vec::with_capacity(events.len());
            let draft = self.draft_events(tenant, loaded.last_event, now);
            for event in &events {
                let data = event.encode().map_err(unencodable)?;
                new.push(draft(event.kind(), event.schema_version(), data));
            }
            append(self.store(), &stream, expected, &new).await?;
        }
        let revisions = (expected.first_new().0..).map(Revision);
        for (event, revision) in events.iter().zip(revisions) {
            loaded.fold(event, revision).map_err(PromptError::Damaged)?;
        }
        let (state, page) = loaded.into_page();
        if page.summary.revision.is_some() {
            self.book().put(tenant, task, page);
        }
        Ok(Executed { events, state })
    }

    /// Whether every version that the events bring to users is sound by today's configuration.
    fn usable(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        state: &PromptState,
        events: &[PromptEvent],
    ) -> Result<(), PromptError> {
        let brought = events.iter().filter_map(brought);
        for version in brought.filter_map(|number| state.version(number)) {
            let content = &version.content;
            // A version keeps to its own partials.
            let checked = self.check_with(tenant, task, content, &content.partials);
            if !checked.is_sound() {
                return Err(PromptError::BrokenVersion {
                    version: version.number,
                    findings: checked.findings,
                });
            }
        }
        Ok(())
    }

    /// Makes the events of one command: they share a correlation and happen at one time.
    pub(super) fn draft_events(
        &self,
        tenant: &TenantId,
        causation_id: Option<EventId>,
        now: Timestamp,
    ) -> impl Fn(&'static str, u16, String) -> NewEvent {
        let clock = self.clock().clone();
        let (tenant, correlation_id) = (tenant.clone(), clock.id());
        move |kind, schema_version, data| NewEvent {
            id: EventId(clock.id()),
            kind: Cow::Borrowed(kind),
            schema_version,
            tenant: tenant.clone(),
            correlation_id,
            causation_id,
            recorded_at: now,
            data,
        }
    }
}

/// The version that an event brings to users.
const fn brought(event: &PromptEvent) -> Option<u32> {
    match event {
        PromptEvent::LabelMoved(moved) => Some(moved.to),
        PromptEvent::CanaryStarted(canary) => Some(canary.version),
        PromptEvent::PromptDrafted(_)
        | PromptEvent::DraftDiscarded(_)
        | PromptEvent::PromptPublished(_)
        | PromptEvent::LabelRemoved(_)
        | PromptEvent::CanaryEnded(_)
        | PromptEvent::TestSetSaved(_)
        | PromptEvent::PromptTested(_)
        | PromptEvent::PromptShadowed(_)
        | PromptEvent::DeploymentPolicySet(_)
        | PromptEvent::PromptRetired(_)
        | PromptEvent::PromptRestored(_) => None,
    }
}

/// Everything that is stored came from JSON, or was refused by `decide` if it cannot be JSON.
pub(super) fn unencodable(error: serde_json::Error) -> PromptError {
    PromptError::from(ReadError::Damaged(format!(
        "an event cannot be written: {error}"
    )))
}
