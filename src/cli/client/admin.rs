//! The admin API as a client reaches it: its own address, and an operator's key.

use std::path::PathBuf;

use clap::Args;
use url::Url;

use super::{ApiClient, Key};
use crate::cli::exit::Failure;

/// Where the admin API is, and which operator asks. Its flags and variables are not those of the open
/// API, so that both can be set, and no operator's key is shown to the public address by a slip.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Admin API")]
pub(crate) struct AdminConnection {
    /// The address of the server's admin listener.
    #[arg(
        long,
        global = true,
        env = "PUNCHCARD_ADMIN_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:9090"
    )]
    pub(crate) admin_url: Url,

    /// The operator's key. Prefer the variable or --admin-key-file: other users of the machine see
    /// arguments.
    #[arg(
        long,
        global = true,
        env = "PUNCHCARD_ADMIN_KEY",
        hide_env_values = true,
        value_name = "KEY"
    )]
    pub(crate) admin_key: Option<Key>,

    /// A file that holds the operator's key; used instead of --admin-key.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) admin_key_file: Option<PathBuf>,
}

impl ApiClient {
    /// A client of the admin API that the command line names.
    ///
    /// # Errors
    /// When there is no key, or the address is none.
    pub(crate) fn of_admin(connection: &AdminConnection) -> Result<Self, Failure> {
        let (file, given) = (&connection.admin_key_file, &connection.admin_key);
        let key = Key::choose(file.as_deref(), given.as_ref())?.ok_or_else(|| {
            Failure::usage("there is no operator's key to show to the admin API").advise(
                "Set PUNCHCARD_ADMIN_KEY, or pass --admin-key-file FILE; `punchcard key new \
                 --operator` makes one.",
            )
        })?;
        Self::connect_to(connection.admin_url.clone(), &["admin", "v1"], key)
    }
}
