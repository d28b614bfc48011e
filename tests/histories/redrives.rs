//! Redrives, with the whole program.
