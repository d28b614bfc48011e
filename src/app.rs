//! The only file that names concrete adapters: it builds the runtime from a configuration.
