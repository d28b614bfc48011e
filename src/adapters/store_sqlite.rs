//! The embedded event store: SQLite with group commit.
