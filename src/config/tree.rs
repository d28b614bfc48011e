//! The configuration before it has types: a tree in which every value knows where it was written.
//!
//! There is no knowledge of any section here; merging is by shape alone.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use toml_edit::{Item, Key, TableLike, Value as EditValue};

use super::depth::too_deep;
use super::error::ConfigError;

/// The name of the bottom layer.
pub(super) const BUILT_IN: &str = "default.toml (built in)";

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// In a file, or in a text that the program carries.
    File {
        /// The file's name as it was given.
        name: Arc<str>,
        /// The line, from 1.
        line: usize,
    },
    /// In an environment variable.
    Environment(Arc<str>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
        }
    }
}

impl Origin {
    /// Whether the value is a default that nobody has changed.
    pub(super) fn is_built_in(&self) -> bool {
        match self {
            Self::File { name, .. } => &**name == BUILT_IN,
            Self::Environment(_) => false,
        }
    }
}

/// One step from a value to a value inside it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Into a table.
    Key(String),
    /// Into a list.
    Index(usize),
}

/// The path from the root to a value, such as `tenants.onehour.keys[0].prefix`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyPath(pub(super) Vec<Step>);

impl KeyPath {
    /// The path of keys from the root.
    pub fn of(keys: &[&str]) -> Self {
        Self(keys.iter().map(|key| Step::Key((*key).into())).collect())
    }

    /// The path one key further.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(key.into()));
        Self(steps)
    }

    /// The path one list place further.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Index(index));
        Self(steps)
    }

    /// Whether this is the path of the whole configuration.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) => {
                    let dot = if place > 0 { "." } else { "" };
                    write!(f, "{dot}{}", Key::new(key.as_str()))?;
                }
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A value, and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) content: Content,
}

/// What a value holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Scalar(toml::Value),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
}

impl Node {
    /// A table without keys.
    pub(super) fn empty_table(origin: Origin) -> Self {
        Self {
            origin,
            content: Content::Table(BTreeMap::new()),
        }
    }

    /// A text.
    pub(super) fn text(origin: Origin, text: impl Into<String>) -> Self {
        Self {
            origin,
            content: Content::Scalar(toml::Value::String(text.into())),
        }
    }

    /// Reads a TOML document.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, ConfigError> {
        let file = File {
            name: name.into(),
            text,
        };
        if let Some(start) = too_deep(text) {
            return Err(ConfigError {
                origin: file.origin(Some(start)),
                key: KeyPath::default(),
                message: "this is nested too deep".to_owned(),
            });
        }
        let document = toml_edit::Document::parse(text).map_err(|error| ConfigError {
            origin: file.origin(error.span().map(|span| span.start)),
            key: KeyPath::default(),
            message: error.message().trim_end().replace('\n', "; "),
        })?;
        Ok(file.table(document.as_table(), Some(0)))
    }

    /// Reads one TOML value, all of it written at `origin`.
    pub(super) fn parse_value(text: &str, origin: &Origin) -> Option<Self> {
        if too_deep(text).is_some() {
            return None;
        }
        let value: EditValue = text.parse().ok()?;
        let mut node = File {
            name: "".into(),
            text: "",
        }
        .value(&value, None);
        node.written_at(origin);
        Some(node)
    }

    fn written_at(&mut self, origin: &Origin) {
        self.origin = origin.clone();
        match &mut self.content {
            Content::Scalar(_) => {}
            Content::List(items) => items.iter_mut().for_each(|item| item.written_at(origin)),
            Content::Table(table) => table.values_mut().for_each(|item| item.written_at(origin)),
        }
    }

    /// Lays `top` over this value: tables merge key by key, anything else is replaced.
    pub(super) fn overlay(&mut self, top: Self) {
        match (&mut self.content, top.content) {
            (Content::Table(below), Content::Table(above)) => {
                for (key, node) in above {
                    match below.get_mut(&key) {
                        Some(existing) => existing.overlay(node),
                        None => {
                            below.insert(key, node);
                        }
                    }
                }
            }
            (content, above) => *content = above,
        }
        self.origin = top.origin;
    }

    /// Gives this table what `defaults` has and it lacks, keeping where each value was written.
    pub(super) fn inherit(&mut self, defaults: &Self) {
        let (Content::Table(own), Content::Table(given)) = (&mut self.content, &defaults.content)
        else {
            return;
        };
        for (key, node) in given {
            match own.get_mut(key) {
                Some(existing) => existing.inherit(node),
                None => {
                    own.insert(key.clone(), node.clone());
                }
            }
        }
    }

    pub(super) fn as_table(&self) -> Option<&BTreeMap<String, Self>> {
        match &self.content {
            Content::Table(table) => Some(table),
            Content::Scalar(_) | Content::List(_) => None,
        }
    }

    pub(super) fn as_table_mut(&mut self) -> Option<&mut BTreeMap<String, Self>> {
        match &mut self.content {
            Content::Table(table) => Some(table),
            Content::Scalar(_) | Content::List(_) => None,
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(value) => value.as_str(),
            Content::List(_) | Content::Table(_) => None,
        }
    }

    fn child(&self, step: &Step) -> Option<&Self> {
        match (step, &self.content) {
            (Step::Key(key), Content::Table(table)) => table.get(key),
            (Step::Index(index), Content::List(items)) => items.get(*index),
            _ => None,
        }
    }

    /// The value at `path`.
    pub(super) fn get(&self, path: &KeyPath) -> Option<&Self> {
        path.0.iter().try_fold(self, |node, step| node.child(step))
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, path: &KeyPath) -> Option<&mut Self> {
        path.0
            .iter()
            .try_fold(self, |node, step| match (step, &mut node.content) {
                (Step::Key(key), Content::Table(table)) => table.get_mut(key),
                (Step::Index(index), Content::List(items)) => items.get_mut(*index),
                _ => None,
            })
    }

    /// Where the value at `path` was written or, where there is none, what should have held it.
    pub(super) fn origin_of(&self, path: &KeyPath) -> Origin {
        let mut node = self;
        for step in &path.0 {
            match node.child(step) {
                Some(child) => node = child,
                None => break,
            }
        }
        node.origin.clone()
    }

    /// A mistake in the value at `path`.
    pub(super) fn error(&self, path: &KeyPath, message: impl Into<String>) -> ConfigError {
        ConfigError {
            origin: self.origin_of(path),
            key: path.clone(),
            message: message.into(),
        }
    }

    /// The plain value, without origins.
    pub(super) fn to_toml(&self) -> toml::Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => {
                toml::Value::Array(items.iter().map(Self::to_toml).collect::<Vec<_>>())
            }
            Content::Table(table) => toml::Value::Table(
                table
                    .iter()
                    .map(|(key, node)| (key.clone(), node.to_toml()))
                    .collect(),
            ),
        }
    }
}

