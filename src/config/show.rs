//! The configuration in effect, with the place each value comes from and without secrets.

use serde_json::{Map, Value, json};
use toml_edit::Key;

use super::Config;
use super::tree::{Content, KeyPath, Node, Step};

impl Config {
    /// The configuration as TOML; after each value a comment names its place. Secrets are
    /// `[redacted]`.
    pub fn show(&self) -> String {
        let mut text = String::new();
        write_table(&self.origins.0, &KeyPath::default(), &mut text);
        text
    }

    /// The same for machines: `values` holds the configuration, `origins` the place of each value
    /// by its dotted key.
    pub fn show_json(&self) -> Value {
        let mut origins = Map::new();
        collect_origins(&self.origins.0, &KeyPath::default(), &mut origins);
        let values = serde_json::to_value(self.origins.0.to_toml()).unwrap_or_default();
        json!({ "values": values, "origins": origins })
    }
}

fn write_table(node: &Node, path: &KeyPath, text: &mut String) {
    let Some(table) = node.as_table() else {
        return;
    };
    let is_table = |node: &Node| node.as_table().is_some();
    let values: Vec<_> = table.iter().filter(|(_, node)| !is_table(node)).collect();
    if !path.is_root() && !values.is_empty() {
        let header: Vec<_> = path.0.iter().map(step_text).collect();
        text.push_str(&format!("\n[{}]\n", header.join(".")));
    }
    for (key, node) in values {
        let (key, value, origin) = (Key::new(key.as_str()), node.to_toml(), &node.origin);
        text.push_str(&format!("{key} = {value}  # {origin}\n"));
    }
    for (key, node) in table.iter().filter(|(_, node)| is_table(node)) {
        write_table(node, &path.key(key), text);
    }
}

fn step_text(step: &Step) -> String {
    match step {
        Step::Key(key) => Key::new(key.as_str()).to_string(),
        Step::Index(index) => index.to_string(),
    }
}

fn collect_origins(node: &Node, path: &KeyPath, origins: &mut Map<String, Value>) {
    match &node.content {
        Content::Table(table) => {
            for (key, node) in table {
                collect_origins(node, &path.key(key), origins);
            }
        }
        Content::Scalar(_) | Content::List(_) => {
            origins.insert(path.to_string(), Value::from(node.origin.to_string()));
        }
    }
}
