//! Conversations: what a chat completion says beside a task's prompt, or in place of one.
//!
//! One rule says where its messages go ([`place`]); `docs/openai.md` tells it to clients. It is
//! applied to the version that the ticket runs, so a canary or a later deployment may name its
//! variable as it likes.
//!
//! Not here: what a request may hold, and which models a tenant may ask without a prompt
//! (`http/openai`).

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::sync::Arc;

use punchcard_actors::ports::{AnswerError, Asked, InputRefusal, Prepared};
use punchcard_events::Timestamp;
use punchcard_events::ticket::{
    AnswerFormat, Conversation, Message, Parameters, PromptRef, Role, Terms,
};
use serde_json::{Map, Value};

use super::settings::TaskSettings;
use super::size::json_bytes;
use crate::prompts::CompiledPrompt;

/// Where the parts of a request go.
#[derive(Debug, PartialEq)]
pub(super) struct Placed<'a> {
    /// What the prompt's variables are.
    pub(super) input: Cow<'a, Value>,
    /// What follows the prompt's messages.
    pub(super) after: &'a [Message],
}

/// Places what was asked around a prompt:
///
/// 1. An input that was given is the prompt's input, and the conversation follows the prompt.
/// 2. Without one, a prompt with exactly one variable takes the text of the one user message that the
///    conversation then consists of.
/// 3. Any other prompt is rendered without variables, and the conversation follows it.
///
/// A hook that prepares inputs makes the variables from what only it knows, so the second does not
/// hold for its task.
///
/// # Errors
/// With a sentence, where a conversation of more than one message meets a prompt with one variable:
/// nothing that was said is left out.
pub(super) fn place<'a>(
    prompt: &CompiledPrompt,
    prepared_by_hook: bool,
    asked: Asked<'a>,
    input: &'a Value,
) -> Result<Placed<'a>, String> {
    let Some(conversation) = asked.conversation else {
        return Ok(Placed {
            input: Cow::Borrowed(input),
            after: &[],
        });
    };
    let said = conversation.messages.as_slice();
    if !input.is_null() {
        return Ok(Placed {
            input: Cow::Borrowed(input),
            after: said,
        });
    }
    let with = |input: Map<String, Value>, after| Placed {
        input: Cow::Owned(Value::Object(input)),
        after,
    };
    match (prompt.only_variable(), said) {
        (Some(name), [Message { role, content }])
            if !prepared_by_hook && matches!(role, Role::User) =>
        {
            let text = Value::String(content.clone());
            Ok(with(Map::from_iter([(name.to_owned(), text)]), &[]))
        }
        (Some(name), _) if !prepared_by_hook => Err(format!(
            "the prompt of this task takes one text, `{name}`: send one user message and no other, \
             or send `input` with it, and the messages follow the prompt"
        )),
        (None | Some(_), _) => Ok(with(Map::new(), said)),
    }
}

/// The bytes that count against a task's limit on inputs.
pub(super) fn bytes(asked: Asked<'_>, input: &Value) -> usize {
    let conversation = asked.conversation.map_or(0, said_bytes);
    json_bytes(input).saturating_add(conversation)
}

fn said_bytes(conversation: &Conversation) -> usize {
    text_bytes(&conversation.messages)
}

fn text_bytes(messages: &[Message]) -> usize {
    messages.iter().map(|message| message.content.len()).sum()
}

/// The prompt's messages and those that follow them.
///
/// # Errors
/// With a sentence, when they are longer than `max_bytes` together.
pub(super) fn join(
    prompt: Arc<[Message]>,
    after: &[Message],
    max_bytes: NonZeroUsize,
) -> Result<Arc<[Message]>, String> {
    if after.is_empty() {
        return Ok(prompt);
    }
    if text_bytes(&prompt).saturating_add(text_bytes(after)) > max_bytes.get() {
        return Err(format!(
            "the prompt and the conversation have more than {max_bytes} bytes together"
        ));
    }
    Ok(prompt.iter().chain(after).cloned().collect())
}

/// The prompt's parameters, where the conversation asks for no others.
pub(super) fn parameters(
    own: &Arc<Parameters>,
    conversation: Option<&Conversation>,
) -> Arc<Parameters> {
    let Some(asked) = conversation.map(|said| &said.parameters) else {
        return Arc::clone(own);
    };
    if *asked == Parameters::default() {
        return Arc::clone(own);
    }
    Arc::new(Parameters {
        temperature: asked.temperature.or(own.temperature),
        top_p: asked.top_p.or(own.top_p),
        max_tokens: asked.max_tokens.or(own.max_tokens),
        seed: asked.seed.or(own.seed),
        json: asked.json || own.json,
    })
}

/// The terms of a conversation without a prompt. Nobody prepares it or persists its answer, and no
/// other model than the one it names is asked.
///
/// # Errors
/// When it is longer than an input or the messages of a prompt may be.
pub(super) fn accept_raw(
    asked: Asked<'_>,
    settings: &TaskSettings,
    input: &Value,
    now: Timestamp,
) -> Result<Terms, InputRefusal> {
    let (actual, limit) = (bytes(asked, input), settings.max_input_bytes());
    let limit = limit.min(settings.limits().max_prompt_bytes.get());
    if actual > limit {
        return Err(InputRefusal::InputTooLarge { actual, limit });
    }
    Ok(Terms {
        pre_process: false,
        post_process: false,
        fallback_models: vec![],
        ..settings.terms(AnswerFormat::Text, now)
    })
}

/// What goes to the model of a conversation without a prompt: what was said, word for word.
pub(super) fn prepare_raw(conversation: &Conversation, model: &str) -> Prepared {
    Prepared {
        prompt: PromptRef::none(),
        messages: conversation.messages.clone().into(),
        model: model.to_owned(),
        parameters: Arc::new(conversation.parameters.clone()),
        answer_format: AnswerFormat::Text,
    }
}

/// Whether the answer to a conversation without a prompt is one. Only its size can be wrong.
///
/// # Errors
/// When it is longer than answers may be.
pub(super) fn check_raw(settings: &TaskSettings, answer: &str) -> Result<(), AnswerError> {
    let limit = settings.limits().max_answer_bytes;
    if answer.len() > limit.get() {
        let why = format!("the answer has more than {limit} bytes");
        return Err(AnswerError::Misfit(why));
    }
    Ok(())
}
