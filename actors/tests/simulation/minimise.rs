//! From a plan that breaks a promise to the smallest one that still does.
//!
//! Delta debugging (Zeller and Hildebrandt, *Simplifying and Isolating Failure-Inducing Input*, IEEE
//! TSE 2002) over the steps, in halves, quarters and so on down to single steps; then the setup is
//! made plainer as long as that changes nothing.

use crate::drive::run;
use crate::mutant::Mutant;
use crate::plan::{Deed, End, Guards, Plan, Setup};

/// The most plans tried for one failure: a minute or so.
const MOST_RUNS: usize = 2_000;

/// Looks for the smallest plan that breaks `promise` as `plan` does.
pub(crate) fn minimise(plan: &Plan, mutant: Option<Mutant>, promise: &str) -> Plan {
    let mut search = Search {
        mutant,
        promise,
        runs: 0,
        best: plan.clone(),
    };
    search.fewer_steps();
    search.plainer_setup();
    search.plainer_steps();
    search.fewer_steps();
    search.best
}

struct Search<'a> {
    mutant: Option<Mutant>,
    promise: &'a str,
    runs: usize,
    best: Plan,
}

impl Search<'_> {
    /// Takes `plan` if it still breaks the promise.
    fn take(&mut self, plan: Plan) -> bool {
        if self.runs == MOST_RUNS || plan == self.best {
            return false;
        }
        self.runs += 1;
        let violations = run(&plan, self.mutant, false).violations;
        let breaks = violations.iter().any(|v| v.promise == self.promise);
        if breaks {
            self.best = plan;
        }
        breaks
    }

    fn fewer_steps(&mut self) {
        let mut size = self.best.steps.len() / 2;
        while size > 0 {
            let mut from = 0;
            let mut shrunk = false;
            while from < self.best.steps.len() {
                let mut plan = self.best.clone();
                let to = plan.steps.len().min(from + size);
                plan.steps.drain(from..to);
                if self.take(plan) {
                    shrunk = true;
                } else {
                    from += size;
                }
            }
            if !shrunk || size > self.best.steps.len() {
                size /= 2;
            }
        }
    }

    fn plainer_setup(&mut self) {
        let plainer: [fn(&mut Setup); 9] = [
            |setup| setup.guards = Guards::Usual,
            |setup| setup.end = End::Rest,
            |setup| setup.shards = 1,
            |setup| setup.store_delay_ms = 0,
            |setup| setup.model_permits = 16,
            |setup| setup.callback_permits = 16,
            |setup| setup.max_active = 1_000,
            |setup| setup.passivate_after_ms = 3_000,
            |setup| setup.recover_per_second = 100,
        ];
        for plainer in plainer {
            let mut plan = self.best.clone();
            plainer(&mut plan.setup);
            self.take(plan);
        }
    }

    fn plainer_steps(&mut self) {
        for index in 0..self.best.steps.len() {
            let mut plan = self.best.clone();
            match &mut plan.steps[index].deed {
                Deed::Issue(deed) => {
                    deed.key = None;
                    deed.hang_up_after_ms = None;
                }
                Deed::Connect(deed) => {
                    deed.slow_ms = 0;
                    deed.twice = false;
                    deed.bad_cursors = false;
                }
                _ => continue,
            }
            self.take(plan);
        }
    }
}
