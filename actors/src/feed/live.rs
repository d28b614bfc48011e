//! The text an attempt has streamed so far.

use std::sync::{Mutex, PoisonError};

/// The growing text of one attempt: written by its ticket's actor, read by any number of watchers,
/// each from its own place.
#[derive(Debug)]
pub struct LiveText {
    generation: u32,
    content: Mutex<String>,
}

/// A place in a text, in the two measures that are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextPlace {
    /// In bytes of UTF-8, for slicing.
    pub bytes: usize,
    /// In UTF-16 code units, as JavaScript's `length` counts them; this is what clients see.
    pub utf16: u64,
}

impl LiveText {
    /// An empty text of attempt number `generation`.
    pub fn new(generation: u32) -> Self {
        Self {
            generation,
            content: Mutex::default(),
        }
    }

    /// The attempt's number.
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// Adds text at the end.
    pub fn push(&self, text: &str) {
        self.lock().push_str(text);
    }

    /// Whether nothing has come yet.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// The whole text so far.
    pub fn content(&self) -> String {
        self.lock().clone()
    }

    /// Calls `read` with the text so far, without copying it.
    pub fn with<T>(&self, read: impl FnOnce(&str) -> T) -> T {
        read(&self.lock())
    }

    // A panic while the lock is held cannot leave half a string, so its poison is no reason to stop.
    fn lock(&self) -> std::sync::MutexGuard<'_, String> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TextPlace {
    /// The place `offset` UTF-16 code units into `content`; `None` when that is past the end or
    /// inside a character.
    pub fn find(content: &str, offset: u64) -> Option<Self> {
        let mut place = Self::default();
        let mut chars = content.chars();
        while place.utf16 < offset {
            place = place.after_char(chars.next()?);
        }
        (place.utf16 == offset).then_some(place)
    }

    /// The place at the end of `text`, when `text` starts here.
    #[must_use]
    pub fn after(self, text: &str) -> Self {
        text.chars().fold(self, Self::after_char)
    }

    fn after_char(self, c: char) -> Self {
        Self {
            bytes: self.bytes + c.len_utf8(),
            utf16: self.utf16 + c.len_utf16() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_count_as_javascript_does() {
        let text = "한🙂a";
        assert_eq!(TextPlace::find(text, 0), Some(TextPlace::default()));
        assert_eq!(
            TextPlace::find(text, 1),
            Some(TextPlace { bytes: 3, utf16: 1 })
        );
        assert_eq!(
            TextPlace::find(text, 2),
            None,
            "inside the emoji's surrogate pair"
        );
        assert_eq!(
            TextPlace::find(text, 4),
            Some(TextPlace { bytes: 8, utf16: 4 })
        );
        assert_eq!(TextPlace::find(text, 5), None, "past the end");
        assert_eq!(TextPlace::default().after(text).utf16, 4);
    }
}
