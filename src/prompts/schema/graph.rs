//! A schema as a graph: which schemas look at the same value, and which at the values inside.
//!
//! It holds every edge that a validator may take, and perhaps some that it does not: where a dynamic
//! reference may lead to several schemas, it leads to all of them here. References lead to places in
//! the same schema; what could change that (an `$id` inside, the oldest drafts) is refused.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::bounds::Unusable;

/// The most schemas that are one inside the other, references followed: compiling takes stack for
/// each.
const MAX_LEVELS: usize = 128;

/// How often the schemas beside an `unevaluated…` are asked at most: as themselves, and for what they
/// have evaluated.
const ASKED_AGAIN: u64 = 3;

/// All schemas that the root leads to. The root is the first.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    /// All nodes, each after those that look at the same value for it.
    pub(super) order: Vec<usize>,
    /// Whether a schema leads to itself.
    pub(super) recursive: bool,
}

/// One schema. Others are named by their index.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The steps of its own keywords.
    pub(super) own: u64,
    /// Those that look at the same value.
    pub(super) here: Vec<usize>,
    /// How often each of these is asked.
    pub(super) repeats: u64,
    /// Those that each look at the member of one name.
    pub(super) named: Vec<usize>,
    /// Those that may look at every member.
    pub(super) of_object: Vec<usize>,
    /// Those that each look at the item at one position.
    pub(super) positions: Vec<usize>,
    /// Those that may look at every item.
    pub(super) of_array: Vec<usize>,
}

impl Node {
    /// Those that look inside the value.
    pub(super) fn inside(&self) -> impl Iterator<Item = &usize> {
        let object = self.named.iter().chain(&self.of_object);
        object.chain(&self.positions).chain(&self.of_array)
    }
}

impl Graph {
    /// The graph of `schema`.
    ///
    /// # Errors
    /// When a reference leads nowhere, elsewhere, or in a circle.
    pub(super) fn of(schema: &Value) -> Result<Self, Unusable> {
        let mut reader = Reader {
            root: schema,
            anchors: HashMap::new(),
            recursive_anchors: Vec::new(),
            known: HashMap::new(),
            nodes: Vec::new(),
            recursive: false,
        };
        reader.name(schema)?;
        reader.visit(schema, 0)?;
        let order = in_order(&reader.nodes)?;
        Ok(Self {
            nodes: reader.nodes,
            order,
            recursive: reader.recursive,
        })
    }
}

struct Reader<'a> {
    root: &'a Value,
    anchors: HashMap<&'a str, Vec<&'a Value>>,
    recursive_anchors: Vec<&'a Value>,
    /// The schemas that were met, by where they are in memory.
    known: HashMap<*const Value, Met>,
    nodes: Vec<Node>,
    recursive: bool,
}

#[derive(Clone, Copy)]
struct Met {
    index: usize,
    /// The levels below, once all of them were read.
    height: Option<usize>,
}

/// A schema's edges.
#[derive(Default)]
struct Edges<'a> {
    own: u64,
    here: Vec<&'a Value>,
    asks_again: bool,
    named: Vec<&'a Value>,
    of_object: Vec<&'a Value>,
    positions: Vec<&'a Value>,
    of_array: Vec<&'a Value>,
}

impl<'a> Reader<'a> {
    /// Finds the names that references may use.
    fn name(&mut self, value: &'a Value) -> Result<(), Unusable> {
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.name(item)),
            Value::Object(members) => {
                for keyword in ["$anchor", "$dynamicAnchor"] {
                    if let Some(Value::String(name)) = members.get(keyword) {
                        self.anchors.entry(name).or_default().push(value);
                    }
                }
                if members.get("$recursiveAnchor") == Some(&Value::Bool(true)) {
                    self.recursive_anchors.push(value);
                }
                self.keeps_to_itself(value, members)?;
                members.values().try_for_each(|member| self.name(member))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    /// Nothing may change what references are relative to.
    fn keeps_to_itself(&self, value: &Value, members: &Map<String, Value>) -> Result<(), Unusable> {
        let text = |keyword: &str| members.get(keyword).and_then(Value::as_str);
        if text("$id").is_some() && !std::ptr::eq(value, self.root) {
            return Err(Unusable::new(
                "a schema inside this schema has an `$id` of its own",
                "Take the inner \"$id\" away, and refer to the place, such as \"#/$defs/word\".",
            ));
        }
        let old = |draft: &str| draft.contains("draft-04") || draft.contains("draft-03");
        if text("$schema").is_some_and(old) {
            return Err(Unusable::new(
                "this schema is written in a draft that is not supported",
                "Write a JSON Schema (2020-12), and leave \"$schema\" out.",
            ));
        }
        Ok(())
    }

    /// Reads a schema and all that it leads to. Its index, and the levels below it.
    fn visit(&mut self, schema: &'a Value, level: usize) -> Result<(usize, usize), Unusable> {
        let key = std::ptr::from_ref(schema);
        if let Some(met) = self.known.get(&key) {
            self.recursive |= met.height.is_none();
            let height = met.height.unwrap_or_default();
            return within_levels(level + height).map(|()| (met.index, height));
        }
        within_levels(level)?;
        let index = self.nodes.len();
        self.nodes.push(Node::default());
        let height = None;
        self.known.insert(key, Met { index, height });
        let edges = self.edges(schema)?;
        let mut height = 0;
        let mut all = |schemas: Vec<&'a Value>| {
            let mut indices = Vec::with_capacity(schemas.len());
            for schema in schemas {
                let (index, below) = self.visit(schema, level + 1)?;
                height = height.max(below + 1);
                indices.push(index);
            }
            Ok::<_, Unusable>(indices)
        };
        let node = Node {
            own: edges.own,
            here: all(edges.here)?,
            repeats: if edges.asks_again { ASKED_AGAIN } else { 1 },
            named: all(edges.named)?,
            of_object: all(edges.of_object)?,
            positions: all(edges.positions)?,
            of_array: all(edges.of_array)?,
        };
        if let Some(place) = self.nodes.get_mut(index) {
            *place = node;
        }
        let met = Met {
            index,
            height: Some(height),
        };
        self.known.insert(key, met);
        Ok((index, height))
    }

