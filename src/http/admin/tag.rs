//! The entity tag of a tenant's settings: what a change of one of them is made from.
//!
//! It is a hash of all that is replaced as a whole: limits, origins, callback and hooks. Keys that come
//! and go, a new name or a suspension overwrite nothing, so they leave it as it is.

use punchcard_events::tenant::TenantState;
use sha2::{Digest as _, Sha256};

/// The bytes of the hash that are kept: enough to tell one state of a tenant from another.
const BYTES: usize = 8;

/// The tag, without its quotes.
pub(super) fn of(state: &TenantState) -> String {
    let hooks = state.hooks.iter();
    let hooks: Vec<_> = hooks
        .map(|(task, hooks)| (task, &hooks.pre_process, &hooks.post_process))
        .collect();
    let settings = (&state.limits, &state.origins, &state.callback, hooks);
    // Names, numbers and texts always become JSON.
    let json = serde_json::to_vec(&settings).unwrap_or_default();
    let hash = Sha256::digest(&json);
    let hash = hash.iter().take(BYTES);
    hash.map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use punchcard_events::tenant::TenantLimits;

    use super::*;

    #[test]
    fn only_what_is_replaced_as_a_whole_changes_the_tag() {
        let before = TenantState::default();
        let named = TenantState {
            name: "Acme".to_owned(),
            ..before.clone()
        };
        assert_eq!(of(&before), of(&named));
        assert_eq!(of(&before).len(), 16);
        let limits = Arc::new(TenantLimits {
            weight: Some(2),
            ..TenantLimits::default()
        });
        let limited = TenantState {
            limits,
            ..before.clone()
        };
        let called = TenantState {
            callback: Some("https://api.acme.example/".to_owned()),
            ..before.clone()
        };
        let mut tags = [of(&before), of(&limited), of(&called)];
        tags.sort();
        assert!(tags.windows(2).all(|pair| pair[0] != pair[1]), "{tags:?}");
    }
}
