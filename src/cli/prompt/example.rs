//! What a planner finds in the editor: a few lines of help, and a first prompt to write over.

use std::collections::BTreeMap;
use std::sync::Arc;

use punchcard_events::prompt::{Content, MessageTemplate, TestCase};
use punchcard_events::ticket::{AnswerFormat, Parameters, Role};
use serde_json::json;

/// Above a draft.
pub(super) const EDIT_HELP: &str = "\
This is the draft. Save and close the editor when you are done; no user gets it before it is deployed.

Each line that begins with ==> is followed by one part; take a part away, or add one:
  ==> prompt.toml           the model, the kind of answer, and how to ask (temperature and so on)
  ==> 01-system.md          a message: NUMBER-system, NUMBER-user or NUMBER-assistant
  ==> input.schema.json     what must be sent in (JSON Schema)
  ==> answer.schema.json    what an answer must be (JSON Schema; only for answer = \"json\")
In a message, {{ name }} is where a value of the input goes, and {% include \"tone\" %} brings in a text
that prompts share. A blank line at the end of a part is part of it.
";

/// Above the first draft of a prompt.
pub(super) const NEW_HELP: &str = "\
This is an example to write over. Save and close the editor when you are done; closing it without a change
saves nothing. No user gets anything before you publish it and it is deployed.

Each line that begins with ==> is followed by one part; take a part away, or add one:
  ==> prompt.toml           the model, the kind of answer, and how to ask (temperature and so on)
  ==> 01-system.md          a message: what the model must always do
  ==> 02-user.md            a message: what is asked this time
  ==> input.schema.json     what must be sent in (JSON Schema); each {{ name }} must stand in it
  ==> answer.schema.json    what an answer must be (JSON Schema; only for answer = \"json\")
{{ name }} is where a value of the input goes, and {% include \"tone\" %} brings in a text that prompts share.
";

/// Above a test set.
pub(super) const TEST_SET_HELP: &str = "\
These are the test cases. Save and close the editor when you are done.

Each case begins with a line ==> tests/NAME.json and says what is sent in and what the answer must be. All
of what it expects must hold:
  \"fits_schema\"                                      it is as the answer schema says
  {\"contains\": \"text\"}, {\"not_contains\": \"text\"}     it has, or has not, these words
  {\"matches\": \"regular expression\"}                  a pattern occurs in it
  {\"json_equals\": {\"path\": \"$.level\", \"value\": 2}}   one value in it
  {\"number_between\": {\"path\": \"$.score\", \"min\": 0, \"max\": 10}}
  {\"length_between\": {\"min\": 100, \"max\": 600}}       its length in characters
  {\"language\": \"ko\"}                                 the language it is written in
  {\"latency_under_ms\": 8000}, {\"tokens_under\": 900}  how long it may take, how much it may use
  {\"rubric\": {\"text\": \"It is kind.\"}}                a model judges whether this is so
";

/// A first prompt.
pub(super) fn content(model: &str) -> Content {
    let message = |role, content: &str| MessageTemplate {
        role,
        content: content.to_owned(),
    };
    Content {
        messages: vec![
            message(
                Role::System,
                "You explain things to students.\nWrite two or three short sentences.\n",
            ),
            message(
                Role::User,
                "The student's level: {{ level }}\nThe question: {{ question }}\n",
            ),
        ],
        model: model.to_owned(),
        parameters: Parameters {
            temperature: Some(0.3),
            max_tokens: Some(500),
            ..Parameters::default()
        },
        answer: AnswerFormat::Text,
        input_schema: Some(Arc::new(json!({
            "type": "object",
            "required": ["question", "level"],
            "properties": {
                "question": { "type": "string", "description": "What the student asks." },
                "level": { "type": "string", "enum": ["elementary", "middle", "high"] },
            },
            "additionalProperties": false,
        }))),
        answer_schema: None,
        partials: BTreeMap::new(),
    }
}

/// A first test case.
pub(super) fn case() -> TestCase {
    use punchcard_events::prompt::Expectation;
    TestCase {
        name: "first-case".to_owned(),
        input: Arc::new(json!({ "question": "Why is the sky blue?", "level": "middle" })),
        expect: vec![
            Expectation::Contains("light".to_owned()),
            Expectation::LengthBetween {
                min: Some(20),
                max: Some(800),
            },
        ],
    }
}
