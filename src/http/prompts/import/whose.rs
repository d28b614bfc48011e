//! Whose work stands in the way of an import.

use punchcard_events::prompt::Author;

/// Whether both are one key. What no key did is nobody's own.
pub(super) fn is_same(author: &Author, importer: &Author) -> bool {
    match (author, importer) {
        (Author::Key { prefix, .. }, Author::Key { prefix: other, .. }) => prefix == other,
        (Author::Key { .. } | Author::Configuration | Author::Runtime, _) => false,
    }
}

/// What people call the author.
pub(super) fn name(author: &Author) -> &str {
    match author {
        Author::Key { prefix, name } => name.as_deref().unwrap_or(prefix),
        Author::Configuration => "the configuration",
        Author::Runtime => "Punchcard",
    }
}
