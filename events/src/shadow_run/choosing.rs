//! Which tickets a shadow run tries: a plain function of a seed and the tickets' ids, whatever the
//! order in which they are seen.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ids::TicketId;

/// A share of tickets: more than none of them, and at most all.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(f64);

/// A number that is no share.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("a sample is more than 0 and at most 1")]
pub struct InvalidShare;

impl Share {
    /// All of them.
    pub const ALL: Self = Self(1.0);

    /// The share as a number.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// Whether a ticket with this draw is of the share.
    #[expect(
        clippy::cast_precision_loss,
        reason = "53 bits are what a fraction has, and 11 are cut off before"
    )]
    fn takes(self, draw: u64) -> bool {
        const STEPS: f64 = (1_u64 << 53) as f64;
        ((draw >> 11) as f64) < self.0 * STEPS
    }
}

impl Default for Share {
    fn default() -> Self {
        Self::ALL
    }
}

impl TryFrom<f64> for Share {
    type Error = InvalidShare;

    fn try_from(share: f64) -> Result<Self, InvalidShare> {
        if share > 0.0 && share <= 1.0 {
            Ok(Self(share))
        } else {
            Err(InvalidShare)
        }
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        share.0
    }
}

/// What a ticket draws: the same for the same seed, as good as random over seeds and tickets.
pub fn draw(seed: u32, ticket: TicketId) -> u64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    hash.update(ticket.0.as_bytes());
    let digest = hash.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}

/// A choice under way. It takes tickets one by one and holds no more of them than it may choose.
#[derive(Debug, Clone)]
pub struct Choosing {
    seed: u32,
    sample: Share,
    limit: usize,
    matched: u32,
    /// Those with the lowest draws so far.
    lowest: BTreeSet<(u64, TicketId)>,
}

impl Choosing {
    /// Chooses at most `limit` of the share.
    pub fn new(seed: u32, sample: Share, limit: u32) -> Self {
        Self {
            seed,
            sample,
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            matched: 0,
            lowest: BTreeSet::new(),
        }
    }

    /// Takes the next ticket into account. None may be offered twice.
    pub fn offer(&mut self, ticket: TicketId) {
        self.matched = self.matched.saturating_add(1);
        let draw = draw(self.seed, ticket);
        if !self.sample.takes(draw) {
            return;
        }
        self.lowest.insert((draw, ticket));
        if self.lowest.len() > self.limit {
            self.lowest.pop_last();
        }
    }

    /// How many tickets were offered.
    pub const fn matched(&self) -> u32 {
        self.matched
    }

    /// Those that were chosen, in the order of their draws: the first so many are as fair a sample as
    /// all of them, should the run be stopped.
    pub fn chosen(&self) -> Vec<TicketId> {
        self.lowest.iter().map(|(_, ticket)| *ticket).collect()
    }
}
