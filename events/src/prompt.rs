//! The prompt aggregate: what planners may do to a task's prompt, what has happened to it, and what
//! is in effect.
//!
//! A task has one prompt, a prompt has one draft, many numbered versions that never change, and
//! labels that point to versions. `production` is what tickets run; next to it a canary may serve a
//! share of the users. All of it is one stream, `prompt-<tenant>.<task>`.
//!
//! [`decide`] turns a command into events and [`evolve`] folds an event into the state, as for
//! tickets. A prompt from its first draft to production:
//!
//! ```
//! use std::sync::Arc;
//!
//! use punchcard_events::LabelName;
//! use punchcard_events::prompt::*;
//! # use serde_json::{from_value, json};
//! # let act: Act = from_value(json!({ "at": "2026-11-23T10:44:30.000Z", "by": "configuration" }))?;
//! # let content: Arc<Content> = Arc::new(from_value(json!({
//! #     "messages": [{ "role": "user", "content": "What is {{ word }}?" }],
//! #     "model": "m", "answer": "text",
//! # }))?);
//! # let reason = || Some("There are no test cases yet.".to_owned());
//! let commands = [
//!     Command::SaveDraft {
//!         expected_edit: None,
//!         based_on: None,
//!         content: content.clone(),
//!         act: act.clone(),
//!     },
//!     // Whoever publishes has checked the templates, and written the partials in.
//!     Command::Publish { expected_edit: 1, content, notes: String::new(), act: act.clone() },
//!     Command::MoveLabel {
//!         label: LabelName::production(),
//!         version: 1,
//!         expected: Some(Seen::Nothing),
//!         expected_canary: None,
//!         reason: None,
//!         override_reason: reason(),
//!         act,
//!     },
//! ];
//! let mut history = vec![];
//! let mut prompt = PromptState::default();
//! for command in commands {
//!     // The events are stored here, before they change anything.
//!     for event in decide(&prompt, command)? {
//!         prompt = evolve(prompt, &event);
//!         history.push(event);
//!     }
//! }
//! assert_eq!(prompt.production(), Some(1));
//! assert_eq!(replay(&history)?, prompt);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
mod outline;
mod policy;
mod rejection;
mod state;
mod summary;
mod test_set;
mod testing;
mod timeline;

pub use apply::{IllegalTransition, ReplayError, apply, evolve, replay};
pub use canary::in_canary;
pub use command::{Command, Seen, SeenCanary};
pub use content::{Content, ContentHash, InvalidHash, MessageTemplate};
pub use decide::decide;
pub use event::{
    Act, Author, CanaryBounds, CanaryEnd, CanaryEnded, CanaryStarted, CanaryTally, Clearance,
    DeploymentPolicy, DeploymentPolicySet, DraftDiscarded, LabelMoved, LabelRemoved, MoveCause,
    PromptDrafted, PromptEvent, PromptPublished, PromptRestored, PromptRetired, PromptShadowed,
    PromptTested, ShadowRunPolicy, TestSetSaved, Tested,
};
pub use outline::{DraftedOutline, PromptOutline, PublishedOutline, TestSetOutline};
pub use rejection::Rejection;
pub use state::{Draft, LabelState, PromptState, Version};
pub use summary::{CanarySpan, DraftLine, PromptSummary, TestSetLine, VersionLine};
pub use test_set::{Expectation, TestCase, TestSet};
pub use timeline::{LabelMove, Timeline};
