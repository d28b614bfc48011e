//! The web console: its files, embedded in the program.
//!
//! A page without a build step, over the same API that everyone has. What is served here is the same for
//! everybody and needs no key; the key that somebody signs in with never comes here, only to the routes of
//! the API. Its policy allows nothing but its own files: no inline script or style, no other origin.
//!
//! Not here: any data, and any session. The files themselves are in `console/`.

mod asset;
mod files;
mod folder;
mod handlers;
pub(super) mod operations;
pub(super) mod routes;
#[cfg(test)]
mod tests;
