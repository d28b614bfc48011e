//! Concrete implementations of the ports.

pub mod offline;
pub mod openai;
pub mod store_sqlite;
pub mod tls;
pub mod webhooks;
