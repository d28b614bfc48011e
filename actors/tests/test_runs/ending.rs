//! Runs that do not begin, are stopped, or never end.

use std::time::Duration;

use punchcard_actors::prompts::{ContentName, PromptError};
use punchcard_actors::test_runs::{RunState, TestRunError, TestRunOptions};
use punchcard_actors::testing::memory_store::Fault;
use punchcard_actors::testing::model::{Script, ScriptedModel};
use punchcard_actors::testing::world::{in_paused_time, task, tenant};
use punchcard_events::TenantId;
use punchcard_events::prompt::Author;
use uuid::Uuid;

use crate::bench::{Bench, author, cases, options};

#[test]
fn without_a_prompt_or_cases_there_is_nothing_to_run() {
    in_paused_time(async {
        let bench = Bench::new().await;
        let nothing = TestRunError::Prompt(PromptError::NoSuchPrompt(task("review")));
        assert_eq!(bench.start().await, Err(nothing));
        bench.draft("Review").await;
        assert_eq!(
            bench.start().await,
            Err(TestRunError::NoTestCases(task("review")))
        );
        bench.cases(vec![]).await;
        assert_eq!(
            bench.start().await,
            Err(TestRunError::NoTestCases(task("review")))
        );
        let no_version = bench.start_of(ContentName::Version(7)).await;
        assert!(matches!(
            no_version,
            Err(TestRunError::Prompt(PromptError::NoSuchContent { .. }))
        ));
        assert_eq!((bench.runs.active(), bench.model.counts().begun), (0, 0));
    });
}

#[test]
fn a_run_that_goes_on_shows_what_it_has_done() {
    in_paused_time(async {
        let bench = Bench::new().await;
        bench.cases(cases(2)).await;
        bench.draft("Review").await;
        bench.model.next(Script::says(["good"]));
        let held = bench.model.hold_next();
        let run = bench.start().await.unwrap();
        let patience = Duration::from_secs(60);
        let view = bench.runs.progress(&tenant(), run, 0, patience).await;
        let view = view.unwrap().unwrap();
        assert_eq!((view.state, view.cases_done), (RunState::Running, 1));
        let listed = bench
            .runs
            .list(&tenant(), &task("review"), 10)
            .await
            .unwrap();
        assert_eq!((listed.len(), listed[0].state), (1, RunState::Running));

        let waited = bench
            .runs
            .wait(&tenant(), run, Duration::from_secs(5))
            .await;
        assert_eq!(waited.unwrap().unwrap().state, RunState::Running);
        held.text("good");
        held.complete();
        assert_eq!(bench.ended(run).await.state, RunState::Passed);
        let listed = bench
            .runs
            .list(&tenant(), &task("review"), 10)
            .await
            .unwrap();
        assert_eq!((listed.len(), listed[0].state), (1, RunState::Passed));
    });
}

#[test]
fn a_run_stopped_in_the_middle_says_so_and_clears_nothing() {
    in_paused_time(async {
        let bench = Bench::new().await;
        bench.cases(cases(2)).await;
        bench.draft("Review").await;
        bench.model.next(Script::says(["good"]));
        let mut held = bench.model.hold_next();
        let run = bench.start().await.unwrap();
        held.begun().await;
        let view = bench.stop(run, "wrong draft").await.unwrap();
        assert_eq!((view.state, view.cases_done), (RunState::Stopped, 1));
        assert_eq!(view.reason.as_deref(), Some("wrong draft"));
        held.ended().await;
        assert_eq!(bench.results().await, []);
        assert_eq!(bench.runs.active(), 0);

        let again = bench.stop(run, "again").await;
        assert_eq!(again, Ok(view), "one that is over stays as it is");
        let unknown = Uuid::from_u128(7);
        let stop = bench.stop(unknown, "gone").await;
        assert_eq!(stop, Err(TestRunError::NoSuchRun(unknown)));
    });
}

#[test]
fn a_run_past_its_deadline_is_given_up() {
    in_paused_time(async {
        let bench = Bench::new().await;
        bench.cases(cases(30)).await;
        bench.draft("Review").await;
        bench.model.always(Script::hangs());
        let view = bench.test().await;
        // Twenty cases time out after three minutes each, but the hour is over first.
        assert_eq!((view.state, view.cases_done), (RunState::Stopped, 19));
        let reason = "It took more than 60 minutes. Test with fewer cases.";
        assert_eq!(view.reason.as_deref(), Some(reason));
        assert_eq!(bench.results().await, []);
        assert_eq!(bench.model.counts().in_flight, 0);
    });
}

