//! Turning a command into events. Synchronous, without I/O, and the only place that says yes or no.
//!
//! Drafts and versions are in `drafts.rs`, labels and canaries in `deploy.rs`, test sets and results
//! in `testing.rs`, what a deployment needs besides and shadow runs in `policy.rs`.

use super::command::Command;
use super::deploy::{self, Deployment};
use super::drafts;
use super::event::{
    Act, CanaryEnd, PromptEvent, PromptRestored, PromptRetired, PromptShadowed, PromptTested,
};
use super::limits;
use super::policy;
use super::rejection::Rejection;
use super::state::{PromptState, Version};
use super::testing;

/// What a command leads to.
pub(super) type Decided = Result<Vec<PromptEvent>, Rejection>;

/// The events that `command` causes. An empty list means that it is already true.
///
/// # Errors
/// When the command does not fit the prompt as it is.
#[expect(
    clippy::too_many_lines,
    reason = "one arm for each command, and nothing is decided in any"
)]
pub fn decide(state: &PromptState, command: Command) -> Result<Vec<PromptEvent>, Rejection> {
    if !begins(&command) && state.is_empty() {
        return Err(Rejection::NoPrompt);
    }
    match command {
        Command::SaveDraft {
            expected_edit,
            based_on,
            content,
            act,
        } => drafts::save_draft(state, expected_edit, based_on, content, act),
        Command::DiscardDraft { expected_edit, act } => {
            drafts::discard_draft(state, expected_edit, act)
        }
        Command::Publish {
            expected_edit,
            content,
            notes,
            act,
        } => drafts::publish(state, expected_edit, content, notes, act),
        Command::Retire { reason, act } => retire(state, reason, act),
        Command::Restore { act } => Ok(restore(state, act)),
        Command::Adopt { content, act } => drafts::adopt(state, content, act),
        Command::MoveLabel {
            label,
            version,
            expected,
            expected_canary,
            reason,
            override_reason,
            act,
        } => {
            let deployment = Deployment {
                version,
                reason,
                override_reason,
                act,
            };
            let seen = (expected, expected_canary);
            deploy::move_label(state, label, seen, deployment)
        }
        Command::RollBack {
            label,
            expected,
            expected_canary,
            reason,
            act,
        } => deploy::roll_back(state, label, (expected, expected_canary), reason, act),
        Command::RemoveLabel { label, act } => deploy::remove_label(state, label, act),
        Command::StartCanary {
            canary,
            version,
            percent,
            bounds,
            reason,
            override_reason,
            act,
        } => {
            let deployment = Deployment {
                version,
                reason,
                override_reason,
                act,
            };
            deploy::start_canary(state, canary, percent, bounds, deployment)
        }
        Command::EndCanary {
            canary,
            end,
            tally,
            reason,
            act,
        } => deploy::end_canary(state, canary, end, tally, reason, act),
        Command::SaveTestSet {
            expected_number,
            cases,
            act,
        } => testing::save_test_set(state, expected_number, cases, act),
        Command::RecordTest {
            run,
            tested,
            hash,
            test_set,
            cases,
            failed,
            act,
        } => {
            let result = PromptTested {
                run,
                tested,
                hash,
                test_set,
                cases,
                failed,
                act,
            };
            testing::record_test(state, result)
        }
        Command::RecordShadow {
            run,
            version,
            hash,
            tally,
            act,
        } => {
            let result = PromptShadowed {
                run,
                version,
                hash,
                tally,
                act,
            };
            policy::record_shadow(state, result)
        }
        Command::SetDeploymentPolicy { policy, act } => policy::set(state, policy, act),
    }
}

/// Whether the command may be a prompt's first.
const fn begins(command: &Command) -> bool {
    match command {
        Command::SaveDraft { .. } | Command::SaveTestSet { .. } | Command::Adopt { .. } => true,
        Command::DiscardDraft { .. }
        | Command::Publish { .. }
        | Command::MoveLabel { .. }
        | Command::RollBack { .. }
        | Command::RemoveLabel { .. }
        | Command::StartCanary { .. }
        | Command::EndCanary { .. }
        | Command::RecordTest { .. }
        | Command::RecordShadow { .. }
        | Command::SetDeploymentPolicy { .. }
        | Command::Retire { .. }
        | Command::Restore { .. } => false,
    }
}

fn retire(state: &PromptState, reason: Option<String>, act: Act) -> Decided {
    if state.retired.is_some() {
        return Ok(vec![]);
    }
    let reason = words("a reason", reason)?;
    let stopped = state.canary.as_ref().map(|canary| {
        let why = Some("The prompt was retired.".to_owned());
        deploy::ended(canary, CanaryEnd::Stopped, None, why, act.clone())
    });
    let retired = PromptEvent::PromptRetired(PromptRetired { reason, act });
    Ok(stopped.into_iter().chain([retired]).collect())
}

fn restore(state: &PromptState, act: Act) -> Vec<PromptEvent> {
    match state.retired {
        Some(_) => vec![PromptEvent::PromptRestored(PromptRestored { act })],
        None => vec![],
    }
}

/// The version of this number.
pub(super) fn find(state: &PromptState, version: u32) -> Result<&Version, Rejection> {
    let newest = newest(state);
    let missing = Rejection::NoSuchVersion { version, newest };
    state.version(version).ok_or(missing)
}

/// The newest version's number; 0: none was published.
pub(super) fn newest(state: &PromptState) -> u32 {
    state.latest().map_or(0, |version| version.number)
}

/// A reason that says something and is not too long.
pub(super) fn words(what: &'static str, text: Option<String>) -> Result<Option<String>, Rejection> {
    let text = text.filter(|text| !text.trim().is_empty());
    if let Some(text) = &text {
        text_fits(what, text)?;
    }
    Ok(text)
}

/// A note or a reason that is not too long.
pub(super) fn text_fits(what: &'static str, text: &str) -> Result<(), Rejection> {
    fits(what, text.len(), limits::TEXT_BYTES)
}

/// A size within its limit.
pub(super) fn fits(what: &'static str, bytes: usize, max: usize) -> Result<(), Rejection> {
    if bytes > max {
        return Err(Rejection::TooLong { what, bytes, max });
    }
    Ok(())
}
