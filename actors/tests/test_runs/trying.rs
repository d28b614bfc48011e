//! Cases: answers, failures, repeats, deadlines, bounds.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::test_runs::{RunState, RunView, TestRunOptions};
use punchcard_actors::testing::judges::{PANICS, UNRENDERABLE};
use punchcard_actors::testing::memory_store::Fault;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::in_paused_time;
use punchcard_events::prompt::{Expectation, TestCase, Tested};
use punchcard_events::test_run::TestRunEvent;
use punchcard_events::ticket::{AttemptErrorKind, Usage};
use serde_json::Value;

use crate::bench::{Bench, author, case, cases, expecting, options};

/// What did not hold, case by case.
fn failures(view: &RunView) -> Vec<(&str, Vec<&str>)> {
    let cases = view.cases.iter();
    let of = cases.map(|case| {
        let failures = case.result.failures.iter().map(String::as_str);
        (case.case.as_str(), failures.collect())
    });
    of.collect()
}

#[test]
fn a_run_tries_every_case_and_its_result_is_recorded_once() {
    in_paused_time(async {
        let bench = Bench::new().await;
        bench.cases(vec![case("a"), case("b"), case("c")]).await;
        bench.draft("Review").await;
        bench.model.next(Script::says(["a ", "good one"]));
        bench.model.next(Script::says(["a bad one"]));
        bench.model.always(Script::says(["good"]));
        let run = bench.start().await.unwrap();
        let view = bench.ended(run).await;

        assert_eq!(
            (view.state, view.cases_total, view.cases_done),
            (RunState::Failed, 3, 3)
        );
        assert_eq!(view.tested, Tested::Draft(1));
        let held = "Contains(\"good\") does not hold";
        assert_eq!(
            failures(&view),
            [("a", vec![]), ("b", vec![held]), ("c", vec![])]
        );
        let first = &view.cases[0].result;
        assert_eq!(first.answer.as_deref(), Some("a good one"));
        let usage = Usage {
            prompt_tokens: 7,
            completion_tokens: 5,
        };
        assert_eq!((first.usage, first.cost_usd), (Some(usage), Some(0.017)));
        let totals = view.totals.candidate;
        assert_eq!((totals.cases, totals.failed), (3, 1));
        assert_eq!((totals.prompt_tokens, totals.completion_tokens), (21, 15));
        assert_eq!(totals.cost_usd, Some(0.051));
        assert_eq!((view.baseline, view.totals.baseline), (None, None));

        let results = bench.results().await;
        assert_eq!(results.len(), 1);
        let result = &results[0];
        assert_eq!((result.run, result.cases, result.failed), (run, 3, 1));
        assert_eq!((result.hash, &result.act.by), (view.hash, &author()));
        let kinds: Vec<_> = bench
            .stream(run)
            .await
            .iter()
            .map(TestRunEvent::kind)
            .collect();
        let case = "TestCaseFinished";
        assert_eq!(
            kinds,
            ["TestRunStarted", case, case, case, "TestRunFinished"]
        );
        let asked = bench.model.calls();
        assert_eq!(asked[0].messages[0].content, "Review \"a\"");
    });
}

#[test]
fn a_run_whose_cases_all_pass_has_passed() {
    in_paused_time(async {
        let bench = Bench::new().await;
        bench.cases(cases(2)).await;
        bench.draft("Review").await;
        bench.model.always(Script::says(["good"]));
        assert_eq!(bench.test().await.state, RunState::Passed);
        assert_eq!(bench.results().await[0].failed, 0);
    });
}

#[test]
fn no_more_cases_are_tried_at_a_time_than_allowed() {
    in_paused_time(async {
        let concurrency = NonZeroUsize::new(3).unwrap();
        let bench = Bench::with(TestRunOptions {
            concurrency,
            ..options()
        })
        .await;
        bench.cases(cases(10)).await;
        bench.draft("Review").await;
        bench.model.always(
            Script::default()
                .wait(Duration::from_secs(1))
                .text(["good"])
                .complete(),
        );
        let view = bench.test().await;
        assert_eq!((view.state, view.cases_done), (RunState::Passed, 10));
        let counts = bench.model.counts();
        assert_eq!((counts.begun, counts.most_in_flight), (10, 3));
    });
}

#[test]
fn a_call_that_fails_for_now_is_repeated_twice_at_most() {
    in_paused_time(async {
        let bench = Bench::new().await;
        bench.cases(cases(2)).await;
        bench.draft("Review").await;
        for _ in 0..2 {
            bench.model.next(Script::refuses(AttemptErrorKind::Server));
        }
        bench.model.next(Script::says(["good"]));
        bench
            .model
            .always(Script::default().fail(AttemptErrorKind::Timeout));
        let view = bench.test().await;
        let why = "The model gave no answer: the scripted model fails as told.";
        assert_eq!(
            failures(&view),
            [("case-000", vec![]), ("case-001", vec![why])]
        );
        assert_eq!(bench.model.counts().begun, 6);
        let attempts: Vec<_> = bench
            .model
            .calls()
            .iter()
            .map(|call| call.attempt)
            .collect();
        assert_eq!(attempts, [1, 2, 3, 1, 2, 3]);
    });
}

