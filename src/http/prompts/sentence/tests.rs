use std::sync::Arc;

use punchcard_events::prompt::{
    Act, CanaryBounds, Content, ContentHash, DeploymentPolicySet, DraftDiscarded, LabelRemoved,
    MessageTemplate, PromptRestored, PromptRetired, TestCase, TestSet, TestSetSaved,
};
use punchcard_events::shadow_run::Tally;
use punchcard_events::ticket::{AnswerFormat, Parameters, Role};
use punchcard_events::{LabelName, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::*;

const GOLDEN: &str = include_str!("golden.txt");

fn act() -> Act {
    Act {
        at: Timestamp::from_millis(1_795_430_670_123),
        by: Author::Key {
            prefix: "pk_live_0aB1cD2e".to_owned(),
            name: Some("mina".to_owned()),
        },
    }
}

fn by(by: Author) -> Act {
    Act { by, ..act() }
}

fn content() -> Arc<Content> {
    Arc::new(Content {
        messages: vec![MessageTemplate {
            role: Role::User,
            content: "Explain {{ word }}.".to_owned(),
        }],
        model: "gpt".to_owned(),
        parameters: Parameters::default(),
        answer: AnswerFormat::Text,
        input_schema: None,
        answer_schema: None,
        partials: Default::default(),
    })
}

fn hash() -> ContentHash {
    content().hash()
}

fn run() -> Uuid {
    Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0007)
}

fn label_moved(cause: MoveCause, from: Option<u32>, clearance: Clearance) -> LabelMoved {
    LabelMoved {
        label: LabelName::production(),
        from,
        to: 4,
        hash: hash(),
        cause,
        reason: None,
        clearance,
        act: act(),
    }
}

fn drafts() -> Vec<PromptEvent> {
    let drafted = |based_on| PromptDrafted {
        edit: 7,
        based_on,
        content: content(),
        act: act(),
    };
    let published = |notes: &str, act| PromptPublished {
        version: 4,
        hash: hash(),
        content: content(),
        notes: notes.to_owned(),
        act,
    };
    let nameless = Author::Key {
        prefix: "pk_live_0aB1cD2e".to_owned(),
        name: None,
    };
    vec![
        PromptEvent::PromptDrafted(drafted(None)),
        PromptEvent::PromptDrafted(drafted(Some(3))),
        PromptEvent::DraftDiscarded(DraftDiscarded {
            edit: 7,
            act: act(),
        }),
        PromptEvent::PromptPublished(published("", by(nameless))),
        PromptEvent::PromptPublished(published("Shorter,\nand kinder", act())),
        PromptEvent::PromptPublished(published("", by(Author::Configuration))),
    ]
}

fn moves() -> Vec<PromptEvent> {
    let tested = || Clearance::Tested {
        run: run(),
        shadow_run: None,
    };
    let overridden = || Clearance::Overridden {
        reason: "The tests ask for the old wording.".to_owned(),
    };
    let moved = |cause, from, clearance, reason: Option<&str>| {
        let reason = reason.map(str::to_owned);
        PromptEvent::LabelMoved(LabelMoved {
            reason,
            ..label_moved(cause, from, clearance)
        })
    };
    let staging = LabelName::new("staging").expect("a label");
    let adopted = LabelMoved {
        act: by(Author::Configuration),
        ..label_moved(MoveCause::Deployed, None, Clearance::NotNeeded)
    };
    vec![
        moved(MoveCause::Deployed, Some(3), tested(), None),
        moved(
            MoveCause::Deployed,
            None,
            overridden(),
            Some("The exam is tomorrow"),
        ),
        PromptEvent::LabelMoved(adopted),
        moved(
            MoveCause::RolledBack,
            Some(5),
            Clearance::NotNeeded,
            Some("Too chatty!"),
        ),
        moved(MoveCause::Promoted, Some(3), tested(), None),
        PromptEvent::LabelRemoved(LabelRemoved {
            label: staging,
            from: 2,
            act: act(),
        }),
    ]
}

