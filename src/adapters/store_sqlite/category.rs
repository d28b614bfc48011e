//! Which categories have an index of their events, and how each is read.
//!
//! Nearly all events are of tickets and of idempotency keys. They are in no such index, so they cost
//! nothing; a reader of their categories walks the log. The other categories are small, and what
//! is read of them is read without a look at a ticket.

/// The first words of the categories that make up the log. Stored: the condition of the index of
/// schema 4 names them.
const BULK: [&str; 2] = ["ticket-", "idempotency-"];

/// Streams whose names begin with `<category>-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Category {
    prefix: String,
}

impl Category {
    pub(super) fn new(category: &str) -> Self {
        Self {
            prefix: format!("{category}-"),
        }
    }

    /// What its streams' names begin with.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The word under which its events are in the index.
    pub(super) fn word(&self) -> &str {
        first_word(&self.prefix)
    }

    /// Whether its events are in the index.
    pub(super) fn is_indexed(&self) -> bool {
        is_indexed(&self.prefix)
    }
}

/// Whether the events of the stream with this name are in the index.
pub(super) fn is_indexed(stream: &str) -> bool {
    !BULK.contains(&first_word(stream))
}

/// A name up to its first `-`, with it. Empty where there is none.
fn first_word(name: &str) -> &str {
    name.split_inclusive('-')
        .next()
        .filter(|word| word.ends_with('-'))
        .unwrap_or_default()
}
