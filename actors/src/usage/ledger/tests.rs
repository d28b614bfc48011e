use std::time::Duration;

use proptest::prelude::*;
use punchcard_events::tenant::{Budget, MicroUsd};
use uuid::Uuid;

use super::*;

const DAY: Duration = Duration::from_hours(24);

fn noon() -> Timestamp {
    "2026-11-29T12:00:00Z".parse().expect("a time")
}

fn names() -> (TenantId, TaskName) {
    let tenant = TenantId::new("onehour").expect("a tenant");
    (tenant, TaskName::new("review").expect("a task"))
}

fn ticket(number: u64) -> TicketId {
    TicketId(Uuid::from_u64_pair(0, number))
}

fn tokens(tokens: u64) -> Amount {
    Amount {
        tokens,
        cost: MicroUsd(tokens * 2),
    }
}

fn daily(tokens: u64) -> TenantLimits {
    let mut limits = TenantLimits::default();
    limits.all.daily.tokens = Some(tokens);
    limits
}

/// A ledger with one tenant and task, so that tests say what matters.
struct Books {
    ledger: Ledger,
    limits: TenantLimits,
    now: Timestamp,
}

impl Books {
    fn new(limits: TenantLimits) -> Self {
        let now = noon();
        Self {
            ledger: Ledger::new(now),
            limits,
            now,
        }
    }

    fn reserve(&mut self, number: u64, amount: u64) -> Result<(), Exceeded> {
        let (tenant, task) = names();
        let (id, amount) = (ticket(number), tokens(amount));
        let reserved = (self.ledger).reserve(id, &tenant, &task, amount, &self.limits, self.now);
        reserved.map(|_is_new| ())
    }

    fn begin(&mut self, number: u64, attempt: u32, amount: u64) -> Result<(), Exceeded> {
        let (tenant, task) = names();
        let (id, amount) = (ticket(number), tokens(amount));
        self.ledger
            .begin(id, attempt, &tenant, &task, amount, &self.limits, self.now)
    }

    fn settle(&mut self, number: u64, attempt: u32, amount: u64) {
        let (tenant, task) = names();
        let (id, amount) = (ticket(number), tokens(amount));
        self.ledger
            .settle(id, attempt, &tenant, &task, amount, self.now);
    }

    /// Used and reserved tokens of each budget.
    fn standings(&mut self) -> Vec<(u64, u64)> {
        let (tenant, _) = names();
        let standings = self.ledger.standings(&tenant, None, &self.limits, self.now);
        standings.iter().map(|s| (s.used, s.reserved)).collect()
    }
}

#[test]
fn a_ticket_that_would_pass_a_budget_is_refused_with_the_budgets_name_and_end() {
    let mut books = Books::new(daily(100));
    assert_eq!(books.reserve(1, 60), Ok(()));
    let refused = books.reserve(2, 41).expect_err("one token too many");
    assert_eq!(refused.limit.word(), "daily_tokens");
    assert_eq!(refused.ends_at.to_string(), "2026-11-30T00:00:00.000Z");
    assert!(!refused.never, "it would fit an unused budget");
    let refused = books.reserve(2, 101).expect_err("more than there is");
    assert!(refused.never, "no day has room for it");
    assert_eq!(books.reserve(2, 40), Ok(()));
    books.ledger.release(ticket(1));
    assert_eq!(
        books.reserve(3, 60),
        Ok(()),
        "what was released is free again"
    );
}

#[test]
fn a_tasks_own_budget_is_checked_beside_the_tenants() {
    let (_, task) = names();
    let mut limits = daily(1_000);
    let own = limits.tasks.entry(task.clone()).or_default();
    own.monthly = Budget {
        tokens: None,
        cost_micro_usd: Some(MicroUsd(100)),
    };
    let mut books = Books::new(limits);
    let refused = books.reserve(1, 51).expect_err("102 micro-dollars");
    assert_eq!(refused.limit.word(), "task_monthly_cost");
    assert_eq!(refused.limit.scope, Scope::Task(task));
    assert_eq!(refused.ends_at.to_string(), "2026-12-01T00:00:00.000Z");
    assert_eq!(books.reserve(1, 50), Ok(()));
    assert_eq!(books.standings(), [(0, 50), (0, 100)]);
}