fn canaries() -> Vec<PromptEvent> {
    let started = CanaryStarted {
        canary: run(),
        version: 5,
        hash: hash(),
        beside: 4,
        percent: 10,
        bounds: CanaryBounds {
            max_failed_percent: 10,
            max_schema_violation_percent: 10,
            min_tickets: 20,
        },
        reason: None,
        clearance: Clearance::Tested {
            run: run(),
            shadow_run: None,
        },
        act: act(),
    };
    let tally = CanaryTally {
        tickets: 40,
        answered: 33,
        failed: 7,
        schema_violations: 1,
    };
    let ended = |end, tally, reason: Option<&str>, act| {
        PromptEvent::CanaryEnded(CanaryEnded {
            canary: run(),
            version: 5,
            end,
            tally,
            reason: reason.map(str::to_owned),
            act,
        })
    };
    let bound = "7 of 40 tickets failed, and 10 of 100 may";
    vec![
        PromptEvent::CanaryStarted(started),
        ended(CanaryEnd::Stopped, None, None, act()),
        ended(CanaryEnd::Promoted, Some(tally), None, act()),
        ended(
            CanaryEnd::Returned,
            Some(tally),
            Some(bound),
            by(Author::Runtime),
        ),
    ]
}

fn tests() -> Vec<PromptEvent> {
    let case = TestCase {
        name: "short".to_owned(),
        input: Arc::new(json!({})),
        expect: vec![],
    };
    let set = TestSet {
        number: 2,
        cases: vec![case],
    };
    let result = |tested, failed| {
        PromptEvent::PromptTested(PromptTested {
            run: run(),
            tested,
            hash: hash(),
            test_set: 2,
            cases: 9,
            failed,
            act: act(),
        })
    };
    let retired = PromptRetired {
        reason: Some("Nobody uses it".to_owned()),
        act: act(),
    };
    vec![
        PromptEvent::TestSetSaved(TestSetSaved {
            test_set: Arc::new(set),
            act: act(),
        }),
        result(Tested::Draft(7), 2),
        result(Tested::Version(4), 0),
        PromptEvent::PromptRetired(retired),
        PromptEvent::PromptRestored(PromptRestored { act: act() }),
    ]
}

fn shadows() -> Vec<PromptEvent> {
    let set = |shadow_run| {
        PromptEvent::DeploymentPolicySet(DeploymentPolicySet {
            policy: DeploymentPolicy { shadow_run },
            act: act(),
        })
    };
    let shadowed = PromptShadowed {
        run: run(),
        version: 4,
        hash: hash(),
        tally: Tally {
            cases: 100,
            same: 60,
            changed: 37,
            schema_failed: 2,
            failed: 1,
        },
        act: act(),
    };
    let cleared = Clearance::Tested {
        run: run(),
        shadow_run: Some(run()),
    };
    vec![
        set(Some(ShadowRunPolicy {
            min_cases: 50,
            max_failed_percent: 5,
        })),
        PromptEvent::PromptShadowed(shadowed),
        PromptEvent::LabelMoved(label_moved(MoveCause::Deployed, Some(3), cleared)),
        set(None),
    ]
}

#[test]
fn every_event_is_told_as_it_always_was() {
    let all = [drafts(), moves(), canaries(), tests(), shadows()].concat();
    for (kind, _) in PromptEvent::KINDS {
        assert!(all.iter().any(|event| event.kind() == *kind), "{kind}");
    }
    let told: Vec<String> = all.iter().map(sentence).collect();
    let golden: Vec<&str> = GOLDEN.lines().collect();
    assert_eq!(told, golden, "told:\n{}", told.join("\n"));
}

#[test]
fn an_authors_words_are_one_line_and_not_endless() {
    let mut retired = PromptRetired {
        reason: Some("a\nb\t c ".to_owned()),
        act: act(),
    };
    let told = sentence(&PromptEvent::PromptRetired(retired.clone()));
    assert!(told.ends_with("Reason: a b c."), "{told}");
    retired.reason = Some("x".repeat(4_000));
    let told = sentence(&PromptEvent::PromptRetired(retired));
    assert!(told.chars().count() < 400, "{}", told.len());
}
