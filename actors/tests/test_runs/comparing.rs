//! What is tested beside what is in production.

use punchcard_actors::prompts::ContentName;
use punchcard_actors::test_runs::{Compared, RunState};
use punchcard_actors::testing::judges::UNUSABLE;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::in_paused_time;

use crate::bench::{Bench, case, cases};

/// A bench whose version 1 is in production.
async fn in_production(cases: Vec<punchcard_events::prompt::TestCase>) -> Bench {
    let bench = Bench::new().await;
    bench.cases(cases).await;
    bench.publish("One").await;
    bench.deploy(1).await;
    bench
}

#[test]
fn each_case_is_better_or_worse_or_the_same() {
    in_paused_time(async {
        let names = ["a", "b", "c", "d"];
        let bench = in_production(names.map(case).to_vec()).await;
        bench.draft("Two").await;
        for said in ["good", "bad", "good", "bad", "bad", "good", "good", "bad"] {
            bench.model.next(Script::says([said]));
        }
        let view = bench.test().await;
        let compared: Vec<_> = view
            .cases
            .iter()
            .map(|case| case.compared.unwrap())
            .collect();
        assert_eq!(
            compared,
            [
                Compared::Better,
                Compared::Worse,
                Compared::Same,
                Compared::Same
            ]
        );
        let baseline = view.baseline.unwrap();
        assert_eq!((baseline.version, baseline.reused), (1, None));
        let totals = view.totals;
        assert_eq!(
            (totals.candidate.failed, totals.baseline.unwrap().failed),
            (2, 2)
        );
        assert_eq!(totals.baseline.unwrap().cost_usd, Some(0.068));
        let asked = bench.model.calls();
        let words: Vec<_> = asked
            .iter()
            .map(|call| &call.messages[0].content[..3])
            .collect();
        assert_eq!(
            words,
            ["Two", "Two", "Two", "Two", "One", "One", "One", "One"]
        );
        // The baseline's failures are not the candidate's.
        assert_eq!(bench.results().await[0].failed, 2);
    });
}

#[test]
fn production_is_asked_once_and_its_answers_are_used_again() {
    in_paused_time(async {
        let bench = in_production(cases(3)).await;
        bench.model.always(Script::says(["good"]));
        bench.draft("Two").await;
        let first = bench.test().await;
        assert_eq!(bench.model.counts().begun, 6);

        bench.draft("Three").await;
        let second = bench.test().await;
        assert_eq!(bench.model.counts().begun, 9, "production was asked again");
        assert_eq!(second.baseline.unwrap().reused, Some(first.run));
        assert_eq!(second.totals.baseline.unwrap().cases, 3);
        assert!(
            second
                .cases
                .iter()
                .all(|case| case.compared == Some(Compared::Same))
        );

        // Other cases have other answers.
        bench.cases(cases(4)).await;
        let third = bench.test().await;
        assert_eq!(bench.model.counts().begun, 17);
        assert_eq!(third.baseline.unwrap().reused, None);
    });
}

#[test]
fn the_test_that_let_a_version_into_production_is_the_baseline_of_the_next() {
    in_paused_time(async {
        let bench = Bench::new().await;
        bench.cases(cases(2)).await;
        bench.publish("One").await;
        bench.model.always(Script::says(["good"]));
        let tested = bench.test_of(ContentName::Version(1)).await;
        assert_eq!((tested.state, tested.baseline), (RunState::Passed, None));
        bench.deploy(1).await;
        let again = bench.test_of(ContentName::Version(1)).await;
        assert_eq!(again.baseline, None, "it is in production itself");
        assert_eq!(bench.model.counts().begun, 4);

        bench.draft("Two").await;
        let view = bench.test().await;
        assert_eq!(view.baseline.unwrap().reused, Some(again.run));
        assert_eq!(bench.model.counts().begun, 6);
    });
}

#[test]
fn a_version_in_production_that_cannot_be_used_keeps_no_replacement_from_being_tested() {
    in_paused_time(async {
        let bench = Bench::new().await;
        bench.cases(cases(2)).await;
        bench.publish(UNUSABLE).await;
        bench.deploy(1).await;
        bench.draft("Two").await;
        for _ in 0..2 {
            bench.model.next(Script::says(["good"]));
        }
        let view = bench.test().await;
        assert_eq!((view.state, view.baseline), (RunState::Passed, None));
        assert_eq!(bench.model.calls().len(), 2);
    });
}