#[test]
fn what_an_attempt_used_is_settled_once_and_the_rest_of_its_reservation_is_free() {
    let mut books = Books::new(daily(100));
    books.reserve(1, 80).expect("room");
    books.begin(1, 1, 80).expect("it holds as much");
    books.settle(1, 1, 30);
    books.settle(1, 1, 30);
    assert_eq!(books.standings(), [(30, 80)], "a retry may follow");
    books.ledger.end(ticket(1));
    assert_eq!(books.standings(), [(30, 0)]);
    assert_eq!(books.ledger.held(), 0);
}

#[test]
fn a_retry_fits_or_is_refused_like_a_first_attempt() {
    let mut books = Books::new(daily(100));
    books.reserve(1, 60).expect("room");
    books.begin(1, 1, 60).expect("room");
    books.settle(1, 1, 60);
    assert!(books.begin(1, 2, 60).is_err(), "120 of 100");
    assert_eq!(books.begin(1, 2, 40), Ok(()));
    assert_eq!(
        books.begin(1, 2, 40),
        Ok(()),
        "the same attempt again is no second one"
    );
    assert_eq!(books.standings(), [(60, 40)]);
}

#[test]
fn a_ticket_that_was_taken_begins_whatever_others_have_reserved() {
    let mut books = Books::new(daily(100));
    books.reserve(1, 50).expect("room");
    books.reserve(2, 50).expect("room");
    assert_eq!(books.begin(1, 1, 70), Ok(()), "nothing else runs");
    assert!(books.begin(2, 1, 50).is_err(), "120 would run");
    books.limits = daily(10);
    books.settle(1, 1, 5);
    assert!(books.begin(2, 1, 50).is_err(), "the budget was lowered");
}

#[test]
fn a_stored_ticket_keeps_its_reservation_when_its_issuer_gives_up() {
    let (tenant, task) = names();
    let mut books = Books::new(daily(100));
    books.reserve(1, 80).expect("room");
    books
        .ledger
        .hold_anyway(ticket(1), &tenant, &task, tokens(5));
    books.ledger.release(ticket(1));
    assert_eq!(books.standings(), [(0, 80)]);
    books
        .ledger
        .hold_anyway(ticket(2), &tenant, &task, tokens(90));
    assert_eq!(
        books.standings(),
        [(0, 170)],
        "what exists is never refused"
    );
}

#[test]
fn a_reservation_goes_to_the_ticket_that_the_request_first_was() {
    let mut books = Books::new(daily(100));
    books.reserve(1, 80).expect("room");
    books.ledger.rename(ticket(1), ticket(2));
    assert_eq!(books.standings(), [(0, 80)]);
    books.reserve(3, 20).expect("room");
    books.ledger.rename(ticket(3), ticket(2));
    assert_eq!(books.standings(), [(0, 80)], "that one has its own");
}

#[test]
fn a_new_day_and_a_new_month_begin_with_nothing_used() {
    let mut limits = daily(100);
    limits.all.monthly.tokens = Some(1_000);
    let mut books = Books::new(limits);
    books.reserve(1, 100).expect("room");
    books.settle(1, 1, 100);
    assert_eq!(books.standings(), [(100, 100), (100, 100)]);
    books.ledger.end(ticket(1));
    books.now = books.now.plus(DAY);
    assert_eq!(books.standings(), [(0, 0), (100, 0)]);
    assert_eq!(books.reserve(2, 100), Ok(()));
    books.now = books.now.plus(DAY);
    assert_eq!(
        books.standings(),
        [(0, 100), (0, 100)],
        "December; what is held stays held"
    );
    books.now = noon();
    assert_eq!(
        books.standings(),
        [(0, 100), (0, 100)],
        "a day does not come back"
    );
}

#[test]
fn what_was_used_before_the_start_counts_in_its_own_periods() {
    let mut limits = daily(100);
    limits.all.monthly.tokens = Some(1_000);
    let mut books = Books::new(limits);
    let (tenant, task) = names();
    for day in ["2026-11-29", "2026-11-02", "2026-10-31"] {
        let day = day.parse().expect("a day");
        books.ledger.restore(day, &tenant, &task, tokens(10));
    }
    assert_eq!(books.standings(), [(10, 0), (20, 0)]);
}

