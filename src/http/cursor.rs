//! The list's cursor: where a page ended, bound to the list it is of.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use punchcard_actors::ports::TicketFilter;
use punchcard_events::TicketId;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::errors::{Code, Problem};

const ID_BYTES: usize = 16;
const BINDING_BYTES: usize = 8;

/// The cursor behind `last` in the list of `filter`.
pub(super) fn encode(last: TicketId, filter: &TicketFilter) -> String {
    let mut bytes = last.0.as_bytes().to_vec();
    bytes.extend(binding(filter));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Where to go on.
pub(super) fn decode(text: &str, filter: &TicketFilter) -> Result<TicketId, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let parts = bytes
        .as_deref()
        .and_then(|bytes| bytes.split_at_checked(ID_BYTES));
    let id = parts
        .filter(|(_, bound)| *bound == binding(filter))
        .and_then(|(id, _)| Uuid::from_slice(id).ok());
    id.map(TicketId).ok_or_else(|| {
        Problem::new(
            Code::InvalidCursor,
            "Use the next_cursor of the page before, with the same filters.",
        )
        .field("cursor")
    })
}

/// Ties a cursor to its filters, so that it is not used with others by mistake. It guards nothing:
/// the tenant is in every filter.
fn binding(filter: &TicketFilter) -> [u8; BINDING_BYTES] {
    let digest = Sha256::digest(format!("{filter:?}"));
    let mut bytes = [0; BINDING_BYTES];
    bytes.copy_from_slice(&digest[..BINDING_BYTES]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use punchcard_events::ticket::StateName;

    #[test]
    fn a_cursor_leads_back_to_its_place_in_its_list_only() {
        let id = TicketId(Uuid::from_u128(7));
        let filter = TicketFilter::default();
        let other = TicketFilter {
            states: vec![StateName::Failed],
            ..TicketFilter::default()
        };
        let cursor = encode(id, &filter);
        assert_eq!(decode(&cursor, &filter), Ok(id));
        assert!(decode(&cursor, &other).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}") {
            prop_assert!(decode(&text, &TicketFilter::default()).is_err());
        }
    }

    #[test]
    fn mutants_of_cursors_are_read_or_refused() {
        let filter = TicketFilter::default();
        crate::fuzz::run_text("list-cursor", |text| {
            if let Ok(id) = decode(text, &filter) {
                assert_eq!(decode(&encode(id, &filter), &filter), Ok(id));
            }
        });
    }
}
