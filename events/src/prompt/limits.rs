//! How much a prompt may hold. Whatever would pass a limit is refused by
//! [`decide`](super::decide()), before it is stored.

/// The most labels a prompt may have at a time.
pub const LABELS: usize = 64;

/// The most versions a prompt may ever have.
pub const VERSIONS: usize = 10_000;

/// The most bytes a content may have as JSON, its partials included.
pub const CONTENT_BYTES: usize = 512 * 1024;

/// The most bytes of a note or a reason.
pub const TEXT_BYTES: usize = 4 * 1024;

/// The most cases a test set may have.
pub const CASES: usize = 1_000;

/// The most expectations a test case may have.
pub const EXPECTATIONS: usize = 100;

/// The most bytes a test set may have as JSON.
pub const TEST_SET_BYTES: usize = 2 * 1024 * 1024;

/// The most bytes the name of a test case may have.
pub const CASE_NAME_BYTES: usize = 64;

/// How many results of test runs, and of shadow runs, are remembered. A version whose result is
/// forgotten is tried again before it goes to production.
pub const RESULTS: usize = 1_000;

/// How many steps a label can be rolled back. Older ones are forgotten, not refused.
pub const STEPS_BACK: usize = 1_000;

/// How many moves of each label a [`PromptSummary`](super::PromptSummary) remembers.
pub const MOVES: usize = 2_000;

/// Of how many labels, those that are gone included, it remembers any.
pub const LABELS_REMEMBERED: usize = 4 * LABELS;

/// How many canaries that are over a [`PromptSummary`](super::PromptSummary) remembers.
pub const CANARIES: usize = 1_000;

/// How far edits and test sets are counted.
pub const NUMBERS: usize = u32::MAX as usize;
