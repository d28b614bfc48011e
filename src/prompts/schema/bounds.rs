//! How much work a schema may make, found out before it is compiled.
//!
//! A schema is small and its work is not: `a40: {allOf: [{$ref: a39}, {$ref: a39}]}` and so on down
//! to `a0` are forty lines and 2^40 steps. So the schema is read as a graph first: from each schema
//! to those that look at the same value (`$ref`, `allOf`, `if`, …), and to those that look at the
//! values inside (`properties`, `items`, …). From that follow the most steps that one value may
//! take, by how deeply it is nested; a value is checked only where they are few enough.
//!
//! Recursion is fine where each turn looks further inside the value. It may branch (an expression
//! whose kinds each hold expressions), and then takes only values that are not nested deeply.

use serde_json::Value;

use super::graph::{Graph, Node};

/// The most JSON values that a schema may consist of.
const MAX_NODES: usize = 10_000;
/// The most levels of a schema's own JSON.
const MAX_NESTING: usize = 64;
/// The most patterns of a schema.
const MAX_PATTERNS: usize = 64;
/// The most bytes of one pattern.
const MAX_PATTERN_BYTES: usize = 1_000;
/// The most steps for each place in a value.
const MAX_STEPS: u64 = 50_000;
/// The most steps for a whole value.
const MAX_WORK: u64 = 2_000_000;
/// The most schemas that wait for each other while a value is checked: each takes stack.
const MAX_CHAIN: u64 = 256;
/// A recursive schema takes at least values of this many levels, or it is refused.
const LEAST_DEPTH: usize = 4;
/// The deepest value that there is: that is where the parser of JSON stops.
const MAX_DEPTH: usize = 128;

/// Why a schema cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unusable {
    /// A part of a sentence.
    pub(crate) message: String,
    /// What to do, as a sentence.
    pub(crate) remedy: &'static str,
}

impl Unusable {
    pub(super) fn new(message: impl Into<String>, remedy: &'static str) -> Self {
        Self {
            message: message.into(),
            remedy,
        }
    }
}

/// What a schema may cost, by the nesting of the value: 0 levels for one that holds no other.
#[derive(Debug)]
pub(super) struct Bounds {
    by_depth: Vec<Cost>,
}

/// What one place in a value may cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cost {
    steps: u64,
    chain: u64,
}

impl Bounds {
    /// The bounds of `schema`.
    ///
    /// # Errors
    /// When no value of any use could be checked within them.
    pub(super) fn of(schema: &Value) -> Result<Self, Unusable> {
        bounded_size(schema)?;
        let graph = Graph::of(schema)?;
        let bounds = Self::of_graph(&graph);
        // What is not recursive costs the same at any depth, once that is its own.
        let depth = if graph.recursive {
            LEAST_DEPTH
        } else {
            MAX_DEPTH
        };
        if bounds.by_depth.get(depth).is_some_and(Cost::is_bounded) {
            return Ok(bounds);
        }
        Err(Unusable::new(
            "this schema takes too much work to check: what it refers to is repeated too often",
            "Refer to a definition fewer times, above all from definitions that others refer to.",
        ))
    }

    fn of_graph(graph: &Graph) -> Self {
        let mut by_depth = Vec::with_capacity(MAX_DEPTH + 1);
        let mut inside = vec![Cost::default(); graph.nodes.len()];
        for _ in 0..=MAX_DEPTH {
            let mut costs = vec![Cost::default(); graph.nodes.len()];
            for &index in &graph.order {
                if let Some(node) = graph.nodes.get(index)
                    && let Some(place) = costs.get(index).map(|_| cost(node, &costs, &inside))
                    && let Some(cost) = costs.get_mut(index)
                {
                    *cost = place;
                }
            }
            by_depth.push(costs.first().copied().unwrap_or_default());
            if costs == inside {
                // Nothing gets dearer any more.
                break;
            }
            inside = costs;
        }
        let last = by_depth.last().copied().unwrap_or_default();
        by_depth.resize(MAX_DEPTH + 1, last);
        Self { by_depth }
    }

