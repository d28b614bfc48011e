//! `punchcard key new`: a key for the configuration, made without a server.

use clap::Args;
use punchcard_events::TenantId;
use serde_json::json;

use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::BOLD;
use crate::keys::{ApiKey, KeyName, Role, Roles};

/// Arguments of `key new`.
#[derive(Debug, Args)]
#[command(after_help = "\
The key is printed once and kept nowhere; the configuration holds only its hash. The first operator's
key is made like this; with that one, every other key can be issued by a running server: see
`punchcard key issue --help`.

Roles:
  issuer     the tenant's backend: issues, reads and cancels tickets, opens sessions (the default)
  viewer     reads tickets and prompts
  planner    writes, tests and publishes prompts, deploys to every label but production
  publisher  decides what reaches users: production, canaries, rollbacks
  admin      everything

Examples:
  punchcard key new --operator --name ada
  punchcard key new --tenant onehour
  punchcard key new --name mina --role planner
  punchcard key new --json | jq -r .key > punchcard.key")]
pub(crate) struct NewArgs {
    /// A key for the admin API: its holder operates the server, and speaks for no tenant.
    #[arg(long, conflicts_with_all = ["tenant", "roles"])]
    operator: bool,

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
pub(super) fn run(args: &NewArgs, out: &mut Output) -> Result<Exit, Failure> {
    let key = ApiKey::generate().map_err(|error| Failure::negative(error.to_string()))?;
    let roles: Roles = args.roles.iter().copied().collect();
    let (section, line) = if args.operator {
        ("admin".to_owned(), key.operator_line(args.name.as_ref()))
    } else {
        let line = key.config_line_of(args.name.as_ref(), roles);
        (format!("tenants.{}", args.tenant), line)
    };
    if out.is_json() {
        let mut told = json!({
            "key": key.expose(),
            "prefix": key.prefix(),
            "operator": args.operator,
            "name": args.name,
            "config": line,
        });
        if !args.operator {
            told["tenant"] = json!(args.tenant);
            told["roles"] = json!(roles);
        }
        out.document(&told)?;
        return Ok(Exit::Success);
    }
    out.line(format_args!("{BOLD}{}{BOLD:#}", key.expose()))?;
    out.note("This is the only time that the key is shown. Let it in with:");
    out.line("")?;
    out.line(format_args!("[{section}]"))?;
    out.line(format_args!("keys = [{line}]"))?;
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_key(json: bool) -> String {
        made(false, json)
    }

    fn made(operator: bool, json: bool) -> String {
        let (mut out, results, _) = Output::captured(json);
        let args = NewArgs {
            operator,
            tenant: "onehour".parse().unwrap(),
            name: Some("mina \"m\"".parse().unwrap()),
            roles: vec![Role::Publisher, Role::Issuer],
        };
        let exit = run(&args, &mut out);
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
    fn an_operators_key_comes_with_the_line_of_the_admin_section() {
        let text = made(true, false);
        let (key, config) = text.split_once("\n\n").unwrap();
        let config: crate::config::Admin = toml::from_str::<toml::Table>(config).unwrap()["admin"]
            .clone()
            .try_into()
            .unwrap();
        let key = ApiKey::parse(key).unwrap();
        assert_eq!(config.keys[0].sha256, key.hash());
        assert_eq!(config.keys[0].prefix, key.prefix());
        let told: serde_json::Value = serde_json::from_str(&made(true, true)).unwrap();
        assert!(
            told.get("tenant").is_none() && told["operator"] == true,
            "{told}"
        );
    }

    #[test]
    fn a_new_key_as_json_can_be_used_at_once() {
        let told: serde_json::Value = serde_json::from_str(&new_key(true)).unwrap();
        assert!(ApiKey::parse(told["key"].as_str().unwrap()).is_ok());
    }
}
