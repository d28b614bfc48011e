//! Concrete implementations of the ports.

pub mod clock;
pub mod models;
pub mod offline;
pub mod openai;
pub mod outbound;
pub mod store_sqlite;
pub mod tls;
pub mod webhooks;
