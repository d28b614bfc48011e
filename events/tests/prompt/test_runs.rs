//! What a test run's events tell.

use punchcard_events::TaskName;
use punchcard_events::prompt::Tested;
use punchcard_events::test_run::{
    Arm, Baseline, TestCaseFinished, TestRun, TestRunEnd, TestRunEvent, TestRunFinished,
    TestRunStarted, TestRunStopped,
};
use punchcard_events::ticket::Usage;

use crate::samples::{by_mina, hash};

pub(crate) fn started() -> TestRunEvent {
    TestRunEvent::TestRunStarted(TestRunStarted {
        task: TaskName::new("writing-review").expect("a task"),
        tested: Tested::Draft(4),
        hash: hash(2),
        baseline: Some(Baseline {
            version: 1,
            hash: hash(1),
            reused: None,
        }),
        test_set: 3,
        cases: 2,
        act: by_mina(1),
    })
}

pub(crate) fn tried(case: &str, arm: Arm, failures: &[&str]) -> TestRunEvent {
    TestRunEvent::TestCaseFinished(TestCaseFinished {
        case: case.to_owned(),
        arm,
        failures: failures.iter().map(|text| (*text).to_owned()).collect(),
        answer: Some("Well done.".into()),
        usage: Some(Usage {
            prompt_tokens: 120,
            completion_tokens: 3,
        }),
        cost_usd: Some(0.25),
        latency_ms: 900,
    })
}

pub(crate) fn finished(failed: u32) -> TestRunEvent {
    let act = by_mina(9);
    TestRunEvent::TestRunFinished(TestRunFinished { failed, act })
}

pub(crate) fn stopped() -> TestRunEvent {
    TestRunEvent::TestRunStopped(TestRunStopped {
        reason: "Mina stopped it.".to_owned(),
        act: by_mina(9),
    })
}

fn run(events: &[TestRunEvent]) -> TestRun {
    TestRun::replay(events).expect("it started")
}

#[test]
fn results_that_are_used_again_are_named_by_their_run() {
    let stored = format!(
        r#"{{"version":1,"hash":"{}","reused":"00000000-0000-0000-0000-000000000007"}}"#,
        hash(1)
    );
    let baseline: Baseline = serde_json::from_str(&stored).expect("a baseline");
    assert_eq!(baseline.reused, Some(uuid::Uuid::from_u128(7)));
    assert_eq!(serde_json::to_string(&baseline).expect("JSON"), stored);
}

#[test]
fn a_run_is_its_cases_by_arm_and_its_end() {
    use Arm::{Baseline, Candidate};
    let run = run(&[
        started(),
        tried("day", Candidate, &[]),
        tried("day", Baseline, &["It is too long."]),
        tried("night", Candidate, &["It lacks a greeting."]),
        finished(1),
    ]);
    assert_eq!(run.cases(Candidate).len(), 2);
    assert_eq!(run.cases(Baseline).len(), 1);
    assert!(
        run.case(Candidate, "day")
            .is_some_and(TestCaseFinished::passed)
    );
    assert!(
        !run.case(Baseline, "day")
            .is_some_and(TestCaseFinished::passed)
    );
    assert_eq!(run.case(Baseline, "night"), None);
    assert!(matches!(run.end, Some(TestRunEnd::Finished(_))));
    assert!(!run.passed());
}

#[test]
fn a_run_passed_if_all_its_cases_did() {
    let cases = [
        started(),
        tried("day", Arm::Candidate, &[]),
        tried("night", Arm::Candidate, &[]),
    ];
    assert!(!run(&cases).passed(), "it has no end yet");
    assert!(run(&[cases.as_slice(), &[finished(0)]].concat()).passed());
    assert!(!run(&[cases.as_slice(), &[stopped()]].concat()).passed());
}

#[test]
fn totals_are_sums_over_the_cases_of_an_arm() {
    let run = run(&[
        started(),
        tried("day", Arm::Candidate, &[]),
        tried("night", Arm::Candidate, &["No."]),
    ]);
    let totals = run.totals(Arm::Candidate);
    assert_eq!((totals.cases, totals.failed), (2, 1));
    assert_eq!((totals.prompt_tokens, totals.completion_tokens), (240, 6));
    assert_eq!(totals.cost_usd, Some(0.5));
    assert_eq!(totals.latency_ms, 1_800);
}

#[test]
fn a_cost_that_is_not_known_of_every_case_is_not_known() {
    let mut free = tried("night", Arm::Candidate, &[]);
    if let TestRunEvent::TestCaseFinished(case) = &mut free {
        case.cost_usd = None;
    }
    let run = run(&[started(), tried("day", Arm::Candidate, &[]), free]);
    assert_eq!(run.totals(Arm::Candidate).cost_usd, None);
    assert_eq!(run.totals(Arm::Baseline).cost_usd, None, "it has no cases");
}

#[test]
fn what_cannot_happen_to_a_run_changes_nothing() {
    assert_eq!(TestRun::replay(&[tried("day", Arm::Candidate, &[])]), None);
    assert_eq!(TestRun::replay(&[finished(0), stopped()]), None);
    let ended = [started(), tried("day", Arm::Candidate, &[]), stopped()];
    let more = [
        started(),
        tried("day", Arm::Candidate, &["Again."]),
        tried("night", Arm::Candidate, &[]),
        finished(0),
    ];
    let both = [ended.as_slice(), more.as_slice()].concat();
    assert_eq!(run(&both), run(&ended));
    let twice = [
        started(),
        more[1].clone(),
        tried("day", Arm::Candidate, &[]),
    ];
    assert_eq!(run(&twice).cases(Arm::Candidate).len(), 1);
}
