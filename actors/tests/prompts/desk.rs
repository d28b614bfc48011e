//! What planners do at the desk.

use punchcard_actors::prompts::{ContentName, NotEffective, PromptError};
use punchcard_actors::testing::clock::START;
use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_actors::testing::prompts::{MISTAKE, act};
use punchcard_events::prompt::{Rejection, Tested};
use punchcard_events::{LabelName, PartialName};

use super::office::{Office, in_paused_time, mina, move_to};

#[test]
fn what_was_done_is_in_the_book_before_its_author_is_answered() {
    in_paused_time(async {
        let office = Office::over(MemoryStore::new()).await;
        assert_eq!(office.effective(), Err(NotEffective::NoSuchPrompt));
        let version = office.publish("one").await;
        assert_eq!(office.effective(), Err(NotEffective::NotDeployed));
        office.deploy(version.number).await.unwrap();
        let effective = office.effective().unwrap();
        assert_eq!((effective.version, effective.hash), (1, version.hash));
        assert_eq!(effective.since, START);
        office.publish("two").await;
        assert_eq!(office.production(), Some((1, "one".to_owned())));
        office.deploy(2).await.unwrap();
        assert_eq!(office.production(), Some((2, "two".to_owned())));
        office.roll_back().await.unwrap();
        assert_eq!(office.production(), Some((1, "one".to_owned())));
        let refused = office.roll_back().await;
        let Err(PromptError::Rejected(Rejection::NothingBefore { .. })) = refused else {
            panic!("{refused:?}");
        };
    });
}

#[test]
fn the_second_planner_with_the_same_draft_is_told_and_nothing_is_overwritten() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let mine = Office::over(store.clone()).await;
        let yours = Office::over(store).await;
        let first = mine.save(None, "mine").await.unwrap();
        let refused = yours.save(None, "yours").await;
        let conflict = |seen| Rejection::DraftConflict {
            seen,
            now: Some(first.edit),
        };
        assert_eq!(refused, Err(PromptError::Rejected(conflict(None))));
        let draft = mine
            .prompts
            .content(&mine.tenant, &mine.task, &ContentName::Draft)
            .await
            .unwrap();
        assert_eq!(draft.content.messages[0].content, "mine");
        assert_eq!(draft.which, Tested::Draft(first.edit));
        let merged = yours.save(Some(first.edit), "both").await.unwrap();
        assert!(merged.edit > first.edit);
    });
}

#[test]
fn a_draft_with_a_mistake_is_saved_with_its_findings_and_not_published() {
    in_paused_time(async {
        let office = Office::over(MemoryStore::new()).await;
        let draft = office.save(None, MISTAKE).await.unwrap();
        let (tenant, task) = (&office.tenant, &office.task);
        let desk = &office.prompts;
        assert!(!desk.check_draft(tenant, task).await.unwrap().is_sound());
        let tested = desk.sound_content(tenant, task, &ContentName::Draft).await;
        assert!(matches!(tested, Err(PromptError::Broken { .. })));
        let notes = String::new;
        let published = desk
            .publish(tenant, task, draft.edit, notes(), mina())
            .await;
        let Err(PromptError::Broken { findings }) = published else {
            panic!("{published:?}");
        };
        assert_eq!(findings[0].place, "messages[0]");
        // Whoever did not see the mistake is told of the edit instead.
        let stale = desk.publish(tenant, task, 0, notes(), mina()).await;
        assert!(matches!(
            stale,
            Err(PromptError::Rejected(Rejection::DraftConflict { .. }))
        ));
    });
}

#[test]
fn a_version_carries_the_partials_that_it_includes_as_they_were() {
    in_paused_time(async {
        let office = Office::over(MemoryStore::new()).await;
        let (desk, tenant, task) = (&office.prompts, &office.tenant, &office.task);
        let tone = PartialName::new("tone").unwrap();
        desk.save_partial(tenant, &tone, None, "Be kind.", mina())
            .await
            .unwrap();
        let draft = office.save(None, "{% include \"tone\" %}").await.unwrap();
        let tested = desk
            .sound_content(tenant, task, &ContentName::Draft)
            .await
            .unwrap();
        let version = desk
            .publish(tenant, task, draft.edit, "kind".to_owned(), mina())
            .await
            .unwrap();
        assert_eq!(
            version.hash, tested.hash,
            "what was tested is what is published"
        );
        let changed = desk
            .save_partial(tenant, &tone, Some(1), "Be strict.", act("juno", START))
            .await
            .unwrap();
        assert_eq!(changed.get(&tone).unwrap().text, "Be strict.");
        let stale = desk.save_partial(tenant, &tone, Some(1), "Be mild.", mina());
        assert!(matches!(stale.await, Err(PromptError::PartialRejected(_))));
        let published = ContentName::Version(1);
        let published = desk.content(tenant, task, &published).await.unwrap();
        assert_eq!(published.content.partials[&tone], "Be kind.");
        let left = desk.remove_partial(tenant, &tone, 2, mina()).await.unwrap();
        assert!(left.get(&tone).is_none());
    });
}

#[test]
fn a_content_is_had_by_its_number_or_label_and_what_is_not_there_is_named() {
    in_paused_time(async {
        let office = Office::over(MemoryStore::new()).await;
        let (desk, tenant, task) = (&office.prompts, &office.tenant, &office.task);
        let production = ContentName::Label(LabelName::production());
        let missing = desk.content(tenant, task, &production).await;
        assert_eq!(missing, Err(PromptError::NoSuchPrompt(task.clone())));
        office.publish("one").await;
        office.publish("two").await;
        office.execute(move_to(1, "production")).await.unwrap();
        let labelled = desk.content(tenant, task, &production).await.unwrap();
        assert_eq!(labelled.which, Tested::Version(1));
        for gone in [ContentName::Draft, ContentName::Version(3)] {
            let missing = desk.content(tenant, task, &gone).await;
            let expected = PromptError::NoSuchContent {
                task: task.clone(),
                name: gone,
            };
            assert_eq!(missing, Err(expected));
        }
        let history = desk.history(tenant, task, None, 3).await.unwrap();
        let kinds: Vec<_> = history.iter().map(|event| &*event.event.kind).collect();
        assert_eq!(kinds, ["PromptDrafted", "PromptPublished", "PromptDrafted"]);
    });
}
