//! `punchcard tenant`: the tenants of a running server, for those who operate it.
//!
//! One file for each command. Nothing here decides anything about tenants: the server checks, refuses
//! and says what to do; this is how its answers read.

mod callback;
mod create;
mod history;
mod hooks;
mod limits;
mod list;
mod money;
mod operator;
mod origins;
mod rename;
mod setting;
mod show;
mod suspend;
#[cfg(test)]
mod tests;
mod views;

use clap::{Args, Subcommand};

use super::client::{AdminConnection, ApiClient};
use super::exit::{Exit, Failure};
use super::output::Output;
use operator::Operator;

/// Arguments of `tenant`.
#[derive(Debug, Args)]
#[command(after_help = "\
A tenant is a company that issues tickets. These commands ask the admin API of a running server, which
takes only operators' keys: those under [admin] in its configuration.

Examples:
  export PUNCHCARD_ADMIN_URL=http://127.0.0.1:9090 PUNCHCARD_ADMIN_KEY=pk_…
  punchcard tenant create acme --name 'Acme Inc.'
  punchcard key issue --tenant acme --role admin --name ada
  punchcard tenant limits acme --monthly-usd 500
  punchcard tenant suspend acme --reason 'The invoice of October is open.'
  punchcard tenant history acme")]
pub(crate) struct TenantArgs {
    /// Which server, and who asks.
    #[command(flatten)]
    pub(crate) connection: AdminConnection,

    /// Ask no questions: yes to all of them.
    #[arg(long, short, global = true, display_order = 800)]
    pub(crate) yes: bool,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: TenantCommand,
}

/// What to do with tenants.
#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// List all tenants.
    List(list::ListArgs),
    /// Show a tenant: its settings, limits and keys.
    Show(show::ShowArgs),
    /// Make a tenant.
    Create(create::CreateArgs),
    /// Change a tenant's name for people.
    Rename(rename::RenameArgs),
    /// Let none of a tenant's keys in, until it is resumed.
    Suspend(suspend::SuspendArgs),
    /// Let a suspended tenant's keys in again.
    Resume(suspend::ResumeArgs),
    /// Show or change how much a tenant may use.
    Limits(Box<limits::LimitsArgs>),
    /// Show or change from which web origins its users' sessions may come.
    Origins(origins::OriginsArgs),
    /// Show or change where a tenant's own API is.
    Callback(callback::CallbackArgs),
    /// Show or change what is called for a tenant's tasks.
    Hooks(hooks::HooksArgs),
    /// Show everything that was done to a tenant.
    History(history::HistoryArgs),
}

/// Does it.
pub(crate) async fn run(args: &TenantArgs, out: &mut Output) -> Result<Exit, Failure> {
    let operator = &Operator {
        client: ApiClient::of_admin(&args.connection)?,
        yes: args.yes,
    };
    match &args.command {
        TenantCommand::List(args) => list::run(args, operator, out).await,
        TenantCommand::Show(args) => show::run(args, operator, out).await,
        TenantCommand::Create(args) => create::run(args, operator, out).await,
        TenantCommand::Rename(args) => rename::run(args, operator, out).await,
        TenantCommand::Suspend(args) => suspend::run(args, operator, out).await,
        TenantCommand::Resume(args) => suspend::resume(args, operator, out).await,
        TenantCommand::Limits(args) => limits::run(args, operator, out).await,
        TenantCommand::Origins(args) => origins::run(args, operator, out).await,
        TenantCommand::Callback(args) => callback::run(args, operator, out).await,
        TenantCommand::Hooks(args) => hooks::run(args, operator, out).await,
        TenantCommand::History(args) => history::run(args, operator, out).await,
    }
}
