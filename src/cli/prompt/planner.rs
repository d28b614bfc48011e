//! The server as a planner asks it.

use punchcard_events::TaskName;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::naming::Reference;
use super::views::{ContentView, DraftView, PromptView};
use crate::cli::client::{self, Answer, ApiClient, Call, CallError};
use crate::cli::exit::Failure;

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
        after: Option<String>,
        wanted: usize,
    ) -> Result<Vec<Value>, Failure> {
        self.client.pages(path, name, after, wanted).await
    }
}