#[test]
fn a_call_that_fails_for_good_is_not_repeated() {
    in_paused_time(async {
        let bench = Bench::new().await;
        bench.cases(cases(1)).await;
        bench.draft("Review").await;
        bench
            .model
            .always(Script::refuses(AttemptErrorKind::InvalidRequest));
        let view = bench.test().await;
        assert_eq!(view.state, RunState::Failed);
        assert_eq!(view.cases[0].result.answer, None);
        assert_eq!(bench.model.counts().begun, 1);
    });
}

#[test]
fn a_case_without_an_answer_fails_at_its_deadline_and_the_next_is_tried() {
    in_paused_time(async {
        let bench = Bench::new().await;
        bench.cases(cases(2)).await;
        bench.draft("Review").await;
        bench.model.next(Script::hangs());
        bench.model.always(Script::says(["good"]));
        let view = bench.test().await;
        let why = "The model gave no answer: it took more than 180 s.";
        assert_eq!(
            failures(&view),
            [("case-000", vec![why]), ("case-001", vec![])]
        );
        assert_eq!(bench.model.counts().in_flight, 0);
    });
}

#[test]
fn what_cannot_be_rendered_or_judged_fails_alone() {
    in_paused_time(async {
        let bench = Bench::new().await;
        let unrenderable = TestCase {
            input: Arc::new(Value::from(UNRENDERABLE)),
            ..case("a")
        };
        let panics = expecting("b", vec![Expectation::Matches(PANICS.to_owned())]);
        bench.cases(vec![unrenderable, panics, case("c")]).await;
        bench.draft("Review").await;
        bench.model.always(Script::says(["good"]));
        let view = bench.test().await;
        let a = "The prompt cannot be filled in with this input: it is unrenderable.";
        let b = "The case could not be tried because of a mistake in Punchcard itself; its log says \
                 more.";
        assert_eq!(
            failures(&view),
            [("a", vec![a]), ("b", vec![b]), ("c", vec![])]
        );
        assert_eq!(bench.results().await[0].failed, 2);
    });
}

#[test]
fn a_rubric_is_judged_by_the_model_it_names_or_the_prompts_own() {
    in_paused_time(async {
        let bench = Bench::new().await;
        let rubric = |model: Option<&str>| Expectation::Rubric {
            text: "kind".to_owned(),
            model: model.map(str::to_owned),
        };
        bench
            .cases(vec![expecting(
                "a",
                vec![rubric(Some("judge")), rubric(None)],
            )])
            .await;
        bench.draft("Review").await;
        for said in ["good", "yes", "it scolds"] {
            bench.model.next(Script::says([said]));
        }
        let view = bench.test().await;
        assert_eq!(failures(&view), [("a", vec!["kind: it scolds"])]);
        let calls = bench.model.calls();
        let models: Vec<_> = calls.iter().map(|call| call.model.as_str()).collect();
        assert_eq!(models, ["gpt", "judge", "gpt"]);
        assert_eq!(calls[1].messages[0].content, "grade kind: good");

        bench.draft("Review!").await;
        bench.model.next(Script::says(["good"]));
        bench
            .model
            .always(Script::refuses(AttemptErrorKind::Unauthorized));
        let view = bench.test().await;
        let why = "The judging model gave no verdict: the scripted model fails as told.";
        assert_eq!(failures(&view), [("a", vec![why, why])]);
    });
}

#[test]
fn an_answer_past_its_bound_is_none_and_a_long_one_is_kept_in_part() {
    in_paused_time(async {
        let bench = Bench::new().await;
        bench.cases(cases(2)).await;
        bench.draft("Review").await;
        let long = format!("{}good", "가".repeat(30_000));
        bench.model.next(Script::says([long.as_str()]));
        bench
            .model
            .always(Script::says(["x".repeat(300_000).as_str()]));
        let view = bench.test().await;
        let why = "The model gave no answer: the answer has more than 262144 bytes.";
        assert_eq!(
            failures(&view),
            [("case-000", vec![]), ("case-001", vec![why])]
        );
        let kept = view.cases[0].result.answer.as_deref().unwrap();
        assert_eq!(kept.len(), 65_535, "a whole number of characters");
    });
}

#[test]
fn a_store_that_does_not_say_what_it_did_gets_nothing_twice() {
    in_paused_time(async {
        let bench = Bench::new().await;
        bench.cases(cases(2)).await;
        bench.draft("Review").await;
        bench.model.always(Script::says(["good"]));
        for (kind, fault) in [
            ("TestCaseFinished", Fault::UnknownWritten),
            ("PromptTested", Fault::UnknownWritten),
            ("TestRunFinished", Fault::UnknownNotWritten),
        ] {
            bench.store.fail_kind(kind, fault);
        }
        let run = bench.start().await.unwrap();
        assert_eq!(bench.ended(run).await.state, RunState::Passed);
        assert_eq!(bench.stream(run).await.len(), 4);
        assert_eq!(bench.results().await.len(), 1);
        let fired = bench.store.faults_fired();
        assert_eq!((fired.unknown_written, fired.unknown_not_written), (2, 1));
    });
}
