//! What differs between two texts that are no parts of a content.

use super::{DiffView, TextChange, lines};

impl DiffView {
    /// Compares two texts, line by line. `place` says in a few words what they are.
    pub fn of_texts(place: &str, from: &str, to: &str) -> Self {
        if from == to {
            return Self {
                same: true,
                ..Self::default()
            };
        }
        let text = TextChange {
            place: place.to_owned(),
            from_role: None,
            to_role: None,
            was_there: true,
            is_there: true,
            lines: lines::compare(from, to),
        };
        Self {
            same: false,
            settings: Vec::new(),
            texts: vec![text],
        }
    }
}
