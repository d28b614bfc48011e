//! When the ticket list may be looked through for damaged lines.
//!
//! That reads the whole list on the writer's thread, where every append waits for it, and what it
//! cannot mend it finds again. So one look at a time, and a pause after it: a page that is damaged
//! meanwhile is answered as that.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The pause after a look.
pub(super) const PAUSE: Duration = Duration::from_secs(60);

/// Whether somebody looks, or when somebody last did.
#[derive(Debug, Default)]
pub(super) struct Mending {
    state: Mutex<State>,
    turns: AtomicU64,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Never,
    Now,
    Ended(Instant),
}

/// The right to look. It ends with this value, also when who has it goes away in the middle.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Mending);

impl Mending {
    /// Gives the right to look at `now`; `None` while somebody looks, and within the pause.
    pub(super) fn turn(&self, now: Instant) -> Option<Turn<'_>> {
        let mut state = self.state();
        match *state {
            State::Now => return None,
            State::Ended(at) if now.saturating_duration_since(at) < PAUSE => return None,
            State::Never | State::Ended(_) => {}
        }
        *state = State::Now;
        drop(state);
        self.turns.fetch_add(1, Ordering::Relaxed);
        Some(Turn(self))
    }

    /// How many turns were given.
    #[cfg(test)]
    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.state() = State::Ended(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_looks_at_a_time_and_the_next_after_a_pause() {
        let mending = Mending::default();
        let now = Instant::now();
        let turn = mending.turn(now);
        assert!(turn.is_some());
        assert!(mending.turn(now + PAUSE * 2).is_none(), "two at a time");
        drop(turn);
        assert!(mending.turn(Instant::now()).is_none(), "no pause");
        let later = Instant::now() + PAUSE;
        assert!(mending.turn(later).is_some(), "the pause does not end");
    }
}
