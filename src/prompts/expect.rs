//! Test cases: whether an answer is what a case expects, told in sentences that planners understand,
//! and what is wrong with a test set before it is run.
//!
//! Everything here is plain computation, bounded in the length of the answer. No model is called:
//! [`rubric`] makes the question for one and reads its reply. Who calls, counts and records is the
//! runtime's test runs (`punchcard_actors::test_runs`).

mod check;
mod json;
mod judges;
mod language;
mod measures;
mod quote;
mod rubric;
#[cfg(test)]
mod tests;
mod text;

pub use judges::PromptJudges;
