//! What is said of health and metrics.

use super::operation::{Area, get};
use super::schemas::Text;
use crate::http::errors::Code;
use crate::http::health::Report;

pub(super) fn area() -> Area {
    Area::new(
        "Health",
        "Whether the server lives and can work. No key is needed.",
        [
            get("/livez", "isAlive", "Whether the process answers")
                .gives::<Report>(200, "It does."),
            get("/readyz", "isReady", "Whether the server can do its work")
                .gives::<Report>(200, "It can.")
                .gives::<Report>(503, "It cannot; the checks say why."),
            get("/metrics", "readMetrics", "The metrics, for Prometheus")
                .gives_as::<Text>(200, "The Prometheus text format.", "text/plain")
                .refuses(&[Code::NotFound]),
        ],
    )
}
