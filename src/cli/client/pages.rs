//! Lists that come in pages.

use reqwest::Method;
use serde_json::Value;

use super::{ApiClient, Call, read};
use crate::cli::exit::Failure;

/// How many entries of a list are asked for at once.
const PAGE: usize = 100;
/// The most pages that are read of one list.
const MAX_PAGES: usize = 1_000;

impl ApiClient {
    /// The first `wanted` entries of the list at `path`, given as segments, after `after`, as they came.
    /// `name` is the field of a page that holds them.
    ///
    /// # Errors
    /// When the server refuses, is not there, or gives something else.
    pub(crate) async fn pages(
        &self,
        path: &[&str],
        name: &str,
        mut after: Option<String>,
        wanted: usize,
    ) -> Result<Vec<Value>, Failure> {
        let mut entries = Vec::new();
        for _ in 0..MAX_PAGES {
            let limit = PAGE.min(wanted - entries.len());
            let mut query = vec![("limit", limit.to_string())];
            query.extend(after.iter().map(|after| ("after", after.clone())));
            let call = Call::new(Method::GET, path).query(&query);
            let mut page = self.ask(call).await?.body;
            let found = page.get_mut(name).map(Value::take);
            entries.extend(read::<Vec<Value>>(found.unwrap_or_default())?);
            // A server that gives the same place again would keep us here for ever.
            let next = next_of(&page).filter(|next| after.as_ref() != Some(next));
            after = next;
            if after.is_none() || entries.len() >= wanted {
                break;
            }
        }
        entries.truncate(wanted);
        Ok(entries)
    }
}

/// Where the next page begins.
fn next_of(page: &Value) -> Option<String> {
    match page.get("next_cursor")? {
        Value::String(next) => Some(next.clone()),
        Value::Number(next) => Some(next.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
