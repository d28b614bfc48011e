//! `punchcard prompt canary`.

use clap::{Args, Subcommand};
use punchcard_events::TaskName;
use punchcard_events::prompt::{CanaryBounds, CanaryTally};
use reqwest::Method;
use serde_json::{Value, json};

use super::deploy;
use super::naming;
use super::planner::{Planner, Shown};
use super::views::CanaryView;
use super::{ask, when};
use crate::cli::client::Call;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{BOLD, DIM};

/// What to do with a canary.
#[derive(Debug, Subcommand)]
pub(crate) enum CanaryCommand {
    /// Give a version to a share of the users.
    Start(StartArgs),
    /// Show how the canary does.
    Status(TaskArgs),
    /// Give all users what is in production again.
    Stop(StopArgs),
    /// Give the canary's version to all users.
    Promote(StopArgs),
}

/// Arguments of `prompt canary start`.
#[derive(Debug, Args)]
#[command(after_help = "\
A user stays on the same side. The canary is taken back by itself when too many of its tickets fail or break the
answer schema.

Examples:
  punchcard prompt canary start explanation 4 --percent 10
  punchcard prompt canary start explanation 4 --percent 5 --max-failed 2 --min-tickets 200")]
pub(crate) struct StartArgs {
    /// The task.
    task: TaskName,

    /// The version's number, such as 4.
    #[arg(id = "number", value_name = "VERSION", value_parser = naming::version)]
    version: u32,

    /// How many of a hundred users get it.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=99))]
    percent: u8,

    /// Why, in a sentence for the others.
    #[arg(long)]
    reason: Option<String>,

    /// Start without a passing test run, for this reason (only with the role admin).
    #[arg(long = "override", value_name = "REASON")]
    override_reason: Option<String>,

    /// When it is taken back.
    #[command(flatten)]
    bounds: Bounds,
}

/// When a canary is taken back by itself. What is not given, the server decides.
#[derive(Debug, Clone, Args)]
pub(crate) struct Bounds {
    /// Take a canary back when more than so many of a hundred tickets fail.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    max_failed: Option<u8>,

    /// Take a canary back when more than so many of a hundred answers break the answer schema.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    max_violations: Option<u8>,

    /// Take these shares of at least so many tickets, so that one bad ticket does not decide.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    min_tickets: Option<u32>,
}

impl Bounds {
    /// What was given; `None`: nothing.
    fn body(&self) -> Option<Value> {
        let given = [
            ("max_failed_percent", self.max_failed.map(u32::from)),
            (
                "max_schema_violation_percent",
                self.max_violations.map(u32::from),
            ),
            ("min_tickets", self.min_tickets),
        ];
        let given = given
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
        let given: serde_json::Map<String, Value> = given.collect();
        (!given.is_empty()).then_some(Value::Object(given))
    }
}

/// Arguments of `prompt canary status`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard prompt canary status explanation")]
pub(crate) struct TaskArgs {
    /// The task.
    task: TaskName,
}

/// Arguments of `prompt canary stop` and `promote`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard prompt canary stop explanation --reason 'The answers are too long.'
  punchcard prompt canary promote explanation")]
pub(crate) struct StopArgs {
    /// The task.
    task: TaskName,

    /// Why, in a sentence for the others.
    #[arg(long)]
    reason: Option<String>,
}

/// Does it.
pub(crate) async fn run(
    command: &CanaryCommand,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    match command {
        CanaryCommand::Start(args) => {
            let wanted = Wanted {
                task: &args.task,
                version: args.version,
                percent: args.percent,
                bounds: &args.bounds,
                reason: args.reason.as_deref(),
                override_reason: args.override_reason.as_deref(),
            };
            begin(&wanted, planner, out).await
        }
        CanaryCommand::Status(args) => status(&args.task, planner, out).await,
        CanaryCommand::Stop(args) => stop(args, planner, out).await,
        CanaryCommand::Promote(args) => promote(args, planner, out).await,
    }
}

/// A canary that is asked for.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// The task.
    pub(super) task: &'a TaskName,
    /// The version.
    pub(super) version: u32,
    /// How many of a hundred users get it.
    pub(super) percent: u8,
    /// When it is taken back.
    pub(super) bounds: &'a Bounds,
    /// Why.
    pub(super) reason: Option<&'a str>,
    /// Why without a passing test run.
    pub(super) override_reason: Option<&'a str>,
}

impl Wanted<'_> {
    fn body(&self) -> Value {
        let mut body = json!({ "version": self.version, "percent": self.percent });
        let parts = [
            ("bounds", self.bounds.body()),
            ("reason", self.reason.map(Value::from)),
            ("override_reason", self.override_reason.map(Value::from)),
        ];
        for (name, value) in parts {
            if let Some(value) = value {
                body[name] = value;
            }
        }
        body
    }
}

/// Starts a canary, after a look at what it changes.
pub(super) async fn begin(
    wanted: &Wanted<'_>,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let (task, version, percent) = (wanted.task, wanted.version, wanted.percent);
    let prompt = planner.prompt(task).await?.view;
    deploy::look_before(task, version, &prompt, planner, out).await?;
    let question = format!("Give version {version} of `{task}` to {percent} of 100 users?");
    ask::confirm(out, planner.yes, &question)?;
    let path = ["prompts", task.as_str(), "canary"];
    let answer = planner.send(Method::PUT, &path, &wanted.body()).await;
    let answer = answer.map_err(deploy::refused)?;
    if out.is_json() {
        out.document(&answer.body)?;
        return Ok(Exit::Success);
    }
    out.line(format_args!(
        "{percent} of 100 users of {BOLD}{task}{BOLD:#} get version {BOLD}{version}{BOLD:#} now."
    ))?;
    out.note(format_args!(
        "See how it does: punchcard prompt canary status {task}"
    ));
    out.note(format_args!(
        "For all users: punchcard prompt canary promote {task}; to take it back: punchcard prompt canary stop {task}"
    ));
    Ok(Exit::Success)
}

