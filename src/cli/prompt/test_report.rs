//! A test run as a table: case by case, beside what is in production.

use std::time::Duration;

use comfy_table::{Cell, Color};
use punchcard_events::TaskName;
use punchcard_events::prompt::Tested;
use serde_json::Value;

use super::planner::Shown;
use super::views::{ArmView, CaseView, RunState, RunView};
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::cli::style::{self, BAD, BOLD, CAUTION, DIM, GOOD};

/// Prints an ended run.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn print(
    out: &mut Output,
    task: &TaskName,
    run: &Shown<RunView>,
    answers: bool,
) -> Result<(), Failure> {
    let view = &run.view;
    let baseline = view.baseline.as_ref().map(|baseline| baseline.version);
    let mut header = vec!["case", "result", "tokens", "cost", "time"];
    if baseline.is_some() {
        header.extend(["production", "tokens", "cost", "time", "compared"]);
    }
    let mut table = style::table(out.terminal(), &header);
    for case in &view.cases {
        table.add_row(row(case, baseline.is_some()));
    }
    out.line(table.trim_fmt())?;
    reasons(out, view)?;
    if answers {
        self::answers(out, &run.raw)?;
    }
    out.line("")?;
    totals(out, view)?;
    verdict(out, task, view)
}

fn row(case: &CaseView, compare: bool) -> Vec<Cell> {
    let mut cells = vec![Cell::new(style::one_line(&case.case))];
    cells.extend(arm(Some(&case.tried)));
    if compare {
        cells.extend(arm(case.baseline.as_ref()));
        let compared = case.compared.as_deref().unwrap_or("-");
        let cell = Cell::new(style::one_line(compared));
        cells.push(match compared {
            "better" => cell.fg(Color::Green),
            "worse" => cell.fg(Color::Red),
            _ => cell,
        });
    }
    cells
}

/// Result, tokens, cost and time of one content.
fn arm(arm: Option<&ArmView>) -> [Cell; 4] {
    let Some(arm) = arm else {
        return ["-", "-", "-", "-"].map(Cell::new);
    };
    let result = if arm.failures.is_empty() {
        Cell::new("passed").fg(Color::Green)
    } else {
        Cell::new("failed").fg(Color::Red)
    };
    let cost = arm.cost_usd.map_or_else(|| "-".to_owned(), cost);
    let time = style::duration(Duration::from_millis(arm.latency_ms));
    [
        result,
        tokens(arm).map_or_else(|| Cell::new("-"), style::number),
        style::number(cost),
        style::number(time),
    ]
}

/// Tokens in and out together, where the model counted them.
fn tokens(arm: &ArmView) -> Option<u64> {
    let usage = arm.usage?;
    Some(usage.prompt_tokens.saturating_add(usage.completion_tokens))
}

/// A cost in US dollars; a test case costs less than a cent most of the time.
fn cost(dollars: f64) -> String {
    format!("${dollars:.4}")
}

/// Why cases failed.
fn reasons(out: &mut Output, view: &RunView) -> Result<(), Failure> {
    let failed = view
        .cases
        .iter()
        .filter(|case| !case.tried.failures.is_empty());
    for case in failed {
        let name = style::one_line(&case.case);
        out.line(format_args!("\n{BAD}failed{BAD:#}  {BOLD}{name}{BOLD:#}"))?;
        for reason in &case.tried.failures {
            out.line(format_args!("        {}", style::safe(reason)))?;
        }
    }
    Ok(())
}

/// The answers of both contents, where the server kept them.
fn answers(out: &mut Output, run: &Value) -> Result<(), Failure> {
    let cases = run["cases"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    for case in cases {
        let name = style::one_line(case["case"].as_str().unwrap_or_default());
        let arms = [
            ("answer", &case["answer"]),
            ("production's answer", &case["baseline"]["answer"]),
        ];
        for (title, answer) in arms {
            if let Some(text) = answer.as_str() {
                out.line(format_args!("\n{DIM}==> {name}: {title}{DIM:#}"))?;
                out.line(style::safe(text))?;
            }
        }
    }
    Ok(())
}

/// What all cases of one content came to.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Total {
    cases: u64,
    passed: u64,
    tokens: u64,
    /// Absent where a call has no cost: the sum would say too little.
    dollars: Option<f64>,
    millis: u64,
}

