//! Pieces of text that prompts share.

use punchcard_events::PartialName;
use punchcard_events::partial::{
    MAX_BYTES, MAX_NAMES, MAX_PARTIALS, PartialEvent, PartialRejection, PartialRemoved,
    PartialSaved, Partials, remove, save,
};

use crate::samples::by_mina;

fn name(name: &str) -> PartialName {
    PartialName::new(name).expect("a name")
}

fn saved(edit: u32, text: &str) -> PartialEvent {
    PartialEvent::PartialSaved(PartialSaved {
        name: name("tone"),
        edit,
        text: text.to_owned(),
        act: by_mina(1),
    })
}

fn removed(edit: u32) -> PartialEvent {
    PartialEvent::PartialRemoved(PartialRemoved {
        name: name("tone"),
        edit,
        act: by_mina(2),
    })
}

type Decided = Result<Vec<PartialEvent>, PartialRejection>;

fn save_tone(history: &[PartialEvent], expected: Option<u32>, text: &str) -> Decided {
    let partials = Partials::replay(history);
    save(
        &partials,
        name("tone"),
        expected,
        text.to_owned(),
        by_mina(1),
    )
}

fn remove_tone(history: &[PartialEvent], expected: u32) -> Decided {
    let partials = Partials::replay(history);
    remove(&partials, name("tone"), expected, by_mina(2))
}

fn conflict(seen: Option<u32>, now: Option<u32>) -> Decided {
    let name = name("tone");
    Err(PartialRejection::Conflict { name, seen, now })
}

#[test]
fn a_partial_is_saved_changed_and_removed() {
    assert_eq!(save_tone(&[], None, "Kind."), Ok(vec![saved(1, "Kind.")]));
    let history = [saved(1, "Kind.")];
    let changed = save_tone(&history, Some(1), "Brief.");
    assert_eq!(changed, Ok(vec![saved(2, "Brief.")]));
    assert_eq!(remove_tone(&history, 1), Ok(vec![removed(1)]));
}

#[test]
fn of_two_who_change_a_partial_the_second_is_told() {
    let history = [saved(1, "Kind."), saved(2, "Brief.")];
    assert_eq!(
        save_tone(&history, Some(1), "Long."),
        conflict(Some(1), Some(2))
    );
    assert_eq!(save_tone(&history, None, "Long."), conflict(None, Some(2)));
    assert_eq!(save_tone(&[], Some(1), "Long."), conflict(Some(1), None));
    assert_eq!(remove_tone(&history, 1), conflict(Some(1), Some(2)));
    assert_eq!(remove_tone(&[], 1), conflict(Some(1), None));
}

#[test]
fn what_is_already_true_is_not_done_again() {
    let history = [saved(1, "Kind.")];
    assert_eq!(save_tone(&history, None, "Kind."), Ok(vec![]));
    assert_eq!(remove_tone(&[saved(1, "Kind."), removed(1)], 1), Ok(vec![]));
}

#[test]
fn an_edit_number_never_repeats_for_a_name() {
    let history = [saved(1, "Kind."), removed(1)];
    let again = save_tone(&history, None, "Kind.");
    assert_eq!(again, Ok(vec![saved(2, "Kind.")]));
}

#[test]
fn the_partials_are_listed_by_name_and_given_whole() {
    let mut partials = Partials::replay(&[saved(1, "Kind."), saved(2, "Brief.")]);
    let style = save(
        &partials,
        name("style"),
        None,
        "Plain.".to_owned(),
        by_mina(3),
    );
    for event in style.expect("it is taken") {
        partials.apply(&event);
    }
    let listed: Vec<_> = partials
        .list()
        .map(|one| (one.name.as_str(), one.edit))
        .collect();
    assert_eq!(listed, [("style", 1), ("tone", 2)]);
    let tone = partials.get(&name("tone")).expect("it is there");
    assert_eq!((tone.text, tone.act), ("Brief.", &by_mina(1)));
    assert_eq!(partials.texts()[&name("style")], "Plain.");
    partials.apply(&removed(2));
    assert_eq!(partials.get(&name("tone")), None);
}

#[test]
fn an_event_that_is_old_changes_nothing() {
    let history = [saved(1, "Kind."), saved(2, "Brief.")];
    let mut partials = Partials::replay(&history);
    let before = partials.clone();
    for event in [saved(1, "Kind."), removed(1), saved(2, "Other.")] {
        partials.apply(&event);
    }
    assert_eq!(partials, before);
}

fn fill(partials: &mut Partials, numbers: std::ops::Range<usize>) {
    for n in numbers {
        let name = name(&format!("partial-{n}"));
        let text = "x".to_owned();
        let events = save(partials, name, None, text, by_mina(1)).expect("there is room");
        events.iter().for_each(|event| partials.apply(event));
    }
}

#[test]
fn a_tenant_has_so_many_partials_of_such_a_length_and_names() {
    let text = "x".repeat(MAX_BYTES + 1);
    let bytes = MAX_BYTES + 1;
    assert_eq!(
        save_tone(&[], None, &text),
        Err(PartialRejection::TooLong { bytes })
    );

    let mut partials = Partials::default();
    let too_many = |partials: &Partials| {
        let more = save(partials, name("more"), None, "x".to_owned(), by_mina(1));
        more.map_err(|rejection| rejection.code())
    };
    fill(&mut partials, 0..MAX_PARTIALS);
    assert_eq!(too_many(&partials), Err("too_many"));

    for start in (0..MAX_NAMES).step_by(MAX_PARTIALS) {
        if start > 0 {
            fill(&mut partials, start..start + MAX_PARTIALS);
        }
        for n in start..start + MAX_PARTIALS {
            let gone = remove(&partials, name(&format!("partial-{n}")), 1, by_mina(2));
            let gone = gone.expect("it is there");
            gone.iter().for_each(|event| partials.apply(event));
        }
    }
    assert_eq!(partials.list().count(), 0);
    assert_eq!(too_many(&partials), Err("too_many"));
}

#[test]
fn every_refusal_has_a_code_and_a_remedy() {
    let refusals = [
        conflict(None, Some(1)).expect_err("a refusal"),
        PartialRejection::TooMany {
            what: "partials",
            max: MAX_PARTIALS,
        },
        PartialRejection::TooLong { bytes: 40_000 },
    ];
    let codes = refusals.each_ref().map(PartialRejection::code);
    assert_eq!(codes, ["partial_conflict", "too_many", "too_long"]);
    for refusal in refusals {
        assert!(refusal.remedy().ends_with('.'), "{refusal}");
    }
}
