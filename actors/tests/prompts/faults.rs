//! A store that fails, is slow to say what it did, or has somebody else write in between.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use punchcard_actors::ports::{
    AppendError, Appended, Direction, EventStore, ExpectedRevision, ReadError, Subscription,
};
use punchcard_actors::prompts::PromptError;
use punchcard_actors::testing::memory_store::{Fault, MemoryStore};
use punchcard_events::prompt::Rejection;
use punchcard_events::{NewEvent, Position, Recorded, Revision, StreamName};

use super::office::{Office, in_paused_time};

/// A store before whose next append somebody else is faster, and whose subscriptions break off.
#[derive(Clone)]
struct OddStore {
    store: MemoryStore,
    rival: Arc<Mutex<Option<BoxFuture<'static, ()>>>>,
    /// How many events a subscription has before it ends; `usize::MAX`: it does not.
    patience: Arc<AtomicUsize>,
    subscriptions: Arc<AtomicUsize>,
}

impl OddStore {
    fn over(store: MemoryStore) -> Self {
        Self {
            store,
            rival: Arc::default(),
            patience: Arc::new(AtomicUsize::new(usize::MAX)),
            subscriptions: Arc::default(),
        }
    }

    fn rival(&self, deed: impl Future<Output = ()> + Send + 'static) {
        *self.rival.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::pin(deed));
    }
}

#[async_trait]
impl EventStore for OddStore {
    async fn append(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        events: &[NewEvent],
    ) -> Result<Appended, AppendError> {
        let rival = self
            .rival
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(rival) = rival {
            rival.await;
        }
        self.store.append(stream, expected, events).await
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        let read = self.store.read_stream(stream, from, direction, limit);
        read.await
    }

    async fn read_all(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        self.store.read_all(after, limit).await
    }

    fn subscribe(&self, after: Option<Position>) -> Subscription {
        self.store.subscribe(after)
    }

    async fn read_category(
        &self,
        category: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        self.store.read_category(category, after, limit).await
    }

    fn subscribe_category(&self, category: &str, after: Option<Position>) -> Subscription {
        self.subscriptions.fetch_add(1, Ordering::SeqCst);
        let news = self.store.subscribe_category(category, after);
        let end = ReadError::Unavailable("injected".to_owned());
        match self.patience.load(Ordering::SeqCst) {
            usize::MAX => news,
            some => news.take(some).chain(stream::iter([Err(end)])).boxed(),
        }
    }
}

#[test]
fn what_says_what_its_author_saw_is_decided_again_after_somebody_was_faster() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let odd = OddStore::over(store.clone());
        let here = Office::over(odd.clone()).await;
        let there = Office::over(store).await;
        here.publish("one").await;
        odd.rival(async move {
            there.deploy(1).await.expect("nobody is in the way");
        });
        let draft = here.save(None, "two").await.unwrap();
        assert_eq!(draft.content.messages[0].content, "two");
        assert_eq!(here.production(), Some((1, "one".to_owned())));
    });
}

#[test]
fn a_deployment_that_does_not_say_what_it_replaces_is_not_decided_again() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let odd = OddStore::over(store.clone());
        let here = Office::over(odd.clone()).await;
        let there = Office::over(store).await;
        here.publish("one").await;
        here.publish("two").await;
        odd.rival(async move {
            there.deploy(1).await.expect("nobody is in the way");
        });
        assert_eq!(here.deploy(2).await, Err(PromptError::Conflict));
        here.sees(1).await;
    });
}

#[test]
fn a_rollback_that_another_node_beat_takes_back_nothing_else() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let odd = OddStore::over(store.clone());
        let here = Office::over(odd.clone()).await;
        let there = Office::over(store).await;
        for words in ["one", "two", "three"] {
            let version = here.publish(words).await;
            here.deploy(version.number).await.unwrap();
        }
        odd.rival(async move {
            there.sees(3).await;
            there.roll_back().await.expect("they are faster");
        });
        let told = here.roll_back().await;
        let Err(PromptError::Rejected(Rejection::LabelConflict { seen, now, .. })) = told else {
            panic!("{told:?}");
        };
        assert_eq!((seen, now), (Some(3), Some(2)));
        here.sees(2).await;
    });
}

#[test]
fn two_planners_who_save_at_once_have_one_winner_and_one_who_is_told() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let odd = OddStore::over(store.clone());
        let here = Office::over(odd.clone()).await;
        let there = Office::over(store).await;
        odd.rival(async move {
            there.save(None, "theirs").await.expect("they are faster");
        });
        let told = here.save(None, "ours").await;
        let (seen, now) = (None, Some(1));
        let conflict = Rejection::DraftConflict { seen, now };
        assert_eq!(told, Err(PromptError::Rejected(conflict)));
    });
}

#[test]
fn a_store_that_does_not_say_what_it_did_is_asked_again_and_nothing_happens_twice() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let office = Office::over(store.clone()).await;
        office.publish("one").await;
        for fault in [Fault::UnknownWritten, Fault::UnknownNotWritten] {
            let before = store.all_events().len();
            store.fail_next(fault);
            store.fail_next(fault);
            let label = format!("label-{before}");
            let moved = office.execute(super::office::move_to(1, &label)).await;
            assert_eq!(moved.unwrap().events.len(), 1);
            assert_eq!(store.all_events().len(), before + 1, "{fault:?}");
        }
        assert_eq!(store.faults_pending(), 0);
    });
}

#[test]
fn a_store_that_takes_nothing_changes_nothing() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let office = Office::over(store.clone()).await;
        office.publish("one").await;
        store.set_down(true);
        let refused = office.deploy(1).await;
        assert!(matches!(refused, Err(PromptError::Unavailable(_))));
        assert_eq!(office.production(), None);
        store.set_down(false);
        office.deploy(1).await.unwrap();
        assert_eq!(office.production(), Some((1, "one".to_owned())));
    });
}

#[test]
fn a_subscription_that_breaks_off_is_taken_up_again_without_a_gap() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let odd = OddStore::over(store.clone());
        odd.patience.store(2, Ordering::SeqCst);
        let here = Office::over(store).await;
        let there = Office::over(odd.clone()).await;
        for words in ["one", "two", "three"] {
            let version = here.publish(words).await;
            here.deploy(version.number).await.unwrap();
            there.sees(version.number).await;
        }
        assert_eq!(there.effective(), here.effective());
        assert!(odd.subscriptions.load(Ordering::SeqCst) >= 4);
    });
}
