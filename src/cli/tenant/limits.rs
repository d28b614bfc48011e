//! `punchcard tenant limits`.

use clap::Args;
use comfy_table::Cell;
use punchcard_events::{TaskName, TenantId};
use serde_json::{Value, json};

use super::money;
use super::operator::Operator;
use super::setting::{self, Setting};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BOLD, DIM};

/// Arguments of `tenant limits`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without a limit, this shows all of them. What is not named stays as it is; `none` takes a limit away.
Rates pace the calls of models: tickets wait in line. The others refuse new tickets.

Examples:
  punchcard tenant limits acme
  punchcard tenant limits acme --requests-per-minute 600 --monthly-usd 500
  punchcard tenant limits acme --task explanation --concurrent-tickets 50
  punchcard tenant limits acme --daily-tokens none
  punchcard tenant limits acme --weight 2 --raw-models small,large --retention-days 90")]
pub(crate) struct LimitsArgs {
    /// The tenant.
    tenant: TenantId,

    /// Limits of this task alone, within those of the tenant.
    #[arg(long)]
    task: Option<TaskName>,

    /// Model calls begun per minute.
    #[arg(long, value_name = "NUMBER", value_parser = setting::number)]
    requests_per_minute: Option<Setting>,

    /// Tokens per minute, prompt and answer together.
    #[arg(long, value_name = "NUMBER", value_parser = setting::number)]
    tokens_per_minute: Option<Setting>,

    /// Tickets that are open at a time.
    #[arg(long, value_name = "NUMBER", value_parser = setting::number)]
    concurrent_tickets: Option<Setting>,

    /// Tokens in a day (UTC).
    #[arg(long, value_name = "NUMBER", value_parser = setting::number)]
    daily_tokens: Option<Setting>,

    /// US dollars in a day (UTC).
    #[arg(long, value_name = "DOLLARS", value_parser = setting::dollars)]
    daily_usd: Option<Setting>,

    /// Tokens in a calendar month (UTC).
    #[arg(long, value_name = "NUMBER", value_parser = setting::number)]
    monthly_tokens: Option<Setting>,

    /// US dollars in a calendar month (UTC).
    #[arg(long, value_name = "DOLLARS", value_parser = setting::dollars)]
    monthly_usd: Option<Setting>,

    /// The tenant's part of the models, measured in tokens: 2 gets twice what 1 gets.
    #[arg(long, value_name = "NUMBER", value_parser = setting::number, conflicts_with = "task")]
    weight: Option<Setting>,

    /// Models that it may ask without a task, separated by commas.
    #[arg(long, value_name = "MODELS", value_parser = setting::names, conflicts_with = "task")]
    raw_models: Option<Setting>,

    /// Days for which the texts of an ended ticket can be read.
    #[arg(long, value_name = "DAYS", value_parser = setting::number, conflicts_with = "task")]
    retention_days: Option<Setting>,
}

impl LimitsArgs {
    /// What is to change, and where it stands in the limits.
    fn changes(&self) -> Vec<(Vec<&str>, &Setting)> {
        let of_scope = [
            (&["requests_per_minute"][..], &self.requests_per_minute),
            (&["tokens_per_minute"], &self.tokens_per_minute),
            (&["concurrent_tickets"], &self.concurrent_tickets),
            (&["daily", "tokens"], &self.daily_tokens),
            (&["daily", "cost_micro_usd"], &self.daily_usd),
            (&["monthly", "tokens"], &self.monthly_tokens),
            (&["monthly", "cost_micro_usd"], &self.monthly_usd),
        ];
        let scope = match &self.task {
            Some(task) => vec!["tasks", task.as_str()],
            None => vec!["all"],
        };
        let of_scope = of_scope.into_iter().map(|(place, setting)| {
            let place = scope.iter().chain(place).copied().collect();
            (place, setting)
        });
        let of_tenant = [
            (vec!["weight"], &self.weight),
            (vec!["raw_models"], &self.raw_models),
            (vec!["retention_days"], &self.retention_days),
        ];
        of_scope
            .chain(of_tenant)
            .filter_map(|(place, setting)| Some((place, setting.as_ref()?)))
            .collect()
    }
}

/// Shows or changes them.
pub(super) async fn run(
    args: &LimitsArgs,
    operator: &Operator,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let seen = operator.tenant(&args.tenant).await?.view;
    let changes = args.changes();
    let limits = if changes.is_empty() {
        seen.limits
    } else {
        let mut limits = seen.limits.clone();
        for (place, setting) in changes {
            setting.put(&mut limits, &place);
        }
        let changed = operator.put_over(&seen, &["limits"], &limits);
        changed.await?.view.limits
    };
    if out.is_json() {
        out.document(&limits)?;
        return Ok(Exit::Success);
    }
    out.line(format_args!("The limits of {BOLD}{}{BOLD:#}:", args.tenant))?;
    print(&limits, out)?;
    Ok(Exit::Success)
}

/// Shows limits as the API shows them.
pub(super) fn print(limits: &Value, out: &mut Output) -> Result<(), Failure> {
    let header = [
        "limits of",
        "requests/min",
        "tokens/min",
        "open tickets",
        "tokens/day",
        "$/day",
        "tokens/month",
        "$/month",
    ];
    let mut table = style::table(out.terminal(), &header);
    table.add_row(row("all tasks", &limits["all"]));
    for (task, own) in limits["tasks"].as_object().into_iter().flatten() {
        table.add_row(row(task, own));
    }
    out.line(table.trim_fmt())?;
    let weight = &limits["weight"];
    let weight = if weight.is_null() { &json!(1) } else { weight };
    let days = match &limits["retention_days"] {
        Value::Null => "for ever".to_owned(),
        days => format!("{days} days"),
    };
    let models: Vec<&str> = limits["raw_models"]
        .as_array()
        .map_or_else(Vec::new, |names| {
            names.iter().filter_map(Value::as_str).collect()
        });
    let models = match models.as_slice() {
        [] => "none".to_owned(),
        names => style::one_line(&names.join(", ")),
    };
    out.line(format_args!(
        "{DIM}weight{DIM:#} {weight}  {DIM}models without a task{DIM:#} {models}  {DIM}texts are kept{DIM:#} {days}"
    ))
}

fn row(scope: &str, limits: &Value) -> Vec<Cell> {
    let shown = |value: &Value, said: fn(&Value) -> String| {
        style::number(if value.is_null() {
            "-".to_owned()
        } else {
            said(value)
        })
    };
    let number = |value: &Value| shown(value, Value::to_string);
    let dollars = |value: &Value| shown(value, money::said);
    let (daily, monthly) = (&limits["daily"], &limits["monthly"]);
    vec![
        Cell::new(style::one_line(scope)),
        number(&limits["requests_per_minute"]),
        number(&limits["tokens_per_minute"]),
        number(&limits["concurrent_tickets"]),
        number(&daily["tokens"]),
        dollars(&daily["cost_micro_usd"]),
        number(&monthly["tokens"]),
        dollars(&monthly["cost_micro_usd"]),
    ]
}
