//! The OpenAPI 3.1 document of this API, and a page to read it.
//!
//! The document is made of the code: its paths, policies and roles come from the route table, its
//! schemas from the types that are read and written (schemars). What code cannot say, what an
//! operation is for and which problems it can give, stands in one [`Operation`] per route, in
//! `operations.rs` beside the routes of each area. A route without an operation, or an operation
//! without a route, fails the tests; a client never sees half a document.
//!
//! Not here: what the routes do, and the texts of problems.

pub(super) mod common;
mod document;
mod examples;
mod handlers;
mod health;
mod operation;
mod page;
pub(super) mod routes;
mod schemas;
mod sessions;
#[cfg(test)]
mod tests;
mod tickets;

pub use document::{admin_document, document};
pub(super) use operation::{Area, Operation, delete, get, post, put};
pub(super) use schemas::Text;

/// What is said of every area's routes, in the order of the document.
fn areas() -> Vec<Area> {
    vec![
        tickets::area(),
        sessions::area(),
        super::prompts::operations::area(),
        super::batches::operations::area(),
        super::admin::operations::own_area(),
        super::admin::operations::area(),
        super::openai::operations::area(),
        super::webhooks::operations::area(),
        super::usage::operations::area(),
        super::histories::operations::area(),
        super::redrives::operations::area(),
        super::forks::operations::area(),
        super::shadow_runs::operations::area(),
        super::now::operations::area(),
        super::console::operations::area(),
        health::area(),
        handlers::area(),
    ]
}
