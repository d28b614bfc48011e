//! Prompts that were compiled and are kept for the next ticket, at most so many.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use punchcard_events::prompt::ContentHash;
use punchcard_events::{TaskName, TenantId};

use crate::prompts::CompiledPrompt;

/// A prompt compiled under a task's limits. A content is the same wherever its hash is.
pub(super) type Key = (TenantId, TaskName, ContentHash);

/// The cache. When it is full, one that was not used for a while makes room: the second chance
/// algorithm, which is nearly the least recently used and takes constant time.
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

#[derive(Debug)]
struct Slot {
    prompt: Arc<CompiledPrompt>,
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

    /// The prompt of this key, if it is here.
    pub(super) fn get(&self, key: &Key) -> Option<Arc<CompiledPrompt>> {
        let mut held = self.held();
        let slot = held.slots.get_mut(key)?;
        slot.used = true;
        Some(Arc::clone(&slot.prompt))
    }

    /// Keeps a prompt.
    pub(super) fn put(&self, key: Key, prompt: Arc<CompiledPrompt>) {
        let mut held = self.held();
        // Dropped after the lock is free.
        let _gone = (held.slots.len() >= self.most.get())
            .then(|| held.make_room())
            .flatten();
        let slot = Slot {
            prompt,
            used: false,
        };
        if held.slots.insert(key.clone(), slot).is_none() {
            held.queue.push_back(key);
        }
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
    use punchcard_events::prompt::{Content, MessageTemplate};
    use punchcard_events::ticket::{AnswerFormat, Parameters, Role};

    use super::*;
    use crate::prompts::Limits;

    fn prompt(words: &str) -> (Key, Arc<CompiledPrompt>) {
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
        let most = NonZeroUsize::new(1_000).unwrap();
        let limits = Limits {
            max_prompt_bytes: most,
            max_answer_bytes: most,
        };
        let content = Arc::new(content);
        let compiled = CompiledPrompt::compile(&content, limits).unwrap();
        let names = (TenantId::new("a").unwrap(), TaskName::new("t").unwrap());
        ((names.0, names.1, content.hash()), Arc::new(compiled))
    }

    #[test]
    fn the_cache_never_holds_more_than_it_may_and_keeps_what_is_used() {
        let cache = Cache::new(NonZeroUsize::new(3).unwrap());
        let (favourite, compiled) = prompt("favourite");
        cache.put(favourite.clone(), compiled);
        for number in 0..10 {
            assert!(cache.get(&favourite).is_some(), "it went at {number}");
            let (key, compiled) = prompt(&number.to_string());
            cache.put(key.clone(), compiled);
            let held = cache.held();
            assert!(held.slots.contains_key(&key));
            assert!(held.slots.len() <= 3 && held.queue.len() == held.slots.len());
        }
        assert!(cache.get(&prompt("0").0).is_none());
    }

    #[test]
    fn a_prompt_that_is_put_twice_takes_one_place() {
        let cache = Cache::new(NonZeroUsize::MIN);
        for _ in 0..3 {
            let (key, compiled) = prompt("same");
            cache.put(key.clone(), compiled);
            assert!(cache.get(&key).is_some());
        }
        assert_eq!(cache.held().queue.len(), 1);
    }
}