#[derive(Debug, Clone)]
enum Step {
    Reserve(u64, u64),
    Begin(u64, u64),
    Settle(u64, u64),
    End(u64),
    Repeat(u64, u64),
    Wait(u64),
    Budget(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = 0_u64..12;
    let step = prop_oneof![
        4 => (number.clone(), 1_u64..60).prop_map(|(t, n)| Step::Reserve(t, n)),
        4 => (number.clone(), 1_u64..60).prop_map(|(t, n)| Step::Begin(t, n)),
        4 => (number.clone(), 0_u64..90).prop_map(|(t, n)| Step::Settle(t, n)),
        2 => number.clone().prop_map(Step::End),
        2 => (number, 0_u64..90).prop_map(|(t, n)| Step::Repeat(t, n)),
        1 => (1_u64..40).prop_map(Step::Wait),
        1 => (50_u64..300).prop_map(Step::Budget),
    ];
    proptest::collection::vec(step, 1..120)
}

proptest! {
    /// Against a plain model: what is settled, what runs, and what is held. A call begins only where
    /// what was used, what runs and its estimate fit; a ticket is taken only where all that is held
    /// fits too; and the books are always the sum of their parts.
    #[test]
    fn no_call_begins_that_could_pass_the_budget_with_those_under_way(steps in steps()) {
        let mut books = Books::new(daily(200));
        let mut budget = 200;
        // By ticket: what waits, the attempt under way and its estimate, and the newest attempt.
        let mut held: HashMap<u64, (u64, Option<u64>, u32)> = HashMap::new();
        let mut used = 0;
        for step in steps {
            let waits: u64 = held.values().map(|(waits, ..)| waits).sum();
            let runs: u64 = held.values().filter_map(|(_, runs, _)| *runs).sum();
            match step {
                Step::Reserve(ticket, amount) if !held.contains_key(&ticket) => {
                    let fits = used + waits + runs + amount <= budget;
                    prop_assert_eq!(books.reserve(ticket, amount).is_ok(), fits);
                    if fits {
                        held.insert(ticket, (amount, None, 0));
                    }
                }
                Step::Begin(ticket, amount) => {
                    let Some((waits, running, attempt)) = held.get_mut(&ticket) else { continue };
                    if running.is_some() {
                        continue;
                    }
                    let fits = used + runs + amount <= budget;
                    prop_assert_eq!(books.begin(ticket, *attempt + 1, amount).is_ok(), fits);
                    if fits {
                        (*waits, *running, *attempt) = (0, Some(amount), *attempt + 1);
                        prop_assert!(used + runs + amount <= budget);
                    }
                }
                Step::Settle(ticket, amount) => {
                    let Some((waits, running, attempt)) = held.get_mut(&ticket) else { continue };
                    let Some(estimate) = running.take() else { continue };
                    books.settle(ticket, *attempt, amount);
                    *waits = estimate;
                    used += amount;
                }
                Step::Repeat(ticket, amount) => {
                    let Some((_, None, attempt)) = held.get(&ticket) else { continue };
                    books.settle(ticket, *attempt, amount);
                }
                Step::End(ticket) => {
                    if let Some((_, None, _)) = held.get(&ticket) {
                        held.remove(&ticket);
                        books.ledger.end(self::ticket(ticket));
                    }
                }
                Step::Wait(hours) => {
                    let before = Day::of(books.now);
                    books.now = books.now.plus(Duration::from_hours(hours));
                    if Day::of(books.now) != before {
                        used = 0;
                    }
                }
                Step::Budget(tokens) => {
                    budget = tokens;
                    books.limits = daily(tokens);
                }
                Step::Reserve(..) => {}
            }
            let sum: u64 = held.values().map(|(waits, runs, _)| waits + runs.unwrap_or(0)).sum();
            prop_assert_eq!(books.standings(), [(used, sum)]);
        }
    }
}

#[test]
fn an_invented_task_leaves_nothing_behind_and_a_known_one_keeps_its_books() {
    let mut books = Books::new(daily(1_000));
    let (tenant, known) = names();
    for number in 0..100 {
        let task = TaskName::new(&format!("invented-{number}")).expect("a task");
        let reserved = (books.ledger).reserve(
            ticket(number),
            &tenant,
            &task,
            tokens(10),
            &books.limits,
            books.now,
        );
        assert_eq!(reserved, Ok(true));
        books.ledger.release(ticket(number));
    }
    assert_eq!(books.ledger.tenants[&tenant].tasks.len(), 0);
    books.ledger.learn(&tenant, &known, Estimate::default());
    assert_eq!(books.reserve(200, 10), Ok(()));
    books.ledger.release(ticket(200));
    assert!(books.ledger.tenants[&tenant].tasks.contains_key(&known));
}
