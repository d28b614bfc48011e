//! The ticket aggregate seen from outside: what it decides, what it folds to, what it stores.
//!
//! One executable, so that everything links once. `cfg(test)` on the modules tells clippy that
//! their helpers are test code.

#[cfg(test)]
mod decoding;
#[cfg(test)]
mod fallbacks;
#[cfg(test)]
mod forks;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod strategies;
#[cfg(test)]
mod table;
#[cfg(test)]
mod timeline;
