//! The watch over the running canaries: it follows the tickets' events and takes a version back
//! that fails more of them than its bounds allow.
//!
//! It works from events alone. After a restart it folds them again from the canary's start, and any
//! node may do it, or several: a canary ends once, and who comes second finds that it has. One
//! subscription serves all canaries, and there is none while no canary runs.
//!
//! A ticket's event that is damaged counts for nothing and does not end the watch, nor does a panic.
//! The gauge `prompt_canaries{watched}` says how many canaries are followed and how many are not:
//! one that is not is not taken back by itself.
//!
//! Not here: what counts and how much is too much (`canary_policy.rs`), and the counting
//! (`canary_tallies.rs`).

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use punchcard_events::ids::PROMPT_CATEGORY;
use punchcard_events::prompt::{Author, CanaryEnd, CanaryTally, Command, PromptEvent};
use punchcard_events::ticket::TicketEvent;
use punchcard_events::{Position, Recorded, Revision, StreamName, TicketId};
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use super::canaries::{Canaries, RunningCanary};
use super::canary_tallies::{Folded, Running, Tallies};
use super::{PromptError, Prompts};
use crate::following::{Restarts, Step, step};
use crate::ports::{Direction, EventStore, ReadError};

/// How long is waited before something is tried again that the store did not do: twice as long each
/// time, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Events of a prompt read at a time, when the start of its canary is looked for.
const PAGE: usize = 64;

/// The handle of the watch: what is seen of the canaries. Clones show the same.
#[derive(Debug, Clone, Default)]
pub struct CanaryWatch {
    tallies: Arc<watch::Sender<HashMap<Uuid, CanaryTally>>>,
}

