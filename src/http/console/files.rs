//! The table of the console's files, as they are in the program. A test compares it with the folder.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::asset::Asset;

macro_rules! embedded {
    ($($path:literal,)+) => {
        &[$(($path, include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"), "/console/", $path
        )))),+]
    };
}

/// Every file: its path below `/console/`, and its bytes.
pub(super) const EMBEDDED: &[(&str, &[u8])] = embedded! {
    "css/base.css",
    "css/layout.css",
    "css/pages.css",
    "css/planner.css",
    "css/tokens.css",
    "css/widgets.css",
    "icon.svg",
    "index.html",
    "js/api.js",
    "js/choices.js",
    "js/dom.js",
    "js/format.js",
    "js/i18n.js",
    "js/keyboard.js",
    "js/live.js",
    "js/main.js",
    "js/pages.js",
    "js/pages/keys.js",
    "js/pages/now.js",
    "js/pages/now/tables.js",
    "js/pages/prompt.js",
    "js/pages/prompt/canary.js",
    "js/pages/prompt/case-editor.js",
    "js/pages/prompt/content-form.js",
    "js/pages/prompt/deploy.js",
    "js/pages/prompt/edit.js",
    "js/pages/prompt/expectations.js",
    "js/pages/prompt/history.js",
    "js/pages/prompt/live-check.js",
    "js/pages/prompt/past-inputs.js",
    "js/pages/prompt/policy.js",
    "js/pages/prompt/preview.js",
    "js/pages/prompt/publish.js",
    "js/pages/prompt/said.js",
    "js/pages/prompt/tests.js",
    "js/pages/prompt/versions.js",
    "js/pages/prompts.js",
    "js/pages/shadow_run.js",
    "js/pages/shadow_runs.js",
    "js/pages/tenant.js",
    "js/pages/tenant/keys.js",
    "js/pages/tenant/limits-form.js",
    "js/pages/tenant/settings-forms.js",
    "js/pages/tenant/settings-view.js",
    "js/pages/tenant/stale.js",
    "js/pages/tenants.js",
    "js/pages/ticket.js",
    "js/pages/ticket/acts.js",
    "js/pages/ticket/answer.js",
    "js/pages/ticket/forks.js",
    "js/pages/ticket/parts.js",
    "js/pages/ticket/time-travel.js",
    "js/pages/ticket/why.js",
    "js/pages/tickets.js",
    "js/pages/tickets/dead-letters.js",
    "js/pages/tickets/filter.js",
    "js/pages/tickets/list.js",
    "js/pages/tickets/redrive-many.js",
    "js/pages/tickets/redrives.js",
    "js/pages/try_it.js",
    "js/pages/usage.js",
    "js/pages/webhook.js",
    "js/pages/webhook/form.js",
    "js/pages/webhook/resend.js",
    "js/pages/webhooks.js",
    "js/planner_pages.js",
    "js/router.js",
    "js/session.js",
    "js/shell.js",
    "js/sign_in.js",
    "js/theme.js",
    "js/widgets/badge.js",
    "js/widgets/chart.js",
    "js/widgets/copy.js",
    "js/widgets/dialog.js",
    "js/widgets/editor.js",
    "js/widgets/field.js",
    "js/widgets/findings.js",
    "js/widgets/json-text.js",
    "js/widgets/notice.js",
    "js/widgets/page.js",
    "js/widgets/problem.js",
    "js/widgets/prompt-diff.js",
    "js/widgets/save-picture.js",
    "js/widgets/schema-form.js",
    "js/widgets/sized.js",
    "js/widgets/state-path.js",
    "js/widgets/table.js",
    "js/widgets/tabs.js",
    "js/widgets/test-run.js",
    "js/widgets/toast.js",
    "js/widgets/unsaved.js",
    "js/widgets/waterfall.js",
    "js/widgets/words.js",
    "texts/en/now.js",
    "texts/en/prompts.js",
    "texts/en/shadow.js",
    "texts/en/shell.js",
    "texts/en/tenants.js",
    "texts/en/tickets.js",
    "texts/en/try_it.js",
    "texts/en/usage.js",
    "texts/en/webhooks.js",
    "texts/ko/now.js",
    "texts/ko/prompts.js",
    "texts/ko/shadow.js",
    "texts/ko/shell.js",
    "texts/ko/tenants.js",
    "texts/ko/tickets.js",
    "texts/ko/try_it.js",
    "texts/ko/usage.js",
    "texts/ko/webhooks.js",
};

/// The file of a path.
pub(super) fn find(path: &str) -> Option<&'static Asset> {
    static ASSETS: LazyLock<HashMap<&str, Asset>> = LazyLock::new(|| {
        let each = EMBEDDED.iter();
        each.filter_map(|(path, bytes)| Some((*path, Asset::new(path, *bytes)?)))
            .collect()
    });
    ASSETS.get(path)
}
