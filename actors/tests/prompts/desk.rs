//! What planners do at the desk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::ports::{Checked, PromptCheck};
use punchcard_actors::prompts::{ContentName, NotEffective, PromptError};
use punchcard_actors::testing::clock::START;
use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_actors::testing::prompts::{MISTAKE, act};
use punchcard_events::prompt::{
    CanaryBounds, CanaryEnd, CanaryTally, Command, Content, Rejection, Tested,
};
use punchcard_events::{LabelName, PartialName, TaskName, TenantId};
use uuid::Uuid;

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

/// A configuration in which everything is sound: the one before a model was taken out.
struct Lenient;

impl PromptCheck for Lenient {
    fn check(
        &self,
        _: &TenantId,
        _: &TaskName,
        content: &Content,
        _: &BTreeMap<PartialName, String>,
    ) -> Checked {
        Checked {
            content: Arc::new(content.clone()),
            findings: vec![],
        }
    }
}

fn canary(version: u32) -> Command {
    Command::StartCanary {
        canary: Uuid::from_u128(7),
        version,
        percent: 10,
        bounds: CanaryBounds {
            max_failed_percent: 10,
            max_schema_violation_percent: 10,
            min_tickets: 20,
        },
        reason: None,
        override_reason: Some("a test".to_owned()),
        act: mina(),
    }
}

fn end(end: CanaryEnd) -> Command {
    Command::EndCanary {
        canary: Uuid::from_u128(7),
        end,
        tally: CanaryTally::default(),
        reason: None,
        act: mina(),
    }
}

#[test]
fn a_version_that_todays_configuration_cannot_run_is_brought_to_nobody() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let before = Office::with_check(store.clone(), Lenient).await;
        before.publish(MISTAKE).await;
        before.publish("sound").await;
        before.deploy(1).await.unwrap();
        before.deploy(2).await.unwrap();
        let today = Office::over(store.clone()).await;
        #[track_caller]
        fn assert_broken<T: std::fmt::Debug>(refused: Result<T, PromptError>) {
            let Err(PromptError::BrokenVersion { version, findings }) = refused else {
                panic!("{refused:?}");
            };
            assert_eq!((version, &*findings[0].place), (1, "messages[0]"));
        }
        assert_broken(today.deploy(1).await);
        assert_broken(today.execute(move_to(1, "staging")).await);
        assert_broken(today.execute(canary(1)).await);
        assert_broken(today.roll_back().await);
        before.execute(canary(1)).await.unwrap();
        let today = Office::over(store).await;
        assert_broken(today.execute(end(CanaryEnd::Promoted)).await);
        assert_eq!(today.production(), Some((2, "sound".to_owned())));
        // The way back from a canary is open, whatever it gives its users.
        let returned = today.execute(end(CanaryEnd::Returned)).await.unwrap();
        assert_eq!(returned.state.canary, None);
    });
}

#[test]
fn what_was_done_has_the_time_at_which_it_was_stored() {
    in_paused_time(async {
        let office = Office::over(MemoryStore::new()).await;
        office.publish("one").await;
        tokio::time::advance(Duration::from_secs(90)).await;
        // Its author's request began long before.
        let moved = office.deploy(1).await.unwrap();
        let label = &moved.state.labels[&LabelName::production()];
        assert!(label.act.at.since(START) >= Duration::from_secs(90));
    });
}
