//! The chunks of a streamed answer, and what they add up to.

use std::borrow::Cow;
use std::ops::ControlFlow;

use punchcard_actors::ports::AnswerPart;
use punchcard_events::ticket::{AttemptError, AttemptErrorKind as Kind, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::failure::{self, ErrorObject};

/// The data of the event that ends a stream.
const DONE: &[u8] = b"[DONE]";
/// The finish reason where a server ended the stream with `[DONE]` and named none.
const UNNAMED_REASON: &str = "unknown";

/// `chat.completion.chunk`, as far as it is read.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    // Read leniently: a miscounted answer is still an answer.
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<ErrorObject>,
    /// `error` where the event itself is the error object, as older servers write it.
    #[serde(borrow, default)]
    object: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<Text<'a>>,
    #[serde(borrow, default)]
    refusal: Option<Text<'a>>,
    #[serde(default)]
    tool_calls: Option<Vec<serde::de::IgnoredAny>>,
}

/// A string that is borrowed from the event unless it has escapes. Within an `Option`, serde would
/// copy a bare `Cow`.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The answer as far as it has come.
#[derive(Debug)]
pub(super) struct Progress {
    max_bytes: usize,
    /// Bytes of text so far.
    bytes: usize,
    /// Text that has not been handed on yet.
    text: String,
    started: bool,
    finish_reason: Option<String>,
    usage: Option<Usage>,
}

