//! Forks, with the whole program.
