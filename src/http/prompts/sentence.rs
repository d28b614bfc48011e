//! What happened to a prompt, as planners read it: one plain sentence for each event.

use punchcard_events::prompt::{
    Author, CanaryEnd, CanaryEnded, CanaryStarted, CanaryTally, Clearance, DeploymentPolicy,
    LabelMoved, MoveCause, PromptDrafted, PromptEvent, PromptPublished, PromptShadowed,
    PromptTested, ShadowRunPolicy, Tested,
};

/// The most characters of an author's words that are repeated.
const MAX_WORDS: usize = 300;

/// What `event` says.
pub(super) fn sentence(event: &PromptEvent) -> String {
    let by = who(&event.act().by);
    match event {
        PromptEvent::PromptDrafted(drafted) => saved(by, drafted),
        PromptEvent::DraftDiscarded(discarded) => {
            format!(
                "{by} threw the draft away (it was at edit {}).",
                discarded.edit
            )
        }
        PromptEvent::PromptPublished(published) => self::published(by, published),
        PromptEvent::LabelMoved(moved) => self::moved(by, moved),
        PromptEvent::LabelRemoved(removed) => format!(
            "{by} removed the label {}, which pointed to version {}.",
            removed.label, removed.from
        ),
        PromptEvent::CanaryStarted(started) => canary_started(by, started),
        PromptEvent::CanaryEnded(ended) => canary_ended(by, ended),
        PromptEvent::TestSetSaved(saved) => {
            let (number, cases) = (saved.test_set.number, saved.test_set.cases.len());
            format!(
                "{by} saved test set {number} with {}.",
                count(cases, "case")
            )
        }
        PromptEvent::PromptTested(tested) => self::tested(by, tested),
        PromptEvent::PromptShadowed(shadowed) => self::shadowed(by, shadowed),
        PromptEvent::DeploymentPolicySet(set) => policy_set(by, set.policy),
        PromptEvent::PromptRetired(retired) => {
            let said = because(retired.reason.as_deref());
            format!("{by} retired the prompt: no new tickets are taken.{said}")
        }
        PromptEvent::PromptRestored(_) => {
            format!("{by} restored the prompt: new tickets are taken again.")
        }
    }
}

fn who(author: &Author) -> &str {
    match author {
        Author::Key { prefix, name } => name.as_deref().unwrap_or(prefix),
        Author::Configuration => "The configuration",
        Author::Runtime => "Punchcard",
    }
}

fn saved(by: &str, drafted: &PromptDrafted) -> String {
    match drafted.based_on {
        Some(version) => format!(
            "{by} saved the draft (edit {}), which began as version {version}.",
            drafted.edit
        ),
        None => format!("{by} saved the draft (edit {}).", drafted.edit),
    }
}

fn published(by: &str, published: &PromptPublished) -> String {
    let (version, notes) = (published.version, words(&published.notes));
    match &published.act.by {
        Author::Configuration => {
            format!("The configuration's prompt was taken over as version {version}.")
        }
        Author::Key { .. } | Author::Runtime if notes.is_empty() => {
            format!("{by} published version {version}.")
        }
        Author::Key { .. } | Author::Runtime => {
            format!("{by} published version {version}: {}", ended(&notes))
        }
    }
}

fn moved(by: &str, moved: &LabelMoved) -> String {
    let (label, to) = (&moved.label, moved.to);
    let cleared = cleared(&moved.clearance);
    let said = because(moved.reason.as_deref());
    let instead = match moved.from {
        Some(from) => format!("replacing version {from}"),
        None => "where there was none before".to_owned(),
    };
    match moved.cause {
        MoveCause::Deployed => {
            format!("{by} deployed version {to} to {label}, {instead}{cleared}.{said}")
        }
        MoveCause::Promoted => format!(
            "{by} gave version {to} to all users: it went from canary to {label}, {instead}{cleared}.{said}"
        ),
        MoveCause::RolledBack => match moved.from {
            Some(from) => {
                format!("{by} rolled {label} back from version {from} to version {to}.{said}")
            }
            None => format!("{by} rolled {label} back to version {to}.{said}"),
        },
    }
}

