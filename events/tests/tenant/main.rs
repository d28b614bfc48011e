//! The tenant aggregate seen from outside: what it decides, what it folds to, what it stores.
//!
//! One executable, so that everything links once. `cfg(test)` on the modules tells clippy that
//! their helpers are test code.

#[cfg(test)]
mod golden;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod lives;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod table;
