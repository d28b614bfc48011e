//! stub
use super::exit::{Exit, Failure};
use super::output::Output;
use clap::Args;
/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punchcard demo")]
pub(crate) struct DemoArgs {
    /// once
    #[arg(long)]
    once: bool,
}
pub(crate) async fn run(_args: &DemoArgs, _out: &mut Output) -> Result<Exit, Failure> {
    Ok(Exit::Success)
}
