//! What goes on now, with the whole program.
