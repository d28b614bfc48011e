//! Typed configuration, validated once, with file and line in every error.
