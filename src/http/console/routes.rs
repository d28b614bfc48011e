//! The routes, on the admin listener.

use crate::http::routes::Route;

pub(in crate::http) static TABLE: &[Route] = &[];
