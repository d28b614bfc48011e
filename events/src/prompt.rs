//! The prompt aggregate: what planners may do to a task's prompt, what has happened to it, and what
//! is in effect.
//!
//! A task has one prompt, a prompt has one draft, many numbered versions that never change, and
//! labels that point to versions. `production` is what tickets run; next to it a canary may serve a
//! share of the users. All of it is one stream, `prompt-<tenant>.<task>`.
//!
//! Not here: whether a template is sound (that needs the template engine, and is settled before a
//! command is made), and the answers of test runs, which have streams of their own
//! ([`test_run`](crate::test_run)).

mod apply;
mod canary;
mod codec;
mod command;
mod content;
mod decide;
mod deploy;
mod drafts;
mod event;
pub mod limits;
mod rejection;
mod state;
mod summary;
mod test_set;
mod testing;

pub use apply::{IllegalTransition, ReplayError, apply, evolve, replay};
pub use canary::in_canary;
pub use command::{Command, Seen};
pub use content::{Content, ContentHash, InvalidHash, MessageTemplate};
pub use decide::decide;
pub use event::{
    Act, Author, CanaryBounds, CanaryEnd, CanaryEnded, CanaryStarted, CanaryTally, Clearance,
    DraftDiscarded, LabelMoved, LabelRemoved, MoveCause, PromptDrafted, PromptEvent,
    PromptPublished, PromptRestored, PromptRetired, PromptTested, TestSetSaved, Tested,
};
pub use rejection::Rejection;
pub use state::{Draft, LabelState, PromptState, Version};
pub use summary::{CanarySpan, DraftLine, LabelMove, PromptSummary, TestSetLine, VersionLine};
pub use test_set::{Expectation, TestCase, TestSet};
