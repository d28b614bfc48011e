//! The language model.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use punchcard_events::TicketId;
use punchcard_events::ticket::{AttemptError, Message, Parameters, Usage};

/// Something that answers messages with a stream of text.
#[async_trait]
pub trait LanguageModel: Send + Sync + 'static {
    /// Starts the call. Dropping the stream ends it.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses; the kind says whether trying again may help.
    async fn answer(&self, call: ModelCall) -> Result<AnswerStream, AttemptError>;
}

/// One call of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCall {
    /// The ticket it is for.
    pub ticket: TicketId,
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// The model's name as configured.
    pub model: String,
    /// The messages.
    pub messages: Arc<[Message]>,
    /// How to answer.
    pub parameters: Arc<Parameters>,
    /// The W3C trace context to pass on.
    pub traceparent: Option<String>,
}

/// The parts of an answer as they come. After [`AnswerPart::Complete`] or an error nothing follows;
/// a stream that ends without either was cut, and is no answer.
pub type AnswerStream = BoxStream<'static, Result<AnswerPart, AttemptError>>;

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerPart {
    /// More text; never empty.
    Text(String),
    /// Tokens that the server has counted so far. Told before an error that follows; a complete
    /// answer has its count with it.
    Usage(Usage),
    /// The answer is complete.
    Complete {
        /// Why the model stopped, in its own word.
        finish_reason: String,
        /// Tokens, where the server counted them.
        usage: Option<Usage>,
    },
}
