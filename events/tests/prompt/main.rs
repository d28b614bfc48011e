//! The prompt aggregate seen from outside: what it decides, what it folds to, what it stores; and
//! with it partials and test runs.
//!
//! One executable, so that everything links once. `cfg(test)` on the modules tells clippy that
//! their helpers are test code.

#[cfg(test)]
mod drafts;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod samples;