impl Total {
    fn of<'a>(arms: impl Iterator<Item = &'a ArmView>) -> Self {
        let nothing = Self {
            cases: 0,
            passed: 0,
            tokens: 0,
            dollars: Some(0.0),
            millis: 0,
        };
        arms.fold(nothing, |total, arm| Self {
            cases: total.cases + 1,
            passed: total.passed + u64::from(arm.failures.is_empty()),
            tokens: total.tokens.saturating_add(tokens(arm).unwrap_or(0)),
            dollars: total
                .dollars
                .zip(arm.cost_usd)
                .map(|(sum, cost)| sum + cost),
            millis: total.millis.saturating_add(arm.latency_ms),
        })
    }

    fn words(&self) -> String {
        let mean = Duration::from_millis(self.millis / self.cases.max(1));
        let price = self.dollars.map(|sum| format!(", {}", cost(sum)));
        let price = price.unwrap_or_default();
        format!(
            "{} of {} passed, {} tokens{price}, {} each",
            self.passed,
            self.cases,
            self.tokens,
            style::duration(mean)
        )
    }
}

fn totals(out: &mut Output, view: &RunView) -> Result<(), Failure> {
    let tested = match view.tested {
        Some(Tested::Draft(edit)) => format!("draft, edit {edit}"),
        Some(Tested::Version(version)) => format!("version {version}"),
        None => "tested".to_owned(),
    };
    let candidate = Total::of(view.cases.iter().map(|case| &case.tried));
    out.line(format_args!("{tested:<24} {}", candidate.words()))?;
    let Some(baseline) = &view.baseline else {
        return Ok(());
    };
    let beside = Total::of(view.cases.iter().filter_map(|case| case.baseline.as_ref()));
    let name = format!("version {} (production)", baseline.version);
    out.line(format_args!("{name:<24} {}", beside.words()))?;
    let count = |word: &str| {
        let same = |case: &&CaseView| case.compared.as_deref() == Some(word);
        view.cases.iter().filter(same).count()
    };
    out.line(format_args!(
        "{:<24} {} better, {} worse, {} the same",
        "compared",
        count("better"),
        count("worse"),
        count("same")
    ))
}

fn verdict(out: &mut Output, task: &TaskName, view: &RunView) -> Result<(), Failure> {
    let (style, sentence, next) = match view.state {
        RunState::Passed => (
            GOOD,
            "All cases passed.".to_owned(),
            match view.tested {
                Some(Tested::Version(version)) => {
                    format!("punchcard prompt deploy {task} {version}")
                }
                Some(Tested::Draft(_)) | None => format!("punchcard prompt publish {task}"),
            },
        ),
        RunState::Failed => {
            let failed = view
                .cases
                .iter()
                .filter(|case| !case.tried.failures.is_empty());
            let sentence = format!("{} of {} cases failed.", failed.count(), view.cases_total);
            (BAD, sentence, format!("punchcard prompt edit {task}"))
        }
        RunState::Stopped => {
            let reason = view.reason.as_deref().unwrap_or("no reason was given");
            let sentence = format!("The run was stopped: {}", style::one_line(reason));
            (CAUTION, sentence, again(task))
        }
        RunState::Interrupted => (
            CAUTION,
            "The server was stopped while the run was under way.".to_owned(),
            again(task),
        ),
        RunState::Running => (CAUTION, "The run goes on.".to_owned(), again(task)),
    };
    out.line(style::paint(style, sentence))?;
    out.note(format_args!("Next: {next}"));
    Ok(())
}

fn again(task: &TaskName) -> String {
    format!("punchcard prompt test {task}")
}
