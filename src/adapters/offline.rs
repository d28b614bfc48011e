//! A deterministic model without a network, for the demo and for development.
