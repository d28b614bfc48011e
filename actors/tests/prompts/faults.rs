//! A store that fails, is slow to say what it did, or has somebody else write in between.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use punchcard_actors::ports::{
    AppendError, Appended, Direction, EventStore, ExpectedRevision, ReadError, Subscription,
};
use punchcard_actors::prompts::{NotEffective, PromptError};
use punchcard_actors::testing::memory_store::{Fault, MemoryStore};
use punchcard_events::prompt::Rejection;
use punchcard_events::{EventId, NewEvent, Position, Recorded, Revision, StreamName};
use uuid::Uuid;

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

/// Appends an event to a task's prompt that is damaged from the beginning on.
async fn damage(store: &MemoryStore, office: &Office, after: u64) {
    let stream = StreamName::of_prompt(&office.tenant, &office.task);
    let read = store.read_stream(&stream, None, Direction::Forwards, 1);
    let mut event = read.await.expect("sound so far").remove(0).event;
    event.id = EventId(Uuid::from_u128(u128::from(after)));
    let expected = ExpectedRevision::Exact(Revision(after));
    let landed = store.append(&stream, expected, &[event]).await;
    store.damage(landed.expect("so many events are there").position);
}

async fn is_broken(office: &Office) {
    let broken = tokio::time::timeout(Duration::from_secs(60), async {
        while office.effective() != Err(NotEffective::Broken) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    broken.await.expect("the damage arrives");
}

#[test]
fn a_damaged_event_takes_its_own_prompt_out_of_service_and_the_others_go_on() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let live = Office::over(store.clone()).await.at("essay");
        live.publish("bad").await;
        live.deploy(1).await.unwrap();
        damage(&store, &live, 2).await;
        let writer = Office::over(store.clone()).await.at("review");
        writer.publish("good").await;
        writer.deploy(1).await.unwrap();
        let started = Office::over(store.clone()).await.at("essay");
        for (office, words) in [(live, "better"), (started, "best")] {
            is_broken(&office).await;
            let refused = office.save(None, "more").await;
            assert!(
                matches!(refused, Err(PromptError::Damaged(_))),
                "{refused:?}"
            );
            // What comes behind the damage arrives.
            let office = office.at("review");
            let version = writer.publish(words).await;
            writer.deploy(version.number).await.unwrap();
            office.sees(version.number).await;
        }
    });
}

#[test]
fn damage_in_a_row_and_at_both_ends_hides_no_other_event() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let bad = Office::over(store.clone()).await.at("essay");
        bad.publish("bad").await;
        let good = Office::over(store.clone()).await;
        good.publish("good").await;
        good.deploy(1).await.unwrap();
        damage(&store, &bad, 1).await;
        damage(&store, &bad, 2).await;
        store.damage(Position(1));
        let started = Office::over(store).await;
        assert_eq!(started.production(), Some((1, "good".to_owned())));
        assert_eq!(started.at("essay").effective(), Err(NotEffective::Broken));
    });
}

#[test]
fn a_panic_while_following_is_survived_and_what_came_meanwhile_arrives() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let here = Office::over(store.clone()).await;
        tokio::task::yield_now().await;
        store.panic_at_subscriptions(3);
        let there = Office::over(store.clone()).await;
        here.publish("one").await;
        here.deploy(1).await.unwrap();
        there.sees(1).await;
        assert_eq!(store.panics_pending(), 0);
    });
}

#[test]
fn a_start_holds_the_texts_in_effect_and_reads_no_other() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let here = Office::over(store.clone()).await;
        for words in ["one", "two", "three"] {
            here.publish(words).await;
        }
        here.deploy(2).await.unwrap();
        // A draft of a newer punchcard, whose text only that one understands.
        let stream = StreamName::of_prompt(&here.tenant, &here.task);
        let first = store.read_stream(&stream, None, Direction::Forwards, 1);
        let mut event = first.await.expect("sound").remove(0).event;
        event.id = EventId(Uuid::from_u128(1));
        event.data = event.data.replace("\"edit\":1", "\"edit\":4");
        event.data = event.data.replace("\"model\"", "\"models\"");
        let expected = ExpectedRevision::Exact(Revision(6));
        store
            .append(&stream, expected, &[event])
            .await
            .expect("seven are there");
        let started = Office::over(store).await;
        for office in [started, here] {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(office.production(), Some((2, "two".to_owned())));
            let book = office.prompts.book();
            assert_eq!(
                book.summary(&office.tenant, &office.task)
                    .map(|s| s.last_edit),
                Some(4)
            );
            let held = [1, 2, 3].map(|version| {
                book.content(&office.tenant, &office.task, version)
                    .is_some()
            });
            assert_eq!(held, [false, true, false]);
            assert!(
                office.save(Some(4), "more").await.is_err(),
                "nothing is decided on it"
            );
        }
    });
}
