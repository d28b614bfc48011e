//! Tenants as the admin API shows them. Fields that a newer server adds are passed over here and kept
//! by `--json`.

use std::collections::BTreeMap;

use punchcard_events::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::cli::prompt::views::By;

/// A tenant; in a list without its settings.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct TenantView {
    pub(super) tenant: String,
    pub(super) name: String,
    /// Only of a tenant that is read by itself.
    #[serde(default)]
    pub(super) etag: String,
    #[serde(default)]
    pub(super) created: Option<DoneView>,
    #[serde(default)]
    pub(super) suspended: Option<SuspendedView>,
    #[serde(default)]
    pub(super) active_keys: u32,
    #[serde(default)]
    pub(super) limits: Value,
    #[serde(default)]
    pub(super) origins: Vec<String>,
    #[serde(default)]
    pub(super) callback: Option<CallbackView>,
    #[serde(default)]
    pub(super) hooks: BTreeMap<String, HooksView>,
}

/// When something was done, and by whom.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct DoneView {
    pub(super) at: Timestamp,
    pub(super) by: By,
}

/// That a tenant is suspended, and why.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct SuspendedView {
    pub(super) reason: String,
    #[serde(flatten)]
    pub(super) done: DoneView,
}

/// Where a tenant's own API is.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CallbackView {
    pub(super) base_url: String,
}

/// What is called for a task.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct HooksView {
    #[serde(default)]
    pub(super) pre_process: Option<String>,
    #[serde(default)]
    pub(super) post_process: Option<String>,
}

/// Something that happened to a tenant.
#[derive(Debug, Deserialize)]
pub(super) struct HistoryEntry {
    pub(super) revision: u64,
    pub(super) at: Timestamp,
    pub(super) sentence: String,
}
