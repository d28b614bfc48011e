//! `punchcard webhook resend`.

use clap::Args;
use punchcard_events::{EndpointId, Timestamp};
use reqwest::Method;
use serde_json::json;

use super::Server;
use super::show::text;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;

/// Arguments of `webhook resend`.
#[derive(Debug, Args)]
#[command(after_help = "\
A message that is sent again keeps its id, so that a receiver that has had it can tell.

Examples:
  punchcard webhook resend 0192c0de-… msg_0192c0de…
  punchcard webhook resend 0192c0de-… --from 2026-11-23T00:00:00Z --until 2026-11-24T00:00:00Z --dry-run")]
pub(crate) struct ResendArgs {
    /// The endpoint's id.
    endpoint: EndpointId,

    /// One message, by its `webhook-id`.
    #[arg(conflicts_with_all = ["from", "until"], required_unless_present = "from")]
    message: Option<String>,

    /// Messages of events at this time or later (RFC 3339, UTC), that were not taken.
    #[arg(long, value_name = "TIME", requires = "until")]
    from: Option<Timestamp>,

    /// And before this time.
    #[arg(long, value_name = "TIME", requires = "from")]
    until: Option<Timestamp>,

    /// Those that were taken, too.
    #[arg(long, requires = "from")]
    acknowledged_too: bool,

    /// Only count them.
    #[arg(long, requires = "from")]
    dry_run: bool,
}

/// Has them sent again.
pub(super) async fn run(
    args: &ResendArgs,
    server: &Server,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let answer = match (&args.message, args.from, args.until) {
        (Some(message), _, _) => {
            let rest = ["deliveries", message.as_str(), "resend"];
            server.ask(Method::POST, args.endpoint, &rest, None).await?
        }
        (None, Some(from), Some(until)) => {
            let body = json!({
                "from": from,
                "until": until,
                "acknowledged_too": args.acknowledged_too,
                "dry_run": args.dry_run,
            });
            let rest = ["resend"];
            server
                .ask(Method::POST, args.endpoint, &rest, Some(&body))
                .await?
        }
        // clap asks for one or the other.
        (None, _, _) => return Err(Failure::usage("say which message, or --from and --until")),
    };
    if out.is_json() {
        out.document(&answer)?;
        return Ok(Exit::Success);
    }
    let count = text(&answer["messages"]).unwrap_or_default();
    if args.dry_run {
        out.line(format_args!("{count} messages would be sent again."))?;
    } else {
        out.line(format_args!("{count} messages are sent again."))?;
    }
    Ok(Exit::Success)
}
