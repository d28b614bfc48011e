//! What is said of the routes.

use crate::http::openapi::Area;

pub(in crate::http) fn area() -> Area {
    Area::new(
        "Histories",
        "What happened to a ticket: its states, timings and pictures.",
        [],
    )
}
