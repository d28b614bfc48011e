//! Prompts that were compiled and are kept for the next ticket, at most so many.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use punchcard_events::prompt::ContentHash;
use punchcard_events::{TaskName, TenantId};

use crate::prompts::{CompiledPrompt, Uncompiled};

/// A prompt compiled under a task's limits. A content is the same wherever its hash is.
pub(super) type Key = (TenantId, TaskName, ContentHash);

/// Why there is no compiled prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Uncached {
    /// It cannot be used under this configuration.
    Broken,
    /// It cannot be made ready now.
    Unavailable,
}

/// The cache. When it is full, one that was not used for a while makes room: the second chance
/// algorithm, which is nearly the least recently used and takes constant time.
///
/// A prompt that many ask for at once is compiled once, and the others wait for it. That one cannot
/// be used is kept as well: only a new start, with another configuration or release, changes it.
#[derive(Debug)]
pub(super) struct Cache {
    most: NonZeroUsize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    slots: HashMap<Key, Slot>,
    /// All keys of `slots`, each once. Whose turn it is to leave is at the front.
    queue: VecDeque<Key>,
}

/// What became of a prompt; `None` until it was compiled. Whoever compiles it holds the lock.
type Place = Arc<Mutex<Option<Kept>>>;

#[derive(Debug, Clone)]
enum Kept {
    Ready(Arc<CompiledPrompt>),
    Broken,
}

#[derive(Debug)]
struct Slot {
    place: Place,
    /// Since it was last passed over.
    used: bool,
}

impl Cache {
    /// A cache of at most `most` prompts.
    pub(super) fn new(most: NonZeroUsize) -> Self {
        Self {
            most,
            held: Mutex::default(),
        }
    }

    /// The prompt of this key, which is compiled where it is not here. What is wrong with it is told
    /// to `flawed`, once.
    ///
    /// # Errors
    /// When it cannot be used, or not be made ready now; only the first is kept.
    pub(super) fn get_or_compile(
        &self,
        key: &Key,
        compile: impl FnOnce() -> Result<CompiledPrompt, Uncompiled>,
        flawed: impl FnOnce(&[crate::prompts::Flaw]),
    ) -> Result<Arc<CompiledPrompt>, Uncached> {
        let place = self.place(key);
        // A panic while it was compiled left nothing in it.
        let mut kept = place.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = match kept.as_ref() {
            Some(outcome) => outcome.clone(),
            None => match compile() {
                Ok(compiled) => kept.insert(Kept::Ready(Arc::new(compiled))).clone(),
                Err(Uncompiled::Flawed(flaws)) => {
                    flawed(&flaws);
                    kept.insert(Kept::Broken).clone()
                }
                Err(Uncompiled::Unavailable) => return Err(Uncached::Unavailable),
            },
        };
        match outcome {
            Kept::Ready(compiled) => Ok(compiled),
            Kept::Broken => Err(Uncached::Broken),
        }
    }

    /// The prompt of this key, if it is here and can be used.
    pub(super) fn get(&self, key: &Key) -> Option<Arc<CompiledPrompt>> {
        let place = {
            let mut held = self.held();
            let slot = held.slots.get_mut(key)?;
            slot.used = true;
            Arc::clone(&slot.place)
        };
        let kept = place.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.as_ref()? {
            Kept::Ready(compiled) => Some(Arc::clone(compiled)),
            Kept::Broken => None,
        }
    }

    /// Where the prompt of this key is, or is going to be.
    fn place(&self, key: &Key) -> Place {
        let mut held = self.held();
        if let Some(slot) = held.slots.get_mut(key) {
            slot.used = true;
            return Arc::clone(&slot.place);
        }
        // Dropped after the lock is free.
        let _gone = (held.slots.len() >= self.most.get())
            .then(|| held.make_room())
            .flatten();
        let place = Place::default();
        let slot = Slot {
            place: Arc::clone(&place),
            used: false,
        };
        held.slots.insert(key.clone(), slot);
        held.queue.push_back(key.clone());
        place
    }

