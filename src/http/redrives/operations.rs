//! What is said of the routes.

use crate::http::openapi::Area;

pub(in crate::http) fn area() -> Area {
    Area::new("Redrives", "Failed tickets opened again.", [])
}
