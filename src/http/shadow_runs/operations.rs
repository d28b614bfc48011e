//! What is said of the routes.

use crate::http::openapi::Area;

pub(in crate::http) fn area() -> Area {
    Area::new(
        "Shadow runs",
        "Real tickets of the past against a candidate version.",
        [],
    )
}
