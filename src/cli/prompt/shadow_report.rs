//! A shadow run as it reads: what it may cost, how far it is, what came of it.

use std::time::Duration;

use comfy_table::{Cell, Color};
use punchcard_events::TaskName;
use punchcard_events::shadow_run::CaseVerdict;

use super::naming;
use super::shadow_views::{
    AmountView, Pair, PlanView, ReportView, ShadowCaseView, ShadowRunView, ShadowState, SummaryView,
};
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::cli::style::{self, BAD, BOLD, CAUTION, GOOD};

/// Prints what a run would be.
///
/// # Errors
/// When the output cannot be written; as everywhere below.
pub(super) fn plan(
    out: &mut Output,
    task: &TaskName,
    version: u32,
    plan: &PlanView,
) -> Result<(), Failure> {
    let tickets = naming::counted(plan.matched as usize, "answered ticket");
    out.line(format_args!(
        "{tickets} of {BOLD}{task}{BOLD:#} match, and {BOLD}{}{BOLD:#} would be run again with version \
         {version}.",
        plan.cases
    ))?;
    out.line(format_args!("Estimated: {}.", amount(&plan.estimate)))?;
    out.note(format_args!(
        "The same tickets are drawn again with --seed {}",
        plan.seed
    ));
    Ok(())
}

