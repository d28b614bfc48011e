//! Models and tasks are many, so their defaults cannot stand at their own keys. They stand under
//! `[defaults]`, `[ticket]` and `[retry]`, and each model and task inherits what it lacks.

use serde::de::DeserializeOwned;

use super::decode::decode;
use super::error::ConfigError;
use super::sections::{Model, Retries, TicketLimits};
use super::tenants::Task;
use super::tree::{Content, KeyPath, Node};

/// Fills every model and task. Of `[defaults]`, what tasks inherit stays in the tree, complete: tasks
/// that only planners know have it.
pub(super) fn inherit(tree: &mut Node, built_in: &Node) -> Vec<ConfigError> {
    let mut errors = wrong_provider_keys(tree);
    errors.extend(mend_section::<TicketLimits>(tree, built_in, "ticket"));
    errors.extend(mend_section::<Retries>(tree, built_in, "retry"));
    let Some(root) = tree.as_table_mut() else {
        return errors;
    };
    let Some(mut defaults) = root.remove("defaults") else {
        return errors;
    };
    let mut task_defaults = defaults.as_table_mut().and_then(|d| d.remove("task"));
    let model_defaults = defaults.as_table_mut().and_then(|d| d.remove("model"));
    if let Some((key, node)) = defaults.as_table().and_then(|rest| rest.iter().next()) {
        errors.push(ConfigError {
            origin: node.origin.clone(),
            key: KeyPath::of(&["defaults", key]),
            message: format!("unknown key `{key}`; the keys here are `model`, `task`"),
        });
    }
    if let Some(task) = task_defaults.as_mut().and_then(Node::as_table_mut) {
        for section in ["ticket", "retry"] {
            if let Some(node) = root.get(section) {
                match task.get_mut(section) {
                    Some(own) => own.inherit(node),
                    None => {
                        task.insert(section.to_owned(), node.clone());
                    }
                }
            }
        }
    }
    errors.extend(
        model_defaults.as_ref().and_then(|defaults| {
            check_defaults::<Model>(defaults, "model", "provider = \"offline\"")
        }),
    );
    errors.extend(
        task_defaults
            .as_ref()
            .and_then(|defaults| check_defaults::<Task>(defaults, "task", "")),
    );
    if let Some(defaults) = model_defaults {
        tables_in(root.get_mut("models")).for_each(|model| model.inherit(&defaults));
    }
    if let Some(defaults) = task_defaults {
        for tenant in tables_in(root.get_mut("tenants")) {
            let tasks = tenant.as_table_mut().and_then(|t| t.get_mut("tasks"));
            tables_in(tasks).for_each(|task| {
                task.inherit(&defaults);
                ask_for_json(task);
            });
        }
        let origin = defaults.origin.clone();
        let mut kept = Node::empty_table(origin);
        if let Some(table) = kept.as_table_mut() {
            table.insert("task".to_owned(), defaults);
        }
        root.insert("defaults".to_owned(), kept);
    }
    errors
}

/// The tables directly inside a table.
fn tables_in(node: Option<&mut Node>) -> impl Iterator<Item = &mut Node> {
    node.and_then(Node::as_table_mut)
        .into_iter()
        .flat_map(|table| table.values_mut())
        .filter(|node| node.as_table().is_some())
}

/// A task whose answer is JSON tells the model so, unless its parameters say otherwise.
fn ask_for_json(task: &mut Node) {
    let Some(table) = task.as_table_mut() else {
        return;
    };
    let Some(answer) = table.get("answer") else {
        return;
    };
    if answer.as_str() != Some("json") {
        return;
    }
    let origin = answer.origin.clone();
    let parameters = table
        .entry("parameters".to_owned())
        .or_insert_with(|| Node::empty_table(origin.clone()));
    if let Some(parameters) = parameters.as_table_mut() {
        parameters.entry("json".to_owned()).or_insert_with(|| Node {
            origin,
            content: Content::Scalar(toml::Value::Boolean(true)),
        });
    }
}

/// A section that is inherited is checked before, so that a mistake in it is told where it was
/// written and not at every heir. The built-in section takes its place.
fn mend_section<T: DeserializeOwned>(
    tree: &mut Node,
    built_in: &Node,
    section: &str,
) -> Option<ConfigError> {
    let at = KeyPath::of(&[section]);
    let mut error = decode::<T>(tree.get(&at)?).err()?;
    *tree.get_mut(&at)? = built_in.get(&at)?.clone();
    let mut key = at;
    key.0.append(&mut error.key.0);
    Some(ConfigError { key, ..error })
}

/// The defaults are checked even where nothing inherits them.
fn check_defaults<T: DeserializeOwned>(
    defaults: &Node,
    what: &str,
    rest: &str,
) -> Option<ConfigError> {
    let mut whole = defaults.clone();
    if let Ok(required) = Node::parse("", rest) {
        whole.inherit(&required);
    }
    let mut error = decode::<T>(&whole).err()?;
    let mut key = KeyPath::of(&["defaults", what]);
    key.0.append(&mut error.key.0);
    Some(ConfigError { key, ..error })
}

/// Keys that mean nothing to a model's provider are refused before the defaults, which hold the
/// keys of every provider, come in.
fn wrong_provider_keys(tree: &Node) -> Vec<ConfigError> {
    const OPENAI_ONLY: [&str; 4] = ["base_url", "api_key", "model", "max_tokens_field"];
    const OFFLINE_ONLY: [&str; 2] = ["first_token_delay", "token_delay"];
    let models = KeyPath::of(&["models"]);
    let Some(entries) = tree.get(&models).and_then(Node::as_table) else {
        return Vec::new();
    };
    let mut errors = Vec::new();
    for (name, model) in entries {
        let Some(table) = model.as_table() else {
            continue;
        };
        let (foreign, owner): (&[&str], _) = match table.get("provider").and_then(Node::as_str) {
            Some("openai") => (&OFFLINE_ONLY, "offline"),
            Some("offline") => (&OPENAI_ONLY, "openai"),
            _ => continue,
        };
        for key in foreign.iter().filter(|key| table.contains_key(**key)) {
            let path = models.key(name).key(key);
            errors.push(tree.error(
                &path,
                format!("is only for models with provider = \"{owner}\""),
            ));
        }
    }
    errors
}
