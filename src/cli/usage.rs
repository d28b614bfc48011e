//! `punchcard usage`: what a tenant used, and how its budgets stand.

use clap::{Args, ValueEnum};
use comfy_table::Cell;
use punchcard_actors::usage::Day;
use serde::Deserialize;
use serde_json::Value;

use super::client::{self, ApiClient, Connection};
use super::exit::{Exit, Failure};
use super::output::Output;
use super::style;

/// Arguments of `usage`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard usage
  punchcard usage --from 2026-11-01 --to 2026-11-30 --by task --by model
  punchcard usage --by day --by task --csv > usage.csv")]
pub(crate) struct UsageArgs {
    /// Which server, and who asks.
    #[command(flatten)]
    connection: Connection,

    /// The first day, in UTC [default: the first of the month]
    #[arg(long, value_name = "DAY")]
    from: Option<Day>,

    /// The last day, in UTC [default: today]
    #[arg(long, value_name = "DAY")]
    to: Option<Day>,

    /// A row for each of these; may be given several times.
    #[arg(long, value_enum, default_values_t = [By::Day])]
    by: Vec<By>,

    /// Print comma-separated values.
    #[arg(long)]
    csv: bool,
}

/// What there can be a row for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// A day of UTC
    Day,
    /// A task
    Task,
    /// A version of a task's prompt
    Version,
    /// A model
    Model,
}

impl By {
    const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Task => "task",
            Self::Version => "version",
            Self::Model => "model",
        }
    }
}

#[derive(Debug, Deserialize)]
struct Report {
    from: String,
    to: String,
    rows: Vec<Value>,
    total: Value,
    budgets: Vec<Budget>,
    complete: bool,
}

#[derive(Debug, Deserialize)]
struct Budget {
    name: String,
    #[serde(default)]
    task: Option<String>,
    unit: String,
    limit: u64,
    used: u64,
    reserved: u64,
    left: u64,
    renewed_at: String,
}

/// Asks and prints.
pub(crate) async fn run(args: &UsageArgs, out: &mut Output) -> Result<Exit, Failure> {
    let client = ApiClient::new(&args.connection)?;
    let by: Vec<&str> = args.by.iter().map(|by| by.word()).collect();
    let mut query = vec![("group_by", by.join(","))];
    for (name, day) in [("from", args.from), ("to", args.to)] {
        query.extend(day.map(|day| (name, day.to_string())));
    }
    if args.csv {
        query.push(("format", "csv".to_owned()));
        let text = client.text(&["usage"], &query).await?;
        out.piece(style::safe_piece(&text))?;
        return Ok(Exit::Success);
    }
    let answer: Value = client.get(&["usage"], &query).await?;
    if out.is_json() {
        out.document(&answer)?;
        return Ok(Exit::Success);
    }
    print(&client::read(answer)?, &by, out)?;
    Ok(Exit::Success)
}

fn print(report: &Report, by: &[&str], out: &mut Output) -> Result<(), Failure> {
    let counts = [
        "tickets",
        "attempts",
        "prompt",
        "answer",
        "estimated",
        "cost (USD)",
    ];
    let header: Vec<&str> = by.iter().copied().chain(counts).collect();
    let mut table = style::table(out.terminal(), &header);
    for row in report.rows.iter().chain([&report.total]) {
        let name = |by: &&str| match &row[*by] {
            Value::Null => Cell::new("total"),
            Value::String(text) => Cell::new(style::one_line(text)),
            other => Cell::new(other),
        };
        table.add_row(by.iter().map(name).chain(numbers(row)));
    }
    out.line(table.trim_fmt())?;
    if !report.budgets.is_empty() {
        out.line("")?;
        out.line(budgets(&report.budgets, out).trim_fmt())?;
    }
    let (from, to) = (style::one_line(&report.from), style::one_line(&report.to));
    out.note(format_args!("from {from} to {to}, in UTC"));
    if !report.complete {
        out.note("what was used before the server started is still being added up");
    }
    Ok(())
}

fn numbers(row: &Value) -> Vec<Cell> {
    let number = |name: &str| style::number(row[name].as_u64().unwrap_or(0));
    let cost = row["cost_micro_usd"].as_u64().unwrap_or(0);
    vec![
        number("tickets"),
        number("attempts"),
        number("prompt_tokens"),
        number("completion_tokens"),
        number("estimated_tokens"),
        style::number(dollars(cost)),
    ]
}

fn budgets(budgets: &[Budget], out: &Output) -> comfy_table::Table {
    let header = [
        "budget",
        "task",
        "limit",
        "used",
        "reserved",
        "left",
        "renewed at",
    ];
    let mut table = style::table(out.terminal(), &header);
    for budget in budgets {
        let amount = |amount: u64| {
            style::number(if budget.unit == "micro_usd" {
                dollars(amount)
            } else {
                amount.to_string()
            })
        };
        table.add_row([
            Cell::new(style::one_line(&budget.name)),
            Cell::new(style::one_line(budget.task.as_deref().unwrap_or("-"))),
            amount(budget.limit),
            amount(budget.used),
            amount(budget.reserved),
            amount(budget.left),
            Cell::new(style::one_line(&budget.renewed_at)),
        ]);
    }
    table
}

/// Millionths of a US dollar as dollars.
fn dollars(micro: u64) -> String {
    format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_a_table_of_rows_their_total_and_the_budgets() {
        let row = json!({
            "day": "2026-11-23", "tickets": 2, "attempts": 3, "prompt_tokens": 22,
            "completion_tokens": 14, "estimated_tokens": 5, "total_tokens": 41,
            "cost_micro_usd": 1_250_001,
        });
        let mut total = row.clone();
        total["day"] = Value::Null;
        let report = json!({
            "from": "2026-11-01", "to": "2026-11-23", "rows": [row], "total": total,
            "complete": false,
            "budgets": [{
                "name": "task_daily_cost", "task": "review", "period": "day", "unit": "micro_usd",
                "limit": 2_000_000, "used": 1_250_001, "reserved": 0, "left": 749_999,
                "renewed_at": "2026-11-24T00:00:00.000Z",
            }],
        });
        let (mut out, results, notes) = Output::captured(false);
        print(&client::read(report).unwrap(), &["day"], &mut out).unwrap();
        for wanted in [
            "2026-11-23",
            "total",
            "1.250001",
            "task_daily_cost",
            "0.749999",
        ] {
            assert!(results.text().contains(wanted), "{}", results.text());
        }
        assert!(notes.text().contains("still being added up"));
    }
}