/// How far a run is.
pub(super) fn how_far(run: &ShadowRunView) -> String {
    let failed = match run.cases_failed {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    format!(
        "{} of {} cases done{failed}; used {}",
        run.cases_done,
        run.cases_total,
        amount(&run.spent)
    )
}

/// How a run stands, with what to do about it.
pub(super) fn standing(run: &ShadowRunView) -> String {
    let (task, version) = (&run.task, run.candidate.version);
    let (style, words) = match run.state {
        ShadowState::Running => (CAUTION, "goes on".to_owned()),
        ShadowState::Finished => (GOOD, "is finished".to_owned()),
        ShadowState::Stopped => {
            let reason = run.reason.as_deref().unwrap_or("No reason was given.");
            (CAUTION, format!("is stopped. {}", style::one_line(reason)))
        }
    };
    let words = style::paint(style, words);
    format!(
        "The shadow run of version {version} of {BOLD}{task}{BOLD:#} {words}\n{}",
        how_far(run)
    )
}

/// A state in its colour.
pub(super) fn state_cell(state: ShadowState) -> Cell {
    match state {
        ShadowState::Running => Cell::new("running").fg(Color::Cyan),
        ShadowState::Stopped => Cell::new("stopped").fg(Color::Yellow),
        ShadowState::Finished => Cell::new("finished").fg(Color::Green),
    }
}

/// Prints a run, the sums of its report, and the worst cases.
pub(super) fn print(
    out: &mut Output,
    run: &ShadowRunView,
    report: &ReportView,
) -> Result<(), Failure> {
    out.line(standing(run))?;
    if report.summary.cases == 0 {
        return Ok(());
    }
    out.line("")?;
    sums(out, &report.summary)?;
    worst(out, &report.cases)?;
    next(out, run, report);
    Ok(())
}

fn sums(out: &mut Output, sum: &SummaryView) -> Result<(), Failure> {
    let alike = sum.mean_similarity.map_or_else(String::new, |alike| {
        format!("; alike on average {}", percent(alike))
    });
    out.line(format_args!(
        "{} the same, {} changed, {} broke the answer schema, {} failed{alike}",
        sum.same, sum.changed, sum.schema_failures, sum.failed
    ))?;
    out.line("")?;
    let mut table = style::table(out.terminal(), &["", "before", "after"]);
    let time = |millis: u64| style::duration(Duration::from_millis(millis));
    let rows = [
        (
            "bytes of an answer",
            cells(sum.answer_bytes, |n| n.to_string()),
        ),
        (
            "tokens of messages",
            cells(sum.tokens.prompt, |n| n.to_string()),
        ),
        (
            "tokens of answers",
            cells(sum.tokens.completion, |n| n.to_string()),
        ),
        ("cost", cells(sum.cost_usd, dollars)),
        ("time, half of them within", cells(sum.latency_ms.p50, time)),
        ("time, 95 of 100 within", cells(sum.latency_ms.p95, time)),
    ];
    for (name, [before, after]) in rows {
        table.add_row(vec![Cell::new(name), before, after]);
    }
    out.line(table.trim_fmt())
}

/// A measure on both sides.
fn cells<T>(pair: Pair<T>, words: impl Fn(T) -> String) -> [Cell; 2] {
    [pair.before, pair.after].map(|side| style::number(side.map_or_else(|| "-".to_owned(), &words)))
}

fn worst(out: &mut Output, cases: &[ShadowCaseView]) -> Result<(), Failure> {
    let worst: Vec<_> = cases
        .iter()
        .filter(|case| case.verdict != CaseVerdict::Same)
        .collect();
    if worst.is_empty() {
        return Ok(());
    }
    out.line(format_args!("\n{BOLD}The worst cases{BOLD:#}"))?;
    let mut table = style::table(
        out.terminal(),
        &["case", "answer", "alike", "ticket", "with the version"],
    );
    for case in &worst {
        table.add_row(row(case));
    }
    out.line(table.trim_fmt())?;
    for case in worst {
        if let Some(failure) = &case.failure {
            let (number, why) = (case.case, style::one_line(&failure.message));
            out.line(format_args!("{BAD}case {number}{BAD:#}  {why}"))?;
        }
    }
    Ok(())
}

fn row(case: &ShadowCaseView) -> Vec<Cell> {
    let verdict = match case.verdict {
        CaseVerdict::Same => Cell::new("same").fg(Color::Green),
        CaseVerdict::Changed => Cell::new("changed").fg(Color::Yellow),
        CaseVerdict::SchemaFailed => Cell::new("broke the schema").fg(Color::Red),
        CaseVerdict::Failed => Cell::new("failed").fg(Color::Red),
    };
    let fork = case
        .fork
        .map_or_else(|| "-".to_owned(), |fork| fork.to_string());
    vec![
        style::number(case.case),
        verdict,
        style::number(percent(case.similarity)),
        Cell::new(case.parent),
        Cell::new(fork),
    ]
}

/// What whoever read this may want to do next.
fn next(out: &mut Output, run: &ShadowRunView, report: &ReportView) {
    let changed = |case: &&ShadowCaseView| case.verdict == CaseVerdict::Changed;
    let texts = report.cases.iter().find(changed);
    if let Some((parent, fork)) = texts.and_then(|case| Some((case.parent, case.fork?))) {
        out.note(format_args!(
            "Two answers side by side: punchcard ticket compare {parent} {fork}"
        ));
    }
    let (id, task, version) = (run.run, &run.task, run.candidate.version);
    let next = match run.state {
        ShadowState::Running => format!("punchcard prompt shadow-runs --run {id} --watch"),
        ShadowState::Stopped => format!("punchcard prompt shadow-runs --resume {id}"),
        ShadowState::Finished if run.cases_failed > 0 => format!("punchcard prompt edit {task}"),
        ShadowState::Finished => format!("punchcard prompt deploy {task} {version}"),
    };
    out.note(format_args!("Next: {next}"));
}

/// Tokens, and money where the model has a price.
fn amount(amount: &AmountView) -> String {
    let price = amount.cost_usd.map(|usd| format!(", {}", dollars(usd)));
    format!(
        "{} tokens of messages, {} of answers{}",
        amount.prompt_tokens,
        amount.completion_tokens,
        price.unwrap_or_default()
    )
}

/// A cost in US dollars; a case costs less than a cent most of the time.
fn dollars(usd: f64) -> String {
    format!("${usd:.4}")
}

/// A share as so many of a hundred.
fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}
