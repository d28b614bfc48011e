//! Values that stand somewhere else: secrets in the environment or in files, schemas in files.
//! After this pass the tree holds the values themselves.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::tree::{Content, KeyPath, Node, Origin, Step};
use super::values::Mode;

/// The most bytes a referenced file may have.
const MAX_FILE_BYTES: u64 = 1_048_576;

/// What stands in place of a secret that is shown.
const REDACTED: &str = "[redacted]";

/// The key of a tenant's list of signing secrets.
const SECRETS: &str = "secrets";

/// What references are resolved with.
pub(super) struct Surroundings<'a> {
    pub(super) mode: Mode,
    pub(super) environment: &'a BTreeMap<String, String>,
}

/// The path of every value that holds a secret.
///
/// This list is the only one: what is resolved here is also what is redacted.
fn secret_paths(tree: &Node) -> Vec<KeyPath> {
    let mut paths = Vec::new();
    let keys_of = |path: &KeyPath| -> Vec<String> {
        let table = tree.get(path).and_then(Node::as_table);
        table.map_or_else(Vec::new, |table| table.keys().cloned().collect())
    };
    let models = KeyPath::of(&["models"]);
    for name in keys_of(&models) {
        paths.push(models.key(&name).key("api_key"));
    }
    let tenants = KeyPath::of(&["tenants"]);
    for name in keys_of(&tenants) {
        let list = tenants.key(&name).key("callback").key(SECRETS);
        if let Some(Content::List(items)) = tree.get(&list).map(|node| &node.content) {
            paths.extend((0..items.len()).map(|index| list.index(index)));
        } else {
            paths.push(list);
        }
    }
    paths.push(KeyPath::of(&["secrets", "master"]));
    paths.retain(|path| tree.get(path).is_some());
    paths
}

/// Puts a mark in the place of every secret.
pub(super) fn redact(tree: &mut Node) {
    for path in secret_paths(tree) {
        if let Some(node) = tree.get_mut(&path) {
            node.content = Content::Scalar(REDACTED.into());
        }
    }
}

/// Puts the secret in the place of every reference to one.
pub(super) fn resolve_secrets(tree: &mut Node, around: &Surroundings<'_>) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    for path in secret_paths(tree) {
        let Some(node) = tree.get_mut(&path) else {
            continue;
        };
        // A lone secret where a list is asked for: the decoder would quote it.
        if path.0.last() == Some(&Step::Key(SECRETS.into())) {
            errors.push(ConfigError {
                origin: node.origin.clone(),
                key: path,
                message: "is not a list; write [{ env = \"NAME\" }] or [{ file = \"path\" }]"
                    .to_owned(),
            });
            node.content = Content::List(Vec::new());
            continue;
        }
        match secret(node, around) {
            Ok(text) => node.content = Content::Scalar(text.into()),
            Err(message) => {
                errors.push(ConfigError {
                    origin: node.origin.clone(),
                    key: path,
                    message,
                });
                // So that its shape is not complained about as well.
                node.content = Content::Scalar(String::new().into());
            }
        }
    }
    errors
}

fn secret(node: &Node, around: &Surroundings<'_>) -> Result<String, String> {
    const FORM: &str = "write { env = \"NAME\" } or { file = \"path\" }";
    if let Some(text) = node.as_str().filter(|text| !text.is_empty()) {
        // A text in an override stands in the environment already, not in a file.
        let may_be_literal = match (around.mode, &node.origin) {
            (Mode::Development, _) | (_, Origin::Environment(_)) => true,
            (Mode::Production, Origin::File { .. }) => false,
        };
        return may_be_literal.then(|| text.to_owned()).ok_or_else(|| {
            format!("a literal secret is only accepted with mode = \"development\"; {FORM}")
        });
    }
    let mut entries = node.as_table().into_iter().flatten();
    let (Some((kind, value)), None) = (entries.next(), entries.next()) else {
        return Err(format!("is not a reference to a secret; {FORM}"));
    };
    let text = match (kind.as_str(), value.as_str()) {
        ("env", Some(name)) => around
            .environment
            .get(name)
            .cloned()
            .ok_or_else(|| format!("the environment variable {name} is not set"))?,
        ("file", Some(file)) => read(&beside(&node.origin, file))?,
        _ => return Err(format!("is not a reference to a secret; {FORM}")),
    };
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err("the secret is empty".to_owned());
    }
    Ok(text.to_owned())
}

/// Puts every task's schemas into the tree as JSON text.
pub(super) fn resolve_schemas(tree: &mut Node) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    let root = KeyPath::of(&["tenants"]);
    let Some(tenants) = tree.get_mut(&root).and_then(Node::as_table_mut) else {
        return errors;
    };
    for (tenant, node) in tenants {
        let tasks = node.as_table_mut().and_then(|table| table.get_mut("tasks"));
        let Some(tasks) = tasks.and_then(Node::as_table_mut) else {
            continue;
        };
        for (task, node) in tasks {
            let Some(table) = node.as_table_mut() else {
                continue;
            };
            for key in ["input_schema", "answer_schema"] {
                let Some(schema) = table.get_mut(key) else {
                    continue;
                };
                match schema_json(schema) {
                    Ok(json) => schema.content = Content::Scalar(json.into()),
                    Err((origin, message)) => {
                        errors.push(ConfigError {
                            origin,
                            key: root.key(tenant).key("tasks").key(task).key(key),
                            message,
                        });
                        table.remove(key);
                    }
                }
            }
        }
    }
    errors
}

fn schema_json(node: &Node) -> Result<String, (Origin, String)> {
    let here = |message: String| (node.origin.clone(), message);
    if node.as_table().is_some() {
        return serde_json::to_string(&node.to_toml()).map_err(|error| here(error.to_string()));
    }
    let Some(text) = node.as_str() else {
        return Err(here(
            "is no schema; write JSON text, a table, or the path of a JSON file".to_owned(),
        ));
    };
    let (json, file) = if text.trim_start().starts_with('{') {
        (text.to_owned(), None)
    } else {
        let path = beside(&node.origin, text);
        (read(&path).map_err(here)?, Some(path))
    };
    match serde_json::from_str::<serde_json::Value>(&json) {
        Ok(_) => Ok(json),
        Err(error) => Err(match file {
            Some(path) => {
                let origin = Origin::File {
                    name: path.display().to_string().into(),
                    line: error.line(),
                };
                (origin, format!("is not JSON: {error}"))
            }
            None => here(format!("is not JSON: {error}")),
        }),
    }
}

/// A path as the file at `origin` means it: relative to that file.
fn beside(origin: &Origin, path: &str) -> PathBuf {
    match origin {
        Origin::File { name, .. } => match Path::new(&**name).parent() {
            Some(directory) => directory.join(path),
            None => PathBuf::from(path),
        },
        Origin::Environment(_) => PathBuf::from(path),
    }
}

fn read(path: &Path) -> Result<String, String> {
    let refuse = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(refuse)?;
    let taken = file
        .take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(refuse)?;
    if taken as u64 > MAX_FILE_BYTES {
        return Err(format!(
            "{} has more than {MAX_FILE_BYTES} bytes",
            path.display()
        ));
    }
    Ok(text)
}
