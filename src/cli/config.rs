//! `punchcard config`, and how every command reads a configuration.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::{Exit, Failure};
use super::output::Output;
use super::style::GOOD;
use crate::config::Config;

/// What to do with a configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say what is wrong with a configuration, with file and line; exits with 2 where something is.
    Check(ConfigArgs),
    /// Print the configuration in effect and where each value comes from; secrets are not shown.
    Show(ConfigArgs),
}

/// Which configuration.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "\
The built-in defaults come first, then the files in their order, then variables of the environment:
PUNCHCARD__SERVER__LISTEN=0.0.0.0:8080 sets `listen` in [server].

Examples:
  punchcard config check --config punchcard.toml
  punchcard config show --config base.toml --config production.toml")]
pub(crate) struct ConfigArgs {
    /// A configuration file; may be repeated, later ones win.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Vec<PathBuf>,
}

impl ConfigArgs {
    /// Reads the configuration, with `overrides` (by their names in the environment) on top.
    pub(crate) fn load(&self, overrides: Vec<(String, String)>) -> Result<Config, Failure> {
        // Names or values that are not Unicode cannot be meant for us, so they are left out.
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Config::load(&self.config, environment.chain(overrides))
            .map_err(|errors| refused(&errors.to_string()))
    }
}

/// The failure that a wrong configuration is.
pub(crate) fn refused(errors: &str) -> Failure {
    Failure::usage(format!(
        "the configuration is wrong; nothing was started\n{errors}"
    ))
    .with_code("invalid_configuration")
    .advise("`punchcard config show` names the place of every value.")
}

/// Does it.
pub(crate) fn run(command: &ConfigCommand, out: &mut Output) -> Result<Exit, Failure> {
    match command {
        ConfigCommand::Check(args) => {
            let config = args.load(vec![])?;
            let tasks: usize = config
                .tenants
                .values()
                .map(|tenant| tenant.tasks.len())
                .sum();
            let (tenants, models) = (config.tenants.len(), config.models.len());
            if out.is_json() {
                let counts = json!({ "tenants": tenants, "tasks": tasks, "models": models });
                out.document(&json!({ "valid": true, "counts": counts }))?;
            } else {
                out.line(format_args!(
                    "{GOOD}valid{GOOD:#}  tenants: {tenants}, tasks: {tasks}, models: {models}"
                ))?;
            }
        }
        ConfigCommand::Show(args) => {
            let config = args.load(vec![])?;
            if out.is_json() {
                out.document(&config.show_json())?;
            } else {
                out.piece(config.show())?;
            }
        }
    }
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> (Result<Exit, Failure>, String) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("punchcard.toml");
        std::fs::write(&file, text).unwrap();
        let (mut out, results, _) = Output::captured(false);
        let args = ConfigArgs { config: vec![file] };
        (run(&ConfigCommand::Check(args), &mut out), results.text())
    }

    #[test]
    fn a_valid_configuration_is_counted() {
        let (ended, text) = check("[log]\nlevel = \"debug\"\n");
        assert_eq!(ended, Ok(Exit::Success));
        assert!(text.starts_with("valid"), "{text}");
    }

    #[test]
    fn a_wrong_configuration_is_refused_with_file_and_line() {
        let (ended, _) = check("[log]\nlevle = \"debug\"\n");
        let failure = ended.unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(
            failure.to_string().contains("punchcard.toml:2"),
            "{failure}"
        );
    }
}
