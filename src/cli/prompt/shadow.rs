//! `punchcard prompt shadow`.

use std::io;

use clap::Args;
use punchcard_events::{TaskName, UserId};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::naming;
use super::planner::{Planner, Shown};
use super::shadow_views::{PlanView, ShadowRunView, ShadowState};
use super::shadow_watch::{self, Watch};
use super::when::{self, When};
use super::{ask, findings, shadow_report};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;

/// How many cases there are where nobody says.
const USUAL_CASES: u32 = 100;
/// The most cases that a server takes.
const MOST_CASES: i64 = 1_000;

/// Arguments of `prompt shadow`.
#[derive(Debug, Args)]
#[command(disable_version_flag = true)]
#[command(after_help = "\
Answered tickets of the past are run again with the version, and the answers are compared. No user, no hook and no
webhook hears of it. You are shown what it may cost, and are asked. Ctrl-C leaves the run going on at the server.
It ends with 0 when the run is finished, and with 1 when it was stopped or you left it.

Examples:
  punchcard prompt shadow explanation --version 4 --dry-run            only what it may cost
  punchcard prompt shadow explanation --version 4 --from '7days ago' --limit 200
  punchcard prompt shadow explanation --version 4 --max-cost 2.50 --yes --json | jq .report.summary
  punchcard prompt shadow-runs explanation                             the runs that there were")]
pub(crate) struct ShadowArgs {
    /// The task.
    task: TaskName,

    /// The version to try, such as 4.
    #[arg(long = "version", id = "number", value_name = "N", value_parser = naming::version)]
    version: u32,

    /// Which past tickets are run again.
    #[command(flatten)]
    choice: ChoiceArgs,

    /// Stop before the run costs more than so many US dollars.
    #[arg(long, value_name = "USD", value_parser = dollars)]
    max_cost: Option<f64>,

    /// Only show how many tickets match and what it may cost; nothing is run.
    #[arg(long)]
    dry_run: bool,
}

/// Which past tickets are run again.
#[derive(Debug, Args)]
struct ChoiceArgs {
    /// Only tickets issued at this time or later (UTC).
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    from: Option<When>,

    /// Only tickets issued before this time (UTC).
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    before: Option<When>,

    /// Only tickets of this user.
    #[arg(long)]
    user: Option<UserId>,

    /// Draw this share of them: 0.1 is one of ten.
    #[arg(long, value_name = "SHARE")]
    sample: Option<f64>,

    /// The most tickets to run again.
    #[arg(long, value_name = "N", default_value_t = USUAL_CASES,
          value_parser = clap::value_parser!(u32).range(1..=MOST_CASES))]
    limit: u32,

    /// Draw as a run with this seed did: the same tickets.
    #[arg(long)]
    seed: Option<u32>,
}

/// An amount of money that something may cost.
pub(super) fn dollars(text: &str) -> Result<f64, String> {
    let usd: Option<f64> = text.parse().ok();
    usd.filter(|usd| usd.is_finite() && *usd > 0.0)
        .ok_or_else(|| format!("`{text}` is no amount of US dollars: write it as 2.50"))
}

impl ShadowArgs {
    fn body(&self) -> Value {
        let choice = &self.choice;
        let filter = [
            ("requested_from", choice.from.map(shadow_watch::point)),
            ("requested_before", choice.before.map(shadow_watch::point)),
            ("user", choice.user.as_ref().map(|user| json!(user))),
        ];
        let mut body = json!({
            "task": self.task,
            "version": self.version,
            "filter": given(filter),
            "limit": choice.limit,
        });
        let rest = [
            ("sample", choice.sample.map(|share| json!(share))),
            ("seed", choice.seed.map(|seed| json!(seed))),
            ("max_cost_usd", self.max_cost.map(|usd| json!(usd))),
        ];
        for (name, value) in given(rest) {
            body[name] = value;
        }
        body
    }
}

