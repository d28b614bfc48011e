//! What histories are good for once they are written, with the whole program: looked at as of any
//! event, redriven, forked, shadow-run, and watched.

mod forks;
mod now;
mod redrives;
mod shadow_runs;
mod time_travel;