    // A panic elsewhere leaves at worst a key too many in the queue.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn make_room(&mut self) -> Option<Slot> {
        // Each that is passed over loses its chance, so the second round finds one at the latest.
        while let Some(key) = self.queue.pop_front() {
            match self.slots.get_mut(&key) {
                Some(slot) if slot.used => {
                    slot.used = false;
                    self.queue.push_back(key);
                }
                _ => return self.slots.remove(&key),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use punchcard_events::prompt::{Content, MessageTemplate};
    use punchcard_events::ticket::{AnswerFormat, Parameters, Role};

    use super::*;
    use crate::prompts::Limits;

    fn content(words: &str) -> (Key, Arc<Content>) {
        let content = Content {
            messages: vec![MessageTemplate {
                role: Role::User,
                content: words.to_owned(),
            }],
            model: "m".to_owned(),
            parameters: Parameters::default(),
            answer: AnswerFormat::Text,
            input_schema: None,
            answer_schema: None,
            partials: [].into(),
        };
        let content = Arc::new(content);
        let names = (TenantId::new("a").unwrap(), TaskName::new("t").unwrap());
        ((names.0, names.1, content.hash()), content)
    }

    fn compile(content: &Arc<Content>) -> Result<CompiledPrompt, Uncompiled> {
        let most = NonZeroUsize::new(1_000).unwrap();
        let limits = Limits {
            max_prompt_bytes: most,
            max_answer_bytes: most,
        };
        CompiledPrompt::compile(content, limits)
    }

    fn never() -> Result<CompiledPrompt, Uncompiled> {
        unreachable!("it was here before")
    }

    #[test]
    fn the_cache_never_holds_more_than_it_may_and_keeps_what_is_used() {
        let cache = Cache::new(NonZeroUsize::new(3).unwrap());
        let (favourite, of_favourite) = content("favourite");
        let put = |key: &Key, content: &Arc<Content>| {
            let got = cache.get_or_compile(key, || compile(content), |_| ());
            assert!(got.is_ok());
        };
        put(&favourite, &of_favourite);
        for number in 0..10 {
            let got = cache.get_or_compile(&favourite, never, |_| ());
            assert!(got.is_ok(), "it went at {number}");
            let (key, words) = content(&number.to_string());
            put(&key, &words);
            let held = cache.held();
            assert!(held.slots.contains_key(&key));
            assert!(held.slots.len() <= 3 && held.queue.len() == held.slots.len());
        }
        assert!(cache.get(&content("0").0).is_none());
    }

    #[test]
    fn a_prompt_that_many_ask_for_at_once_is_compiled_once() {
        let cache = Cache::new(NonZeroUsize::MIN);
        let (key, content) = content("same");
        let compiled = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let compile = || {
                        compiled.fetch_add(1, Ordering::SeqCst);
                        compile(&content)
                    };
                    assert!(cache.get_or_compile(&key, compile, |_| ()).is_ok());
                });
            }
        });
        assert_eq!(compiled.into_inner(), 1);
        assert_eq!(cache.held().queue.len(), 1);
    }

    #[test]
    fn what_cannot_be_used_is_found_out_and_told_once_and_what_cannot_be_had_is_asked_for_again() {
        let cache = Cache::new(NonZeroUsize::MIN);
        let (key, content) = content("{{ a");
        let mut told = 0;
        let unavailable = || Err(Uncompiled::Unavailable);
        let got = cache.get_or_compile(&key, unavailable, |_| told += 1);
        assert_eq!((got.err(), told), (Some(Uncached::Unavailable), 0));
        let got = cache.get_or_compile(&key, || compile(&content), |flaws| told += flaws.len());
        assert_eq!((got.err(), told), (Some(Uncached::Broken), 1));
        let got = cache.get_or_compile(&key, never, |_| told += 1);
        assert_eq!((got.err(), told), (Some(Uncached::Broken), 1));
    }
}