/// Watches until it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the watch"]
pub struct Watching(tokio::task::JoinHandle<()>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl CanaryWatch {
    /// Starts to watch the canaries that run and those to come. To be called within a tokio runtime.
    pub fn start(store: Arc<dyn EventStore>, prompts: Prompts) -> (Self, Watching) {
        let watch = Self::default();
        let mut watcher = Watcher {
            store,
            prompts,
            tallies: Tallies::default(),
            shown: watch.clone(),
            ending: HashMap::new(),
            skipped: None,
            wait: FIRST_WAIT,
        };
        let watching = async move {
            let mut restarts = Restarts::of("canary_watch", PROMPT_CATEGORY);
            loop {
                restarts.begins();
                match AssertUnwindSafe(watcher.run()).catch_unwind().await {
                    Ok(()) => return,
                    Err(_) => {
                        watcher.forget();
                        restarts.panicked().await;
                    }
                }
            }
        };
        (watch, Watching(tokio::spawn(watching)))
    }

    /// What was seen so far of a running canary; `None` where it is not followed (yet). Shortly
    /// after a start it still rises to what it was before.
    pub fn tally(&self, canary: Uuid) -> Option<CanaryTally> {
        self.tallies.borrow().get(&canary).copied()
    }

    /// Waits until what is seen of a canary is `wanted`; forever, if it never is.
    pub async fn wait_for(&self, canary: Uuid, wanted: impl Fn(CanaryTally) -> bool) {
        let mut tallies = self.tallies.subscribe();
        let seen = tallies.wait_for(|seen| seen.get(&canary).is_some_and(|tally| wanted(*tally)));
        // The handle holds the sender, so it cannot be gone.
        drop(seen.await);
    }

    fn show(&self, canary: Uuid, tally: CanaryTally) {
        self.tallies.send_modify(|shown| {
            shown.insert(canary, tally);
        });
    }

    fn retain(&self, runs: impl Fn(Uuid) -> bool) {
        self.tallies
            .send_modify(|shown| shown.retain(|canary, _| runs(*canary)));
    }
}

/// The task behind the handle.
struct Watcher {
    store: Arc<dyn EventStore>,
    prompts: Prompts,
    tallies: Tallies,
    shown: CanaryWatch,
    /// Canaries that passed a bound, until the book says that they are over.
    ending: HashMap<Uuid, Ending>,
    /// The furthest event that was left out because it is damaged.
    skipped: Option<Position>,
    /// The pause before the next try, should this one fail.
    wait: Duration,
}

/// Where the end of a canary that passed a bound stands.
enum Ending {
    /// It is to be asked for (again) at this time.
    Due(Instant),
    /// Nothing more is to be asked for.
    Asked,
}

impl Watcher {
    async fn run(&mut self) {
        let mut canaries = self.prompts.book().canaries();
        loop {
            let running = Canaries::clone(&canaries.borrow_and_update());
            if let Err(error) = self.adjust(&running).await {
                tell_watched(0, running.len());
                tracing::warn!(%error, "the start of a canary cannot be read; trying again");
                self.pause().await;
                continue;
            }
            let watched = self.tallies.len();
            tell_watched(watched, running.len());
            if watched == 0 {
                if canaries.changed().await.is_err() {
                    return;
                }
                continue;
            }
            match self.follow(&mut canaries).await {
                Ok(()) => {}
                Err(error) => {
                    tell_watched(0, running.len());
                    tracing::warn!(%error, "the tickets of the canaries cannot be followed; trying again");
                    self.pause().await;
                }
            }
        }
    }

    /// Begins anew: what a panic left behind is not to be trusted, and all of it is in the events.
    fn forget(&mut self) {
        tell_watched(0, self.tallies.len());
        self.tallies = Tallies::default();
        self.ending.clear();
        self.wait = FIRST_WAIT;
    }

    /// Follows exactly the canaries that run.
    async fn adjust(&mut self, running: &Canaries) -> Result<(), ReadError> {
        let runs = |canary: Uuid| running.contains_key(&canary);
        self.tallies.retain(runs);
        self.shown.retain(runs);
        self.ending.retain(|canary, _| runs(*canary));
        for (id, canary) in running.iter() {
            if self.tallies.follows(*id) {
                continue;
            }
            let started = match self.start_of(canary).await {
                Ok(started) => started,
                // Its prompt's trouble, and of no other canary.
                Err(ReadError::Damaged(_)) => None,
                Err(error @ ReadError::Unavailable(_)) => return Err(error),
            };
            let Some(started) = started else {
                tracing::warn!(canary = %id, "a canary runs whose start cannot be found in its stream; it is not watched");
                continue;
            };
            let running = Running {
                tenant: canary.tenant.clone(),
                task: canary.task.clone(),
                percent: canary.started.percent,
                bounds: canary.started.bounds,
            };
            self.tallies.follow(*id, running, started);
            self.shown.show(*id, CanaryTally::default());
        }
        Ok(())
    }

    /// The position of a canary's start. It is among the newest events of its prompt.
    async fn start_of(&self, canary: &RunningCanary) -> Result<Option<Position>, ReadError> {
        let stream = StreamName::of_prompt(&canary.tenant, &canary.task);
        let (mut from, wanted) = (None, canary.started.canary);
        loop {
            let backwards = Direction::Backwards;
            let page = self.store.read_stream(&stream, from, backwards, PAGE);
            let page = page.await?;
            if let Some(found) = page.iter().find(|recorded| starts(recorded, wanted)) {
                return Ok(Some(found.position));
            }
            let oldest = page.last().map_or(0, |recorded| recorded.revision.0);
            match oldest.checked_sub(1) {
                Some(before) => from = Some(Revision(before)),
                None => return Ok(None),
            }
        }
    }

    /// Folds events until other canaries run.
    async fn follow(&mut self, canaries: &mut watch::Receiver<Canaries>) -> Result<(), ReadError> {
        let mut events = self.store.subscribe(self.tallies.resume_after());
        loop {
            let due = self.ending.values().filter_map(Ending::due).min();
            let mut again = pin!(async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            });
            tokio::select! {
                biased;
                // The book goes with the watch, so it cannot be gone before.
                _ = canaries.changed() => return Ok(()),
                () = &mut again => self.end_those_due().await,
                next = events.next() => match next {
                    Some(Ok(recorded)) => {
                        self.wait = FIRST_WAIT;
                        self.take(&recorded).await;
                    }
                    Some(Err(ReadError::Damaged(_))) => {
                        self.pass_damage().await?;
                        events = self.store.subscribe(self.tallies.resume_after());
                    }
                    Some(Err(error @ ReadError::Unavailable(_))) => return Err(error),
                    None => return Err(ReadError::Unavailable("the subscription ended".to_owned())),
                },
            }
        }
    }

    /// Folds event by event, up to one that is damaged and past it: that one counts for nothing.
    async fn pass_damage(&mut self) -> Result<(), ReadError> {
        loop {
            match step(self.store.as_ref(), None, self.tallies.resume_after()).await? {
                Step::Event(recorded) => self.take(&recorded).await,
                Step::Damaged(place, reason) => {
                    self.tallies.skip(place.position);
                    self.tell_skipped(place.position, &reason);
                    break;
                }
                Step::End => break,
            }
        }
        // Once for each, so that a store that cannot make up its mind is not asked all the time.
        self.pause().await;
        Ok(())
    }

    /// Tells of an event that was left out; once, however often it is come by.
    fn tell_skipped(&mut self, position: Position, reason: &str) {
        if self.skipped >= Some(position) {
            return;
        }
        self.skipped = Some(position);
        metrics::counter!("prompt_canary_events_skipped_total").increment(1);
        let position = position.0;
        tracing::error!(
            position,
            reason,
            "an event is damaged; the watch over the canaries goes on behind it"
        );
    }

    async fn take(&mut self, recorded: &Recorded) {
        let mut folded = self.tallies.fold(recorded);
        if let Folded::Unrendered(ticket) = folded {
            folded = self.unrendered(ticket, recorded.position).await;
        }
        let Folded::Counted(canary) = folded else {
            return;
        };
        if let Some(tally) = self.tallies.tally(canary) {
            self.shown.show(canary, tally);
        }
        if !self.ending.contains_key(&canary) && self.tallies.breach(canary).is_some() {
            self.ending.insert(canary, Ending::Due(Instant::now()));
            self.end_those_due().await;
        }
    }

    /// Counts a ticket whose prompt was not rendered, by what its first event asks for. Waits for a
    /// store that cannot be read: there is nothing else to do then.
    async fn unrendered(&mut self, ticket: TicketId, at: Position) -> Folded {
        let (stream, forwards) = (ticket.stream(), Direction::Forwards);
        let read = loop {
            match self.store.read_stream(&stream, None, forwards, 1).await {
                Ok(read) => break read,
                Err(ReadError::Damaged(_)) => return Folded::Nothing,
                Err(ReadError::Unavailable(_)) => self.pause().await,
            }
        };
        let request = read.first().and_then(|recorded| {
            let event = &recorded.event;
            TicketEvent::decode(&event.kind, event.schema_version, &event.data).ok()
        });
        match request {
            Some(TicketEvent::TicketRequested(request)) => {
                self.tallies.unrendered(ticket, &request, at)
            }
            _ => Folded::Nothing,
        }
    }

    async fn end_those_due(&mut self) {
        let now = Instant::now();
        let is_due = |ending: &Ending| ending.due().is_some_and(|due| due <= now);
        let due = self.ending.iter().filter(|(_, ending)| is_due(ending));
        let due: Vec<Uuid> = due.map(|(canary, _)| *canary).collect();
        for canary in due {
            let next = match self.end(canary).await {
                Ok(()) => {
                    self.wait = FIRST_WAIT;
                    Ending::Asked
                }
                Err(error) => {
                    tracing::warn!(%canary, %error, "a canary that passed its bound could not be taken back; trying again");
                    let due = Instant::now() + self.wait;
                    self.wait = (self.wait * 2).min(LONGEST_WAIT);
                    Ending::Due(due)
                }
            };
            self.ending.insert(canary, next);
        }
    }

    /// Takes a canary back. That somebody else ended it first is fine.
    async fn end(&self, canary: Uuid) -> Result<(), PromptError> {
        let (Some(running), Some(tally), Some(reason)) = (
            self.tallies.running(canary),
            self.tallies.tally(canary),
            self.tallies.breach(canary),
        ) else {
            return Ok(());
        };
        let Running { tenant, task, .. } = running;
        let command = Command::EndCanary {
            canary,
            end: CanaryEnd::Returned,
            tally,
            reason: Some(reason.clone()),
            act: self.prompts.act(Author::Runtime),
        };
        match self.prompts.execute(tenant, task, command).await {
            Ok(executed) => {
                if executed.events.is_empty() {
                    tracing::debug!(%canary, "a canary that passed its bound was over already");
                } else {
                    metrics::counter!("prompt_canaries_returned_total").increment(1);
                    tracing::warn!(
                        %tenant, %task, %canary, reason,
                        "a canary was taken back: all users get the version in production again"
                    );
                }
                Ok(())
            }
            // Promoted meanwhile, or the prompt is out of service.
            Err(
                error @ (PromptError::Rejected(_)
                | PromptError::NoSuchPrompt(_)
                | PromptError::Damaged(_)),
            ) => {
                tracing::info!(%canary, %error, "a canary that passed its bound was not taken back");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }
}

impl Ending {
    const fn due(&self) -> Option<Instant> {
        match self {
            Self::Due(due) => Some(*due),
            Self::Asked => None,
        }
    }
}

/// Shows how many of the running canaries are followed.
#[expect(
    clippy::cast_precision_loss,
    reason = "there are far fewer canaries than a double counts"
)]
fn tell_watched(watched: usize, running: usize) {
    let unwatched = running.saturating_sub(watched);
    metrics::gauge!("prompt_canaries", "watched" => "yes").set(watched as f64);
    metrics::gauge!("prompt_canaries", "watched" => "no").set(unwatched as f64);
}

fn starts(recorded: &Recorded, canary: Uuid) -> bool {
    let event = &recorded.event;
    if event.kind != "CanaryStarted" {
        return false;
    }
    match PromptEvent::decode(&event.kind, event.schema_version, &event.data) {
        Ok(PromptEvent::CanaryStarted(started)) => started.canary == canary,
        Ok(_) | Err(_) => false,
    }
}
