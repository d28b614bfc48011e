//! The routes.

use crate::http::routes::Route;

pub(in crate::http) static TABLE: &[Route] = &[];

/// What a tenant may see and do of itself.
pub(in crate::http) static OWN: &[Route] = &[];
