//! Every state with every command, and what holds for every life.

use proptest::prelude::*;
use punchcard_events::shadow_run::*;

use crate::samples::*;

/// The run after these commands, none of which is refused.
fn after(commands: &[Command]) -> Option<ShadowRunState> {
    commands.iter().fold(None, |state, command| {
        let events = decide(state.as_ref(), command.clone()).expect("it is taken");
        events.iter().fold(state, |state, event| {
            Some(apply(state, event).expect("what is decided can happen"))
        })
    })
}

fn outcome(state: Option<&ShadowRunState>, command: Command) -> String {
    match decide(state, command) {
        Ok(events) if events.is_empty() => "-".to_owned(),
        Ok(events) => {
            let state = state.cloned();
            assert_eq!(events.len(), 1);
            apply(state, &events[0]).expect("what is decided can happen");
            events[0].kind().to_owned()
        }
        Err(rejection) => format!("{rejection:?}"),
    }
}

#[test]
fn every_state_meets_every_command_as_the_table_says() {
    let none = None;
    let running = after(&[start(3)]);
    let stopped = after(&[start(3), stop()]);
    let finished = after(&[start(3), finish(3)]);
    let (unknown, over) = ("Unknown", "Finished");
    #[rustfmt::skip]
    let table = [
        (start(3), ["ShadowRunStarted", "AlreadyStarted", "AlreadyStarted", "AlreadyStarted"]),
        (stop(), [unknown, "ShadowRunStopped", "-", over]),
        (resume(None), [unknown, "-", "ShadowRunResumed", over]),
        (finish(3), [unknown, "ShadowRunFinished", "NotThroughYet(\"stopped\")", "-"]),
        (finish(2), [unknown, "NotThroughYet(\"running\")", "NotThroughYet(\"stopped\")", "-"]),
    ];
    for (command, row) in table {
        for (state, expected) in [&none, &running, &stopped, &finished].into_iter().zip(row) {
            let found = outcome(state.as_ref(), command.clone());
            assert_eq!(found, expected, "{command:?} at {state:?}");
        }
    }
}

#[test]
fn a_run_goes_on_with_what_it_may_cost_now_or_else_as_before() {
    let mut begun = started(3);
    begun.max_cost_usd = Some(1.0);
    let begin = Command::Start(Box::new(begun));
    let state = after(&[begin.clone(), stop(), resume(None)]).expect("a run");
    assert_eq!(state.max_cost_usd, Some(1.0));
    assert_eq!(state.phase, Phase::Running);
    let state = after(&[begin, stop(), resume(Some(2.5))]).expect("a run");
    assert_eq!(state.max_cost_usd, Some(2.5));
}

#[test]
fn a_result_whose_parts_do_not_make_the_whole_ends_no_run() {
    let odd = Command::Finish {
        tally: Tally {
            cases: 3,
            same: 2,
            ..Tally::default()
        },
        act: act(),
    };
    let refused = decide(after(&[start(3)]).as_ref(), odd);
    assert_eq!(refused, Err(Rejection::NotThroughYet("running")));
}

#[test]
fn a_case_ends_once_and_only_as_the_ticket_that_was_chosen() {
    let mut cases = cases(2, [ended(1, CaseVerdict::Same, 1.0)]);
    let mut others = ended(2, CaseVerdict::Same, 1.0);
    others.parent = past(9);
    for stray in [
        ended(1, CaseVerdict::Failed, 0.0),
        ended(3, CaseVerdict::Same, 1.0),
        ended(0, CaseVerdict::Same, 1.0),
        others,
    ] {
        let before = cases.clone();
        cases.fold(ShadowCasesEvent::ShadowCaseEnded(stray));
        assert_eq!(cases, before);
    }
    assert_eq!(cases.left().collect::<Vec<_>>(), [(2, past(2))]);
    assert_eq!((cases.total(), cases.tally().cases), (2, 1));
    assert!(cases.tally().adds_up());
}

proptest! {
    #[test]
    fn any_history_that_is_decided_is_legal_and_nothing_follows_the_end(
        choices in proptest::collection::vec(0_usize..5, 0..20),
    ) {
        let mut state: Option<ShadowRunState> = None;
        for choice in choices {
            let asked = [start(3), stop(), resume(Some(1.0)), finish(3), finish(1)];
            let was_over = state
                .as_ref()
                .is_some_and(|state| matches!(state.phase, Phase::Finished(_)));
            let events = decide(state.as_ref(), asked[choice].clone()).unwrap_or_default();
            prop_assert!(!was_over || events.is_empty());
            for event in &events {
                let stored = event.encode().expect("finite numbers");
                let read = ShadowRunEvent::decode(event.kind(), 1, &stored);
                prop_assert_eq!(read.as_ref(), Ok(event));
                state = Some(apply(state, event).expect("what is decided can happen"));
            }
        }
    }
}
