//! What a planner reads when something is refused.

use std::collections::BTreeSet;

use punchcard_events::prompt::Rejection;
use uuid::Uuid;

use crate::samples::{hash, staging};

#[test]
fn every_refusal_has_a_code_of_its_own_a_sentence_and_a_remedy() {
    let mut codes = BTreeSet::new();
    for refusal in about_texts_and_tests()
        .into_iter()
        .chain(about_users_and_limits())
    {
        let (code, remedy) = (refusal.code(), refusal.remedy());
        assert!(codes.insert(code), "{code} twice");
        assert!(
            code.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
            "{code}"
        );
        assert!(remedy.ends_with('.'), "{code}: {remedy:?}");
        assert!(!refusal.to_string().is_empty(), "{code}");
    }
    assert_eq!(codes.len(), COUNT);
}

/// One for each variant: a new one needs its sample below.
const COUNT: usize = 35;

#[test]
fn a_refusal_says_what_is_wrong_and_what_to_do_next() {
    let conflict = Rejection::DraftConflict {
        seen: Some(3),
        now: Some(4),
    };
    assert_eq!(
        conflict.to_string(),
        "you started from edit 3 of the draft, but now there is edit 4 of the draft"
    );
    let failed = Rejection::TestFailed {
        version: 2,
        run: Uuid::nil(),
        failed: 1,
        cases: 12,
    };
    assert_eq!(failed.to_string(), "version 2 failed 1 of 12 test cases");
    let missing = Rejection::NoSuchVersion {
        version: 9,
        newest: 2,
    };
    assert_eq!(
        missing.to_string(),
        "there is no version 9; the newest is version 2"
    );
    assert_eq!(missing.remedy(), "Name one of the versions 1 to 2.");
}

fn about_texts_and_tests() -> Vec<Rejection> {
    vec![
        Rejection::NoPrompt,
        Rejection::NotEmpty,
        Rejection::NoDraft,
        Rejection::DraftConflict {
            seen: None,
            now: Some(2),
        },
        Rejection::DraftWithPartials,
        Rejection::NotTheDraft,
        Rejection::SameAsVersion { version: 1 },
        Rejection::NoSuchVersion {
            version: 3,
            newest: 2,
        },
        Rejection::NoSuchLabel(staging()),
        Rejection::LabelConflict {
            label: staging(),
            seen: None,
            now: Some(1),
        },
        Rejection::CanaryConflict {
            saw_one: true,
            production: Some(1),
            now: None,
        },
        Rejection::NoTestCases { version: 1 },
        Rejection::NotTested {
            version: 1,
            test_set: 2,
        },
        Rejection::TestFailed {
            version: 1,
            run: Uuid::nil(),
            failed: 1,
            cases: 2,
        },
        Rejection::ReasonMissing,
    ]
}

fn about_users_and_limits() -> Vec<Rejection> {
    vec![
        Rejection::NothingBefore {
            label: staging(),
            version: 1,
        },
        Rejection::ProductionStays,
        Rejection::NoProduction,
        Rejection::AlreadyInProduction { version: 1 },
        Rejection::PercentOutOfRange(0),
        Rejection::BoundOutOfRange(101),
        Rejection::NoMinimum,
        Rejection::CanaryRunning {
            version: 2,
            percent: 5,
        },
        Rejection::NotRunning(Uuid::nil()),
        Rejection::Retired,
        Rejection::TestSetConflict {
            seen: Some(1),
            now: None,
        },
        Rejection::BadCaseName("A".to_owned()),
        Rejection::CaseTwice("a".to_owned()),
        Rejection::ExpectsNothing {
            case: "a".to_owned(),
        },
        Rejection::NoSuchTestSet { number: 4 },
        Rejection::ResultMisfit {
            failed: 2,
            cases: 1,
        },
        Rejection::HashMisfit {
            version: 1,
            hash: hash(2),
        },
        Rejection::TooMany {
            what: "labels",
            max: 64,
        },
        Rejection::TooLong {
            what: "a note",
            bytes: 9,
            max: 8,
        },
        Rejection::NotFinite { what: "a prompt" },
    ]
}