/// What allowed a version to reach users.
fn cleared(clearance: &Clearance) -> String {
    match clearance {
        Clearance::Tested {
            run,
            shadow_run: None,
        } => format!("; it had passed test run {run}"),
        Clearance::Tested {
            run,
            shadow_run: Some(shadow_run),
        } => format!("; it had passed test run {run} and shadow run {shadow_run}"),
        Clearance::Overridden { reason } => {
            format!(
                "; its tests were overridden, because: {}",
                unended(&words(reason))
            )
        }
        Clearance::NotNeeded => String::new(),
    }
}

fn canary_started(by: &str, started: &CanaryStarted) -> String {
    let (version, beside) = (started.version, started.beside);
    let cleared = cleared(&started.clearance);
    let said = because(started.reason.as_deref());
    format!(
        "{by} started a canary: {} of 100 users get version {version}, the others stay with version {beside}{cleared}.{said}",
        started.percent
    )
}

fn canary_ended(by: &str, ended: &CanaryEnded) -> String {
    let version = ended.version;
    let seen = ended.tally.map(seen).unwrap_or_default();
    let said = because(ended.reason.as_deref());
    match ended.end {
        CanaryEnd::Stopped => {
            format!("{by} stopped the canary of version {version}{seen}.{said}")
        }
        CanaryEnd::Promoted => {
            format!(
                "{by} ended the canary of version {version} by giving it to all users{seen}.{said}"
            )
        }
        CanaryEnd::Returned => format!(
            "{by} took the canary of version {version} back: all users get production again{seen}.{said}"
        ),
    }
}

/// What was seen of a canary.
fn seen(tally: CanaryTally) -> String {
    let tickets = usize::try_from(tally.tickets).unwrap_or(usize::MAX);
    let broken = usize::try_from(tally.schema_violations).unwrap_or(usize::MAX);
    format!(
        " ({}, {} failed, {} broke the answer schema)",
        count(tickets, "ticket"),
        tally.failed,
        count(broken, "answer")
    )
}

fn tested(by: &str, tested: &PromptTested) -> String {
    let what = match tested.tested {
        Tested::Draft(edit) => format!("the draft (edit {edit})"),
        Tested::Version(version) => format!("version {version}"),
    };
    let (cases, failed, set, run) = (tested.cases, tested.failed, tested.test_set, tested.run);
    if tested.passed() {
        return format!(
            "{by} tested {what}: all {cases} cases of test set {set} passed (test run {run})."
        );
    }
    format!(
        "{by} tested {what}: {failed} of {cases} cases of test set {set} failed (test run {run})."
    )
}

fn shadowed(by: &str, shadowed: &PromptShadowed) -> String {
    let PromptShadowed {
        run,
        version,
        tally,
        ..
    } = shadowed;
    let tickets = count(
        usize::try_from(tally.cases).unwrap_or(usize::MAX),
        "past ticket",
    );
    format!(
        "{by} tried version {version} on {tickets}: {} got the same answer, {} another one, {} one that broke the answer schema, {} none (shadow run {run}).",
        tally.same, tally.changed, tally.schema_failed, tally.failed
    )
}

fn policy_set(by: &str, policy: DeploymentPolicy) -> String {
    match policy.shadow_run {
        Some(ShadowRunPolicy {
            min_cases,
            max_failed_percent,
        }) => format!(
            "{by} set the deployment policy: a version reaches users only after a shadow run of at least {}, of which at most {max_failed_percent} of 100 may fail.",
            count(usize::try_from(min_cases).unwrap_or(usize::MAX), "case")
        ),
        None => format!("{by} set the deployment policy: no shadow run is needed."),
    }
}

/// The reason that an author gave, as a sentence of its own.
fn because(reason: Option<&str>) -> String {
    let reason = words(reason.unwrap_or_default());
    if reason.is_empty() {
        return reason;
    }
    format!(" Reason: {}", ended(&reason))
}

/// An author's words on one line, shortened.
fn words(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MAX_WORDS {
        return line;
    }
    let start: String = line.chars().take(MAX_WORDS).collect();
    format!("{start}…")
}

/// Words that end as a sentence does.
fn ended(words: &str) -> String {
    let has_end = words.ends_with(['.', '!', '?', '…', '。', '！', '？']);
    if has_end {
        words.to_owned()
    } else {
        format!("{words}.")
    }
}

/// Words that a sentence goes on after.
fn unended(words: &str) -> &str {
    words.strip_suffix('.').unwrap_or(words)
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

#[cfg(test)]
mod tests;
