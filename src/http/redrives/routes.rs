//! The routes.

use crate::http::routes::Route;

pub(in crate::http) static TABLE: &[Route] = &[];
