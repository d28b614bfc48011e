//! `punchcard key`: API keys. They are shown once, and kept nowhere.
//!
//! `new` makes one for the configuration, without a server. The others ask a running server: with
//! `--tenant` its admin API, as an operator, and without it the open API, as an admin of one tenant.

mod issue;
mod list;
mod new;
mod revoke;
mod rotate;
#[cfg(test)]
mod tests;
mod views;
mod whose;

use clap::{Args, Subcommand};

use super::client::{AdminConnection, Connection};
use super::exit::{Exit, Failure};
use super::output::Output;
use whose::{Holder, WhoseArgs};

/// Arguments of `key`.
#[derive(Debug, Args)]
#[command(after_help = "\
With --tenant you ask the admin API as an operator (PUNCHCARD_ADMIN_URL, PUNCHCARD_ADMIN_KEY). Without
it you ask for your own tenant, with a key of the role admin (PUNCHCARD_URL, PUNCHCARD_KEY).

Examples:
  punchcard key new --operator --name ada
  punchcard key issue --tenant acme --role admin --name ben
  punchcard key list --tenant acme
  punchcard key rotate pk_live_0aB1cD2e --overlap 24h
  punchcard key revoke pk_live_0aB1cD2e --reason 'It was in a log.'")]
pub(crate) struct KeyArgs {
    /// Which server, and which tenant asks.
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// Which server, and which operator asks.
    #[command(flatten)]
    pub(crate) admin: AdminConnection,

    /// Ask no questions: yes to all of them.
    #[arg(long, short, global = true, display_order = 800)]
    pub(crate) yes: bool,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: KeyCommand,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make an API key, and the configuration that lets it in; no server is asked.
    New(new::NewArgs),
    /// List a tenant's keys.
    List(list::ListArgs),
    /// Issue a key for a tenant.
    Issue(issue::IssueArgs),
    /// Issue a key in place of another, which goes on for a while.
    Rotate(rotate::RotateArgs),
    /// Let a key in no longer.
    Revoke(revoke::RevokeArgs),
}

/// Does it.
pub(crate) async fn run(args: &KeyArgs, out: &mut Output) -> Result<Exit, Failure> {
    let holder = |whose: &WhoseArgs| Holder::of(args, whose.tenant.as_ref());
    match &args.command {
        KeyCommand::New(own) => new::run(own, out),
        KeyCommand::List(own) => list::run(&holder(&own.whose)?, out).await,
        KeyCommand::Issue(own) => issue::run(own, &holder(&own.whose)?, out).await,
        KeyCommand::Rotate(own) => rotate::run(own, &holder(&own.whose)?, out).await,
        KeyCommand::Revoke(own) => revoke::run(own, &holder(&own.whose)?, out).await,
    }
}