impl Progress {
    /// Nothing yet, of an answer that may have `max_bytes`.
    pub(super) const fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            bytes: 0,
            text: String::new(),
            started: false,
            finish_reason: None,
            usage: None,
        }
    }

    /// Whether any event has come.
    pub(super) const fn has_started(&self) -> bool {
        self.started
    }

    /// Whether the server has said why the model stopped, so that nothing but the token count is
    /// still to come.
    pub(super) const fn is_finished(&self) -> bool {
        self.finish_reason.is_some()
    }

    /// The text since the last call, if any.
    pub(super) fn take_text(&mut self) -> Option<String> {
        (!self.text.is_empty()).then(|| std::mem::take(&mut self.text))
    }

    /// The tokens that were counted, once.
    pub(super) const fn take_usage(&mut self) -> Option<Usage> {
        self.usage.take()
    }

    /// Takes the data of one event. Breaks at the end of the stream.
    pub(super) fn take(&mut self, data: &[u8]) -> Result<ControlFlow<()>, AttemptError> {
        self.started = true;
        if data.trim_ascii() == DONE {
            return Ok(ControlFlow::Break(()));
        }
        // The decoder's own message may quote the answer.
        let chunk: Chunk<'_> = serde_json::from_slice(data)
            .map_err(|_| protocol("an event of the stream is no chat completion chunk"))?;
        if let Some(object) = &chunk.error {
            return Err(failure::of_object(object));
        }
        if chunk.object.is_some_and(|object| object.0 == "error") {
            let object = serde_json::from_slice(data).unwrap_or_default();
            return Err(failure::of_object(&object));
        }
        if let Some(usage) = chunk.usage {
            self.usage = parse_usage(usage).or(self.usage);
        }
        // One choice is asked for; an index beyond it would be another answer.
        let choices = chunk.choices.into_iter().flatten();
        for choice in choices.filter(|choice| choice.index == 0) {
            self.take_choice(choice)?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn take_choice(&mut self, choice: Choice<'_>) -> Result<(), AttemptError> {
        if let Some(delta) = choice.delta {
            if delta.refusal.is_some_and(|refusal| !refusal.0.is_empty()) {
                return Err(failure::error(
                    Kind::ContentFiltered,
                    "the model refused to answer",
                ));
            }
            if delta.tool_calls.is_some_and(|calls| !calls.is_empty()) {
                return Err(protocol("the model called a tool, and none was offered"));
            }
            if let Some(text) = delta.content {
                self.take_content(&text.0)?;
            }
        }
        match choice.finish_reason.as_ref().map(|reason| &*reason.0) {
            // Some servers write an empty reason where others write null.
            None | Some("") => Ok(()),
            Some("content_filter") => Err(failure::error(
                Kind::ContentFiltered,
                "a content filter stopped the answer",
            )),
            Some("tool_calls" | "function_call") => {
                Err(protocol("the model called a tool, and none was offered"))
            }
            Some("error") => Err(failure::error(
                Kind::Server,
                "the model's server ended the answer with an error",
            )),
            Some(reason) => {
                self.finish_reason = Some(reason.chars().take(64).collect());
                Ok(())
            }
        }
    }

    fn take_content(&mut self, text: &str) -> Result<(), AttemptError> {
        if self.is_finished() && !text.is_empty() {
            return Err(protocol("text followed the end of the answer"));
        }
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > self.max_bytes {
            let message = format!("the answer passed {} bytes", self.max_bytes);
            return Err(failure::error(Kind::TooLarge, message));
        }
        self.text.push_str(text);
        Ok(())
    }

    /// The end after `[DONE]`.
    pub(super) fn done(&mut self) -> Result<AnswerPart, AttemptError> {
        self.complete_with(UNNAMED_REASON)
    }

    /// The end when nothing more comes: complete after a finish reason, otherwise `why`.
    pub(super) fn ended(&mut self, why: AttemptError) -> Result<AnswerPart, AttemptError> {
        if self.is_finished() {
            self.complete_with(UNNAMED_REASON)
        } else {
            Err(why)
        }
    }

    /// An answer without any text is no answer: there is nothing to persist or to show, and it is
    /// mostly a hiccup of the server, so it counts as incomplete and is tried again.
    fn complete_with(&mut self, unnamed: &str) -> Result<AnswerPart, AttemptError> {
        let finish_reason = self
            .finish_reason
            .take()
            .unwrap_or_else(|| unnamed.to_owned());
        if self.bytes == 0 {
            let message = "the model ended its answer without any text";
            return Err(failure::error(Kind::Incomplete, message));
        }
        Ok(AnswerPart::Complete {
            finish_reason,
            usage: self.usage,
        })
    }
}

fn parse_usage(raw: &RawValue) -> Option<Usage> {
    serde_json::from_str::<Option<Usage>>(raw.get())
        .ok()
        .flatten()
}

fn protocol(message: &str) -> AttemptError {
    failure::error(Kind::Protocol, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(chunks: &[&str]) -> (Progress, Result<ControlFlow<()>, AttemptError>) {
        let mut progress = Progress::new(10);
        let mut last = Ok(ControlFlow::Continue(()));
        for chunk in chunks {
            last = progress.take(chunk.as_bytes());
        }
        (progress, last)
    }

    const TEXT: &str = r#"{"choices":[{"index":0,"delta":{"content":"h\u00e9 \n"}}]}"#;
    const STOP: &str = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":null}"#;
    const USAGE: &str =
        r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"x":{}}}"#;

    #[test]
    fn text_reason_and_usage_add_up_to_an_answer() {
        let (mut progress, last) = fed(&[TEXT, TEXT, STOP, USAGE, "[DONE]"]);
        assert_eq!(last, Ok(ControlFlow::Break(())));
        assert_eq!(progress.take_text().as_deref(), Some("hé \nhé \n"));
        assert_eq!(progress.take_text(), None);
        let usage = Some(Usage {
            prompt_tokens: 3,
            completion_tokens: 2,
        });
        let complete = AnswerPart::Complete {
            finish_reason: "stop".into(),
            usage,
        };
        assert_eq!(progress.done(), Ok(complete));
    }

    #[test]
    fn what_is_no_answer_is_an_error_of_its_kind() {
        let cases = [
            ("garbage", Kind::Protocol),
            (
                r#"{"choices":[{"delta":{"content":[{"text":"x"}]}}]}"#,
                Kind::Protocol,
            ),
            (
                r#"{"choices":[{"delta":{"tool_calls":[{"id":1}]}}]}"#,
                Kind::Protocol,
            ),
            (
                r#"{"choices":[{"finish_reason":"tool_calls"}]}"#,
                Kind::Protocol,
            ),
            (
                r#"{"choices":[{"finish_reason":"content_filter"}]}"#,
                Kind::ContentFiltered,
            ),
            (
                r#"{"choices":[{"delta":{"refusal":"I can't"}}]}"#,
                Kind::ContentFiltered,
            ),
            (r#"{"choices":[{"finish_reason":"error"}]}"#, Kind::Server),
            (r#"{"error":{"message":"boom"}}"#, Kind::Server),
            (r#"{"object":"error","message":"boom"}"#, Kind::Server),
            (r#"{"object":"error","code":429}"#, Kind::RateLimited),
            (
                r#"{"choices":[{"delta":{"content":"eleven bytes"}}]}"#,
                Kind::TooLarge,
            ),
        ];
        for (chunk, kind) in cases {
            assert_eq!(fed(&[chunk]).1.unwrap_err().kind, kind, "{chunk}");
        }
        assert_eq!(fed(&[TEXT, STOP, TEXT]).1.unwrap_err().kind, Kind::Protocol);
        let mut invalid = br#"{"choices":[{"delta":{"content":"?"}}]}"#.to_vec();
        invalid[33] = 0xFF;
        let refused = Progress::new(10).take(&invalid);
        assert_eq!(refused.unwrap_err().kind, Kind::Protocol);
    }

    #[test]
    fn nulls_and_other_choices_are_read_over() {
        let nulls = r#"{"choices":[{"index":0,"delta":null,"finish_reason":null}],"error":null}"#;
        let other = r#"{"choices":[{"index":1,"delta":{"content":"x"},"finish_reason":"stop"}]}"#;
        let role = r#"{"choices":[{"delta":{"role":"assistant","content":"","refusal":null,"tool_calls":null}}]}"#;
        let (mut progress, last) = fed(&[nulls, other, role, r#"{"choices":null}"#]);
        assert_eq!(last, Ok(ControlFlow::Continue(())));
        assert_eq!(
            (progress.take_text(), progress.is_finished()),
            (None, false)
        );
    }

    #[test]
    fn an_answer_without_text_is_incomplete() {
        let (mut progress, _) = fed(&[STOP, "[DONE]"]);
        assert_eq!(progress.done().unwrap_err().kind, Kind::Incomplete);
    }

    #[test]
    fn no_mutant_of_a_stream_gives_more_than_the_cap() {
        crate::fuzz::run("openai-stream", |bytes| {
            let mut progress = Progress::new(40);
            for line in bytes.split(|byte| *byte == b'\n') {
                let data = line.strip_prefix(b"data: ").unwrap_or(line);
                if !matches!(progress.take(data), Ok(ControlFlow::Continue(()))) {
                    break;
                }
            }
            assert!(progress.take_text().is_none_or(|text| text.len() <= 40));
            drop(progress.done());
        });
    }
}
