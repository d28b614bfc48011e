//! One prompt's events and commands, with times that are easy to count in.

use std::sync::Arc;

use punchcard_events::prompt::*;
use punchcard_events::shadow_run::Tally;
use punchcard_events::ticket::{AnswerFormat, Parameters, Role};
use punchcard_events::{LabelName, Timestamp};
use serde_json::json;
use uuid::Uuid;

/// `seconds` after the first draft was saved.
pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_795_430_400_000 + seconds * 1_000)
}

/// Mina did it, `seconds` after the first draft was saved.
pub(crate) fn by_mina(seconds: u64) -> Act {
    Act {
        at: at(seconds),
        by: Author::Key {
            prefix: "pk_mina".to_owned(),
            name: Some("mina".to_owned()),
        },
    }
}

pub(crate) fn production() -> LabelName {
    LabelName::production()
}

pub(crate) fn staging() -> LabelName {
    LabelName::new("staging").expect("a label")
}

/// A content that says `words`.
pub(crate) fn content(words: &str) -> Arc<Content> {
    Arc::new(Content {
        messages: vec![MessageTemplate {
            role: Role::User,
            content: words.to_owned(),
        }],
        model: "m".to_owned(),
        parameters: Parameters::default(),
        answer: AnswerFormat::Text,
        input_schema: None,
        answer_schema: None,
        partials: Default::default(),
    })
}

/// What version `version` of the samples says.
pub(crate) fn words(version: u32) -> Arc<Content> {
    content(&format!("Say it the {version}. way."))
}

pub(crate) fn hash(version: u32) -> ContentHash {
    words(version).hash()
}

pub(crate) const RUN: Uuid = Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001);
pub(crate) const CANARY: Uuid = Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_00ca);

pub(crate) const BOUNDS: CanaryBounds = CanaryBounds {
    max_failed_percent: 10,
    max_schema_violation_percent: 20,
    min_tickets: 20,
};

pub(crate) const TALLY: CanaryTally = CanaryTally {
    tickets: 30,
    answered: 20,
    failed: 8,
    schema_violations: 11,
};

pub(crate) fn case(name: &str) -> TestCase {
    TestCase {
        name: name.to_owned(),
        input: Arc::new(json!({ "essay": "My day." })),
        expect: vec![Expectation::Contains("day".to_owned())],
    }
}

pub(crate) fn drafted(edit: u32, content: Arc<Content>) -> PromptEvent {
    PromptEvent::PromptDrafted(PromptDrafted {
        edit,
        based_on: None,
        content,
        act: by_mina(u64::from(edit)),
    })
}

pub(crate) fn published(version: u32) -> PromptEvent {
    PromptEvent::PromptPublished(PromptPublished {
        version,
        hash: hash(version),
        content: words(version),
        notes: String::new(),
        act: by_mina(10),
    })
}

pub(crate) fn set_saved(number: u32, cases: Vec<TestCase>) -> PromptEvent {
    PromptEvent::TestSetSaved(TestSetSaved {
        test_set: Arc::new(TestSet { number, cases }),
        act: by_mina(20),
    })
}

/// Version `version` was tested with set 1, which has one case.
pub(crate) fn tested(run: u128, version: u32, failed: u32) -> PromptEvent {
    PromptEvent::PromptTested(PromptTested {
        run: Uuid::from_u128(run),
        tested: Tested::Version(version),
        hash: hash(version),
        test_set: 1,
        cases: 1,
        failed,
        act: by_mina(30),
    })
}

pub(crate) fn moved(
    label: LabelName,
    from: Option<u32>,
    to: u32,
    cause: MoveCause,
    clearance: Clearance,
) -> PromptEvent {
    PromptEvent::LabelMoved(LabelMoved {
        label,
        from,
        to,
        hash: hash(to),
        cause,
        reason: None,
        clearance,
        act: by_mina(40),
    })
}

pub(crate) fn passed(run: u128) -> Clearance {
    let run = Uuid::from_u128(run);
    Clearance::Tested {
        run,
        shadow_run: None,
    }
}

pub(crate) fn save(expected_edit: Option<u32>, content: Arc<Content>) -> Command {
    Command::SaveDraft {
        expected_edit,
        based_on: None,
        content,
        act: by_mina(expected_edit.map_or(1, |edit| u64::from(edit) + 1)),
    }
}

pub(crate) fn discard(expected_edit: u32) -> Command {
    let act = by_mina(9);
    Command::DiscardDraft { expected_edit, act }
}

pub(crate) fn publish(expected_edit: u32, content: Arc<Content>) -> Command {
    Command::Publish {
        expected_edit,
        content,
        notes: String::new(),
        act: by_mina(10),
    }
}

pub(crate) fn save_set(expected_number: Option<u32>, cases: Vec<TestCase>) -> Command {
    Command::SaveTestSet {
        expected_number,
        cases,
        act: by_mina(20),
    }
}

/// Version `version` was tested with set 1, which has one case.
pub(crate) fn record(run: u128, version: u32, failed: u32) -> Command {
    Command::RecordTest {
        run: Uuid::from_u128(run),
        tested: Tested::Version(version),
        hash: hash(version),
        test_set: 1,
        cases: 1,
        failed,
        act: by_mina(30),
    }
}

/// `cases` tickets of the past were tried on version `version`, `failed` of them without an answer.
pub(crate) fn tally(cases: u32, failed: u32) -> Tally {
    Tally {
        cases,
        same: cases - failed,
        failed,
        ..Tally::default()
    }
}

pub(crate) fn record_shadow(run: u128, version: u32, cases: u32, failed: u32) -> Command {
    Command::RecordShadow {
        run: Uuid::from_u128(run),
        version,
        hash: hash(version),
        tally: tally(cases, failed),
        act: by_mina(35),
    }
}