/// A document being read.
struct File<'a> {
    name: Arc<str>,
    text: &'a str,
}

impl File<'_> {
    fn origin(&self, offset: Option<usize>) -> Origin {
        let before = &self.text.as_bytes()[..offset.unwrap_or(0).min(self.text.len())];
        Origin::File {
            name: Arc::clone(&self.name),
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
        }
    }

    fn table(&self, table: &dyn TableLike, offset: Option<usize>) -> Node {
        let items = table.iter().filter_map(|(key, item)| {
            let offset = table.key(key).and_then(Key::span).map(|span| span.start);
            Some((key.to_owned(), self.item(item, offset)?))
        });
        Node {
            origin: self.origin(offset),
            content: Content::Table(items.collect()),
        }
    }

    fn item(&self, item: &Item, offset: Option<usize>) -> Option<Node> {
        // A table's own header says more than the first dotted key that implied it.
        let own = item.span().map(|span| span.start);
        match item {
            Item::None => None,
            Item::Value(value) => Some(self.value(value, offset)),
            Item::Table(table) => Some(self.table(table, own.or(offset))),
            Item::ArrayOfTables(tables) => Some(Node {
                origin: self.origin(own.or(offset)),
                content: Content::List(
                    tables
                        .iter()
                        .map(|table| self.table(table, table.span().map(|span| span.start)))
                        .collect(),
                ),
            }),
        }
    }

    fn value(&self, value: &EditValue, offset: Option<usize>) -> Node {
        let offset = offset.or_else(|| value.span().map(|span| span.start));
        let content = match value {
            EditValue::String(text) => Content::Scalar(text.value().clone().into()),
            EditValue::Integer(number) => Content::Scalar((*number.value()).into()),
            EditValue::Float(number) => Content::Scalar((*number.value()).into()),
            EditValue::Boolean(flag) => Content::Scalar((*flag.value()).into()),
            EditValue::Datetime(time) => Content::Scalar((*time.value()).into()),
            EditValue::Array(items) => {
                Content::List(items.iter().map(|item| self.value(item, None)).collect())
            }
            EditValue::InlineTable(table) => return self.table(table, offset),
        };
        Node {
            origin: self.origin(offset),
            content,
        }
    }
}
