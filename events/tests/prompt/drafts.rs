//! What a draft and a version may do, and what becomes of a configured prompt.

use std::collections::BTreeMap;
use std::sync::Arc;

use punchcard_events::PartialName;
use punchcard_events::prompt::*;
use punchcard_events::ticket::Parameters;

use crate::harness::given;
use crate::samples::*;

#[test]
fn the_first_draft_is_edit_1() {
    given([])
        .when(save(None, words(1)))
        .then([drafted(1, words(1))]);
}

#[test]
fn a_change_of_the_draft_is_the_next_edit() {
    given(a_draft())
        .when(save(Some(1), words(2)))
        .then([drafted(2, words(2))]);
}

#[test]
fn of_two_planners_who_edit_one_draft_the_second_is_told_and_nothing_is_overwritten() {
    given(a_draft())
        .and(save(Some(1), words(2)))
        .when(save(Some(1), words(3)))
        .then_rejected(Rejection::DraftConflict {
            seen: Some(1),
            now: Some(2),
        });
}

#[test]
fn a_new_draft_does_not_overwrite_one_that_somebody_else_began() {
    given(a_draft())
        .when(save(None, words(2)))
        .then_rejected(Rejection::DraftConflict {
            seen: None,
            now: Some(1),
        });
}

#[test]
fn a_draft_that_is_gone_is_not_saved_over_what_was_published() {
    given(versions(1))
        .when(save(Some(1), words(2)))
        .then_rejected(Rejection::DraftConflict {
            seen: Some(1),
            now: None,
        });
}

#[test]
fn a_draft_saved_twice_is_saved_once() {
    given(a_draft()).when(save(None, words(1))).then_nothing();
}

#[test]
fn edit_numbers_rise_over_all_drafts() {
    let state = given(a_draft())
        .and(discard(1))
        .when(save(None, words(2)))
        .folded();
    assert_eq!(state.draft.map(|draft| draft.edit), Some(2));
}

fn save_copy_of(version: u32, expected_edit: Option<u32>, words: Arc<Content>) -> Command {
    Command::SaveDraft {
        expected_edit,
        based_on: Some(version),
        content: words,
        act: by_mina(30),
    }
}

#[test]
fn a_draft_keeps_the_version_it_began_as_a_copy_of() {
    let state = given(versions(2))
        .and(save_copy_of(1, None, content("a copy")))
        .when(save_copy_of(2, Some(3), content("a changed copy")))
        .folded();
    assert_eq!(state.draft.and_then(|draft| draft.based_on), Some(1));
}

#[test]
fn a_draft_is_no_copy_of_a_version_that_is_not_there() {
    given(a_draft())
        .and(discard(1))
        .when(save_copy_of(1, None, words(1)))
        .then_rejected(Rejection::NoSuchVersion {
            version: 1,
            newest: 0,
        });
}

fn with_partial(words: &Content) -> Arc<Content> {
    let name = PartialName::new("tone").expect("a name");
    Arc::new(Content {
        partials: BTreeMap::from([(name, "Be kind.".to_owned())]),
        ..words.clone()
    })
}

#[test]
fn a_draft_brings_no_partials_and_a_version_does() {
    given([])
        .when(save(None, with_partial(&words(1))))
        .then_rejected(Rejection::DraftWithPartials);
    let state = given(a_draft())
        .when(publish(1, with_partial(&words(1))))
        .folded();
    let version = state.version(1).expect("it is published");
    assert_eq!(version.hash, with_partial(&words(1)).hash());
    assert_ne!(version.hash, words(1).hash());
}

#[test]
fn a_draft_with_a_number_that_json_cannot_hold_is_refused() {
    let parameters = Parameters {
        temperature: Some(f64::NAN),
        ..Parameters::default()
    };
    let broken = Content {
        parameters,
        ..Content::clone(&words(1))
    };
    given([])
        .when(save(None, Arc::new(broken)))
        .then_refused("not_finite");
}