#[test]
fn a_run_without_an_end_that_does_not_run_here_is_interrupted() {
    in_paused_time(async {
        let bench = Bench::new().await;
        bench.cases(cases(2)).await;
        bench.draft("Review").await;
        bench.model.next(Script::says(["good"]));
        let held = bench.model.hold_next();
        let run = bench.start().await.unwrap();
        let patience = Duration::from_secs(60);
        bench
            .runs
            .progress(&tenant(), run, 0, patience)
            .await
            .unwrap();
        assert_eq!(bench.status(run).await.state, RunState::Running);

        // The process is gone: another one has the same store, and nothing runs there.
        let after = Bench::over(bench.store.clone(), ScriptedModel::new(), options()).await;
        let view = after.status(run).await;
        assert_eq!((view.state, view.cases_done), (RunState::Interrupted, 1));
        assert_eq!(view.ended_at, None);
        assert_eq!(after.ended(run).await, view, "nobody waits for its end");
        assert_eq!(after.model.counts().begun, 0);
        drop(held);
    });
}

/// A bench that asks a store only once, whose model says what is wanted.
async fn impatient() -> Bench {
    let bench = Bench::with(TestRunOptions {
        store_patience: Duration::ZERO,
        ..options()
    })
    .await;
    bench.cases(cases(2)).await;
    bench.draft("Review").await;
    bench.model.always(Script::says(["good"]));
    bench
}

#[test]
fn a_result_that_is_recorded_counts_though_the_runs_end_was_lost() {
    in_paused_time(async {
        let bench = impatient().await;
        bench.store.fail_kind("TestRunFinished", Fault::Unavailable);
        let view = bench.test().await;
        assert_eq!(bench.store.faults_fired().unavailable, 1);
        assert_eq!((view.state, view.cases_done), (RunState::Passed, 2));
        let results = bench.results().await;
        assert_eq!(view.ended_at, Some(results[0].act.at));
        assert_eq!(bench.stream(view.run).await.len(), 3);
    });
}

#[test]
fn a_run_whose_result_cannot_be_recorded_has_not_passed() {
    in_paused_time(async {
        let bench = impatient().await;
        bench.store.fail_kind("PromptTested", Fault::Unavailable);
        let view = bench.test().await;
        assert_eq!(view.state, RunState::Stopped);
        let reason = view.reason.unwrap();
        assert!(
            reason.starts_with("Its result could not be recorded: "),
            "{reason}"
        );
        assert_eq!(bench.results().await, []);
    });
}

#[test]
fn a_run_whose_start_cannot_be_stored_is_none() {
    in_paused_time(async {
        let bench = impatient().await;
        bench.store.fail_kind("TestRunStarted", Fault::Unavailable);
        let refused = bench.start().await;
        assert!(
            matches!(refused, Err(TestRunError::Unavailable(_))),
            "{refused:?}"
        );
        assert_eq!((bench.runs.active(), bench.model.counts().begun), (0, 0));
    });
}

#[test]
fn the_room_for_runs_is_bounded() {
    in_paused_time(async {
        let bench = Bench::new().await;
        bench.cases(cases(1)).await;
        bench.draft("Review").await;
        let held = [bench.model.hold_next(), bench.model.hold_next()];
        let first = bench.start().await.unwrap();
        let second = bench.start().await.unwrap();
        assert_eq!(bench.start().await, Err(TestRunError::TooManyOfTenant(2)));
        for held in held {
            held.text("good");
            held.complete();
        }
        bench.ended(first).await;
        bench.ended(second).await;
        bench.model.always(Script::says(["good"]));
        assert_eq!(bench.test().await.state, RunState::Passed);
    });
}

#[test]
fn another_tenant_sees_no_run() {
    in_paused_time(async {
        let bench = Bench::new().await;
        bench.cases(cases(1)).await;
        bench.draft("Review").await;
        let held = bench.model.hold_next();
        let run = bench.start().await.unwrap();
        let other = TenantId::new("other").unwrap();
        assert_eq!(bench.runs.status(&other, run).await, Ok(None));
        let stop = bench.runs.stop(&other, run, author(), None).await;
        assert_eq!(stop, Err(TestRunError::NoSuchRun(run)));
        held.text("good");
        held.complete();
        bench.ended(run).await;
        assert_eq!(bench.runs.status(&other, run).await, Ok(None));
    });
}

#[test]
fn a_server_that_stops_stops_its_runs_and_starts_none() {
    in_paused_time(async {
        let bench = Bench::with(TestRunOptions::default()).await;
        bench.cases(cases(3)).await;
        bench.draft("Review").await;
        bench.model.always(Script::hangs());
        let run = bench.start().await.unwrap();
        bench.model.until(|counts| counts.in_flight == 3).await;
        assert_eq!(bench.runs.drain(Duration::from_secs(5)).await, 0);
        let view = bench.status(run).await;
        assert_eq!(view.state, RunState::Stopped);
        assert_eq!(view.reason.as_deref(), Some("The server was stopped."));
        let stream = bench.stream(run).await;
        assert!(matches!(
            stream.last(),
            Some(punchcard_events::test_run::TestRunEvent::TestRunStopped(stopped))
                if stopped.act.by == Author::Runtime
        ));
        assert_eq!(bench.start().await, Err(TestRunError::Stopping));
        assert_eq!(bench.model.counts().in_flight, 0);
    });
}
