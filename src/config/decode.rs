//! From the tree to types, with every mistake located.

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::error::ConfigError;
use super::tree::{KeyPath, Node, Step};

/// The most mistakes of shape reported at a time.
const MOST_MISTAKES: usize = 20;

/// How the message about an unknown key starts.
const UNKNOWN_KEY: &str = "unknown key";

/// Reads a value of type `T` from `tree`.
pub(super) fn decode<T: DeserializeOwned>(tree: &Node) -> Result<T, ConfigError> {
    serde_path_to_error::deserialize(tree.to_toml()).map_err(|error| {
        let path = path_of(error.path());
        tree.error(&path, sentence(error.inner().message(), &path))
    })
}

/// Reads the whole configuration. Serde stops at the first mistake; so that one run names them
/// all, what is wrong is put back to what `defaults` has there, or taken out, and read again.
pub(super) fn decode_all<T: DeserializeOwned>(
    tree: &Node,
    defaults: &Node,
) -> Result<T, Vec<ConfigError>> {
    let mut errors = Vec::new();
    let mut attempt = tree.clone();
    loop {
        match decode::<T>(&attempt) {
            Ok(config) if errors.is_empty() => return Ok(config),
            Ok(_) => return Err(errors),
            Err(error) => {
                let mendable = mend(&mut attempt, defaults, &error);
                errors.push(error);
                if !mendable || errors.len() >= MOST_MISTAKES {
                    return Err(errors);
                }
            }
        }
    }
}

/// Makes the value that `error` is about one that is not wrong. Gives false where it cannot.
fn mend(tree: &mut Node, defaults: &Node, error: &ConfigError) -> bool {
    let path = &error.key;
    let Some((Step::Key(last), parent)) = path.0.split_last() else {
        return false;
    };
    let replacement = defaults.get(path).cloned();
    let parent = tree.get_mut(&KeyPath(parent.to_vec()));
    let Some(table) = parent.and_then(Node::as_table_mut) else {
        return false;
    };
    match replacement {
        // The default itself is refused: putting it back again would never end.
        Some(default) if table.get(last) == Some(&default) => false,
        Some(default) => {
            table.insert(last.clone(), default);
            true
        }
        None => error.message.starts_with(UNKNOWN_KEY) && table.remove(last).is_some(),
    }
}

fn path_of(path: &serde_path_to_error::Path) -> KeyPath {
    let steps = path.iter().map_while(|segment| match segment {
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Enum { variant } => Some(Step::Key(variant.clone())),
        Segment::Unknown => None,
    });
    KeyPath(steps.collect())
}

/// Serde's message in the words of a configuration file.
fn sentence(message: &str, path: &KeyPath) -> String {
    let message = message.trim_end();
    if let Some(rest) = message.strip_prefix("unknown field ") {
        return unknown_key(rest);
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        let place = if path.is_root() { "" } else { " here" };
        return format!("the key {rest} is missing{place}");
    }
    message.to_owned()
}

/// `rest` is "`typo`, expected one of `a`, `b`".
fn unknown_key(rest: &str) -> String {
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let typo = quoted.next().unwrap_or_default();
    let known: Vec<&str> = quoted.collect();
    let nearest = known
        .iter()
        .map(|key| (strsim::damerau_levenshtein(typo, key), *key))
        .min()
        .filter(|(distance, key)| *distance <= key.len() / 3);
    match nearest {
        Some((_, key)) => format!("{UNKNOWN_KEY} `{typo}`; did you mean `{key}`?"),
        None => format!(
            "{UNKNOWN_KEY} `{typo}`; the keys here are `{}`",
            known.join("`, `")
        ),
    }
}
