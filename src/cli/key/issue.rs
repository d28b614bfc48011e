//! `punchcard key issue`.

use clap::Args;
use punchcard_events::Timestamp;
use serde_json::json;

use super::views::print_made;
use super::whose::{Holder, WhoseArgs};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::keys::{KeyName, Role, Roles};

/// Arguments of `key issue`.
#[derive(Debug, Args)]
#[command(after_help = "\
The key is printed once; the server keeps only its hash. It opens something at once.

Roles:
  issuer     the tenant's backend: issues, reads and cancels tickets, opens sessions (the default)
  viewer     reads tickets and prompts
  planner    writes, tests and publishes prompts, deploys to every label but production
  publisher  decides what reaches users: production, canaries, rollbacks
  admin      everything for its own tenant, its keys too

Examples:
  punchcard key issue --tenant acme --role admin --name ada
  punchcard key issue --name backend > backend.key
  punchcard key issue --role viewer --expires-at 2027-01-31T00:00:00Z")]
pub(crate) struct IssueArgs {
    /// Whose key.
    #[command(flatten)]
    pub(super) whose: WhoseArgs,

    /// Who will hold the key; stands in the history of what is done with it.
    #[arg(long)]
    name: Option<KeyName>,

    /// What its holder may do; repeat it, or separate by commas, for several.
    #[arg(
        long = "role",
        value_name = "ROLE",
        value_delimiter = ',',
        default_value = "issuer"
    )]
    roles: Vec<Role>,

    /// From when on it opens nothing (RFC 3339, UTC); without it: until it is revoked.
    #[arg(long, value_name = "TIME")]
    expires_at: Option<Timestamp>,
}

/// Issues a key.
pub(super) async fn run(
    args: &IssueArgs,
    holder: &Holder,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let roles: Roles = args.roles.iter().copied().collect();
    let mut body = json!({ "roles": roles });
    if let Some(name) = &args.name {
        body["name"] = json!(name);
    }
    if let Some(at) = args.expires_at {
        body["expires_at"] = json!(at);
    }
    let made = holder.post(&[], &body).await?;
    print_made(made, out)?;
    Ok(Exit::Success)
}
