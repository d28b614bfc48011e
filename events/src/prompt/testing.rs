//! Decisions about test sets and the results of test runs.

use std::collections::HashSet;
use std::sync::Arc;

use super::decide::{Decided, find, fits};
use super::event::{Act, PromptEvent, PromptTested, TestSetSaved, Tested};
use super::limits;
use super::rejection::Rejection;
use super::state::PromptState;
use super::test_set::{TestCase, TestSet};

pub(super) fn save_test_set(
    state: &PromptState,
    expected_number: Option<u32>,
    cases: Vec<TestCase>,
    act: Act,
) -> Decided {
    let present = state.test_set.as_deref();
    if present.is_some_and(|set| set.cases == cases) {
        return Ok(vec![]);
    }
    let now = present.map(|set| set.number);
    if now != expected_number {
        let seen = expected_number;
        return Err(Rejection::TestSetConflict { seen, now });
    }
    cases_fit(&cases)?;
    let number = now.unwrap_or(0).checked_add(1).ok_or(Rejection::TooMany {
        what: "test sets",
        max: limits::NUMBERS,
    })?;
    let test_set = Arc::new(TestSet { number, cases });
    Ok(vec![PromptEvent::TestSetSaved(TestSetSaved {
        test_set,
        act,
    })])
}

pub(super) fn record_test(state: &PromptState, result: PromptTested) -> Decided {
    if state.runs.contains(&result.run) {
        return Ok(vec![]);
    }
    let (number, cases, failed) = (result.test_set, result.cases, result.failed);
    let present = state.test_set.as_deref();
    let Some(present) = present.filter(|set| (1..=set.number).contains(&number)) else {
        return Err(Rejection::NoSuchTestSet { number });
    };
    // A set that was changed while the run went on is not here any more to be counted.
    let complete = present.number != number || u32::try_from(present.cases.len()) == Ok(cases);
    if cases == 0 || failed > cases || !complete {
        return Err(Rejection::ResultMisfit { failed, cases });
    }
    match result.tested {
        Tested::Version(version) => {
            if find(state, version)?.hash != result.hash {
                let hash = result.hash;
                return Err(Rejection::HashMisfit { version, hash });
            }
        }
        // The draft may have been changed or thrown away since; the result stays true.
        Tested::Draft(edit) => {
            if edit > state.last_edit {
                let now = state.draft.as_ref().map(|draft| draft.edit);
                let seen = Some(edit);
                return Err(Rejection::DraftConflict { seen, now });
            }
        }
    }
    Ok(vec![PromptEvent::PromptTested(result)])
}

fn cases_fit(cases: &[TestCase]) -> Result<(), Rejection> {
    if cases.len() > limits::CASES {
        let (what, max) = ("test cases", limits::CASES);
        return Err(Rejection::TooMany { what, max });
    }
    let mut names = HashSet::new();
    for case in cases {
        if !names_a_file(&case.name) {
            let start = case.name.chars().take(limits::CASE_NAME_BYTES).collect();
            return Err(Rejection::BadCaseName(start));
        }
        if !names.insert(case.name.as_str()) {
            return Err(Rejection::CaseTwice(case.name.clone()));
        }
        if case.expect.is_empty() {
            let case = case.name.clone();
            return Err(Rejection::ExpectsNothing { case });
        }
        if case.expect.len() > limits::EXPECTATIONS {
            let (what, max) = ("expectations in one test case", limits::EXPECTATIONS);
            return Err(Rejection::TooMany { what, max });
        }
    }
    let what = "a test set";
    let json = serde_json::to_vec(cases).map_err(|_| Rejection::NotFinite { what })?;
    fits(what, json.len(), limits::TEST_SET_BYTES)
}

/// Lowercase letters, digits and `-`, with no `-` at the start or end.
fn names_a_file(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=limits::CASE_NAME_BYTES).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with('-')
        && !name.ends_with('-')
}
