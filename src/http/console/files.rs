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
    "js/pages/now.js",
    "js/router.js",
    "js/session.js",
    "js/shell.js",
    "js/sign_in.js",
    "js/theme.js",
    "js/widgets/badge.js",
    "js/widgets/copy.js",
    "js/widgets/dialog.js",
    "js/widgets/field.js",
    "js/widgets/notice.js",
    "js/widgets/page.js",
    "js/widgets/table.js",
    "js/widgets/tabs.js",
    "js/widgets/toast.js",
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
