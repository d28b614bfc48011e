//! Tests of what is special to this store; the rest is the contract.

use tempfile::TempDir;

use super::{Options, SqliteStore};

async fn open() -> (SqliteStore, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    (store, dir)
}

mod contract {
    use super::open;

    punchcard_actors::store_contract!(open);
}
