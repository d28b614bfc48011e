//! What is said of the routes.

use crate::http::openapi::Area;

pub(in crate::http) fn area() -> Area {
    Area::new(
        "Forks",
        "Past tickets run again, without effects outside.",
        [],
    )
}
