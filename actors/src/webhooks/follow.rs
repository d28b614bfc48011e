//! Keeping the log: all events are folded into it, from where it stands.
//!
//! As long as nobody has registered an endpoint nothing is followed but the endpoints' category, so
//! that who uses no webhooks pays nothing for them. Nothing is sent before the log has caught up with
//! the store once: a log that is made again would send all the past again.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use punchcard_events::endpoint::{self, CATEGORY};
use punchcard_events::{EventId, Position, Recorded, Timestamp};
use tokio::time::Instant;

use super::Shared;
use super::fold::Fold;
use crate::ports::{Change, EventStore, ReadError};

/// Events read, or taken from the subscription, at a time.
const PAGE: usize = 512;

/// How long a place that no change goes with is kept in memory only.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// How often, and how much, the log is pruned.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
const PRUNE_AT_ONCE: usize = 2_000;

/// How long is waited before trying again: twice as long each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Follows for ever.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut wait = FIRST_WAIT;
    loop {
        let begun = Instant::now();
        match AssertUnwindSafe(follow(&shared)).catch_unwind().await {
            Ok(Ok(never)) => match never {},
            Ok(Err(error)) => {
                tracing::warn!(%error, "the events cannot be followed for webhooks; trying again");
            }
            // The panic's own words may quote a body: they are not repeated.
            Err(_) => tracing::error!("the follower of webhooks panicked; it is begun again"),
        }
        if begun.elapsed() > LONGEST_WAIT * 2 {
            wait = FIRST_WAIT;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Begins where the log stands, catches up, and goes on.
async fn follow(shared: &Shared) -> Result<Infallible, ReadError> {
    let mut follower = Follower::begin(shared).await?;
    loop {
        let page = shared.store.read_all(follower.after, PAGE).await;
        let Some(page) = follower.or_past_damage(page).await? else {
            continue;
        };
        follower.take(&page).await?;
        if page.len() < PAGE {
            break;
        }
    }
    follower.caught_up();
    loop {
        let mut news = shared.store.subscribe(follower.after).ready_chunks(PAGE);
        loop {
            let chunk = tokio::time::timeout(SAVE_EVERY, news.next()).await;
            let Ok(chunk) = chunk else {
                follower.save().await?;
                follower.prune().await?;
                continue;
            };
            let ended = || ReadError::Unavailable("the subscription ended".to_owned());
            let chunk = chunk.ok_or_else(ended)?;
            let mut taken = Vec::with_capacity(chunk.len());
            let mut error = None;
            for next in chunk {
                match next {
                    Ok(recorded) => taken.push(recorded),
                    Err(why) => error = Some(why),
                }
            }
            follower.take(&taken).await?;
            follower.prune().await?;
            if let Some(error) = error {
                follower.or_past_damage(Err(error)).await?;
                break;
            }
        }
    }
}

struct Follower<'a> {
    shared: &'a Shared,
    fold: Fold,
    after: Option<Position>,
    /// The last event that was taken, until it is saved.
    unsaved: Option<(Position, EventId)>,
    saved_at: Instant,
    pruned_at: Instant,
    is_ready: bool,
}

impl<'a> Follower<'a> {
    async fn begin(shared: &'a Shared) -> Result<Self, ReadError> {
        let mut place = shared.log.place().await?;
        if let Some((position, event)) = place
            && !is_there(shared.store.as_ref(), position, event).await?
        {
            // The store was put back to an earlier time, or is another one.
            tracing::warn!("the log of webhooks is not of this store: it is made again");
            shared.log.reset().await?;
            place = None;
        }
        let mut follower = Self {
            shared,
            fold: Fold::default(),
            after: place.map(|(position, _)| position),
            unsaved: None,
            saved_at: Instant::now(),
            pruned_at: Instant::now(),
            is_ready: false,
        };
        match follower.after {
            Some(position) => follower.endpoints_until(position).await?,
            None => follower.first_endpoint().await?,
        }
        Ok(follower)
    }

    /// The endpoints as they were at the place of the log.
    async fn endpoints_until(&mut self, position: Position) -> Result<(), ReadError> {
        let (store, mut after) = (self.shared.store.as_ref(), None);
        loop {
            let page = store.read_category(CATEGORY, after, PAGE).await?;
            for recorded in &page {
                if recorded.position > position {
                    return Ok(());
                }
                // What they changed is in the log.
                self.fold.take(recorded, &mut Vec::new());
                after = Some(recorded.position);
            }
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// Waits until there is an endpoint: what happened before it concerns nobody.
    async fn first_endpoint(&mut self) -> Result<(), ReadError> {
        let mut endpoints = self.shared.store.subscribe_category(CATEGORY, None);
        let ended = || ReadError::Unavailable("the subscription ended".to_owned());
        let first = endpoints.next().await.ok_or_else(ended)??;
        self.after = first.position.0.checked_sub(1).map(Position);
        Ok(())
    }

    /// Events as they were read; where one of them is damaged, those before it are gone over one by
    /// one, it is left out, and there is nothing in hand: read again.
    async fn or_past_damage(
        &mut self,
        read: Result<Vec<Recorded>, ReadError>,
    ) -> Result<Option<Vec<Recorded>>, ReadError> {
        let reason = match read {
            Err(ReadError::Damaged(reason)) => reason,
            read => return read.map(Some),
        };
        let store = self.shared.store.as_ref();
        loop {
            match store.read_all(self.after, 1).await {
                Ok(one) if one.is_empty() => return Ok(None),
                Ok(one) => self.take(&one).await?,
                Err(ReadError::Damaged(_)) => {
                    let place = store.next_place(None, self.after).await?;
                    let place = place.ok_or_else(|| ReadError::Damaged(reason.clone()))?;
                    let position = place.position.0;
                    tracing::error!(position, reason, "a damaged event is left out of webhooks");
                    self.after = Some(place.position);
                    // Once for each, so that a store that cannot make up its mind is not asked all
                    // the time.
                    tokio::time::sleep(FIRST_WAIT).await;
                    return Ok(None);
                }
                Err(error @ ReadError::Unavailable(_)) => return Err(error),
            }
        }
    }

    async fn take(&mut self, events: &[Recorded]) -> Result<(), ReadError> {
        let Some(last) = events.last() else {
            return Ok(());
        };
        let mut changes: Vec<Change> = Vec::new();
        for recorded in events {
            self.shared.book.take(recorded);
            self.fold.take(recorded, &mut changes);
        }
        // An endpoint that was enabled has messages that are due, and changes nothing in the log.
        let stirs = !changes.is_empty() || events.iter().any(is_of_an_endpoint);
        self.after = Some(last.position);
        self.unsaved = Some((last.position, last.event.id));
        if !changes.is_empty() {
            let place = (last.position, last.event.id);
            self.shared.log.apply(changes, place).await?;
            self.is_saved();
        } else if self.saved_at.elapsed() >= SAVE_EVERY {
            self.save().await?;
        }
        if self.is_ready {
            self.tell(stirs);
        }
        Ok(())
    }

    /// Makes a place durable that no change goes with, so that a restart need not go over it again.
    async fn save(&mut self) -> Result<(), ReadError> {
        if let Some(place) = self.unsaved {
            self.shared.log.apply(vec![], place).await?;
        }
        self.is_saved();
        Ok(())
    }

    fn is_saved(&mut self) {
        self.unsaved = None;
        self.saved_at = Instant::now();
    }

    fn caught_up(&mut self) {
        self.is_ready = true;
        self.tell(true);
    }

    /// Says how far the log is, and whether there may be something to send.
    fn tell(&self, stirs: bool) {
        let at = self.after.or(Some(Position(0)));
        self.shared.applied.send_replace(at);
        if stirs {
            self.shared.wake.notify_one();
        }
    }

    async fn prune(&mut self) -> Result<(), ReadError> {
        if self.pruned_at.elapsed() < PRUNE_EVERY {
            return Ok(());
        }
        let keep = self.shared.options.keep.as_millis();
        let keep = u64::try_from(keep).unwrap_or(u64::MAX);
        let now = self.shared.clock.now().as_millis();
        let before = Timestamp::from_millis(now.saturating_sub(keep));
        let pruned = self.shared.log.prune(before, PRUNE_AT_ONCE).await?;
        // A full helping means that there is more.
        if pruned < PRUNE_AT_ONCE {
            self.pruned_at = Instant::now();
        }
        Ok(())
    }
}

fn is_of_an_endpoint(recorded: &Recorded) -> bool {
    endpoint::of_stream(&recorded.stream).is_some()
}

/// Whether the store has this event at this position.
async fn is_there(
    store: &dyn EventStore,
    position: Position,
    event: EventId,
) -> Result<bool, ReadError> {
    let before = position.0.checked_sub(1).map(Position);
    match store.read_all(before, 1).await {
        Ok(found) => Ok(found
            .first()
            .is_some_and(|found| found.position == position && found.event.id == event)),
        // It is there, and is told of where it matters.
        Err(ReadError::Damaged(_)) => Ok(true),
        Err(error @ ReadError::Unavailable(_)) => Err(error),
    }
}
