//! A language model that says what it is told to, and counts who asked.

mod script;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::stream;
use punchcard_events::TicketId;
use punchcard_events::ticket::AttemptError;
use tokio::sync::watch;
use tokio::time::Instant;

pub use script::{Held, Script, attempt_error};
use script::{Step, Steps};

use crate::ports::{AnswerPart, AnswerStream, LanguageModel, ModelCall};

/// The text of a model that nobody gave a script.
pub const DEFAULT_ANSWER: &str = "A good start; mind the tenses.";

/// The model. Clones share scripts and ledger.
#[derive(Debug, Clone, Default)]
pub struct ScriptedModel {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    scripts: Mutex<Scripts>,
    ledger: Mutex<Vec<(Instant, ModelCall)>>,
    counts: watch::Sender<Counts>,
}

#[derive(Debug, Default)]
struct Scripts {
    exact: HashMap<(TicketId, u32), Script>,
    next: VecDeque<Script>,
    of_model: HashMap<String, Script>,
    always: Option<Script>,
}

/// What the model counted so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Calls begun.
    pub begun: usize,
    /// Calls running: begun, and their stream not dropped yet.
    pub in_flight: usize,
    /// The most calls that ever ran at once.
    pub most_in_flight: usize,
    /// Panics that a script asked for and that happened.
    pub panics: usize,
}

impl ScriptedModel {
    /// A model that answers every call with [`DEFAULT_ANSWER`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Plays `script` to one attempt of one ticket.
    pub fn on(&self, ticket: TicketId, attempt: u32, script: Script) {
        self.scripts().exact.insert((ticket, attempt), script);
    }

    /// Plays `script` to the next call that [`Self::on`] has nothing for; several are played in turn.
    pub fn next(&self, script: Script) {
        self.scripts().next.push_back(script);
    }

    /// Plays `script` to every call of one model that [`Self::on`] and [`Self::next`] have nothing
    /// for. Not for a [held](Script::held) script, which can be played once only.
    pub fn of_model(&self, model: &str, script: Script) {
        self.scripts().of_model.insert(model.to_owned(), script);
    }

    /// Plays `script` to every call that has no other.
    ///
    /// # Panics
    /// For a [held](Script::held) script, which can be played once only.
    pub fn always(&self, script: Script) {
        assert!(script.repeatable(), "a held script is played once");
        self.scripts().always = Some(script);
    }

    /// A held script for the next call: see [`Script::held`].
    pub fn hold_next(&self) -> Held {
        let (script, held) = Script::held();
        self.next(script);
        held
    }

    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<ModelCall> {
        let ledger = self.ledger();
        ledger.iter().map(|(_, call)| call.clone()).collect()
    }

    /// When each call came, in order.
    pub fn call_times(&self) -> Vec<Instant> {
        self.ledger().iter().map(|(at, _)| *at).collect()
    }

    /// The attempts made for `ticket`, in order.
    pub fn attempts_of(&self, ticket: TicketId) -> Vec<u32> {
        let ledger = self.ledger();
        let of = ledger.iter().filter(|(_, call)| call.ticket == ticket);
        of.map(|(_, call)| call.attempt).collect()
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        *self.shared.counts.borrow()
    }

    /// Waits until `wanted` holds of the counts.
    pub async fn until(&self, wanted: impl FnMut(&Counts) -> bool) -> Counts {
        let mut counts = self.shared.counts.subscribe();
        // The sender lives in `self`, so the wait cannot fail.
        let reached = counts.wait_for(wanted).await.map(|counts| *counts);
        reached.unwrap_or_default()
    }

    /// How many scripts for the next calls nobody has called for.
    pub fn unplayed(&self) -> usize {
        let scripts = self.scripts();
        scripts.next.len() + scripts.exact.len()
    }

    fn script_for(&self, call: &ModelCall) -> Script {
        let mut scripts = self.scripts();
        if let Some(script) = scripts.exact.remove(&(call.ticket, call.attempt)) {
            return script;
        }
        let next = scripts.next.pop_front();
        next.or_else(|| scripts.of_model.get(&call.model).and_then(Script::again))
            .or_else(|| scripts.always.as_ref().and_then(Script::again))
            .unwrap_or_else(|| Script::says([DEFAULT_ANSWER]))
    }

    fn scripts(&self) -> MutexGuard<'_, Scripts> {
        let scripts = self.shared.scripts.lock();
        scripts.unwrap_or_else(PoisonError::into_inner)
    }

    fn ledger(&self) -> MutexGuard<'_, Vec<(Instant, ModelCall)>> {
        let ledger = self.shared.ledger.lock();
        ledger.unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl LanguageModel for ScriptedModel {
    async fn answer(&self, call: ModelCall) -> Result<AnswerStream, AttemptError> {
        let script = self.script_for(&call);
        self.ledger().push((Instant::now(), call));
        let mut playing = Playing {
            steps: script.play(),
            in_flight: InFlight::begin(self),
        };
        // What is said before the first part decides how the call itself goes.
        match playing.steps.refusal().await {
            Some(Step::Panic) => playing.in_flight.panic(),
            Some(Step::Refuse(error)) => return Err(error),
            Some(_) | None => {}
        }
        Ok(Box::pin(stream::unfold(playing, Playing::next)))
    }
}

/// A script that is being played.
struct Playing {
    steps: Steps,
    in_flight: InFlight,
}

impl Playing {
    async fn next(mut self) -> Option<(Result<AnswerPart, AttemptError>, Self)> {
        match self.steps.next().await {
            Step::Part(part) => Some((Ok(part), self)),
            Step::Fail(error) | Step::Refuse(error) => Some((Err(error), self)),
            Step::Panic => self.in_flight.panic(),
            Step::Cut => None,
            Step::Wait(_) | Step::Hang => std::future::pending().await,
        }
    }
}

/// Counts one call for as long as it runs.
struct InFlight(ScriptedModel);

impl InFlight {
    fn begin(model: &ScriptedModel) -> Self {
        model.shared.counts.send_modify(|counts| {
            counts.begun += 1;
            counts.in_flight += 1;
            counts.most_in_flight = counts.most_in_flight.max(counts.in_flight);
        });
        Self(model.clone())
    }

    #[expect(clippy::panic, reason = "the script asks for it")]
    fn panic(&self) -> ! {
        self.0
            .shared
            .counts
            .send_modify(|counts| counts.panics += 1);
        panic!("the scripted model panics as told");
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0
            .shared
            .counts
            .send_modify(|counts| counts.in_flight -= 1);
    }
}
