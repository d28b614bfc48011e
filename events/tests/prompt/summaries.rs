//! What stays in memory of a prompt, and what was in effect when.

use punchcard_events::prompt::*;
use punchcard_events::{LabelName, Revision, Timestamp};

use crate::samples::*;

fn summary(events: &[PromptEvent]) -> PromptSummary {
    let mut summary = PromptSummary::default();
    for (revision, event) in (0..).map(Revision).zip(events) {
        summary.apply(event, revision);
    }
    summary
}

/// `production` at version 1 from second 100, 2 from 200, 1 again from 300; `staging` at 2 from 250
/// to 350.
fn week() -> PromptSummary {
    let place = |label, from, to, cause, second| {
        PromptEvent::LabelMoved(LabelMoved {
            label,
            from,
            to,
            hash: hash(to),
            cause,
            reason: None,
            clearance: Clearance::NotNeeded,
            act: by_mina(second),
        })
    };
    use MoveCause::{Deployed, RolledBack};
    let mut life = versions(2);
    life.extend([
        place(production(), None, 1, Deployed, 100),
        place(production(), Some(1), 2, Deployed, 200),
        place(staging(), None, 2, Deployed, 250),
        place(production(), Some(2), 1, RolledBack, 300),
        PromptEvent::LabelRemoved(LabelRemoved {
            label: staging(),
            from: 2,
            act: by_mina(350),
        }),
    ]);
    summary(&life)
}

#[test]
fn what_was_production_at_a_time_is_one_question() {
    let week = week();
    let production = production();
    for (second, expected) in [
        (99, None),
        (100, Some((1, at(100)))),
        (199, Some((1, at(100)))),
        (200, Some((2, at(200)))),
        (299, Some((2, at(200)))),
        (300, Some((1, at(300)))),
        (9_999, Some((1, at(300)))),
    ] {
        assert_eq!(week.at(&production, at(second)), expected, "at {second}");
    }
    assert_eq!(week.at(&staging(), at(249)), None);
    assert_eq!(week.at(&staging(), at(349)), Some((2, at(250))));
    assert_eq!(week.at(&staging(), at(350)), None, "it was removed");
}

#[test]
fn until_when_it_was_there_is_one_too() {
    let week = week();
    for (second, expected) in [
        (0, Some(100)),
        (100, Some(200)),
        (250, Some(300)),
        (300, None),
    ] {
        let until = week.until(&production(), at(second));
        assert_eq!(until, expected.map(at), "after {second}");
    }
    assert_eq!(week.until(&staging(), at(250)), Some(at(350)));
    assert_eq!(week.until(&staging(), at(350)), None);
}

#[test]
fn a_clock_that_went_back_does_not_hide_the_last_move() {
    let place = |from, to, second| {
        PromptEvent::LabelMoved(LabelMoved {
            label: production(),
            from,
            to,
            hash: hash(to),
            cause: MoveCause::Deployed,
            reason: None,
            clearance: Clearance::NotNeeded,
            act: by_mina(second),
        })
    };
    let mut life = versions(2);
    life.extend([place(None, 1, 200), place(Some(1), 2, 190)]);
    let summary = summary(&life);
    assert_eq!(summary.at(&production(), at(500)), Some((2, at(190))));
}

#[test]
fn which_canary_ran_at_a_time_is_known() {
    let mut life = with_canary();
    life.push(PromptEvent::CanaryEnded(CanaryEnded {
        canary: CANARY,
        version: 2,
        end: CanaryEnd::Returned,
        tally: Some(TALLY),
        reason: None,
        act: by_mina(90),
    }));
    let summary = summary(&life);
    let at_second = |second| summary.canary_at(at(second)).map(|span| span.version);
    assert_eq!(at_second(49), None);
    assert_eq!(at_second(50), Some(2));
    assert_eq!(at_second(89), Some(2));
    assert_eq!(at_second(90), None);
}

#[test]
fn the_versions_in_effect_are_those_with_a_label_and_the_canarys() {
    let mut life = with_canary();
    let clearance = Clearance::NotNeeded;
    life.push(moved(staging(), None, 3, MoveCause::Deployed, clearance));
    let summary = summary(&life);
    assert_eq!(
        summary.in_effect().into_iter().collect::<Vec<_>>(),
        [1, 2, 3]
    );
    let labels: Vec<_> = summary.labels_of(3).cloned().collect();
    assert_eq!(labels, [staging()]);
    assert_eq!(summary.labels_of(2).count(), 0);
}

#[test]
fn a_retired_prompt_still_has_a_version_for_the_tickets_it_took_before() {
    let summary = summary(&retired());
    assert!(summary.retired.is_some());
    assert_eq!(summary.production(), Some(1));
}

#[test]
fn a_line_says_where_the_content_of_a_version_stands() {
    let summary = summary(&versions(3));
    let revisions: Vec<_> = summary
        .versions
        .iter()
        .map(|line| line.revision.0)
        .collect();
    assert_eq!(revisions, [1, 3, 5]);
    assert_eq!(summary.latest().map(|line| line.number), Some(3));
    assert_eq!(summary.version(2).map(|line| line.hash), Some(hash(2)));
    assert_eq!(summary.version(0), None);
}

#[test]
fn only_so_many_moves_of_a_label_are_remembered_and_they_take_no_others_past_away() {
    let mut life = versions(2);
    let (production, clearance) = (LabelName::production(), Clearance::NotNeeded);
    life.push(moved(
        production.clone(),
        None,
        1,
        MoveCause::Deployed,
        clearance,
    ));
    for n in 0..=limits::MOVES {
        let (from, to) = if n % 2 == 0 { (2, 1) } else { (1, 2) };
        let from = (n > 0).then_some(from);
        let clearance = Clearance::NotNeeded;
        life.push(moved(staging(), from, to, MoveCause::Deployed, clearance));
    }
    let summary = summary(&life);
    assert_eq!(summary.timeline.of(&staging()).len(), limits::MOVES);
    assert_eq!(summary.effective(&staging()), Some(1));
    let timeline = &summary.timeline;
    let newest = timeline.of(&staging()).last().map(|moved| moved.at);
    let before = Timestamp::from_millis(0);
    assert!(timeline.is_forgotten(&staging(), before));
    assert!(newest.is_some_and(|newest| !timeline.is_forgotten(&staging(), newest)));
    assert_eq!(timeline.of(&production).len(), 1);
    assert!(!timeline.is_forgotten(&production, before));
}
