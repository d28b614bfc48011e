//! The HTTP edge: the open API, sessions, health and metrics.
