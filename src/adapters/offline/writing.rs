//! What the offline model writes.

use punchcard_actors::ports::ModelCall;
use punchcard_events::ticket::{Message, Role};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A system message that asks for JSON gives an example object after these words.
pub const EXAMPLE_MARKER: &str = "JSON like this:";

/// The most braces after the marker that are tried as the beginning of the example.
const MAX_OBJECTS: usize = 64;

const OPENINGS: [&str; 3] = [
    "Let us look at {0} step by step.",
    "The heart of this is {0}.",
    "A good way into this is to start from {0}.",
];
const MIDDLES: [&str; 3] = [
    "Notice how {1} and {2} belong together: the one explains why the other matters.",
    "Once {1} is clear, {2} follows from it almost by itself.",
    "Compare {1} with {2}, and say in your own words what differs.",
];
const CLOSINGS: [&str; 3] = [
    "Try to explain {0} to a friend without looking at the text.",
    "If one thing should stay with you, let it be {0}.",
    "As a next step, find one more example of {0} in your own surroundings.",
];
const REMARKS: [&str; 4] = [
    "Look at \u{201c}{0}\u{201d} once more.",
    "The part about \u{201c}{0}\u{201d} shows it well.",
    "Keep \u{201c}{0}\u{201d} in mind.",
    "Say a little more about \u{201c}{0}\u{201d}.",
];

/// The whole answer to a call.
pub(super) fn answer(call: &ModelCall) -> String {
    let mut draw = Draw::new(call);
    let topics = topics(&call.messages);
    if call.parameters.json {
        let mut document = example(&call.messages)
            .unwrap_or_else(|| serde_json::json!({ "answer": prose(&mut draw, &topics) }));
        vary(&mut document, &mut draw, &topics);
        document.to_string()
    } else {
        prose(&mut draw, &topics)
    }
}

fn prose(draw: &mut Draw, topics: &[&str]) -> String {
    let sentences = [&OPENINGS[..], &MIDDLES, &CLOSINGS];
    sentences
        .map(|choices| fill(draw.one_of(choices), topics))
        .join(" ")
}

/// Puts topics into a sentence's places; where there are too few, the first serves again.
fn fill(sentence: &str, topics: &[&str]) -> String {
    let first = topics.first().copied().unwrap_or("the question");
    let mut filled = sentence.to_owned();
    for (index, place) in ["{0}", "{1}", "{2}"].iter().enumerate() {
        filled = filled.replace(place, topics.get(index).copied().unwrap_or(first));
    }
    filled
}

/// Adds a remark to every sentence of the document. Single words stay: they may be the only ones
/// that a schema takes.
fn vary(value: &mut Value, draw: &mut Draw, topics: &[&str]) {
    match value {
        Value::String(text) => {
            if text.contains(' ') && text.ends_with(['.', '!', '?']) {
                let topic = if topics.is_empty() {
                    &[][..]
                } else {
                    &[draw.one_of(topics)][..]
                };
                let remark = fill(draw.one_of(&REMARKS), topic);
                text.push(' ');
                text.push_str(&remark);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| vary(item, draw, topics)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| vary(field, draw, topics)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The last whole object after the last marker in the system messages.
fn example(messages: &[Message]) -> Option<Value> {
    let system = messages
        .iter()
        .filter(|message| message.role == Role::System);
    let (_, mut rest) = system
        .filter_map(|message| message.content.rsplit_once(EXAMPLE_MARKER))
        .next_back()?;
    let mut last = None;
    for _ in 0..MAX_OBJECTS {
        let Some(start) = rest.find('{') else { break };
        rest = rest.get(start..).unwrap_or_default();
        let mut objects = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let read = if let Some(Ok(object)) = objects.next() {
            last = Some(object);
            objects.byte_offset()
        } else {
            1
        };
        rest = rest.get(read..).unwrap_or_default();
    }
    last
}

/// The three longest words of the last user message, in their order.
fn topics(messages: &[Message]) -> Vec<&str> {
    let user = messages
        .iter()
        .rev()
        .find(|message| message.role == Role::User);
    let text = user.map_or("", |message| message.content.as_str());
    let mut words: Vec<(usize, &str)> = Vec::new();
    for (place, word) in text.split(|c: char| !c.is_alphanumeric()).enumerate() {
        let length = word.chars().count();
        let fits = (4..=24).contains(&length) && word.chars().all(char::is_alphabetic);
        if !fits
            || words
                .iter()
                .any(|(_, known)| known.eq_ignore_ascii_case(word))
        {
            continue;
        }
        words.push((place, word));
        if words.len() > 3 {
            let shortest = words
                .iter()
                .enumerate()
                .min_by_key(|(_, (_, w))| w.chars().count());
            let shortest = shortest.map_or(0, |(index, _)| index);
            words.remove(shortest);
        }
    }
    words.into_iter().map(|(_, word)| word).collect()
}

/// Choices drawn from a hash of the call, the same on every machine and in every release.
struct Draw {
    bytes: [u8; 32],
    next: usize,
}

impl Draw {
    fn new(call: &ModelCall) -> Self {
        let mut hash = Sha256::new();
        hash.update(call.model.as_bytes());
        for message in call.messages.iter() {
            hash.update([0]);
            hash.update(message.content.as_bytes());
        }
        hash.update(call.parameters.seed.unwrap_or_default().to_be_bytes());
        Self {
            bytes: hash.finalize().into(),
            next: 0,
        }
    }

    /// One of `choices`, which has at least one.
    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let byte = self
            .bytes
            .get(self.next % self.bytes.len())
            .copied()
            .unwrap_or_default();
        self.next += 1;
        let index = usize::from(byte) % choices.len().max(1);
        choices.get(index).copied().unwrap_or_default()
    }
}
