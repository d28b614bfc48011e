//! `punchcard batch watch`: how far a batch is, until it has ended.

use std::time::Duration;

use punchcard_events::BatchId;
use serde_json::Value;

use super::{BatchView, progress, show};
use crate::cli::client::{self, ApiClient};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;

/// How often it is asked.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Follows a batch to its end. A batch that was cancelled or discarded, or of which a ticket failed,
/// ends as a ticket does that failed.
pub(super) async fn run(
    id: BatchId,
    client: &ApiClient,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let path = ["batches", &id.to_string()];
    loop {
        let answer: Value = client.get(&path, &[]).await?;
        let batch: BatchView = client::read(answer.clone())?;
        if batch.finished_at.is_some() {
            out.end_progress();
            show(&answer, out)?;
            let failed = batch.state != "finished"
                || batch.refused > 0
                || batch.tickets.contains_key("failed");
            return Ok(if failed {
                Exit::TicketEnded
            } else {
                Exit::Success
            });
        }
        out.progress(progress(&batch));
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