    fn edges(&self, schema: &'a Value) -> Result<Edges<'a>, Unusable> {
        let mut edges = Edges {
            own: 1,
            ..Edges::default()
        };
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            match keyword.as_str() {
                "$ref" | "$dynamicRef" => edges.here.extend(self.targets(value)?),
                "$recursiveRef" => {
                    edges.here.push(self.root);
                    let others = self.recursive_anchors.iter();
                    let others = others.filter(|other| !std::ptr::eq(**other, self.root));
                    edges.here.extend(others);
                }
                _ => edges.add(keyword, value),
            }
        }
        Ok(edges)
    }

    /// What a reference leads to.
    fn targets(&self, reference: &Value) -> Result<Vec<&'a Value>, Unusable> {
        let inside = reference.as_str().and_then(|text| text.strip_prefix('#'));
        let Some(place) = inside.filter(|place| !place.contains('%')) else {
            return Err(Unusable::new(
                "a reference does not lead to a place in this schema",
                "Put what it means into \"$defs\", and refer to it like \"#/$defs/word\", without %.",
            ));
        };
        let found = match place {
            "" => vec![self.root],
            pointer if pointer.starts_with('/') => self.root.pointer(pointer).into_iter().collect(),
            name => self.anchors.get(name).cloned().unwrap_or_default(),
        };
        if found.is_empty() {
            return Err(Unusable::new(
                "a reference of this schema leads nowhere",
                "Look at the names in \"$ref\" and in \"$defs\".",
            ));
        }
        Ok(found)
    }
}

impl<'a> Edges<'a> {
    /// The edges of one keyword, of whatever draft.
    fn add(&mut self, keyword: &str, value: &'a Value) {
        let members = value.as_object();
        let members = || members.into_iter().flat_map(Map::values);
        let items = value.as_array();
        match (keyword, items) {
            ("allOf" | "anyOf" | "oneOf", Some(items)) => self.here.extend(items),
            ("not" | "if" | "then" | "else" | "contentSchema", _) => self.here.push(value),
            ("dependentSchemas" | "dependencies", _) => {
                self.here
                    .extend(members().filter(|member| !member.is_array()));
            }
            ("properties", _) => self.named.extend(members()),
            ("patternProperties", _) => self.of_object.extend(members()),
            ("additionalProperties" | "propertyNames", _) => self.of_object.push(value),
            ("unevaluatedProperties", _) => {
                self.asks_again = true;
                self.of_object.push(value);
            }
            ("prefixItems" | "items", Some(items)) => self.positions.extend(items),
            ("items" | "additionalItems" | "contains", _) => self.of_array.push(value),
            ("unevaluatedItems", _) => {
                self.asks_again = true;
                self.of_array.push(value);
            }
            // These are not looked at while a value is checked.
            ("$defs" | "definitions" | "title" | "description" | "$comment", _)
            | ("examples" | "default", _) => return,
            _ => {
                self.own = self.own.saturating_add(values(value));
                return;
            }
        }
        // Each entry is looked at, whether its schema is asked or not.
        let entries = value.as_object().map_or(1, Map::len);
        let entries = u64::try_from(entries).unwrap_or(u64::MAX);
        self.own = self.own.saturating_add(entries);
    }
}

/// How many values a keyword compares with.
fn values(value: &Value) -> u64 {
    let sum = |sum: u64, value: &Value| sum.saturating_add(values(value));
    match value {
        Value::Array(items) => items.iter().fold(1, sum),
        Value::Object(members) => members.values().fold(1, sum),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

fn within_levels(level: usize) -> Result<(), Unusable> {
    if level <= MAX_LEVELS {
        return Ok(());
    }
    Err(Unusable::new(
        format!("this schema has more than {MAX_LEVELS} schemas one inside the other"),
        "Shorten the chains of \"$ref\" in which one definition leads to the next.",
    ))
}

/// The nodes in an order in which each comes after those that look at the same value for it (Kahn).
fn in_order(nodes: &[Node]) -> Result<Vec<usize>, Unusable> {
    let mut waits: Vec<usize> = nodes.iter().map(|node| node.here.len()).collect();
    let mut waiting_for = vec![Vec::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        for other in &node.here {
            if let Some(waiting) = waiting_for.get_mut(*other) {
                waiting.push(index);
            }
        }
    }
    let ready = waits.iter().enumerate().filter(|(_, waits)| **waits == 0);
    let mut order: Vec<usize> = ready.map(|(index, _)| index).collect();
    let mut next = 0;
    while let Some(index) = order.get(next).copied() {
        next += 1;
        for waiting in waiting_for.get(index).into_iter().flatten() {
            if let Some(waits) = waits.get_mut(*waiting) {
                *waits = waits.saturating_sub(1);
                if *waits == 0 {
                    order.push(*waiting);
                }
            }
        }
    }
    if order.len() == nodes.len() {
        return Ok(order);
    }
    Err(Unusable::new(
        "the references of this schema go round in a circle and never end",
        "A definition may refer to itself only inside \"properties\", \"items\" and the like.",
    ))
}
