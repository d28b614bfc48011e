//! Clients that come back: cut after any frame, with cursors that are true, old, from the future or
//! made up. What they are shown is the stored text, or they are told that theirs is not.

use std::sync::Arc;

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof, proptest};
use proptest::{prop_assert, prop_assert_eq};
use punchcard_actors::feed::{Frame, LiveText, Lost, MAX_TEXT_BYTES, News, Progress};

use super::feed::{answered, failed, news, prepared, requested, sent};

/// The attempt whose text is told.
const ATTEMPT: u32 = 2;

/// Text from a few bytes to several frames' worth, of characters of one to four bytes.
fn content() -> impl Strategy<Value = String> {
    let short = "[a한🙂é]{0,40}";
    let long = (short, 1_usize..4_000).prop_map(|(piece, times)| piece.repeat(times));
    prop_oneof![3 => Just(()).prop_flat_map(move |()| short), 1 => long]
}

/// The ticket while `text` is streamed, or once it is answered.
fn ticket_with(text: &str, is_answered: bool) -> News {
    let mut history = vec![requested(), prepared(), sent(1), failed(1), sent(ATTEMPT)];
    let live = Arc::new(LiveText::new(ATTEMPT));
    live.push(text);
    if is_answered {
        history.push(answered(ATTEMPT, text));
    }
    news(1, &history, (!is_answered).then_some(&live))
}

/// Everything that is told of `news`, in the portions that has it told again.
fn everything(progress: &mut Progress, news: &News) -> Vec<Frame> {
    let mut frames = progress.advance(news);
    for _ in 0..1_000 {
        if !progress.has_more() {
            return frames;
        }
        frames.extend(progress.advance(news));
    }
    unreachable!("it never ends");
}

/// What a client shows that holds `held` code units of `of` and applies `frames`; `None` where it
/// would show a gap, a repeat, or text of a generation that nobody announced.
fn shown(held: Vec<u16>, of: u32, frames: &[Frame]) -> Option<(u32, Vec<u16>)> {
    let (mut generation, mut text) = (of, held);
    for frame in frames {
        match frame {
            Frame::Generation {
                generation: new, ..
            } => (generation, text) = (*new, vec![]),
            Frame::Lost { .. } => text.clear(),
            Frame::Text {
                generation: of,
                offset,
                text: piece,
                ..
            } => {
                let announced = generation == *of || generation == 0;
                if !announced || *offset != text.len() as u64 || piece.len() > MAX_TEXT_BYTES {
                    return None;
                }
                generation = *of;
                text.extend(piece.encode_utf16());
            }
            Frame::State { .. } => {}
            Frame::Answer { .. } | Frame::Failed { .. } | Frame::Cancelled { .. } => return None,
        }
    }
    Some((generation, text))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_client_cut_after_any_frames_ends_with_the_whole_text(
        text in content(),
        is_answered: bool,
        cuts in prop::collection::vec(0_usize..4, 0..12),
    ) {
        let news = ticket_with(&text, is_answered);
        let (mut generation, mut held) = (0, vec![]);
        for cut in cuts {
            let mut progress = Progress::resumed(generation, held.len() as u64);
            let frames = everything(&mut progress, &news);
            let heard = &frames[..cut.min(frames.len())];
            let now = shown(held, generation, heard);
            prop_assert!(now.is_some(), "{heard:?}");
            (generation, held) = now.unwrap_or_default();
        }
        let mut progress = Progress::resumed(generation, held.len() as u64);
        let frames = everything(&mut progress, &news);
        let lost = frames.iter().any(|frame| matches!(frame, Frame::Lost { .. }));
        prop_assert!(!lost, "its cursors were true");
        let (_, held) = shown(held, generation, &frames).unwrap_or_default();
        prop_assert_eq!(String::from_utf16(&held).ok(), Some(text));
    }

    #[test]
    fn a_cursor_that_lies_is_told_so_and_the_text_starts_again(
        text in content(),
        is_answered: bool,
        generation in prop_oneof![0_u32..4, any::<u32>()],
        offset in prop_oneof![0_u64..50, 16_000_u64..17_000, any::<u64>()],
    ) {
        let news = ticket_with(&text, is_answered);
        let frames = everything(&mut Progress::resumed(generation, offset), &news);
        let units: Vec<u16> = text.encode_utf16().collect();
        let within = usize::try_from(offset).ok().and_then(|at| units.get(..at));
        let is_true = generation == ATTEMPT
            && within.is_some_and(|held| String::from_utf16(held).is_ok());
        let lost = frames.iter().any(|frame| {
            matches!(frame, Frame::Lost { reason: Lost::BadCursor, generation: ATTEMPT, .. })
        });
        let renewed = frames.iter().any(|frame| {
            matches!(frame, Frame::Generation { generation: ATTEMPT, .. })
        });
        prop_assert_eq!(lost, generation == ATTEMPT && !is_true);
        prop_assert_eq!(renewed, generation != ATTEMPT && generation != 0);
        // What a liar holds is void by then; what an honest client holds is the text's own start.
        let held = if is_true { within.unwrap_or_default().to_vec() } else { vec![] };
        let (_, told) = shown(held, generation, &frames).unwrap_or_default();
        prop_assert_eq!(String::from_utf16(&told).ok(), Some(text));
    }
}
