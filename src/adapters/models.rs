//! The models that tasks may name, each with the adapter that speaks for it.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use punchcard_actors::ports::{AnswerStream, LanguageModel, ModelCall};
use punchcard_events::ticket::{AttemptError, AttemptErrorKind};

/// All configured models behind one port: a call goes to the adapter of the model it names, under
/// the name that the adapter's server knows it by.
#[derive(Clone, Default)]
pub struct Models {
    routes: HashMap<String, Route>,
}

#[derive(Clone)]
struct Route {
    adapter: Arc<dyn LanguageModel>,
    upstream: String,
}

impl Models {
    /// Adds the model that tasks call `name` and its server calls `upstream`.
    #[must_use]
    pub fn with(mut self, name: &str, upstream: &str, adapter: Arc<dyn LanguageModel>) -> Self {
        let route = Route {
            adapter,
            upstream: upstream.to_owned(),
        };
        self.routes.insert(name.to_owned(), route);
        self
    }
}

#[async_trait]
impl LanguageModel for Models {
    async fn answer(&self, mut call: ModelCall) -> Result<AnswerStream, AttemptError> {
        let Some(route) = self.routes.get(&call.model) else {
            // The ticket was prepared under a configuration that had the model.
            return Err(AttemptError {
                kind: AttemptErrorKind::InvalidRequest,
                message: format!("the model `{}` is not configured any more", call.model),
                retry_after_ms: None,
            });
        };
        call.model.clone_from(&route.upstream);
        route.adapter.answer(call).await
    }
}
