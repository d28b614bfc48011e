//! What the cases say in sum, and the worst of them first.

use proptest::prelude::*;
use punchcard_events::shadow_run::*;

use crate::samples::*;

const VERDICTS: [CaseVerdict; 4] = [
    CaseVerdict::Same,
    CaseVerdict::Changed,
    CaseVerdict::SchemaFailed,
    CaseVerdict::Failed,
];

#[test]
fn the_sums_are_of_the_cases_that_both_answered() {
    let mut slow = ended(1, CaseVerdict::Changed, 0.5);
    slow.after = Some(measured(150, 20, 0.02, 3_000));
    let mut broken = ended(4, CaseVerdict::SchemaFailed, 0.0);
    broken.after = Some(measured(9_999, 999, 9.0, 99_999));
    let mut refused = ended(5, CaseVerdict::Failed, 0.0);
    refused.after = None;
    let all = cases(
        9,
        [
            slow,
            ended(2, CaseVerdict::Same, 1.0),
            ended(3, CaseVerdict::Same, 1.0),
            broken,
            refused,
        ],
    );
    let summary = ReportSummary::of(&all);
    assert_eq!((summary.cases, summary.same, summary.changed), (5, 2, 1));
    assert_eq!((summary.failed, summary.schema_failures), (1, 1));
    let mean = summary.mean_similarity.expect("some were compared");
    assert!((mean - 2.5 / 3.0).abs() < 1e-12, "{mean}");
    let pair = |before, after| BeforeAfter {
        before: Some(before),
        after: Some(after),
    };
    assert_eq!(summary.answer_bytes, pair(100, 83));
    assert_eq!(summary.prompt_tokens, pair(60, 60));
    assert_eq!(summary.completion_tokens, pair(30, 30));
    assert_eq!(summary.latency_ms.p50, pair(1_000, 400));
    assert_eq!(summary.latency_ms.p95, pair(1_000, 3_000));
    let cost = summary.cost_usd.after.expect("all are known");
    assert!((cost - 0.03).abs() < 1e-12, "{cost}");
}

#[test]
fn what_is_not_known_of_one_case_is_not_known_of_their_sum() {
    let mut unknown = ended(1, CaseVerdict::Same, 1.0);
    let mut after = measured(1, 1, 0.1, 1);
    (after.usage, after.cost_usd) = (None, None);
    unknown.after = Some(after);
    let summary = ReportSummary::of(&cases(2, [unknown, ended(2, CaseVerdict::Same, 1.0)]));
    assert_eq!(summary.completion_tokens.after, None);
    assert_eq!(summary.cost_usd.after, None);
    assert_eq!(summary.completion_tokens.before, Some(20));
}

#[test]
fn a_run_without_a_case_that_ended_has_no_averages() {
    let summary = ReportSummary::of(&cases(5, []));
    assert_eq!(summary.cases, 0);
    assert_eq!(summary.mean_similarity, None);
    assert_eq!(summary.answer_bytes, BeforeAfter::default());
    assert_eq!(summary.cost_usd, BeforeAfter::default());
    assert_eq!(summary.latency_ms, Percentiles::default());
}

#[test]
fn cases_without_an_answer_come_first_then_the_less_alike() {
    let all = cases(
        6,
        [
            ended(1, CaseVerdict::Same, 1.0),
            ended(2, CaseVerdict::Changed, 0.9),
            ended(3, CaseVerdict::Changed, 0.1),
            ended(4, CaseVerdict::SchemaFailed, 0.0),
            ended(5, CaseVerdict::Failed, 0.0),
            ended(6, CaseVerdict::Changed, 0.1),
        ],
    );
    let order: Vec<_> = all.worst_first(None, 10).iter().map(|c| c.case).collect();
    assert_eq!(order, [5, 4, 3, 6, 2, 1]);
    let page: Vec<_> = all.worst_first(Some(4), 2).iter().map(|c| c.case).collect();
    assert_eq!(page, [3, 6]);
}

proptest! {
    #[test]
    fn pages_hold_every_case_once_in_one_order(
        drawn in proptest::collection::vec((0_usize..4, 0_u8..=4), 1..60),
        page in 1_usize..20,
    ) {
        let total = u32::try_from(drawn.len()).expect("a small number");
        let all = (1..).zip(&drawn).map(|(case, (verdict, similarity))| {
            ended(case, VERDICTS[*verdict], f64::from(*similarity) / 4.0)
        });
        let all = cases(total, all);
        let mut paged = vec![];
        let mut cursor = None;
        loop {
            let next = all.worst_first(cursor, page);
            let Some(last) = next.last() else { break };
            cursor = Some(last.case);
            paged.extend(next);
        }
        let whole = all.worst_first(None, usize::MAX);
        prop_assert_eq!(&paged, &whole);
        prop_assert_eq!(whole.len(), drawn.len());
        let tally = all.tally();
        prop_assert!(tally.adds_up() && tally.cases == total);
        let summary = ReportSummary::of(&all);
        prop_assert!(summary.mean_similarity.is_none_or(|mean| (0.0..=1.0).contains(&mean)));
    }
}