async fn status(task: &TaskName, planner: &Planner, out: &mut Output) -> Result<Exit, Failure> {
    let found = running(task, planner).await?;
    if out.is_json() {
        out.document(&found.map(|shown| shown.raw))?;
        return Ok(Exit::Success);
    }
    let Some(canary) = found.map(|shown| shown.view) else {
        out.note(format_args!(
            "No canary runs for `{task}`. How the last one ended: punchcard prompt history {task}"
        ));
        return Ok(Exit::Success);
    };
    for (name, value) in facts(&canary) {
        out.line(format_args!("  {DIM}{name:<16}{DIM:#} {value}"))?;
    }
    Ok(Exit::Success)
}

/// The canary that runs, if one does.
async fn running(task: &TaskName, planner: &Planner) -> Result<Option<Shown<CanaryView>>, Failure> {
    let path = ["prompts", task.as_str(), "canary"];
    let found = planner.maybe::<Option<CanaryView>>(&path).await?;
    if found.is_none() {
        // Without a canary there is still a prompt; without a prompt this says so.
        planner.prompt(task).await?;
    }
    Ok(found.and_then(|Shown { raw, view }| view.map(|view| Shown { raw, view })))
}

fn facts(canary: &CanaryView) -> Vec<(&'static str, String)> {
    let (version, percent) = (canary.version, canary.percent);
    let since = when::said(canary.since);
    let mut facts = vec![
        ("version", format!("{version}, for {percent} of 100 users")),
        ("since", format!("{since}, by {}", canary.by)),
    ];
    if let Some(beside) = canary.beside {
        facts.push(("the others get", format!("version {beside}")));
    }
    if let Some(tally) = canary.tally {
        facts.extend(tallied(&tally));
    }
    if let Some(bounds) = canary.bounds {
        facts.push(("is taken back", bound_words(&bounds)));
    }
    facts
}

fn tallied(tally: &CanaryTally) -> [(&'static str, String); 3] {
    let share = |part: u32| match tally.tickets {
        0 => part.to_string(),
        all => format!("{part} ({} %)", u64::from(part) * 100 / u64::from(all)),
    };
    [
        (
            "tickets",
            format!("{}, {} answered", tally.tickets, tally.answered),
        ),
        ("failed", share(tally.failed)),
        ("broke the schema", share(tally.schema_violations)),
    ]
}

fn bound_words(bounds: &CanaryBounds) -> String {
    format!(
        "when more than {} % fail or more than {} % break the answer schema, of at least {} tickets",
        bounds.max_failed_percent, bounds.max_schema_violation_percent, bounds.min_tickets
    )
}

async fn stop(args: &StopArgs, planner: &Planner, out: &mut Output) -> Result<Exit, Failure> {
    let task = &args.task;
    let body = args
        .reason
        .as_ref()
        .map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
    let path = ["prompts", task.as_str(), "canary"];
    let call = Call::new(Method::DELETE, &path).body(&body);
    let answer = planner.client.ask(call).await.map_err(deploy::refused)?;
    if out.is_json() {
        out.document(&answer.body)?;
        return Ok(Exit::Success);
    }
    out.line(format_args!(
        "The canary of {BOLD}{task}{BOLD:#} is stopped: all users get production."
    ))?;
    Ok(Exit::Success)
}

/// Deploying the canary's version to production is what ends it well.
async fn promote(args: &StopArgs, planner: &Planner, out: &mut Output) -> Result<Exit, Failure> {
    let task = &args.task;
    let Some(canary) = running(task, planner).await? else {
        let sentence = format!("no canary runs for `{task}`, so there is none to promote");
        let advice = format!("Deploy a version: punchcard prompt deploy {task} VERSION");
        return Err(Failure::new(Exit::NotDeployed, sentence).advise(advice));
    };
    let version = canary.view.version;
    if !out.is_json() {
        for (name, value) in facts(&canary.view) {
            out.line(format_args!("  {DIM}{name:<16}{DIM:#} {value}"))?;
        }
    }
    let question = format!("Give version {version} of `{task}` to all users?");
    ask::confirm(out, planner.yes, &question)?;
    let mut body = json!({
        "version": version,
        "expected": canary.view.beside,
        "expected_canary": canary.view.canary,
    });
    if let Some(reason) = &args.reason {
        body["reason"] = json!(reason);
    }
    let path = ["prompts", task.as_str(), "labels", "production"];
    let answer = planner.send(Method::PUT, &path, &body).await;
    let answer = answer.map_err(deploy::refused)?;
    if out.is_json() {
        out.document(&answer.body)?;
        return Ok(Exit::Success);
    }
    out.line(format_args!(
        "All users of {BOLD}{task}{BOLD:#} get version {BOLD}{version}{BOLD:#} now."
    ))?;
    out.note(format_args!(
        "To take it back: punchcard prompt rollback {task}"
    ));
    Ok(Exit::Success)
}
