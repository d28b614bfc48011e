//! Every state with every command. A new command does not compile until it has its cells.
//!
//! A prompt's state is made of parts that change by themselves; the columns are the situations that
//! planners know.

use punchcard_events::prompt::*;

use crate::harness::given;
use crate::samples::*;

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Situation {
    Empty,
    Drafted,
    Published,
    Deployed,
    CanaryRunning,
    Retired,
}

const SITUATIONS: [Situation; 6] = [
    Situation::Empty,
    Situation::Drafted,
    Situation::Published,
    Situation::Deployed,
    Situation::CanaryRunning,
    Situation::Retired,
];

fn history(situation: Situation) -> Vec<PromptEvent> {
    match situation {
        Situation::Empty => vec![],
        Situation::Drafted => a_draft(),
        Situation::Published => passed_versions(3),
        Situation::Deployed => in_production(3),
        Situation::CanaryRunning => with_canary(),
        Situation::Retired => retired(),
    }
}

macro_rules! asks {
    ($($name:ident),+ $(,)?) => {
        /// A row of the table: a command's type.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Ask { $($name),+ }

        const ASKS: &[Ask] = &[$(Ask::$name),+];

        /// Exhaustive: a new command must be given a row.
        fn ask(command: &Command) -> Ask {
            match command { $(Command::$name { .. } => Ask::$name),+ }
        }
    };
}

asks! {
    SaveDraft, DiscardDraft, Publish, MoveLabel, RollBack, RemoveLabel, StartCanary, EndCanary,
    SaveTestSet, RecordTest, RecordShadow, SetDeploymentPolicy, Retire, Restore, Adopt,
}

/// What is asked: something that is new wherever it can be.
fn commands() -> Vec<Command> {
    vec![
        save(None, words(9)),
        discard(1),
        publish(1, words(1)),
        deploy(production(), 2),
        roll_back(production(), 1, None),
        remove(staging()),
        start_canary(2),
        end_canary(CanaryEnd::Stopped),
        save_set(None, vec![case("new")]),
        record(99, 2, 1),
        record_shadow(98, 2, 10, 1),
        set_policy(10, 5),
        retire(),
        restore(),
        adopt(words(9)),
    ]
}

/// What is expected of a command, column by column: the types of the events, `-` where it is
/// already true, or the code of the refusal.
#[rustfmt::skip]
const fn row(ask: Ask) -> [&'static str; 6] {
    const NO_PROMPT: &str = "no_prompt";
    const NOT_RUNNING: &str = "canary_not_running";
    const CONFLICT: &str = "test_set_conflict";
    match ask {
        Ask::SaveDraft    => ["PromptDrafted", "draft_conflict", "PromptDrafted", "PromptDrafted", "PromptDrafted", "PromptDrafted"],
        Ask::DiscardDraft => [NO_PROMPT, "DraftDiscarded", "-", "-", "-", "-"],
        Ask::Publish      => [NO_PROMPT, "PromptPublished", "no_draft", "no_draft", "no_draft", "no_draft"],
        Ask::MoveLabel    => [NO_PROMPT, "no_such_version", "LabelMoved", "LabelMoved", "CanaryEnded LabelMoved", "prompt_retired"],
        Ask::RollBack     => [NO_PROMPT, "no_such_label", "no_such_label", "nothing_before", "canary_conflict", "nothing_before"],
        Ask::RemoveLabel  => [NO_PROMPT, "-", "-", "-", "-", "-"],
        Ask::StartCanary  => [NO_PROMPT, "no_such_version", "no_production", "CanaryStarted", "-", "prompt_retired"],
        Ask::EndCanary    => [NO_PROMPT, NOT_RUNNING, NOT_RUNNING, NOT_RUNNING, "CanaryEnded", NOT_RUNNING],
        Ask::SaveTestSet  => ["TestSetSaved", "TestSetSaved", CONFLICT, CONFLICT, CONFLICT, CONFLICT],
        Ask::RecordTest   => [NO_PROMPT, "no_such_test_set", "PromptTested", "PromptTested", "PromptTested", "PromptTested"],
        Ask::RecordShadow => [NO_PROMPT, "no_such_version", "PromptShadowed", "PromptShadowed", "PromptShadowed", "PromptShadowed"],
        Ask::SetDeploymentPolicy => [NO_PROMPT, "DeploymentPolicySet", "DeploymentPolicySet", "DeploymentPolicySet", "DeploymentPolicySet", "DeploymentPolicySet"],
        Ask::Retire       => [NO_PROMPT, "PromptRetired", "PromptRetired", "PromptRetired", "CanaryEnded PromptRetired", "-"],
        Ask::Restore      => [NO_PROMPT, "-", "-", "-", "-", "PromptRestored"],
        Ask::Adopt        => ["PromptPublished LabelMoved", "not_empty", "-", "-", "-", "-"],
    }
}

fn outcome(decided: &Result<Vec<PromptEvent>, Rejection>) -> String {
    match decided {
        Ok(events) if events.is_empty() => "-".to_owned(),
        Ok(events) => {
            let kinds: Vec<_> = events.iter().map(PromptEvent::kind).collect();
            kinds.join(" ")
        }
        Err(rejection) => rejection.code().to_owned(),
    }
}

#[test]
fn every_state_meets_every_command_as_the_table_says() {
    for command in commands() {
        let row = row(ask(&command));
        for (situation, expected) in SITUATIONS.into_iter().zip(row) {
            let state = given(history(situation)).state();
            let decided = decide(&state, command.clone());
            let ask = ask(&command);
            assert_eq!(outcome(&decided), expected, "{ask:?} when {situation:?}");
            let mut state = state;
            for event in decided.iter().flatten() {
                state = apply(state, event).expect("what is decided can happen");
            }
        }
    }
}

#[test]
fn every_row_of_the_table_is_asked() {
    let asked: Vec<_> = commands().iter().map(ask).collect();
    assert_eq!(asked, ASKS);
}

#[test]
fn every_column_of_the_table_is_the_state_it_says() {
    for situation in SITUATIONS {
        let state = given(history(situation)).state();
        let found = if state.is_empty() {
            Situation::Empty
        } else if state.retired.is_some() {
            Situation::Retired
        } else if state.canary.is_some() {
            Situation::CanaryRunning
        } else if state.production().is_some() {
            Situation::Deployed
        } else if state.versions.is_empty() {
            Situation::Drafted
        } else {
            Situation::Published
        };
        assert_eq!(found, situation);
    }
}
