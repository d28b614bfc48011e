//! `punchcard prompt`: prompts of a running server, for the people who write them.
//!
//! One file for each command. Nothing here decides anything about prompts: the server checks, refuses
//! and says what to do; this is how its answers read, and how texts get into an editor, into a folder
//! and back ([`bundle`]).

pub(super) mod ask;
mod at;
mod bundle;
mod canary;
mod changes;
mod deploy;
mod diff;
mod discard;
mod edit;
mod editor;
mod example;
mod export;
mod findings;
mod history;
mod import;
mod list;
mod naming;
mod new;
mod partial;
mod planner;
mod policy;
mod publish;
mod retire;
mod rollback;
mod saving;
mod scratch;
mod shadow;
mod shadow_report;
mod shadow_runs;
mod shadow_views;
mod shadow_watch;
mod show;
mod source;
mod test;
mod test_report;
mod test_set;
#[cfg(test)]
mod tests;
mod try_out;
mod unlabel;
pub(super) mod views;
pub(super) mod when;

use clap::{Args, Subcommand};

use super::client::{ApiClient, Connection};
use super::exit::{Exit, Failure};
use super::output::Output;
use planner::Planner;

/// Arguments of `prompt`.
#[derive(Debug, Args)]
#[command(after_help = "\
A task has one prompt. You change its draft, try it, and publish it as a version; `deploy` gives a
version to users, and `rollback` takes it back. Nothing you do to a draft reaches a user.

Examples:
  export PUNCHCARD_URL=http://127.0.0.1:8080 PUNCHCARD_KEY=pk_…
  punchcard prompt list
  punchcard prompt edit explanation
  punchcard prompt test explanation
  punchcard prompt publish explanation --notes 'Shorter sentences.'
  punchcard prompt deploy explanation 4
  punchcard prompt rollback explanation")]
pub(crate) struct PromptArgs {
    /// Which server, and who asks.
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// Ask no questions: yes to all of them.
    #[arg(long, short, global = true, display_order = 800)]
    pub(crate) yes: bool,

    /// The editor to open, in place of $VISUAL or $EDITOR.
    #[arg(long, global = true, value_name = "COMMAND", display_order = 801)]
    pub(crate) editor: Option<String>,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: PromptCommand,
}

/// What to do with prompts.
#[derive(Debug, Subcommand)]
pub(crate) enum PromptCommand {
    /// List all prompts and what is in production.
    List(list::ListArgs),
    /// Show a prompt, or the text of one of its versions.
    Show(show::ShowArgs),
    /// Begin the prompt of a new task.
    New(new::NewArgs),
    /// Change a prompt's draft in your editor.
    Edit(edit::EditArgs),
    /// Throw a draft away.
    Discard(discard::DiscardArgs),
    /// Show what differs between two versions, or the draft and production.
    Diff(diff::DiffArgs),
    /// Fill a prompt with an input and show the messages; no model is asked.
    Try(try_out::TryArgs),
    /// Run the test cases, and compare with what is in production.
    Test(test::TestArgs),
    /// Show or change the test cases.
    #[command(subcommand)]
    TestSet(test_set::TestSetCommand),
    /// Run past tickets again with a version, and compare; no user hears of it.
    Shadow(shadow::ShadowArgs),
    /// List, show, stop or resume shadow runs.
    ShadowRuns(shadow_runs::ShadowRunsArgs),
    /// Show or set what a deployment needs besides a passed test run.
    Policy(policy::PolicyArgs),
    /// Make the draft a numbered version that never changes.
    Publish(publish::PublishArgs),
    /// Give a version to users (production), or to another label.
    Deploy(deploy::DeployArgs),
    /// Go back to the version before.
    Rollback(rollback::RollbackArgs),
    /// Try a version with a share of the users first.
    #[command(subcommand)]
    Canary(canary::CanaryCommand),
    /// Take a label away (not production).
    Unlabel(unlabel::UnlabelArgs),
    /// Show everything that happened to a prompt.
    History(history::HistoryArgs),
    /// Show which version was in use at a time.
    At(at::AtArgs),
    /// Show or change the texts that prompts share.
    #[command(subcommand)]
    Partial(partial::PartialCommand),
    /// Write prompts into a folder of readable files.
    Export(export::ExportArgs),
    /// Take prompts from a folder, as drafts: all of them or none.
    Import(import::ImportArgs),
    /// Take no new tickets for a task.
    Retire(retire::RetireArgs),
    /// Take tickets for a task again.
    Restore(retire::RestoreArgs),
}

/// Does it.
pub(crate) async fn run(args: &PromptArgs, out: &mut Output) -> Result<Exit, Failure> {
    let planner = &Planner {
        client: ApiClient::new(&args.connection)?,
        yes: args.yes,
        editor: args.editor.clone(),
    };
    match &args.command {
        PromptCommand::List(args) => list::run(args, planner, out).await,
        PromptCommand::Show(args) => show::run(args, planner, out).await,
        PromptCommand::New(args) => new::run(args, planner, out).await,
        PromptCommand::Edit(args) => edit::run(args, planner, out).await,
        PromptCommand::Discard(args) => discard::run(args, planner, out).await,
        PromptCommand::Diff(args) => diff::run(args, planner, out).await,
        PromptCommand::Try(args) => try_out::run(args, planner, out).await,
        PromptCommand::Test(args) => test::run(args, planner, out).await,
        PromptCommand::TestSet(command) => test_set::run(command, planner, out).await,
        PromptCommand::Shadow(args) => shadow::run(args, planner, out).await,
        PromptCommand::ShadowRuns(args) => shadow_runs::run(args, planner, out).await,
        PromptCommand::Policy(args) => policy::run(args, planner, out).await,
        PromptCommand::Publish(args) => publish::run(args, planner, out).await,
        PromptCommand::Deploy(args) => deploy::run(args, planner, out).await,
        PromptCommand::Rollback(args) => rollback::run(args, planner, out).await,
        PromptCommand::Canary(command) => canary::run(command, planner, out).await,
        PromptCommand::Unlabel(args) => unlabel::run(args, planner, out).await,
        PromptCommand::History(args) => history::run(args, planner, out).await,
        PromptCommand::At(args) => at::run(args, planner, out).await,
        PromptCommand::Partial(command) => partial::run(command, planner, out).await,
        PromptCommand::Export(args) => export::run(args, planner, out).await,
        PromptCommand::Import(args) => import::run(args, planner, out).await,
        PromptCommand::Retire(args) => retire::run(args, planner, out).await,
        PromptCommand::Restore(args) => retire::restore(args, planner, out).await,
    }
}
