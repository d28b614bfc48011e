//! Past tickets run again, and two tickets side by side.
//!
//! Not here: what a fork is ([`punchcard_actors::forks`]) and what a comparison says
//! ([`crate::compare`]).

mod ask;
mod compare;
mod list;
pub(super) mod operations;
mod problems;
pub(super) mod routes;
mod view;

pub(super) use view::ForkView;