#[test]
fn a_draft_is_at_most_so_long() {
    let essay = "x".repeat(limits::CONTENT_BYTES);
    given([])
        .when(save(None, content(&essay)))
        .then_refused("too_long");
}

#[test]
fn a_published_draft_is_the_next_version_and_no_draft_any_more() {
    let state = given(a_draft())
        .when(publish(1, words(1)))
        .then([published(1)]);
    assert_eq!(state.draft, None);
    assert_eq!(state.latest().map(|version| version.number), Some(1));
}

#[test]
fn only_the_edit_that_was_checked_is_published() {
    given(a_draft())
        .and(save(Some(1), words(2)))
        .when(publish(1, words(1)))
        .then_rejected(Rejection::DraftConflict {
            seen: Some(1),
            now: Some(2),
        });
    given(a_draft())
        .when(publish(1, words(2)))
        .then_rejected(Rejection::NotTheDraft);
}

#[test]
fn nothing_is_published_without_a_draft() {
    given(versions(1))
        .when(publish(1, words(1)))
        .then_rejected(Rejection::NoDraft);
}

#[test]
fn what_is_published_already_is_not_published_again() {
    given(versions(2))
        .and(save(None, words(1)))
        .when(publish(3, words(1)))
        .then_rejected(Rejection::SameAsVersion { version: 1 });
}

#[test]
fn notes_are_at_most_so_long() {
    let command = Command::Publish {
        expected_edit: 1,
        content: words(1),
        notes: "x".repeat(limits::TEXT_BYTES + 1),
        act: by_mina(10),
    };
    given(a_draft()).when(command).then_refused("too_long");
}

#[test]
fn a_draft_is_discarded_by_whoever_saw_its_newest_edit() {
    given(a_draft())
        .and(save(Some(1), words(2)))
        .when(discard(1))
        .then_refused("draft_conflict");
    let gone = PromptEvent::DraftDiscarded(DraftDiscarded {
        edit: 1,
        act: by_mina(9),
    });
    let state = given(a_draft()).when(discard(1)).then([gone]);
    assert_eq!(state.draft, None);
}

#[test]
fn a_draft_that_is_gone_is_not_discarded_again() {
    given(a_draft())
        .and(discard(1))
        .when(discard(1))
        .then_nothing();
    given(versions(1))
        .when(discard(2))
        .then_refused("draft_conflict");
}

#[test]
fn a_configured_prompt_becomes_version_1_in_production() {
    let act = by_configuration();
    let state = given([]).when(adopt(words(1))).then([
        PromptEvent::PromptPublished(PromptPublished {
            version: 1,
            hash: hash(1),
            content: words(1),
            notes: "Taken over from the configuration.".to_owned(),
            act: act.clone(),
        }),
        PromptEvent::LabelMoved(LabelMoved {
            label: production(),
            from: None,
            to: 1,
            hash: hash(1),
            cause: MoveCause::Deployed,
            reason: None,
            clearance: Clearance::NotNeeded,
            act,
        }),
    ]);
    assert_eq!(state.production(), Some(1));
}

#[test]
fn a_configured_prompt_is_taken_over_once_and_never_over_a_planners_work() {
    given([])
        .and(adopt(words(1)))
        .when(adopt(words(2)))
        .then_nothing();
    given(versions(1)).when(adopt(words(2))).then_nothing();
    given(a_draft())
        .when(adopt(words(2)))
        .then_rejected(Rejection::NotEmpty);
}

#[test]
fn a_version_number_past_the_limit_is_not_given() {
    let life = versions(u32::try_from(limits::VERSIONS).expect("a small limit"));
    let last = u32::try_from(limits::VERSIONS).expect("a small limit") + 1;
    given(life)
        .and(save(None, words(last)))
        .when(publish(last, words(last)))
        .then_refused("too_many");
}
