//! `punchcard key list`.

use clap::Args;
use comfy_table::Cell;
use serde_json::json;

use super::views::KeyView;
use super::whose::{Holder, WhoseArgs};
use crate::cli::client;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::prompt::when;
use crate::cli::style;

/// Arguments of `key list`.
#[derive(Debug, Args)]
#[command(after_help = "\
Keys are named by their readable start, the oldest first. Those that open nothing any more are listed too.

Examples:
  punchcard key list
  punchcard key list --tenant acme
  punchcard key list --json | jq -r '.keys[] | select(.state == \"active\") | .prefix'")]
pub(crate) struct ListArgs {
    /// Whose keys.
    #[command(flatten)]
    pub(super) whose: WhoseArgs,
}

/// Lists the keys.
pub(super) async fn run(holder: &Holder, out: &mut Output) -> Result<Exit, Failure> {
    let keys = holder.all().await?;
    if out.is_json() {
        out.document(&json!({ "keys": keys }))?;
        return Ok(Exit::Success);
    }
    if keys.is_empty() {
        let flag = holder.flag();
        out.note(format_args!(
            "There is no key yet. Issue one: punchcard key issue{flag}"
        ));
        return Ok(Exit::Success);
    }
    let header = [
        "key",
        "name",
        "roles",
        "state",
        "issued (UTC)",
        "by",
        "ends (UTC)",
        "remark",
    ];
    let mut table = style::table(out.terminal(), &header);
    let read: Result<Vec<KeyView>, _> = keys.into_iter().map(client::read).collect();
    let mut keys = read?;
    keys.sort_by_key(|key| key.issued.at);
    for key in &keys {
        table.add_row(row(key));
    }
    out.line(table.trim_fmt())?;
    Ok(Exit::Success)
}

fn row(key: &KeyView) -> Vec<Cell> {
    let text = |text: Option<String>| Cell::new(text.unwrap_or_else(|| "-".to_owned()));
    vec![
        Cell::new(style::one_line(&key.prefix)),
        text(key.name.as_deref().map(style::one_line)),
        Cell::new(style::one_line(&key.roles.join(", "))),
        Cell::new(style::one_line(&key.state)),
        Cell::new(when::cell(key.issued.at)),
        Cell::new(key.issued.by.to_string()),
        text(key.ends_at.map(when::cell)),
        Cell::new(remark(key)),
    ]
}

fn remark(key: &KeyView) -> String {
    let revoked = key
        .revoked
        .as_ref()
        .and_then(|revoked| revoked.reason.clone());
    let replaced = || {
        key.replaced_by
            .as_ref()
            .map(|by| format!("replaced by {by}"))
    };
    style::one_line(&revoked.or_else(replaced).unwrap_or_default())
}
