//! A model of known capacity that sometimes fails, and the account of what it was asked.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::scripted_model::{Call, ScriptedModel, Step, Turn};

/// Calls that run at once.
pub(crate) const PERMITS: u32 = 30;
/// How long calls take on average, in milliseconds. Each by up to a quarter more or less, so that they do not
/// march in step.
const CALL_MS: u64 = 2_000;
/// Tickets per second that the model can bear.
pub(crate) const CAPACITY: u32 = PERMITS / 2;
/// While it fails, one ticket in so many has its first call fail.
const FAILS_ONE_IN: usize = 8;

/// The model and its moods.
pub(crate) struct Model {
    pub(crate) server: ScriptedModel,
    mood: Arc<Mood>,
    /// Ends the server's thread.
    _thread: oneshot::Sender<()>,
}

#[derive(Default)]
struct Mood {
    failing: AtomicBool,
    seen: Mutex<HashSet<String>>,
    calls: AtomicUsize,
    first_calls: AtomicUsize,
    faults: AtomicUsize,
}

impl Model {
    /// Starts on a thread of its own, so that it is not the load generator that slows it down.
    pub(crate) async fn start() -> Self {
        let mood = Arc::new(Mood::default());
        let answers = Arc::clone(&mood);
        let (tell, started) = oneshot::channel();
        let (thread, over) = oneshot::channel();
        std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build().unwrap().block_on(async move {
                let server = ScriptedModel::start(move |call| answers.answer(call)).await;
                assert!(tell.send(server).is_ok(), "the test waits for it");
                // Ends when the test lets go of its end.
                let _: Result<(), _> = over.await;
            });
        });
        Self {
            server: started.await.unwrap(),
            mood,
            _thread: thread,
        }
    }

    /// From now on some calls fail: half before the answer, half in its middle.
    pub(crate) fn begin_to_fail(&self) {
        self.mood.failing.store(true, Ordering::Relaxed);
    }

    /// Calls that were made to fail.
    pub(crate) fn faults(&self) -> usize {
        self.mood.faults.load(Ordering::Relaxed)
    }

    /// How often each word was called for.
    pub(crate) fn calls(&self) -> BTreeMap<String, usize> {
        let mut calls = BTreeMap::new();
        for call in self.server.calls() {
            *calls.entry(call.prompt().to_owned()).or_default() += 1;
        }
        calls
    }
}

impl Mood {
    fn answer(&self, call: &Call) -> Turn {
        let word = call.prompt().to_owned();
        let number = self.calls.fetch_add(1, Ordering::Relaxed) as u64;
        // Spread evenly, whatever the order of the calls (the golden ratio's low-discrepancy sequence).
        let part = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let length = CALL_MS * 3 / 4 + ((part * (CALL_MS / 2)) >> 32);
        let length = Duration::from_millis(length);
        let whole = vec![
            Step::say("so "),
            Step::Pause(length),
            Step::say("it is"),
            Step::Finish,
        ];
        let is_first = self.seen.lock().unwrap().insert(word);
        if !is_first || !self.failing.load(Ordering::Relaxed) {
            return whole;
        }
        let number = self.first_calls.fetch_add(1, Ordering::Relaxed);
        if !number.is_multiple_of(FAILS_ONE_IN) {
            return whole;
        }
        let fault = self.faults.fetch_add(1, Ordering::Relaxed);
        if fault.is_multiple_of(2) {
            vec![Step::Refuse(500, "{}")]
        } else {
            vec![Step::say("so "), Step::Cut]
        }
    }
}
