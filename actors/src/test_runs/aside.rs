//! Plain work that takes a while, done where it keeps nobody else waiting.

use std::panic::resume_unwind;

/// Does `work` on one of tokio's threads for blocking work. How much there is at a time is bounded by
/// the cases that are tried at a time. A panic goes on in the caller.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime is going away, and this with it.
            Err(_) => std::future::pending().await,
        },
    }
}