/// What was given of `all`.
fn given<const N: usize>(all: [(&str, Option<Value>); N]) -> Map<String, Value> {
    let all = all.into_iter();
    all.filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

/// Shows what a run may cost, asks, starts it, and follows it to its end.
pub(crate) async fn run(
    args: &ShadowArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let mut body = args.body();
    body["dry_run"] = json!(true);
    let plan: Shown<PlanView> = send(planner, out, &body).await?;
    if args.dry_run && out.is_json() {
        out.document(&plan.raw)?;
        return Ok(Exit::Success);
    }
    if !out.is_json() {
        shadow_report::plan(out, &args.task, args.version, &plan.view)?;
    }
    if args.dry_run {
        return Ok(Exit::Success);
    }
    if plan.view.cases > 0 {
        let cases = naming::counted(plan.view.cases as usize, "past ticket");
        let question = format!("Run {cases} of `{}` again?", args.task);
        ask::confirm(out, planner.yes, &question)?;
    }
    // What was shown is what is run; where nothing is, the server says why.
    body["seed"] = json!(plan.view.seed);
    body["dry_run"] = json!(false);
    let interrupted = tokio::signal::ctrl_c();
    let begun = send(planner, out, &body).await?;
    watched(planner, out, begun, interrupted).await
}

/// Sends what is asked for. A version with mistakes is refused with its findings.
async fn send<T: serde::de::DeserializeOwned>(
    planner: &Planner,
    out: &mut Output,
    body: &Value,
) -> Result<Shown<T>, Failure> {
    let answer = planner.send(Method::POST, &["shadow-runs"], body).await;
    let answer = answer.map_err(|error| findings::of_refusal(out, error, None))?;
    Shown::of(answer.body)
}

/// Follows a run that has begun until it ends or whoever watches leaves, and tells what came of it.
pub(super) async fn watched(
    planner: &Planner,
    out: &mut Output,
    mut seen: Shown<ShadowRunView>,
    interrupted: impl Future<Output = io::Result<()>>,
) -> Result<Exit, Failure> {
    let run = seen.view.run;
    out.note(format_args!(
        "Shadow run {run} is running. {}",
        shadow_watch::later(run)
    ));
    let watch = Watch { planner, run };
    let followed = tokio::select! {
        biased;
        pressed = interrupted => pressed.map(|()| None)?,
        followed = watch.follow(out, &mut seen) => Some(followed),
    };
    out.end_progress();
    if let Some(followed) = followed {
        followed?;
    } else {
        out.note(format_args!(
            "The run goes on without you. To stop it: punchcard prompt shadow-runs --stop {run}"
        ));
    }
    watch.tell(out, &seen).await?;
    Ok(match seen.view.state {
        ShadowState::Finished => Exit::Success,
        ShadowState::Running | ShadowState::Stopped => Exit::Negative,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::scripted;

    #[test]
    fn whoever_leaves_a_run_stops_nothing_and_is_told_how_to() {
        let run = "0192c0de-0000-7000-8000-000000000009";
        let view = json!({
            "run": run, "task": "explanation", "candidate": {"version": 4}, "state": "running",
            "by": {"kind": "key", "name": "mina"}, "started_at": "2026-11-17T14:02:00.000Z",
            "cases_total": 5, "cases_done": 0,
        });
        let report = json!({
            "run": run, "cases": [],
            "summary": {"cases": 0, "same": 0, "changed": 0, "failed": 0, "schema_failures": 0},
        });
        let replies = [scripted::json_reply(200, &report)];
        let (asked, (exit, notes)) = scripted::served(&replies, async |client| {
            let planner = Planner {
                client,
                yes: false,
                editor: None,
            };
            let (mut out, _, notes) = Output::captured(false);
            let pressed = std::future::ready(Ok(()));
            let begun = Shown::of(view).unwrap();
            let exit = watched(&planner, &mut out, begun, pressed).await.unwrap();
            (exit, notes.text())
        });
        assert_eq!(exit, Exit::Negative);
        let lines: Vec<_> = asked.iter().map(|asked| asked.line.as_str()).collect();
        assert_eq!(
            lines,
            [format!("GET /v1/shadow-runs/{run}/report?limit=10")]
        );
        assert!(
            notes.contains(&format!("punchcard prompt shadow-runs --stop {run}")),
            "{notes}"
        );
    }

    #[test]
    fn money_is_more_than_nothing() {
        assert_eq!(dollars("2.50"), Ok(2.5));
        for text in ["0", "-1", "inf", "NaN", "$2", ""] {
            assert!(dollars(text).is_err(), "{text}");
        }
    }
}
