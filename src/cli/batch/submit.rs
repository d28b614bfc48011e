//! `punchcard batch submit`.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use futures_util::stream;
use punchcard_events::TaskName;
use reqwest::header::HeaderValue;

use super::{BatchView, show, watch};
use crate::cli::client::{self, ApiClient};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;

/// Bytes of the file in memory at a time.
const PIECE: usize = 64 * 1024;

/// Arguments of `batch submit`.
#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {
    /// The file: JSON Lines, each with at least an input.
    file: PathBuf,

    /// The task of the lines that name none.
    #[arg(long, short)]
    task: Option<TaskName>,

    /// Run nothing if any line is wrong.
    #[arg(long)]
    all_or_nothing: bool,

    /// Makes repeating this command safe: the same key and file give the same batch.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<HeaderValue>,

    /// Follow it to its end.
    #[arg(long)]
    watch: bool,
}

/// Uploads the file.
pub(super) async fn run(
    args: &SubmitArgs,
    client: &ApiClient,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let name = args.file.display();
    let file = File::open(&args.file)
        .map_err(|error| Failure::usage(format!("failed to read {name}: {error}")))?;
    let pieces = stream::unfold(Some(file), |file| async {
        let mut file = file?;
        let mut piece = vec![0; PIECE];
        match file.read(&mut piece) {
            Ok(0) => None,
            Ok(read) => {
                piece.truncate(read);
                Some((Ok(Bytes::from(piece)), Some(file)))
            }
            Err(error) => Some((Err(error), None)),
        }
    });
    let mut query = Vec::new();
    if let Some(task) = &args.task {
        query.push(("task", task.to_string()));
    }
    if args.all_or_nothing {
        query.push(("mode", "all_or_nothing".to_owned()));
    }
    let body = reqwest::Body::wrap_stream(pieces);
    let key = args.idempotency_key.clone();
    let batch = client.upload(&["batches"], &query, key, body).await?;
    let exit = show(&batch, out)?;
    let batch: BatchView = client::read(batch)?;
    if args.watch {
        return watch::run(batch.id, client, out).await;
    }
    out.note(format_args!(
        "follow it: punchcard batch watch {}",
        batch.id
    ));
    Ok(exit)
}
