//! Concrete implementations of the ports.

pub mod clock;
pub mod models;
pub mod offline;
pub mod openai;
pub mod outbound;
mod retry_after;
pub mod store_sqlite;
mod thread_clients;
pub mod tls;
pub mod usage_sqlite;
pub mod webhooks;
pub mod webhooks_sqlite;
