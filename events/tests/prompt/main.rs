//! The prompt aggregate seen from outside: what it decides, what it folds to, what it stores; and
//! with it partials and test runs.
//!
//! One executable, so that everything links once. `cfg(test)` on the modules tells clippy that
//! their helpers are test code.

#[cfg(test)]
mod canaries;
#[cfg(test)]
mod deployments;
#[cfg(test)]
mod drafts;
#[cfg(test)]
mod expectations;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod hashes;
#[cfg(test)]
mod lives;
#[cfg(test)]
mod partials;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod summaries;
#[cfg(test)]
mod table;
#[cfg(test)]
mod test_runs;
#[cfg(test)]
mod test_sets;
#[cfg(test)]
mod transitions;
