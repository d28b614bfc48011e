//! The newest event of the streams that were appended to lately.
//!
//! Two generations bound it: what was not touched while the younger one filled up is dropped.

use std::collections::HashMap;
use std::mem;

use punchcard_events::ticket::TicketSummary;
use punchcard_events::{Revision, StreamName};

use super::chain::Hash;

/// Where a stream stands.
#[derive(Debug, Clone)]
pub(super) struct Head {
    /// Its newest revision.
    pub(super) revision: Revision,
    /// That event's link of the chain.
    pub(super) hash: Hash,
    /// The ticket's line of the list, for a ticket's stream.
    pub(super) summary: Option<TicketSummary>,
}

/// A bounded cache of heads. A head is taken out, moved on and put back by the one writer.
#[derive(Debug)]
pub(super) struct Heads {
    young: HashMap<StreamName, Head>,
    old: HashMap<StreamName, Head>,
    generation: usize,
    /// Streams that are damaged, and how. A damage does not go away while the database is open.
    condemned: HashMap<StreamName, String>,
}

/// Damaged streams that are remembered; the rest is found again.
const CONDEMNED: usize = 4_096;

impl Heads {
    /// A cache of at most `capacity` heads.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            generation: (capacity / 2).max(1),
            condemned: HashMap::new(),
        }
    }

    /// Takes a head out.
    pub(super) fn take(&mut self, stream: &StreamName) -> Option<Head> {
        self.young
            .remove(stream)
            .or_else(|| self.old.remove(stream))
    }

    /// Puts a head in.
    pub(super) fn put(&mut self, stream: StreamName, head: Head) {
        if self.young.len() >= self.generation {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(stream, head);
    }

    /// What is damaged of a stream that was condemned.
    pub(super) fn damage(&self, stream: &StreamName) -> Option<&str> {
        self.condemned.get(stream).map(String::as_str)
    }

    /// Remembers that a stream is damaged.
    pub(super) fn condemn(&mut self, stream: StreamName, damage: String) {
        self.condemned.insert(stream, damage);
    }

    /// Forgets the damaged streams when they are too many. Within a batch they may be.
    pub(super) fn bound_condemned(&mut self) {
        if self.condemned.len() > CONDEMNED {
            self.condemned.clear();
        }
    }

    /// Forgets every head.
    pub(super) fn forget(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    /// Forgets all, also what is damaged.
    pub(super) fn clear(&mut self) {
        self.forget();
        self.condemned.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_never_grows_past_its_capacity_and_keeps_the_newest() {
        let mut heads = Heads::new(10);
        let name = |n: usize| StreamName::new(&format!("s-{n}")).unwrap();
        for n in 0..100 {
            let head = Head {
                revision: Revision(n as u64),
                hash: [0; 32],
                summary: None,
            };
            heads.put(name(n), head);
            assert!(heads.young.len() + heads.old.len() <= 10);
        }
        assert!(heads.take(&name(99)).is_some());
        assert!(heads.take(&name(99)).is_none(), "a head was taken twice");
        assert!(heads.take(&name(1)).is_none());
    }
}
