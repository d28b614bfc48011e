//! `punchcard key`: API keys. They are shown once, and kept nowhere.

use clap::{Args, Subcommand};
use punchcard_events::TenantId;
use serde_json::json;

use super::exit::{Exit, Failure};
use super::output::Output;
use super::style::BOLD;
use crate::keys::{ApiKey, KeyName, Role, Roles};

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

Roles:
  issuer     the tenant's backend: issues, reads and cancels tickets, opens sessions (the default)
  viewer     reads tickets and prompts
  planner    writes, tests and publishes prompts, deploys to every label but production
  publisher  decides what reaches users: production, canaries, rollbacks
  admin      everything

Examples:
  punchcard key new --tenant onehour
  punchcard key new --name mina --role planner
  punchcard key new --json | jq -r .key > punchcard.key")]
pub(crate) struct NewArgs {
    /// The tenant that the key speaks for.
    #[arg(long, default_value = "onehour")]
    tenant: TenantId,

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
}

/// Does it.
pub(crate) fn run(command: &KeyCommand, out: &mut Output) -> Result<Exit, Failure> {
    let KeyCommand::New(args) = command;
    let key = ApiKey::generate().map_err(|error| Failure::negative(error.to_string()))?;
    let roles: Roles = args.roles.iter().copied().collect();
    let line = key.config_line_of(args.name.as_ref(), roles);
    if out.is_json() {
        out.document(&json!({
            "key": key.expose(),
            "prefix": key.prefix(),
            "tenant": args.tenant,
            "name": args.name,
            "roles": roles,
            "config": line,
        }))?;
        return Ok(Exit::Success);
    }
    out.line(format_args!("{BOLD}{}{BOLD:#}", key.expose()))?;
    out.note("This is the only time that the key is shown. Let it in with:");
    out.line("")?;
    out.line(format_args!("[tenants.{}]", args.tenant))?;
    out.line(format_args!("keys = [{line}]"))?;
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_key(json: bool) -> String {
        let (mut out, results, _) = Output::captured(json);
        let args = NewArgs {
            tenant: "onehour".parse().unwrap(),
            name: Some("mina \"m\"".parse().unwrap()),
            roles: vec![Role::Publisher, Role::Issuer],
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
        assert_eq!(keys[0]["name"].as_str(), Some("mina \"m\""));
        let roles: Roles = keys[0]["roles"].clone().try_into().unwrap();
        assert_eq!(roles, Roles::of(&[Role::Issuer, Role::Publisher]));
        assert!(!text[key.len()..].contains(key), "only the hash is kept");
    }

    #[test]
    fn a_new_key_as_json_can_be_used_at_once() {
        let told: serde_json::Value = serde_json::from_str(&new_key(true)).unwrap();
        assert!(ApiKey::parse(told["key"].as_str().unwrap()).is_ok());
    }
}
