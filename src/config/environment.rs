//! Overrides from the environment: `PUNCHCARD__SECTION__KEY=value`.

use super::error::ConfigError;
use super::tree::{Content, KeyPath, Node, Origin};

/// What the name of an override starts with.
const PREFIX: &str = "PUNCHCARD__";

/// Lays every override in `variables` over `tree`, in the order of their names.
pub(super) fn overlay<'a>(
    tree: &mut Node,
    variables: impl Iterator<Item = (&'a str, &'a str)>,
) -> Vec<ConfigError> {
    variables
        .filter_map(|(name, value)| Some((name, name.strip_prefix(PREFIX)?, value)))
        .filter_map(|(name, keys, value)| overlay_one(tree, name, keys, value).err())
        .collect()
}

fn overlay_one(tree: &mut Node, name: &str, keys: &str, value: &str) -> Result<(), ConfigError> {
    let origin = Origin::Environment(name.into());
    let path = path_of(tree, keys);
    let refuse = |message: String| ConfigError {
        origin: origin.clone(),
        key: path.clone(),
        message,
    };
    if keys.split("__").any(str::is_empty) {
        return Err(refuse(
            "the name has an empty part; write PUNCHCARD__SECTION__KEY".to_owned(),
        ));
    }
    let mut node = value_of(tree.get(&path), value, &origin).map_err(refuse)?;
    for step in path.0.iter().rev() {
        let super::tree::Step::Key(key) = step else {
            continue;
        };
        let mut table = Node::empty_table(origin.clone());
        if let Some(entries) = table.as_table_mut() {
            entries.insert(key.clone(), node);
        }
        node = table;
    }
    tree.overlay(node);
    Ok(())
}

/// The key path that a variable's name means. Names know neither small letters nor dashes, so an
/// existing key that differs in these alone is meant.
fn path_of(tree: &Node, keys: &str) -> KeyPath {
    let same = |key: &str, part: &str| key.replace('-', "_").eq_ignore_ascii_case(part);
    keys.split("__").fold(KeyPath::default(), |path, part| {
        let existing = tree.get(&path).and_then(Node::as_table).and_then(|table| {
            let exact = table.keys().find(|key| *key == part);
            exact.or_else(|| table.keys().find(|key| same(key, part)))
        });
        match existing {
            Some(key) => path.key(key),
            None => path.key(&part.to_ascii_lowercase()),
        }
    })
}

/// A variable's value: TOML where it starts like a list, a table or a quoted text; plain text where
/// a text stands now; otherwise a number or a boolean if it is one.
fn value_of(existing: Option<&Node>, value: &str, origin: &Origin) -> Result<Node, String> {
    if value.starts_with(['{', '[', '"', '\'']) {
        return Node::parse_value(value, origin)
            .ok_or_else(|| "the value starts like TOML but is none".to_owned());
    }
    let is_text = existing.is_some_and(|node| node.as_str().is_some());
    let scalar = (!is_text)
        .then(|| Node::parse_value(value, origin))
        .flatten()
        .filter(|node| {
            matches!(
                node.content,
                Content::Scalar(
                    toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_)
                )
            )
        });
    Ok(scalar.unwrap_or_else(|| Node::text(origin.clone(), value)))
}
