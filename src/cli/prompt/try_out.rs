//! `punchcard prompt try`.

use clap::Args;
use punchcard_events::TaskName;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::findings;
use super::naming::Reference;
use super::planner::{Planner, Shown};
use super::views::MessageView;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BOLD};
use crate::cli::ticket::read_input;

/// Arguments of `prompt try`.
#[derive(Debug, Args)]
#[command(after_help = "\
No model is asked and nothing is kept. To see answers, write test cases: punchcard prompt test-set edit.

Examples:
  punchcard prompt try explanation --input '{\"question\":\"Why is the sky blue?\",\"level\":\"middle\"}'
  punchcard prompt try explanation production --input question.json")]
pub(crate) struct TryArgs {
    /// The task.
    task: TaskName,

    /// Which text: `draft`, a version (4), or a label (production).
    #[arg(value_name = "VERSION", default_value = "draft")]
    reference: Reference,

    /// What would be sent in: JSON, a file that holds it, or - for stdin.
    #[arg(long, short, value_name = "JSON|FILE|-", default_value = "{}")]
    input: String,
}

/// What the server answers.
#[derive(Debug, Deserialize)]
struct Rendered {
    messages: Vec<MessageView>,
}

/// Shows the messages.
pub(crate) async fn run(
    args: &TryArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let input = read_input(&args.input)?;
    let body = json!({ "ref": args.reference.to_string(), "input": input });
    let path = ["prompts", args.task.as_str(), "render"];
    let answer = planner.send(Method::POST, &path, &body).await;
    let answer = answer.map_err(|error| findings::of_refusal(out, error, None))?;
    let rendered = Shown::<Rendered>::of(answer.body)?;
    if out.is_json() {
        out.document(&rendered.raw)?;
        return Ok(Exit::Success);
    }
    for message in &rendered.view.messages {
        let role = style::one_line(&message.role);
        out.line(format_args!("{BOLD}{role}{BOLD:#}"))?;
        out.line(style::safe(&message.content))?;
    }
    Ok(Exit::Success)
}
