//! Texts that must stay where they were put: each kind of secret or content of each tenant has its own.

use serde_json::{Value, json};

/// What a tenant's canaries are in.
pub(crate) const KINDS: [&str; 9] = [
    "input",
    "prompt",
    "replaced",
    "answer",
    "metadata",
    "user",
    "idempotency",
    "model-key",
    "error-body",
];

/// The canary of one kind and tenant.
pub(crate) fn canary(tenant: &str, kind: &str) -> String {
    debug_assert!(KINDS.contains(&kind), "{kind} is not in the list");
    format!("canary-{kind}-of-{tenant}")
}

/// Every canary of a tenant that is made here.
pub(crate) fn all(tenant: &str) -> Vec<String> {
    KINDS.iter().map(|kind| canary(tenant, kind)).collect()
}

/// The input of a ticket of a task.
pub(crate) fn input(tenant: &str, word: &str) -> Value {
    json!({ "word": format!("{word} {}", canary(tenant, "input")) })
}

/// Fails where one of `secrets` is in `text`.
#[track_caller]
pub(crate) fn assert_clean(what: &str, text: &str, secrets: &[String]) {
    for secret in secrets {
        if let Some(at) = text.find(secret.as_str()) {
            let around: String = text[..at].chars().rev().take(300).collect();
            let around: String = around.chars().rev().collect();
            panic!("{secret} is in {what}, after: {around}");
        }
    }
}
