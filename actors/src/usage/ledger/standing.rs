//! The names of budgets, and how one stands.

use std::fmt;

use punchcard_events::tenant::Limits;
use punchcard_events::{TaskName, Timestamp};

use super::Books;
use crate::usage::{Amount, Calendar};

/// Whose limit it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The tenant's, all its tasks together.
    Tenant,
    /// One task's.
    Task(TaskName),
}

/// In what time a budget may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// A day of UTC.
    Day,
    /// A calendar month of UTC.
    Month,
}

/// What a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Tokens, prompt and answer together.
    Tokens,
    /// Millionths of a US dollar.
    MicroUsd,
}

/// Which budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitName {
    /// Whose.
    pub scope: Scope,
    /// For which time.
    pub period: Period,
    /// Of what.
    pub unit: Unit,
}

/// A budget that would be passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    /// Which.
    pub limit: LimitName,
    /// When its period ends, and a new one begins.
    pub ends_at: Timestamp,
    /// Whether the estimate alone is above the limit, so that waiting for a new period is in vain.
    pub never: bool,
}

/// How a budget stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Which.
    pub limit: LimitName,
    /// How much may be used in its period.
    pub quota: u64,
    /// How much was.
    pub used: u64,
    /// How much is reserved by tickets that have not used it yet.
    pub reserved: u64,
    /// When its period began.
    pub began_at: Timestamp,
    /// When its period ends.
    pub ends_at: Timestamp,
}

impl Standing {
    /// What a new ticket may still reserve.
    pub const fn left(&self) -> u64 {
        let taken = self.used.saturating_add(self.reserved);
        self.quota.saturating_sub(taken)
    }
}

impl LimitName {
    /// One word for it, without the task's name, such as `task_daily_tokens`.
    pub const fn word(&self) -> &'static str {
        match (&self.scope, self.period, self.unit) {
            (Scope::Tenant, Period::Day, Unit::Tokens) => "daily_tokens",
            (Scope::Tenant, Period::Day, Unit::MicroUsd) => "daily_cost",
            (Scope::Tenant, Period::Month, Unit::Tokens) => "monthly_tokens",
            (Scope::Tenant, Period::Month, Unit::MicroUsd) => "monthly_cost",
            (Scope::Task(_), Period::Day, Unit::Tokens) => "task_daily_tokens",
            (Scope::Task(_), Period::Day, Unit::MicroUsd) => "task_daily_cost",
            (Scope::Task(_), Period::Month, Unit::Tokens) => "task_monthly_tokens",
            (Scope::Task(_), Period::Month, Unit::MicroUsd) => "task_monthly_cost",
        }
    }
}

impl fmt::Display for LimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = match self.period {
            Period::Day => "daily",
            Period::Month => "monthly",
        };
        let unit = match self.unit {
            Unit::Tokens => "token",
            Unit::MicroUsd => "cost",
        };
        match &self.scope {
            Scope::Tenant => write!(f, "the {period} {unit} budget"),
            Scope::Task(task) => write!(f, "the {period} {unit} budget of the task `{task}`"),
        }
    }
}

impl Period {
    pub(super) const fn of(self, day: Amount, month: Amount) -> Amount {
        match self {
            Self::Day => day,
            Self::Month => month,
        }
    }

    const fn begins(self, calendar: &Calendar) -> Timestamp {
        match self {
            Self::Day => calendar.day.begins(),
            Self::Month => calendar.month.begins(),
        }
    }

    pub(super) const fn ends(self, calendar: &Calendar) -> Timestamp {
        match self {
            Self::Day => calendar.day_ends,
            Self::Month => calendar.month_ends,
        }
    }
}

impl Unit {
    pub(super) const fn of(self, amount: Amount) -> u64 {
        match self {
            Self::Tokens => amount.tokens,
            Self::MicroUsd => amount.cost.0,
        }
    }
}

/// The budgets that are set.
pub(super) fn budgets(limits: &Limits) -> impl Iterator<Item = (Period, Unit, u64)> {
    let of = |period, budget: punchcard_events::tenant::Budget| {
        let cost = budget.cost_micro_usd.map(|cost| cost.0);
        [
            budget.tokens.map(|limit| (period, Unit::Tokens, limit)),
            cost.map(|limit| (period, Unit::MicroUsd, limit)),
        ]
    };
    let (day, month) = (
        of(Period::Day, limits.daily),
        of(Period::Month, limits.monthly),
    );
    day.into_iter().chain(month).flatten()
}

pub(super) fn standing_of(
    scope: &Scope,
    limits: &Limits,
    books: Books,
    calendar: &Calendar,
) -> Vec<Standing> {
    let standing = |(period, unit, quota): (Period, Unit, u64)| Standing {
        limit: LimitName {
            scope: scope.clone(),
            period,
            unit,
        },
        quota,
        used: unit.of(period.of(books.day, books.month)),
        reserved: unit.of([books.waiting, books.running].into_iter().sum()),
        began_at: period.begins(calendar),
        ends_at: period.ends(calendar),
    };
    budgets(limits).map(standing).collect()
}
