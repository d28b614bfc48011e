//! What a run has spent, and whether one more case may begin.

use proptest::prelude::*;
use punchcard_events::shadow_run::*;

use crate::samples::*;

fn estimate(cost_usd: Option<f64>) -> Estimate {
    Estimate {
        prompt_tokens: 1_000,
        completion_tokens: 500,
        cost_usd,
    }
}

fn costing(case: u32, cost_usd: Option<f64>) -> ShadowCaseEnded {
    let mut ended = ended(case, CaseVerdict::Same, 1.0);
    let mut after = measured(10, 5, 0.0, 10);
    after.cost_usd = cost_usd;
    ended.after = Some(after);
    ended
}

#[test]
fn what_is_spent_is_the_sum_of_what_is_known() {
    let all = cases(9, [costing(1, Some(0.25)), costing(2, Some(0.5))]);
    let spent = Spent::of(&all);
    assert_eq!(spent.cost_usd, Some(0.75));
    assert_eq!((spent.prompt_tokens, spent.completion_tokens), (20, 10));
    let all = cases(9, [costing(1, Some(0.25)), costing(2, None)]);
    assert_eq!(Spent::of(&all).cost_usd, None);
    assert_eq!(Spent::of(&cases(9, [])).cost_usd, Some(0.0));
}

#[test]
fn a_case_begins_while_it_and_those_under_way_fit_into_the_bound() {
    // Ten cases are thought to cost 1 dollar, so one costs 10 cents.
    let of = |max, all: &Cases| Spending::of(&estimate(Some(1.0)), 10, max, all);
    let none = cases(10, []);
    assert!(of(None, &none).has_room(1_000));
    assert!(of(Some(0.3), &none).has_room(2));
    assert!(!of(Some(0.3), &none).has_room(3));
    assert!(!of(Some(0.05), &none).has_room(0));
    let dear = cases(10, [costing(1, Some(0.25))]);
    assert!(!of(Some(0.3), &dear).has_room(0));
    let unknown = cases(10, [costing(1, None)]);
    assert!(
        of(Some(0.3), &unknown).has_room(1),
        "it counts as estimated"
    );
    assert!(!of(Some(0.3), &unknown).has_room(2));
}

proptest! {
    /// Each case costs what was estimated, or less.
    #[test]
    fn no_run_passes_its_bound_where_the_estimate_was_not_too_low(
        costs in proptest::collection::vec(0.0..=0.1_f64, 1..40),
        max in 0.0..3.0_f64,
        window in 1_usize..8,
    ) {
        let total = u32::try_from(costs.len()).expect("a small number");
        let estimate = estimate(Some(0.1 * f64::from(total)));
        let mut all = cases(total, []);
        let (mut open, mut next) = (Vec::new(), 1);
        loop {
            let spending = Spending::of(&estimate, total, Some(max), &all);
            if next <= total && open.len() < window && spending.has_room(open.len()) {
                open.push(next);
                next += 1;
                continue;
            }
            let Some(case) = open.pop() else { break };
            let cost = costs[case as usize - 1];
            all.fold(ShadowCasesEvent::ShadowCaseEnded(costing(case, Some(cost))));
        }
        let spent = Spent::of(&all).cost_usd.expect("all are known");
        prop_assert!(spent <= max + 1e-6, "{} of {}", spent, max);
    }
}
