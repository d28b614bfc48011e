//! The process's TLS provider, shared by every adapter that calls out.

/// Makes *ring* the process's TLS provider, unless it has one already.
///
/// reqwest is built without a provider of its own (its default, aws-lc-sys, is the heaviest unit of
/// a cold build) and panics when a client is built before a provider is installed, so every
/// adapter calls this first. Calling it again does nothing.
pub fn install_provider() {
    // `Err` only says that a provider is installed already, which is what we want.
    drop(rustls::crypto::ring::default_provider().install_default());
}
