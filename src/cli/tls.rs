//! The seam to the TLS set-up of outgoing HTTP.

/// Makes sure that rustls has its cryptography: without it reqwest cannot build any client, not
/// even one that only speaks plain HTTP.
pub(crate) fn provide() {
    // An error says that another provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
