//! `punchcard completions`: scripts that complete commands and options in a shell.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::args::Cli;
use super::exit::{Exit, Failure};
use super::output::Output;

/// Arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard completions bash > ~/.local/share/bash-completion/completions/punchcard
  punchcard completions zsh > \"${fpath[1]}/_punchcard\"
  punchcard completions fish > ~/.config/fish/completions/punchcard.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(args: &CompletionsArgs, out: &mut Output) -> Result<Exit, Failure> {
    // Into memory first: clap_complete panics when its writer fails, as a closed pipe does.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "punchcard", &mut script);
    out.piece(String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
