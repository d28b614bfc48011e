//! The usage table in a file of its own, `usage.sqlite`, beside the event store.
//!
//! All of it can be made again from the events. So it is not synced as the store is: a power cut may
//! take back the last seconds, rows and position together, and they are counted again. A file that
//! is damaged, of another version or no such table at all is thrown away with a line in the log.
//!
//! Not here: what counts and when (`actors/src/usage/`).

mod rows;
mod schema;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use punchcard_actors::ports::{
    LoadedUsage, UsageBatch, UsageQuery, UsageRow, UsageTable, UsageTableError,
};
use punchcard_actors::usage::Day;
use rusqlite::Connection;
use tokio::sync::Mutex;

/// The file's name in the data directory.
pub const FILE: &str = "usage.sqlite";

/// The table. Clones share the connection; one at a time works with it.
#[derive(Debug, Clone)]
pub struct UsageSqlite {
    connection: Arc<Mutex<Connection>>,
}

impl UsageSqlite {
    /// Opens the table in `data_dir`, or makes an empty one. To be called where blocking is allowed.
    ///
    /// # Errors
    /// When the file can be neither used nor made anew.
    pub fn open(data_dir: &Path) -> Result<Self, UsageTableError> {
        let path = data_dir.join(FILE);
        let connection = match schema::open(&path) {
            Ok(connection) => connection,
            Err(reason) => {
                tracing::warn!(
                    path = %path.display(),
                    %reason,
                    "the usage table cannot be used; it is made again from the events"
                );
                throw_away(&path).map_err(|error| failed(&error))?;
                schema::open(&path).map_err(|reason| UsageTableError(reason.to_string()))?
            }
        };
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// Runs `work` off the threads of the runtime.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, UsageTableError> {
        let mut connection = Arc::clone(&self.connection).lock_owned().await;
        let done = tokio::task::spawn_blocking(move || work(&mut connection)).await;
        match done {
            Ok(done) => done.map_err(|error| failed(&error)),
            Err(stopped) => Err(failed(&stopped)),
        }
    }
}

#[async_trait]
impl UsageTable for UsageSqlite {
    async fn load(&self, since: Day) -> Result<LoadedUsage, UsageTableError> {
        self.run(move |connection| rows::load(connection, since))
            .await
    }

    async fn save(&self, batch: UsageBatch) -> Result<(), UsageTableError> {
        self.run(move |connection| rows::save(connection, &batch))
            .await
    }

    async fn clear(&self) -> Result<(), UsageTableError> {
        self.run(rows::clear).await
    }

    async fn rows(&self, query: UsageQuery) -> Result<Vec<UsageRow>, UsageTableError> {
        self.run(move |connection| rows::select(connection, &query))
            .await
    }
}

fn failed(error: &dyn std::fmt::Display) -> UsageTableError {
    UsageTableError(error.to_string())
}

/// Removes the file and what SQLite keeps beside it.
fn throw_away(path: &Path) -> std::io::Result<()> {
    for end in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(end);
        match std::fs::remove_file(PathBuf::from(file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
