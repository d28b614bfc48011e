//! A content's identity is stored with every ticket: it is the same in every release.

use std::collections::BTreeMap;
use std::sync::Arc;

use punchcard_events::PartialName;
use punchcard_events::prompt::{Content, ContentHash};
use serde_json::json;

use crate::samples::content;

#[test]
fn the_hash_of_a_content_without_partials_is_that_of_the_time_before_there_were_any() {
    assert_eq!(
        content("Hi").hash().to_string(),
        "bc2ae763b60aeb49aa6669338f0b45ff600d3169da5856ce29d354dd4ecbd93c"
    );
}

#[test]
fn everything_that_shapes_the_answer_shapes_the_hash() {
    let base = content("Hi");
    let changed = |change: fn(&mut Content)| {
        let mut content = Content::clone(&base);
        change(&mut content);
        content.hash()
    };
    let name = || PartialName::new("tone").expect("a name");
    let hashes = [
        base.hash(),
        changed(|c| c.messages[0].content.push('!')),
        changed(|c| c.messages[0].role = punchcard_events::ticket::Role::System),
        changed(|c| c.model.push('2')),
        changed(|c| c.parameters.seed = Some(1)),
        changed(|c| c.answer = punchcard_events::ticket::AnswerFormat::Json),
        changed(|c| c.input_schema = Some(Arc::new(json!({})))),
        changed(|c| c.answer_schema = Some(Arc::new(json!({})))),
        Content {
            partials: BTreeMap::from([(name(), "Be kind.".to_owned())]),
            ..Content::clone(&base)
        }
        .hash(),
        Content {
            partials: BTreeMap::from([(name(), "Be brief.".to_owned())]),
            ..Content::clone(&base)
        }
        .hash(),
    ];
    let different: std::collections::BTreeSet<_> = hashes.iter().collect();
    assert_eq!(different.len(), hashes.len());
}

#[test]
fn a_hash_is_written_as_64_digits_and_read_back() {
    let hash = content("Hi").hash();
    assert_eq!(hash.to_string().parse(), Ok(hash));
    for bad in ["", "ab", &"g".repeat(64), &"가".repeat(22), &"a".repeat(65)] {
        assert!(bad.parse::<ContentHash>().is_err(), "{bad}");
    }
}

#[test]
fn a_content_is_read_back_as_it_was_written_and_refuses_what_it_does_not_know() {
    let text = serde_json::to_string(&content("Hi")).expect("JSON");
    let read: Content = serde_json::from_str(&text).expect("a content");
    assert_eq!(read, *content("Hi"));
    let more = text.replacen('{', r#"{"temperature":1,"#, 1);
    assert!(serde_json::from_str::<Content>(&more).is_err());
}
