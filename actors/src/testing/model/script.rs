//! What a scripted model says in one call.

use std::collections::VecDeque;
use std::time::Duration;

use punchcard_events::ticket::{AttemptError, AttemptErrorKind, Usage};
use tokio::sync::{mpsc, watch};

use crate::ports::AnswerPart;

/// What the model does in one call, step by step. A script that ends without [`Self::complete`] or
/// a failure is a stream that was cut.
#[derive(Debug, Default)]
pub struct Script {
    steps: Vec<Step>,
    /// Steps to come while the call runs.
    held: Option<Incoming>,
}

/// One step.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Part(AnswerPart),
    /// The call itself fails.
    Refuse(AttemptError),
    /// The stream fails.
    Fail(AttemptError),
    Panic,
    Wait(Duration),
    Hang,
    Cut,
}

#[derive(Debug)]
struct Incoming {
    steps: mpsc::UnboundedReceiver<Step>,
    running: watch::Sender<Running>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Running {
    NotYet,
    Begun,
    Ended,
}

/// The test's end of a held call: what is sent here, the model says.
#[derive(Debug)]
pub struct Held {
    steps: mpsc::UnboundedSender<Step>,
    running: watch::Receiver<Running>,
}

impl Script {
    /// Says these parts and is complete.
    pub fn says<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::default().text(parts).complete()
    }

    /// Refuses the call.
    pub fn refuses(kind: AttemptErrorKind) -> Self {
        Self::default().step(Step::Refuse(attempt_error(kind)))
    }

    /// Refuses the call and asks to be left alone for `wait`.
    pub fn refuses_for(kind: AttemptErrorKind, wait: Duration) -> Self {
        let retry_after_ms = u64::try_from(wait.as_millis()).ok();
        Self::default().step(Step::Refuse(AttemptError {
            retry_after_ms,
            ..attempt_error(kind)
        }))
    }

    /// Panics in the call itself.
    pub fn panics() -> Self {
        Self::default().step(Step::Panic)
    }

    /// Takes the call and says nothing, for ever.
    pub fn hangs() -> Self {
        Self::default().step(Step::Hang)
    }

    /// A script that the test goes on writing while the call runs. When the [`Held`] is dropped the
    /// stream is cut.
    pub fn held() -> (Self, Held) {
        let (sender, steps) = mpsc::unbounded_channel();
        let (running, watcher) = watch::channel(Running::NotYet);
        let script = Self {
            steps: vec![],
            held: Some(Incoming { steps, running }),
        };
        let held = Held {
            steps: sender,
            running: watcher,
        };
        (script, held)
    }

    /// Then says these parts.
    #[must_use]
    pub fn text<'a>(mut self, parts: impl IntoIterator<Item = &'a str>) -> Self {
        let parts = parts.into_iter().map(|part| Step::Part(text(part)));
        self.steps.extend(parts);
        self
    }

    /// Then waits.
    #[must_use]
    pub fn wait(self, time: Duration) -> Self {
        self.step(Step::Wait(time))
    }

    /// Then the answer is complete.
    #[must_use]
    pub fn complete(self) -> Self {
        self.step(Step::Part(complete()))
    }

    /// Then the answer is complete, and took so many tokens.
    #[must_use]
    pub fn complete_using(self, prompt_tokens: u64, completion_tokens: u64) -> Self {
        self.step(Step::Part(AnswerPart::Complete {
            finish_reason: "stop".to_owned(),
            usage: Some(Usage {
                prompt_tokens,
                completion_tokens,
            }),
        }))
    }

    /// Then the stream fails.
    #[must_use]
    pub fn fail(self, kind: AttemptErrorKind) -> Self {
        self.step(Step::Fail(attempt_error(kind)))
    }

    /// Then the stream panics.
    #[must_use]
    pub fn panic(self) -> Self {
        self.step(Step::Panic)
    }

    /// Then nothing comes any more, and the stream does not end.
    #[must_use]
    pub fn hang(self) -> Self {
        self.step(Step::Hang)
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    pub(super) const fn repeatable(&self) -> bool {
        self.held.is_none()
    }

    /// The same script once more, unless it is held.
    pub(super) fn again(&self) -> Option<Self> {
        self.repeatable().then(|| Self {
            steps: self.steps.clone(),
            held: None,
        })
    }

    pub(super) fn play(self) -> Steps {
        if let Some(held) = &self.held {
            held.running.send_replace(Running::Begun);
        }
        Steps {
            steps: self.steps.into(),
            held: self.held,
        }
    }
}

impl Held {
    /// Says `part`. Nothing happens when the call is over.
    pub fn text(&self, part: &str) {
        self.send(Step::Part(text(part)));
    }

    /// The answer is complete.
    pub fn complete(&self) {
        self.send(Step::Part(complete()));
    }

    /// The stream fails.
    pub fn fail(&self, kind: AttemptErrorKind) {
        self.send(Step::Fail(attempt_error(kind)));
    }

    /// The stream panics.
    pub fn panic(&self) {
        self.send(Step::Panic);
    }

    /// The stream ends without a word.
    pub fn cut(&self) {
        self.send(Step::Cut);
    }

    /// Waits until the call is made.
    pub async fn begun(&mut self) {
        self.reached(Running::Begun).await;
    }

    /// Waits until the call's stream is dropped.
    pub async fn ended(&mut self) {
        self.reached(Running::Ended).await;
    }

    /// Whether the call's stream was dropped.
    pub fn has_ended(&self) -> bool {
        *self.running.borrow() == Running::Ended
    }

    async fn reached(&mut self, wanted: Running) {
        // A script that is dropped unplayed never gets there; the test waits and its limit ends it.
        if self.running.wait_for(|now| *now >= wanted).await.is_err() {
            std::future::pending().await
        }
    }

    fn send(&self, step: Step) {
        // The call may be over: then nobody listens.
        let _ = self.steps.send(step);
    }
}

/// A script while it is played.
pub(super) struct Steps {
    steps: VecDeque<Step>,
    held: Option<Incoming>,
}

impl Steps {
    /// The first step, if it is one that keeps the stream from starting.
    pub(super) async fn refusal(&mut self) -> Option<Step> {
        self.wait().await;
        match self.steps.front() {
            Some(Step::Panic | Step::Refuse(_)) => self.steps.pop_front(),
            _ => None,
        }
    }

    pub(super) async fn next(&mut self) -> Step {
        self.wait().await;
        if let Some(step) = self.steps.pop_front() {
            return step;
        }
        match &mut self.held {
            Some(held) => held.steps.recv().await.unwrap_or(Step::Cut),
            None => Step::Cut,
        }
    }

    async fn wait(&mut self) {
        while let Some(Step::Wait(time)) = self.steps.front() {
            let time = *time;
            self.steps.pop_front();
            tokio::time::sleep(time).await;
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.running.send_if_modified(|running| {
            let played = *running == Running::Begun;
            if played {
                *running = Running::Ended;
            }
            played
        });
    }
}

/// A failure of the given kind.
pub fn attempt_error(kind: AttemptErrorKind) -> AttemptError {
    AttemptError {
        kind,
        message: "the scripted model fails as told".to_owned(),
        retry_after_ms: None,
    }
}

fn text(part: &str) -> AnswerPart {
    AnswerPart::Text(part.to_owned())
}

fn complete() -> AnswerPart {
    AnswerPart::Complete {
        finish_reason: "stop".to_owned(),
        usage: Some(Usage {
            prompt_tokens: 7,
            completion_tokens: 5,
        }),
    }
}
