//! Characters that a template's author cannot see, but the model reads.

use std::collections::BTreeMap;

use punchcard_events::PartialName;
use punchcard_events::prompt::Content;

use super::super::{At, Flaw, Place};
use super::Found;
use crate::invisible;

/// The most places that are told of one text.
const MAX_PLACES: usize = 5;

/// Warnings for the messages and the partials that they include.
pub(super) fn check<'a>(
    content: &'a Content,
    included: impl Iterator<Item = (&'a PartialName, &'a String)>,
) -> Vec<Found> {
    let messages = content.messages.iter().enumerate();
    let messages =
        messages.map(|(index, message)| (Place::Message(index), message.content.as_str()));
    let included: BTreeMap<_, _> = included.collect();
    let partials = included.into_iter();
    let partials = partials.map(|(name, text)| (Place::Partial(name.clone()), text.as_str()));
    let texts = messages.chain(partials);
    texts.flat_map(|(place, text)| of(&place, text)).collect()
}

/// One warning for each run of such characters.
fn of(place: &Place, text: &str) -> Vec<Found> {
    let mut runs: Vec<(usize, usize, Vec<char>)> = Vec::new();
    for (at, c) in invisible::hidden(text) {
        let is_full = runs.len() == MAX_PLACES;
        match runs.last_mut() {
            Some((_, end, run)) if *end == at => {
                run.push(c);
                *end += c.len_utf8();
            }
            _ if is_full => break,
            _ => runs.push((at, at + c.len_utf8(), vec![c])),
        }
    }
    let found = |(at, _, run): (usize, usize, Vec<char>)| {
        Found::warning(Flaw {
            place: place.clone(),
            at: Some(At::of(text, at)),
            message: message(&run),
            remedy: "Delete it, unless it is meant: you cannot see it, but the model reads it."
                .to_owned(),
        })
    };
    runs.into_iter().map(found).collect()
}

fn message(run: &[char]) -> String {
    let first = run.first().copied().map_or(0, u32::from);
    match run.len() {
        1 => format!("here is a character that cannot be seen (U+{first:04X})"),
        count => {
            format!("here are {count} characters that cannot be seen (the first is U+{first:04X})")
        }
    }
}
