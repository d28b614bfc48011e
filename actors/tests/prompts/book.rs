//! The book at a start, and beside another node.

use std::borrow::Cow;

use punchcard_actors::ports::{EventStore as _, ExpectedRevision};
use punchcard_actors::prompts::{NotEffective, PromptError};
use punchcard_actors::testing::clock::START;
use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_events::{EventId, NewEvent, Revision, StreamName};
use uuid::Uuid;

use super::office::{Office, in_paused_time, move_to, task, tenant};

#[test]
fn a_start_reads_the_same_book_that_was_left() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let office = Office::over(store.clone()).await;
        for words in ["one", "two", "three", "four"] {
            let version = office.publish(words).await;
            office.deploy(version.number).await.unwrap();
        }
        office.execute(move_to(2, "staging")).await.unwrap();
        for _ in 0..3 {
            office.roll_back().await.unwrap();
        }
        let again = Office::over(store).await;
        assert_eq!(again.production(), Some((1, "one".to_owned())));
        assert_eq!(again.effective(), office.effective());
        let summary = |office: &Office| office.prompts.book().summary(&office.tenant, &office.task);
        assert_eq!(summary(&again), summary(&office));
        for version in [1, 2] {
            let content = |office: &Office| {
                let book = office.prompts.book();
                book.content(&office.tenant, &office.task, version)
            };
            assert!(content(&again).is_some(), "{version} is in effect");
            assert_eq!(content(&again), content(&office));
        }
        let book = again.prompts.book();
        for version in [3, 4] {
            assert_eq!(book.content(&again.tenant, &again.task, version), None);
        }
        let old = again.prompts.version(&again.tenant, &again.task, 3);
        let old = old.await.unwrap().unwrap();
        assert_eq!(old.messages[0].content, "three");
    });
}

#[test]
fn another_nodes_deployments_and_rollbacks_arrive() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let here = Office::over(store.clone()).await;
        let there = Office::over(store).await;
        for words in ["one", "two", "three"] {
            let version = here.publish(words).await;
            here.deploy(version.number).await.unwrap();
            there.sees(version.number).await;
        }
        here.roll_back().await.unwrap();
        here.roll_back().await.unwrap();
        there.sees(1).await;
        assert_eq!(there.production(), Some((1, "one".to_owned())));
        // Both write the same prompt in turn.
        there.deploy(2).await.unwrap();
        here.sees(2).await;
        here.deploy(3).await.unwrap();
        there.sees(3).await;
        assert_eq!(here.effective(), there.effective());
    });
}

#[test]
fn a_broken_event_takes_one_prompt_out_of_service_and_no_other() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let office = Office::over(store.clone()).await;
        office.publish("good").await;
        office.deploy(1).await.unwrap();
        let office = office.at("essay");
        office.publish("bad").await;
        office.deploy(1).await.unwrap();
        let stream = StreamName::of_prompt(&tenant(), &task("essay"));
        let garbage = NewEvent {
            id: EventId(Uuid::from_u128(1)),
            kind: Cow::Borrowed("PromptImproved"),
            schema_version: 1,
            tenant: tenant(),
            correlation_id: Uuid::from_u128(2),
            causation_id: None,
            recorded_at: START,
            data: "{}".to_owned(),
        };
        let expected = ExpectedRevision::Exact(Revision(2));
        let appended = store.append(&stream, expected, &[garbage]).await;
        appended.expect("three events are there");
        // At the next start, and where it comes in live.
        let again = Office::over(store).await.at("essay");
        assert_eq!(again.effective(), Err(NotEffective::Broken));
        let told = again.prompts.summary(&again.tenant, &again.task);
        assert!(matches!(told, Err(PromptError::Damaged(_))), "{told:?}");
        let unknown = again.prompts.summary(&again.tenant, &task("unheard-of"));
        assert!(matches!(unknown, Err(PromptError::NoSuchPrompt(_))));
        let patience = std::time::Duration::from_secs(60);
        let out = tokio::time::timeout(patience, async {
            while office.effective() != Err(NotEffective::Broken) {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        });
        out.await.expect("the broken event arrives");
        for office in [again, office] {
            let listed = office.prompts.book().list(&tenant(), None, 10);
            let listed: Vec<_> = listed.into_iter().map(|(task, _)| task).collect();
            assert_eq!(listed, [task("review")]);
            let refused = office.deploy(1).await;
            assert!(
                refused.is_err(),
                "nothing is decided on what cannot be read"
            );
            let office = office.at("review");
            assert_eq!(office.production(), Some((1, "good".to_owned())));
            assert!(office.deploy(1).await.is_ok());
        }
    });
}