pub(crate) fn shadowed(run: u128, version: u32, cases: u32, failed: u32) -> PromptEvent {
    PromptEvent::PromptShadowed(PromptShadowed {
        run: Uuid::from_u128(run),
        version,
        hash: hash(version),
        tally: tally(cases, failed),
        act: by_mina(35),
    })
}

pub(crate) fn asking_for(min_cases: u32, max_failed_percent: u8) -> DeploymentPolicy {
    let shadow_run = Some(ShadowRunPolicy {
        min_cases,
        max_failed_percent,
    });
    DeploymentPolicy { shadow_run }
}

pub(crate) fn set_policy(min_cases: u32, max_failed_percent: u8) -> Command {
    Command::SetDeploymentPolicy {
        policy: asking_for(min_cases, max_failed_percent),
        act: by_mina(36),
    }
}

pub(crate) fn policy_set(min_cases: u32, max_failed_percent: u8) -> PromptEvent {
    PromptEvent::DeploymentPolicySet(DeploymentPolicySet {
        policy: asking_for(min_cases, max_failed_percent),
        act: by_mina(36),
    })
}

pub(crate) fn deploy(label: LabelName, version: u32) -> Command {
    Command::MoveLabel {
        label,
        version,
        expected: None,
        expected_canary: None,
        reason: None,
        override_reason: None,
        act: by_mina(40),
    }
}

pub(crate) fn override_with(reason: &str, version: u32) -> Command {
    Command::MoveLabel {
        label: production(),
        version,
        expected: None,
        expected_canary: None,
        reason: None,
        override_reason: Some(reason.to_owned()),
        act: by_mina(40),
    }
}

pub(crate) fn roll_back(label: LabelName, expected: u32, canary: Option<Uuid>) -> Command {
    Command::RollBack {
        label,
        expected,
        expected_canary: canary.map_or(SeenCanary::Nothing, SeenCanary::Running),
        reason: None,
        act: by_mina(40),
    }
}

pub(crate) fn roll_back_as_seen(state: &PromptState, label: LabelName) -> Command {
    let expected = state.labelled(&label).unwrap_or(0);
    let canary = state.canary.as_ref().map(|canary| canary.canary);
    roll_back(label, expected, canary)
}

pub(crate) fn remove(label: LabelName) -> Command {
    let act = by_mina(60);
    Command::RemoveLabel { label, act }
}

pub(crate) fn start_canary(version: u32) -> Command {
    Command::StartCanary {
        canary: CANARY,
        version,
        percent: 10,
        bounds: BOUNDS,
        reason: None,
        override_reason: None,
        act: by_mina(50),
    }
}

pub(crate) fn end_canary(end: CanaryEnd) -> Command {
    Command::EndCanary {
        canary: CANARY,
        end,
        tally: TALLY,
        reason: None,
        act: by_mina(40),
    }
}

pub(crate) fn canary_started(version: u32, clearance: Clearance) -> PromptEvent {
    PromptEvent::CanaryStarted(CanaryStarted {
        canary: CANARY,
        version,
        hash: hash(version),
        beside: 1,
        percent: 10,
        bounds: BOUNDS,
        reason: None,
        clearance,
        act: by_mina(50),
    })
}

pub(crate) fn canary_ended(end: CanaryEnd, tally: Option<CanaryTally>) -> PromptEvent {
    PromptEvent::CanaryEnded(CanaryEnded {
        canary: CANARY,
        version: 2,
        end,
        tally,
        reason: None,
        act: by_mina(40),
    })
}

pub(crate) fn retire() -> Command {
    let (reason, act) = (None, by_mina(70));
    Command::Retire { reason, act }
}

pub(crate) fn restore() -> Command {
    let act = by_mina(80);
    Command::Restore { act }
}

pub(crate) fn adopt(content: Arc<Content>) -> Command {
    let act = by_configuration();
    Command::Adopt { content, act }
}

pub(crate) fn by_configuration() -> Act {
    Act {
        at: at(0),
        by: Author::Configuration,
    }
}

/// A draft, `edit` 1, of what version 1 will say.
pub(crate) fn a_draft() -> Vec<PromptEvent> {
    vec![drafted(1, words(1))]
}

/// `count` versions, none of them deployed or tested.
pub(crate) fn versions(count: u32) -> Vec<PromptEvent> {
    let one = |version| [drafted(version, words(version)), published(version)];
    (1..=count).flat_map(one).collect()
}

/// `count` versions, all of which have passed set 1: run n tested version n.
pub(crate) fn passed_versions(count: u32) -> Vec<PromptEvent> {
    let mut life = versions(count);
    life.push(set_saved(1, vec![case("day")]));
    life.extend((1..=count).map(|version| tested(u128::from(version), version, 0)));
    life
}

/// The same, version 1 in production.
pub(crate) fn in_production(count: u32) -> Vec<PromptEvent> {
    let mut life = passed_versions(count);
    let first = moved(production(), None, 1, MoveCause::Deployed, passed(1));
    life.push(first);
    life
}

/// Version 1 in production, a canary of version 2 beside it; 3 versions.
pub(crate) fn with_canary() -> Vec<PromptEvent> {
    let mut life = in_production(3);
    life.push(canary_started(2, passed(2)));
    life
}

/// Version 1 in production and the prompt retired; 3 versions.
pub(crate) fn retired() -> Vec<PromptEvent> {
    let mut life = in_production(3);
    let (reason, act) = (None, by_mina(70));
    life.push(PromptEvent::PromptRetired(PromptRetired { reason, act }));
    life
}
