//! Pictures of the golden lives, and of tickets that nobody wishes for.

use std::path::Path;
use std::time::Duration;

use punchcard_events::ticket::timeline::{Timeline, explain};
use punchcard_events::ticket::{Happened, TicketEvent, unfold};
use punchcard_events::{TicketId, Timestamp};
use serde_json::{Value, json};

use super::{path, svg, waterfall};

const HOSTILE: &str =
    "</desc><script>alert('1')</script>\" & \u{202e}\u{1b}[2J\u{ffff}\u{0}\r\n\u{200b}";

fn ticket() -> TicketId {
    "0192c0de-0000-7000-8000-000000000001".parse().unwrap()
}

/// The stored events of a golden life.
fn life(name: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("events/tests/golden/ticket/lives");
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    let life: Value = serde_json::from_str(&text).unwrap();
    life["events"].as_array().unwrap().clone()
}

/// The past of these events, which came a second apart.
fn past(events: &[Value]) -> Vec<Happened> {
    let read = |event: &Value| {
        let kind = event["kind"].as_str().unwrap();
        TicketEvent::decode(kind, 1, &event["data"].to_string()).unwrap()
    };
    let events: Vec<_> = events.iter().map(read).collect();
    let TicketEvent::TicketRequested(request) = &events[0] else {
        panic!("a life begins with a request");
    };
    let at = |second| request.requested_at.plus(Duration::from_secs(second));
    unfold((0..).map(at).zip(events.clone())).unwrap()
}

/// The timeline of a past half a second after its last event.
fn told(past: &[Happened]) -> Timeline {
    let now: Timestamp = past.last().unwrap().at.plus(Duration::from_millis(500));
    explain(past, now).unwrap()
}

/// Both pictures of a past.
fn pictures(past: &[Happened]) -> [String; 2] {
    [waterfall(ticket(), &told(past)), path(ticket(), past)]
}

/// The texts and titles of a picture. Fails where it is not well-formed, or has what no picture has: this is
/// the part of XML that pictures use, and nothing else passes.
#[track_caller]
fn read(picture: &str) -> Vec<String> {
    const KNOWN: [&str; 6] = ["svg", "title", "desc", "text", "rect", "path"];
    let mut open: Vec<&str> = Vec::new();
    let mut texts = Vec::new();
    let mut rest = picture.trim_end();
    while let Some(tag) = rest.strip_prefix('<') {
        let (tag, after) = tag.split_once('>').expect("a tag ends");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else {
            let (tag, is_empty) = match tag.strip_suffix('/') {
                Some(tag) => (tag, true),
                None => (tag, false),
            };
            let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            assert!(KNOWN.contains(&name), "{name}");
            let mut parts: Vec<_> = attributes.split('"').collect();
            assert_eq!(parts.pop(), Some(""), "{tag}");
            for pair in parts.chunks(2) {
                let name = pair[0].trim_start().strip_suffix('=').unwrap();
                assert!(!name.starts_with("on") && name != "style" && !name.contains("href"));
                assert!(!pair[1].contains(['<', '&']), "{tag}");
            }
            if !is_empty {
                open.push(name);
            }
        }
        let (text, _) = after.split_once('<').unwrap_or((after, ""));
        rest = &after[text.len()..];
        assert!(!text.contains(['"', '\'']), "{text:?}");
        for entity in text.split('&').skip(1) {
            let (name, _) = entity.split_once(';').expect("an entity ends");
            assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "{name}");
        }
        if !text.trim().is_empty() {
            texts.push(text.to_owned());
        }
    }
    assert_eq!((rest, open.len()), ("", 0));
    texts
}

#[test]
fn golden_lives_look_like_their_golden_pictures() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pictures/golden");
    for name in [
        "delivered",
        "failed",
        "cancelled",
        "redriven_anew",
        "breaker_open",
    ] {
        let [waterfall, path] = pictures(&past(&life(name)));
        for (kind, picture) in [("waterfall", waterfall), ("path", path)] {
            read(&picture);
            let file = folder.join(format!("{name}.{kind}.svg"));
            if std::env::var_os("PUNCHCARD_BLESS").is_some() {
                std::fs::write(&file, &picture).unwrap();
                continue;
            }
            let golden = std::fs::read_to_string(&file).unwrap();
            assert_eq!(
                picture, golden,
                "{name}: PUNCHCARD_BLESS=1 writes the new {kind}"
            );
        }
    }
}

#[test]
fn every_golden_life_is_drawn_and_each_of_its_beginnings_too() {
    for name in ["fallbacks", "redriven", "failed_anew", "by_canary", "fork"] {
        let whole = past(&life(name));
        for end in 1..=whole.len() {
            for picture in pictures(&whole[..end]) {
                read(&picture);
            }
        }
    }
}

#[test]
fn a_path_says_every_event_and_how_often_a_way_was_taken() {
    let past = past(&life("redriven"));
    let texts = read(&path(ticket(), &past));
    for happened in &past {
        let kind = happened.event.kind().to_owned();
        assert!(texts.contains(&kind), "{kind}");
    }
    assert!(texts.contains(&"redriven".to_owned()), "{texts:?}");
    assert!(texts.contains(&"never cancelled".to_owned()), "{texts:?}");
}

#[test]
fn hostile_texts_stay_texts_and_what_nobody_sees_is_written_out() {
    let mut events = life("failed");
    for event in &mut events {
        for pointer in [
            "/data/error/message",
            "/data/failure/message",
            "/data/model",
        ] {
            if let Some(text) = event.pointer_mut(pointer) {
                *text = json!(HOSTILE);
            }
        }
    }
    let past = past(&events);
    let picture = waterfall(ticket(), &told(&past));
    let texts = read(&picture).join("\n");
    assert!(texts.contains("&lt;script&gt;"), "{texts}");
    assert!(texts.contains("\\u{202e}\\u{1b}[2J"), "{texts}");
    assert!(!picture.contains("<script"), "{picture}");
    let forbidden = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{ffff}');
    assert!(!picture.contains(forbidden), "{picture}");
}

#[test]
fn a_text_is_cut_before_it_is_escaped_and_says_so() {
    assert_eq!(svg::shown("a<b", 3), "a&lt;b");
    assert_eq!(svg::shown("a<b", 2), "a&lt;…");
    assert_eq!(svg::shown("\u{e9}\n\u{9b}", 3), "\u{e9} \\u{9b}");
    assert_eq!(svg::shown("", 0), "");
}

#[test]
fn ten_thousand_attempts_are_a_small_picture_with_the_first_and_the_last() {
    let few = life("delivered");
    let of = |kind: &str| {
        let found = few.iter().find(|event| event["kind"] == kind);
        found.unwrap().clone()
    };
    let mut events = vec![of("TicketRequested"), of("TicketPreProcessed")];
    for attempt in 1..=10_000 {
        for kind in ["TicketSent", "AttemptFailed"] {
            let mut event = of(kind);
            event["data"]["attempt"] = json!(attempt);
            events.push(event);
        }
    }
    let past = past(&events);
    let [waterfall, path] = pictures(&past);
    for picture in [&waterfall, &path] {
        assert!(picture.len() < 64 * 1024, "{} bytes", picture.len());
        let texts = read(picture).join("\n");
        assert!(texts.contains("are left out here"), "{texts}");
    }
    let texts = read(&waterfall);
    assert!(texts.contains(&"model queue #1".to_owned()), "{texts:?}");
    assert!(read(&path).contains(&"20001".to_owned()));
}
