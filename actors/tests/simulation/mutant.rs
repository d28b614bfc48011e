//! The control arm: worlds that break a promise on purpose, so that the oracle is seen to notice.
//!
//! The mutants are in the fakes, not in the runtime: what the oracle can see is what the fakes see,
//! and a fake that is wrong in one way stands for every runtime that is wrong in that way.

/// One way to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// The store loses its newest events at a crash, acknowledged or not, as SQLite does with
    /// `synchronous=NORMAL` at a power cut.
    ForgetsAtCrash,
    /// The store takes appends at any revision.
    IgnoresRevisions,
    /// The store now and then writes an append twice.
    WritesTwice,
    /// The store says that events are durable before they are.
    AcknowledgesEarly,
    /// The tenant's API says 2xx and does nothing.
    PersistsNothing,
    /// The feed now and then loses a piece of text.
    DropsText,
    /// The feed now and then tells nothing of a change.
    DropsNews,
}
