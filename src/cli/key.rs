//! `punchcard key`: API keys. They are shown once, and kept nowhere.

use clap::{Args, Subcommand};
use punchcard_events::TenantId;
use serde_json::json;

use super::exit::{Exit, Failure};
use super::output::Output;
use super::style::BOLD;
use crate::keys::ApiKey;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make an API key, and the configuration that lets it in.
    New(NewArgs),
}

/// Arguments of `key new`.
#[derive(Debug, Args)]
#[command(after_help = "\
The key is printed once and kept nowhere; the configuration holds only its hash.

Examples:
  punchcard key new --tenant onehour
  punchcard key new --json | jq -r .key > punchcard.key")]
pub(crate) struct NewArgs {
    /// The tenant whose backend will use the key.
    #[arg(long, default_value = "onehour")]
    tenant: TenantId,

    /// What the key is for; becomes a comment in the configuration.
    #[arg(long)]
    name: Option<String>,
}

/// Does it.
pub(crate) fn run(command: &KeyCommand, out: &mut Output) -> Result<Exit, Failure> {
    let KeyCommand::New(args) = command;
    let key = ApiKey::generate().map_err(|error| Failure::negative(error.to_string()))?;
    if out.is_json() {
        out.document(&json!({
            "key": key.expose(),
            "prefix": key.prefix(),
            "tenant": args.tenant,
            "name": args.name,
            "config": key.config_line(),
        }))?;
        return Ok(Exit::Success);
    }
    out.line(format_args!("{BOLD}{}{BOLD:#}", key.expose()))?;
    out.note("This is the only time that the key is shown. Let it in with:");
    out.line("")?;
    out.line(format_args!("[tenants.{}]", args.tenant))?;
    if let Some(name) = &args.name {
        let one_line: String = name.chars().filter(|c| !c.is_control()).collect();
        out.line(format_args!("# {one_line}"))?;
    }
    out.line(format_args!("keys = [{}]", key.config_line()))?;
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_key(json: bool) -> String {
        let (mut out, results, _) = Output::captured(json);
        let args = NewArgs {
            tenant: "onehour".parse().unwrap(),
            name: Some("the\nbackend".to_owned()),
        };
        let exit = run(&KeyCommand::New(args), &mut out);
        assert_eq!(exit, Ok(Exit::Success));
        results.text()
    }

    #[test]
    fn a_new_key_comes_with_lines_that_are_toml_and_hold_no_key() {
        let text = new_key(false);
        let (key, config) = text.split_once("\n\n").unwrap();
        assert!(ApiKey::parse(key).is_ok(), "the first line is the key");
        let config: toml::Table = toml::from_str(config).unwrap();
        let keys = config["tenants"]["onehour"]["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 1);
        assert!(!text[key.len()..].contains(key), "only the hash is kept");
    }

    #[test]
    fn a_new_key_as_json_can_be_used_at_once() {
        let told: serde_json::Value = serde_json::from_str(&new_key(true)).unwrap();
        assert!(ApiKey::parse(told["key"].as_str().unwrap()).is_ok());
    }
}
