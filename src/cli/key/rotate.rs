//! `punchcard key rotate`.

use clap::Args;
use serde_json::json;

use super::views::print_made;
use super::whose::{Holder, WhoseArgs};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;

/// Arguments of `key rotate`.
#[derive(Debug, Args)]
#[command(after_help = "\
The new key has the name and the roles of the old one. Both open the same until the overlap is over,
then only the new one does. The old key can be revoked before.

Examples:
  punchcard key rotate pk_live_0aB1cD2e --overlap 24h > backend.key
  punchcard key rotate pk_live_0aB1cD2e --overlap 0s --tenant acme")]
pub(crate) struct RotateArgs {
    /// The readable start of the key that goes.
    prefix: String,

    /// Whose key.
    #[command(flatten)]
    pub(super) whose: WhoseArgs,

    /// For how long the old key goes on beside the new one, such as `24h` or `7d`.
    #[arg(long, default_value = "24h", value_name = "TIME")]
    overlap: String,
}

/// Rotates a key.
pub(super) async fn run(
    args: &RotateArgs,
    holder: &Holder,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let place = [args.prefix.as_str(), "rotate"];
    let body = json!({ "overlap": args.overlap });
    print_made(holder.post(&place, &body).await?, out)?;
    if !out.is_json() {
        let (old, overlap) = (&args.prefix, &args.overlap);
        out.note(format_args!("{old} opens nothing any more in {overlap}."));
    }
    Ok(Exit::Success)
}
