//! A ticket as of any of its events, with the whole program.
