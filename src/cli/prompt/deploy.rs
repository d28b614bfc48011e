//! `punchcard prompt deploy`.

use clap::Args;
use punchcard_events::{LabelName, TaskName};
use reqwest::Method;
use serde_json::{Value, json};

use super::canary::{self, Bounds};
use super::naming::{self, Reference};
use super::planner::Planner;
use super::views::PromptView;
use super::{ask, changes, findings};
use crate::cli::client::{CallError, Refusal};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BAD, BOLD, GOOD};

/// Arguments of `prompt deploy`.
#[derive(Debug, Args)]
#[command(after_help = "\
Before production changes you are shown what differs and how the version was tested, and are asked. Production
takes a version that passed its test cases. New tickets run it at once; those under way keep their version.

Examples:
  punchcard prompt deploy explanation 4 --label staging     try it under another label first
  punchcard prompt deploy explanation 4                     give it to all users
  punchcard prompt deploy explanation 4 --canary 10         give it to 10 of 100 users
  punchcard prompt deploy explanation 4 --yes --reason 'Approved by Mina.'
  punchcard prompt deploy explanation 4 --override 'The model is down, so tests cannot run.'")]
pub(crate) struct DeployArgs {
    /// The task.
    task: TaskName,

    /// The version's number, such as 4.
    #[arg(id = "number", value_name = "VERSION", value_parser = naming::version)]
    version: u32,

    /// What to point to the version: production is what users get.
    #[arg(long, default_value = "production")]
    label: LabelName,

    /// Why, in a sentence for the others.
    #[arg(long)]
    reason: Option<String>,

    /// Deploy without a passing test run, for this reason (only with the role admin).
    #[arg(long = "override", value_name = "REASON")]
    override_reason: Option<String>,

    /// Give it to so many of a hundred users only, and take it back by itself when it does badly.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=99))]
    canary: Option<u8>,

    /// When a canary is taken back.
    #[command(flatten)]
    bounds: Bounds,
}

/// Deploys the version.
pub(crate) async fn run(
    args: &DeployArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    if let Some(percent) = args.canary {
        if !args.label.is_production() {
            let sentence = "a canary shares out the users of production, and of no other label";
            return Err(Failure::usage(sentence).advise("Leave --label out."));
        }
        let wanted = canary::Wanted {
            task: &args.task,
            version: args.version,
            percent,
            bounds: &args.bounds,
            reason: args.reason.as_deref(),
            override_reason: args.override_reason.as_deref(),
        };
        return canary::begin(&wanted, planner, out).await;
    }
    let prompt = planner.prompt(&args.task).await?.view;
    if args.label.is_production() {
        let question = question(args, &prompt);
        look_before(&args.task, args.version, &prompt, planner, out).await?;
        ask::confirm(out, planner.yes, &question)?;
    }
    let seen = prompt.label(args.label.as_str()).map(|label| label.version);
    let answer = planner
        .send(Method::PUT, &path(args), &body(args, seen, &prompt))
        .await;
    let answer = answer.map_err(refused)?;
    if out.is_json() {
        out.document(&answer.body)?;
        return Ok(Exit::Success);
    }
    tell(args, seen, out)?;
    Ok(Exit::Success)
}

fn path(args: &DeployArgs) -> [&str; 4] {
    ["prompts", args.task.as_str(), "labels", args.label.as_str()]
}

fn body(args: &DeployArgs, seen: Option<u32>, prompt: &PromptView) -> Value {
    let mut body = json!({ "version": args.version, "expected": seen });
    if args.label.is_production() {
        body["expected_canary"] = json!(prompt.canary_id());
    }
    if let Some(reason) = &args.reason {
        body["reason"] = json!(reason);
    }
    if let Some(reason) = &args.override_reason {
        body["override_reason"] = json!(reason);
    }
    body
}

/// A refusal of a deployment, which has an exit code of its own.
pub(super) fn refused(error: CallError) -> Failure {
    match error {
        CallError::Refused(refusal) if matches!(refusal.problem.status, 403 | 409 | 412 | 422) => {
            let Refusal { problem, body } = *refusal;
            findings::below(problem, &body).ending(Exit::NotDeployed)
        }
        // Nothing runs that could be stopped.
        CallError::Refused(refusal) if refusal.problem.code == "canary_not_running" => {
            Failure::from(refusal.problem).ending(Exit::NotDeployed)
        }
        error => error.into(),
    }
}

/// Shows what a version changes for users, and how it was tested.
pub(super) async fn look_before(
    task: &TaskName,
    version: u32,
    prompt: &PromptView,
    planner: &Planner,
    out: &mut Output,
) -> Result<(), Failure> {
    // The answer to --json is the server's alone, and nobody reads a question there.
    if out.is_json() {
        return Ok(());
    }
    let to = Reference::Version(version);
    let content = planner.content(task, &to).await?.view;
    match prompt.production {
        Some(present) if present != version => {
            out.line(format_args!(
                "What users of {BOLD}{task}{BOLD:#} will see change (version {present} → {version}):"
            ))?;
            let diff = changes::fetch(planner, task, &Reference::production(), &to).await?;
            changes::print(out, &diff)?;
        }
        Some(_) => out.line(format_args!("Version {version} is in production already."))?,
        None => out.line(format_args!(
            "Nothing of {BOLD}{task}{BOLD:#} is in production yet; this is the first version."
        ))?,
    }
    match content.tests.iter().max_by_key(|test| test.at) {
        Some(test) if test.passed => out.line(style::paint(GOOD, format!("Tests: {test}")))?,
        Some(test) => out.line(style::paint(BAD, format!("Tests: {test}")))?,
        None => out.line(style::paint(BAD, "Tests: this version was not tested"))?,
    }
    Ok(())
}

fn question(args: &DeployArgs, prompt: &PromptView) -> String {
    let (task, version) = (&args.task, args.version);
    match prompt.production {
        Some(present) => format!(
            "Put version {version} of `{task}` into production, in place of version {present}?"
        ),
        None => format!("Put version {version} of `{task}` into production?"),
    }
}

fn tell(args: &DeployArgs, seen: Option<u32>, out: &mut Output) -> Result<(), Failure> {
    let (task, version, label) = (&args.task, args.version, &args.label);
    let before = match seen {
        Some(seen) if seen == version => " (as before)".to_owned(),
        Some(seen) => format!(" (it was {seen})"),
        None => String::new(),
    };
    out.line(format_args!(
        "{BOLD}{label}{BOLD:#} of {BOLD}{task}{BOLD:#} is now version {BOLD}{version}{BOLD:#}{before}."
    ))?;
    if label.is_production() {
        out.note(format_args!(
            "New tickets run it from now on. To take it back: punchcard prompt rollback {task}"
        ));
    } else {
        out.note(format_args!(
            "A ticket runs it when it says \"label\": \"{label}\". \
             For all users: punchcard prompt deploy {task} {version}"
        ));
    }
    Ok(())
}
