//! Which partials an import writes.

use punchcard_events::Timestamp;
use punchcard_events::partial::{MAX_BYTES, MAX_PARTIALS};
use punchcard_events::prompt::Author;

use super::*;

fn act(key: &str) -> Act {
    let (prefix, name) = (format!("pk_{key}"), Some(key.to_owned()));
    Act {
        at: Timestamp::from_millis(0),
        by: Author::Key { prefix, name },
    }
}

fn name(name: &str) -> PartialName {
    name.parse().unwrap()
}

/// The prompt that needs it, the partial's name, and its text.
type Text<'a> = (Option<&'a str>, &'a str, &'a str);

fn saved_by(key: &str, texts: &[(&str, &str)]) -> Partials {
    let mut partials = Partials::default();
    for (partial, text) in texts {
        let events = save(&partials, name(partial), None, (*text).to_owned(), act(key)).unwrap();
        events.iter().for_each(|event| partials.apply(event));
    }
    partials
}

fn planned(present: &Partials, wanted: &[Text<'_>]) -> (Vec<(PartialName, Step)>, Vec<Found>) {
    let names = wanted.iter().map(|(task, partial, _)| {
        let task: Option<TaskName> = task.map(|task| task.parse().unwrap());
        (task, name(partial))
    });
    let names: Vec<_> = names.collect();
    let wanted = names
        .iter()
        .zip(wanted)
        .map(|((task, name), (_, _, text))| {
            let task = task.as_ref();
            Wanted { task, name, text }
        });
    let (shared, found) = Shared::plan(present, wanted, &act("mina"));
    (shared.into_steps().collect(), found)
}

#[test]
fn what_is_new_or_ones_own_is_written_and_what_says_the_same_is_not() {
    let mut present = saved_by("mina", &[("mine", "a")]);
    let theirs = save(&present, name("theirs"), None, "b".to_owned(), act("juno")).unwrap();
    theirs.iter().for_each(|event| present.apply(event));
    let all = [("mine", "A"), ("new", "c"), ("theirs", "b")];
    let all = all.map(|(name, text)| (None, name, text));
    let (steps, found) = planned(&present, &all);
    assert!(found.is_empty(), "{found:?}");
    let save = |text: &str, expected| Step::Save {
        text: text.to_owned(),
        expected,
    };
    let leave = Step::Leave {
        taken: Taken::Unchanged,
        edit: Some(1),
    };
    let expected = [
        (name("mine"), save("A", Some(1))),
        (name("new"), save("c", None)),
        (name("theirs"), leave),
    ];
    assert_eq!(steps, expected);
}

#[test]
fn what_somebody_else_saved_is_a_finding_that_says_who_and_when() {
    let present = saved_by("juno", &[("tone", "Be strict.")]);
    let (steps, found) = planned(&present, &[(Some("a"), "tone", "Be kind.")]);
    assert!(steps.is_empty());
    let finding = &found[0].finding;
    assert_eq!(finding.place, "partial tone");
    assert_eq!(found[0].prompt.as_ref().map(TaskName::as_str), Some("a"));
    let says = |words: &str| finding.message.contains(words);
    assert!(
        says("juno") && says("1970-01-01") && says("edit 1"),
        "{finding:?}"
    );
}

#[test]
fn every_limit_of_partials_is_a_finding_beforehand() {
    let long = "x".repeat(MAX_BYTES + 1);
    let (_, found) = planned(&Partials::default(), &[(None, "long", &long)]);
    assert_eq!(found[0].finding.place, "partial long");

    let names: Vec<String> = (0..MAX_PARTIALS).map(|n| format!("p{n}")).collect();
    let texts: Vec<_> = names.iter().map(|name| (name.as_str(), "x")).collect();
    let present = saved_by("mina", &texts[1..]);
    let two = [(None, "y", "y"), (None, "z", "z")];
    let (steps, found) = planned(&present, &two);
    assert_eq!((steps.len(), found.len()), (1, 1));
    assert_eq!(found[0].finding.place, "partial z");
}

#[test]
fn two_texts_that_drafts_need_contradict_each_other() {
    let both = [
        (Some("a"), "tone", "Be kind."),
        (Some("b"), "tone", "Be strict."),
    ];
    let (_, found) = planned(&Partials::default(), &both);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].prompt.as_ref().map(TaskName::as_str), Some("b"));
    assert!(found[0].finding.message.contains("`a`"), "{found:?}");
}
