//! The server as a planner asks it.

use punchcard_events::TaskName;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::naming::Reference;
use super::views::{ContentView, DraftView, PromptView};
use crate::cli::client::{self, Answer, ApiClient, Call, CallError};
use crate::cli::exit::Failure;

/// How many entries of a list are asked for at once.
const PAGE: usize = 100;
/// The most pages that are read of one list.
const MAX_PAGES: usize = 1_000;

/// Who asks, and how they want to be asked.
#[derive(Debug)]
pub(super) struct Planner {
    /// The server.
    pub(super) client: ApiClient,
    /// Whether every question is answered with yes.
    pub(super) yes: bool,
    /// The editor, where it is no matter of the environment.
    pub(super) editor: Option<String>,
}

/// An answer as it came, for `--json`, and as what it says.
#[derive(Debug, Clone)]
pub(super) struct Shown<T> {
    /// As it came.
    pub(super) raw: Value,
    /// What it says.
    pub(super) view: T,
}

impl<T: DeserializeOwned> Shown<T> {
    /// Reads an answer.
    ///
    /// # Errors
    /// When it is not what it should be.
    pub(super) fn of(raw: Value) -> Result<Self, Failure> {
        let view = client::read(raw.clone())?;
        Ok(Self { raw, view })
    }
}

impl Planner {
    /// Reads `path`, given as segments.
    ///
    /// # Errors
    /// When the server refuses, is not there, or gives something else; as everywhere below.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Shown<T>, Failure> {
        let call = Call::new(Method::GET, path).query(query);
        Shown::of(self.client.ask(call).await?.body)
    }

    /// Sends `body` to `path`, given as segments.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &[&str],
        body: &Value,
    ) -> Result<Answer, CallError> {
        self.client.ask(Call::new(method, path).body(body)).await
    }

    /// A prompt without its texts.
    pub(super) async fn prompt(&self, task: &TaskName) -> Result<Shown<PromptView>, Failure> {
        self.get(&["prompts", task.as_str()], &[]).await
    }

    /// The same, or `None` where there is no such prompt.
    pub(super) async fn find(&self, task: &TaskName) -> Result<Option<PromptView>, Failure> {
        let found = self.maybe(&["prompts", task.as_str()]).await?;
        Ok(found.map(|shown: Shown<PromptView>| shown.view))
    }

    /// A prompt's draft, where it has one.
    pub(super) async fn draft(&self, task: &TaskName) -> Result<Option<Shown<DraftView>>, Failure> {
        self.maybe(&["prompts", task.as_str(), "draft"]).await
    }

    /// A content with its texts.
    pub(super) async fn content(
        &self,
        task: &TaskName,
        reference: &Reference,
    ) -> Result<Shown<ContentView>, Failure> {
        let reference = reference.to_string();
        let path = ["prompts", task.as_str(), "versions", &reference];
        self.get(&path, &[]).await
    }

    /// Reads what may not be there.
    pub(super) async fn maybe<T: DeserializeOwned>(
        &self,
        path: &[&str],
    ) -> Result<Option<Shown<T>>, Failure> {
        match self.client.ask(Call::new(Method::GET, path)).await {
            Ok(answer) => Shown::of(answer.body).map(Some),
            Err(CallError::Refused(refusal)) if refusal.problem.status == 404 => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The first `wanted` entries of a list that comes in pages, after `after`, as they came. `name` is
    /// the field of a page that holds them.
    pub(super) async fn pages(
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
            let mut page: Value = self.get(path, &query).await?.view;
            entries.extend(client::read::<Vec<Value>>(page[name].take())?);
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
    match &page["next_cursor"] {
        Value::String(next) => Some(next.clone()),
        Value::Number(next) => Some(next.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
