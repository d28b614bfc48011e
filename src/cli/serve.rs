//! `punchcard serve`: the runtime, until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::config::{ConfigArgs, refused};
use super::exit::{Exit, Failure};
use super::open_files;
use super::output::Output;
use super::runtime::{Runtime, StopSignals};
use super::style::{BOLD, DIM};
use crate::config::Config;
use crate::telemetry;

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
SIGTERM or SIGINT stops the intake and lets what runs end or park within the grace time; what is
left goes on after the next start. A second signal stops at once; that loses nothing either.

Examples:
  punchcard serve --config punchcard.toml
  punchcard serve --config punchcard.toml --listen 0.0.0.0:8080 --data-dir /var/lib/punchcard")]
pub(crate) struct ServeArgs {
    /// Which configuration.
    #[command(flatten)]
    config: ConfigArgs,

    /// Where the open API and the sessions are served; wins over the configuration.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,

    /// The directory that holds everything durable; wins over the configuration.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Serves until a signal comes.
pub(crate) async fn run(args: &ServeArgs, out: &mut Output) -> Result<Exit, Failure> {
    let mut config = args.config.load(vec![])?;
    if let Some(listen) = args.listen {
        config.server.listen = listen;
    }
    if let Some(data_dir) = &args.data_dir {
        config.store.data_dir.clone_from(data_dir);
    }
    telemetry::start_logging(&config.log).map_err(|error| refused(&error.to_string()))?;
    allow_open_files(&config);
    let mut signals = StopSignals::listen()?;
    let data_dir = config.store.data_dir.clone();
    let runtime = tokio::select! {
        started = Runtime::start(config) => started?,
        signal = signals.next() => {
            out.note(format_args!("{signal} before the start was done"));
            return Ok(Exit::Success);
        }
    };
    let (api, admin) = (runtime.addr(), runtime.admin_addr());
    if out.is_json() {
        let data_dir = data_dir.display().to_string();
        let urls = json!({ "listen": api, "admin_listen": admin, "data_dir": data_dir });
        out.json_line(&urls)?;
    } else {
        out.line(format_args!(
            "{DIM}listening{DIM:#}  {BOLD}http://{api}{BOLD:#}"
        ))?;
        out.line(format_args!("{DIM}admin{DIM:#}      http://{admin}"))?;
        out.line(format_args!(
            "{DIM}console{DIM:#}    http://{admin}/console"
        ))?;
        out.line(format_args!(
            "{DIM}data{DIM:#}       {}",
            data_dir.display()
        ))?;
    }
    let signal = signals.next().await;
    out.note(format_args!(
        "{signal}: stopping; once more to stop at once"
    ));
    tokio::select! {
        () = runtime.stop() => {}
        signal = signals.next() => out.note(format_args!("{signal}: stopped at once")),
    }
    Ok(Exit::Success)
}

/// A connection takes two file descriptors. Where the system grants fewer than the configured
/// connections need, newcomers wait in its queue once they are used up; that is worth a warning.
fn allow_open_files(config: &Config) {
    let needed = config.server.max_connections.get().saturating_mul(2);
    match open_files::raise() {
        Ok(granted) if granted >= needed => {}
        Ok(granted) => tracing::warn!(granted, needed, "few open files for max_connections"),
        Err(error) => {
            tracing::warn!(error.cause = %error, "the limit of open files cannot be raised");
        }
    }
}
