//! Failed tickets: which there are, by their reason, and how they are opened again, one or many.

mod many;
mod one;
pub(super) mod operations;
mod parameters;
mod problems;
pub(super) mod routes;
mod view;