    /// Whether a value is one that may be checked.
    pub(super) fn allow(&self, value: &Value) -> bool {
        let (places, depth) = measure(value);
        self.by_depth.get(depth).is_some_and(|cost| {
            cost.is_bounded() && cost.steps.saturating_mul(places) <= MAX_WORK.max(cost.steps)
        })
    }
}

impl Cost {
    const fn is_bounded(&self) -> bool {
        self.steps <= MAX_STEPS && self.chain <= MAX_CHAIN
    }
}

/// The cost of a schema along one way into a value, from those of the schemas `here` that look at
/// the same value and those that look `inside` of it. One value has each name, and each position,
/// once: only the dearest of them counts.
fn cost(node: &Node, here: &[Cost], inside: &[Cost]) -> Cost {
    let of = |costs: &[Cost], index: &usize| costs.get(*index).copied().unwrap_or_default();
    let sum = |costs: &[Cost], indices: &[usize]| {
        let steps = indices.iter().map(|index| of(costs, index).steps);
        steps.fold(0, u64::saturating_add)
    };
    let most = |indices: &[usize]| {
        let steps = indices.iter().map(|index| of(inside, index).steps);
        steps.max().unwrap_or_default()
    };
    let object = most(&node.named).saturating_add(sum(inside, &node.of_object));
    let array = most(&node.positions).saturating_add(sum(inside, &node.of_array));
    let steps = sum(here, &node.here)
        .saturating_mul(node.repeats)
        .saturating_add(object.max(array))
        .saturating_add(node.own);
    let chain_here = node.here.iter().map(|index| of(here, index).chain);
    let chain_inside = node.inside().map(|index| of(inside, index).chain);
    let chain = chain_here.chain(chain_inside).max().unwrap_or_default();
    Cost {
        steps,
        chain: chain.saturating_add(1),
    }
}

/// How many values a value consists of, itself included, and how many levels it has below its own.
fn measure(value: &Value) -> (u64, usize) {
    let of_many = |(places, depth): (u64, usize), value: &Value| {
        let (more, below) = measure(value);
        (places.saturating_add(more), depth.max(below + 1))
    };
    match value {
        Value::Array(items) => items.iter().fold((1, 0), of_many),
        Value::Object(members) => members.values().fold((1, 0), of_many),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (1, 0),
    }
}

/// Size, nesting and patterns, wherever in the schema they are.
fn bounded_size(schema: &Value) -> Result<(), Unusable> {
    let (nodes, nesting) = measure(schema);
    if nodes > u64::try_from(MAX_NODES).unwrap_or(u64::MAX) {
        return Err(Unusable::new(
            format!("this schema has more than {MAX_NODES} values"),
            "Make it smaller; a long list of allowed words may do without the schema.",
        ));
    }
    if nesting > MAX_NESTING {
        return Err(Unusable::new(
            format!("this schema is nested more than {MAX_NESTING} levels deep"),
            "Move inner parts to \"$defs\", and refer to them with \"$ref\".",
        ));
    }
    let mut patterns = Vec::new();
    collect_patterns(schema, &mut patterns);
    if patterns.len() > MAX_PATTERNS {
        return Err(Unusable::new(
            format!("this schema has more than {MAX_PATTERNS} patterns"),
            "Use fewer of them, or share one in \"$defs\" with \"$ref\".",
        ));
    }
    if patterns.iter().any(|bytes| *bytes > MAX_PATTERN_BYTES) {
        return Err(Unusable::new(
            format!("a pattern of this schema has more than {MAX_PATTERN_BYTES} bytes"),
            "Write a shorter pattern.",
        ));
    }
    Ok(())
}

/// The lengths of all patterns.
fn collect_patterns(value: &Value, found: &mut Vec<usize>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_patterns(item, found)),
        Value::Object(members) => {
            for (keyword, value) in members {
                match (keyword.as_str(), value) {
                    ("pattern", Value::String(pattern)) => found.push(pattern.len()),
                    ("patternProperties", Value::Object(patterns)) => {
                        found.extend(patterns.keys().map(String::len));
                    }
                    _ => {}
                }
                collect_patterns(value, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests;
