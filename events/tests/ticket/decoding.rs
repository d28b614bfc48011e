//! Reading what is stored, whatever is stored.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use punchcard_events::recorded::DecodeError;
use punchcard_events::ticket::{Parameters, TicketEvent, TicketPreProcessed};

use crate::samples;
use crate::strategies::events;

proptest! {
    #[test]
    fn no_kind_version_and_text_panic(kind in kinds(), version in any::<u16>(), data in any::<String>()) {
        let known = TicketEvent::KINDS.iter().find(|(name, _)| *name == kind);
        let decoded = TicketEvent::decode(&kind, version, &data);
        match known {
            None => prop_assert_eq!(decoded, Err(DecodeError::UnknownKind(kind))),
            Some((_, newest)) if version > *newest => {
                let known = *newest;
                prop_assert_eq!(decoded, Err(DecodeError::NewerSchema { kind, found: version, known }));
            }
            Some(_) => prop_assert!(matches!(decoded, Err(DecodeError::Body { .. })), "{decoded:?}"),
        }
    }

    #[test]
    fn a_body_cut_short_is_refused(event in events(), end in any::<Index>()) {
        let body = event.encode().expect("finite numbers");
        let ends: Vec<_> = body.char_indices().map(|(at, _)| at).collect();
        let cut = &body[..*end.get(&ends)];
        let decoded = TicketEvent::decode(event.kind(), event.schema_version(), cut);
        prop_assert!(matches!(decoded, Err(DecodeError::Body { .. })), "{decoded:?}");
    }

    #[test]
    fn a_damaged_body_does_not_panic(event in events(), at in any::<Index>(), to in any::<char>()) {
        let mut body: Vec<char> = event.encode().expect("finite numbers").chars().collect();
        let at = at.index(body.len());
        body[at] = to;
        let body: String = body.into_iter().collect();
        if let Ok(read) = TicketEvent::decode(event.kind(), event.schema_version(), &body) {
            prop_assert_eq!(read.kind(), event.kind());
        }
    }

    #[test]
    fn a_body_of_another_type_never_panics(event in events(), kind in kinds()) {
        let body = event.encode().expect("finite numbers");
        if let Ok(read) = TicketEvent::decode(&kind, 1, &body) {
            prop_assert_eq!(read.kind(), kind);
        }
    }
}

fn kinds() -> impl Strategy<Value = String> {
    let known: Vec<_> = TicketEvent::KINDS.iter().map(|(kind, _)| *kind).collect();
    prop_oneof![3 => select(known).prop_map(str::to_owned), 1 => any::<String>()]
}

#[test]
fn a_newer_schema_is_named_as_such_even_when_its_body_is_not_json() {
    let decoded = TicketEvent::decode("TicketSent", 2, "\u{0}");
    let newer = DecodeError::NewerSchema {
        kind: "TicketSent".to_owned(),
        found: 2,
        known: 1,
    };
    assert_eq!(decoded, Err(newer));
}

#[test]
fn a_schema_version_that_was_never_written_is_refused() {
    let decoded = TicketEvent::decode("TicketSent", 0, r#"{"attempt":1,"model":"m"}"#);
    assert!(
        matches!(decoded, Err(DecodeError::Body { .. })),
        "{decoded:?}"
    );
}

#[test]
fn a_body_nested_too_deeply_is_refused_and_no_stack_overflow() {
    let body = format!(r#"{{"answer":{}"#, "[".repeat(1_000_000));
    let decoded = TicketEvent::decode("TicketPersisted", 1, &body);
    assert!(
        matches!(decoded, Err(DecodeError::Body { .. })),
        "{decoded:?}"
    );
}

#[test]
fn a_decode_error_never_quotes_the_body() {
    let secret = "the student's essay";
    for body in [
        format!(r#"{{"attempt":"{secret}","model":"m"}}"#),
        format!(r#"{{"attempt":1,"model":["{secret}"]}}"#),
        format!(r#"{{"attempt":1,"model":"{secret}"#),
        format!("\"{secret}\""),
    ] {
        let error = TicketEvent::decode("TicketSent", 1, &body).expect_err("a broken body");
        assert!(!error.to_string().contains("essay"), "{error}");
        assert!(error.to_string().contains("line 1"), "{error}");
    }
}

#[test]
fn a_number_that_json_cannot_hold_is_refused_when_written() {
    for number in [f64::NAN, f64::INFINITY] {
        let parameters = Parameters {
            temperature: Some(number),
            ..Parameters::default()
        };
        let event = TicketEvent::TicketPreProcessed(TicketPreProcessed {
            parameters: parameters.into(),
            ..samples::prepared()
        });
        assert!(event.encode().is_err(), "{number} was written");
    }
}

#[test]
fn an_answer_replaced_by_null_is_not_an_answer_left_as_it_was() {
    let replaced = TicketEvent::decode("TicketPersisted", 1, r#"{"answer":null}"#);
    assert_ne!(
        replaced,
        TicketEvent::decode("TicketPersisted", 1, "{}"),
        "the two are stored differently"
    );
    assert_eq!(
        replaced.map(|event| event.encode().expect("JSON")),
        Ok(r#"{"answer":null}"#.to_owned())
    );
}
