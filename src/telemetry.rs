//! Logs and metrics.
//!
//! A log line carries ids, states and durations under dotted names (`ticket.id`, `ticket.state`);
//! prompts, answers, keys and bodies never reach one. Each failure is logged once, where it is
//! handled.

use std::io::IsTerminal;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::config::{Log, LogFormat};

/// Libraries whose information is ours to give. The configured level comes after, and wins.
const QUIET: &str = "actix_server=warn";

/// Bounds of the duration histograms, in seconds.
const DURATION_BUCKETS: [f64; 12] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0,
];

/// Starts logging to standard error. Later calls in one process change nothing.
///
/// # Errors
/// When the level is not one that the filter understands.
pub fn start_logging(log: &Log) -> Result<(), ParseError> {
    let filter = EnvFilter::builder().parse(format!("{QUIET},{}", log.level))?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // The only failure is that a logger runs already, which is then the one to keep.
    let _ = match log.format {
        LogFormat::Pretty => logs
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// Starts the process's metrics and gives the handle that renders them. Every call gives the same.
///
/// # Errors
/// When another recorder was installed before.
pub fn start_metrics() -> Result<PrometheusHandle, BuildError> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &DURATION_BUCKETS)?
        .install_recorder()?;
    Ok(HANDLE.get_or_init(|| handle).clone())
}

#[cfg(test)]
mod tests;
