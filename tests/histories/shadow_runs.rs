//! Shadow runs, with the whole program.
