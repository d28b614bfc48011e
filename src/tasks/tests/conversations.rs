//! What becomes of a conversation beside a prompt, and in place of one.

use punchcard_events::ticket::{Conversation, Message, Parameters, Role};
use serde_json::{Value, json};

use super::*;

/// More tasks beside the one that [`config`] begins.
const TASKS: &str = r#"
model = "m"
messages = [{ role = "user", content = "{{ a }}" }]

[tenants.a.tasks.one]
model = "m"
parameters = { temperature = 0.1, max_tokens = 10 }
messages = [{ role = "system", content = "Translate." }, { role = "user", content = "{{ text }}" }]

[tenants.a.tasks.none]
model = "m"
max_prompt_bytes = 40
messages = [{ role = "system", content = "Be brief." }]

[tenants.a.tasks.two]
model = "m"
messages = [{ role = "user", content = "{{ text }} in {{ language }}" }]
"#;

fn message(role: Role, content: &str) -> Message {
    Message {
        role,
        content: content.to_owned(),
    }
}

fn said(messages: &[(Role, &str)]) -> Conversation {
    let messages = messages.iter().map(|(role, text)| message(*role, text));
    Conversation {
        messages: messages.collect(),
        model: None,
        parameters: Parameters::default(),
    }
}

struct Desk {
    tasks: Tasks,
    tenant: TenantId,
}

impl Desk {
    async fn open() -> Self {
        let (tasks, _) = opened(&config(TASKS), MemoryStore::new()).await;
        Self {
            tasks,
            tenant: TenantId::new("a").unwrap(),
        }
    }

    /// What goes to the model, or the refusal's field.
    fn ask(&self, task: &str, input: &Value, said: &Conversation) -> Result<Prepared, String> {
        let task = name(task);
        let asked = Asked {
            conversation: Some(said),
            ..Asked::in_production(&self.tenant, &task)
        };
        match self.tasks.accept(asked, input, NOW) {
            Ok(_) => Ok(self.tasks.prepare(asked, "ticket", input).unwrap()),
            Err(InputRefusal::InvalidInput { field, .. }) => Err(field),
            Err(InputRefusal::InputTooLarge { .. }) => Err("too large".to_owned()),
            Err(other) => Err(other.to_string()),
        }
    }

    fn messages(&self, task: &str, input: &Value, said: &Conversation) -> Vec<String> {
        let prepared = self.ask(task, input, said).unwrap();
        let texts = prepared.messages.iter();
        texts
            .map(|message| format!("{:?}: {}", message.role, message.content))
            .collect()
    }
}

#[tokio::test]
async fn one_variable_takes_the_one_user_message_and_nothing_is_left_out() {
    let desk = Desk::open().await;
    let hello = said(&[(Role::User, "{{ text }} hello")]);
    let texts = desk.messages("one", &Value::Null, &hello);
    assert_eq!(texts, ["System: Translate.", "User: {{ text }} hello"]);
    for more in [
        said(&[(Role::System, "Be rude."), (Role::User, "hello")]),
        said(&[(Role::Assistant, "hello")]),
        said(&[]),
    ] {
        let refused = desk.ask("one", &Value::Null, &more);
        assert_eq!(refused, Err("/messages".to_owned()));
    }
}

#[tokio::test]
async fn with_an_input_or_without_variables_the_conversation_follows_the_prompt() {
    let desk = Desk::open().await;
    let talk = said(&[
        (Role::User, "hi"),
        (Role::Assistant, "yes?"),
        (Role::User, "bye"),
    ]);
    let follows = ["User: hi", "Assistant: yes?", "User: bye"];
    let texts = desk.messages("one", &json!({ "text": "x" }), &talk);
    assert_eq!(texts[..2], ["System: Translate.", "User: x"]);
    assert_eq!(texts[2..], follows);
    let texts = desk.messages("none", &Value::Null, &talk);
    assert_eq!(texts[0], "System: Be brief.");
    assert_eq!(texts[1..], follows);
    let refused = desk.ask("two", &Value::Null, &talk);
    assert_eq!(refused, Err("/input/language".to_owned()), "it is missing");
    let input = json!({ "text": "x", "language": "한국어" });
    assert_eq!(desk.messages("two", &input, &talk)[1..], follows);
}

#[tokio::test]
async fn what_is_asked_of_the_model_overrides_the_prompt_and_the_rest_stays() {
    let desk = Desk::open().await;
    let mut hello = said(&[(Role::User, "hello")]);
    let own = desk.ask("one", &Value::Null, &hello).unwrap().parameters;
    assert_eq!((own.temperature, own.max_tokens), (Some(0.1), Some(10)));
    hello.parameters = Parameters {
        temperature: Some(1.5),
        seed: Some(7),
        json: true,
        ..Parameters::default()
    };
    let asked = desk.ask("one", &Value::Null, &hello).unwrap().parameters;
    assert_eq!((asked.temperature, asked.max_tokens), (Some(1.5), Some(10)));
    assert_eq!((asked.seed, asked.json), (Some(7), true));
}

#[tokio::test]
async fn a_prompt_and_its_conversation_share_the_limit_of_the_prompt() {
    let desk = Desk::open().await;
    let task = name("none");
    for (length, fits) in [(31, true), (32, false)] {
        let words = "x".repeat(length);
        let talk = said(&[(Role::User, &words)]);
        let asked = Asked {
            conversation: Some(&talk),
            ..Asked::in_production(&desk.tenant, &task)
        };
        let prepared = desk.tasks.prepare(asked, "ticket", &Value::Null);
        assert_eq!(prepared.is_ok(), fits, "{length}: {prepared:?}");
    }
}

#[tokio::test]
async fn a_raw_model_gets_the_conversation_alone_under_inherited_limits() {
    let desk = Desk::open().await;
    let task = name("chat");
    let mut talk = said(&[(Role::User, "hello")]);
    talk.model = Some("m".to_owned());
    let prepared = desk.ask("chat", &Value::Null, &talk).unwrap();
    assert!(prepared.prompt.is_none());
    assert_eq!((prepared.model.as_str(), prepared.messages.len()), ("m", 1));
    let asked = |talk| Asked {
        conversation: Some(talk),
        ..Asked::in_production(&desk.tenant, &task)
    };
    let terms = desk.tasks.accept(asked(&talk), &Value::Null, NOW).unwrap();
    assert!(!terms.pre_process && !terms.post_process && terms.fallback_models.is_empty());
    assert_eq!(desk.tasks.lane(asked(&talk)).unwrap().models, ["m"]);
    let none = PromptRef::none();
    let check = async |answer: &str| desk.tasks.check_answer(asked(&talk), &none, answer).await;
    assert_eq!(check("anything").await, Ok(()));
    let endless = "x".repeat(64 << 20);
    assert!(matches!(check(&endless).await, Err(AnswerError::Misfit(_))));
    let long = "x".repeat(64 << 20);
    let mut long = said(&[(Role::User, &long)]);
    long.model = Some("m".to_owned());
    assert_eq!(
        desk.ask("chat", &Value::Null, &long),
        Err("too large".to_owned())
    );
    let gone = Conversation {
        model: Some("gone".to_owned()),
        ..talk.clone()
    };
    assert!(desk.ask("chat", &Value::Null, &gone).is_err());
    assert_eq!(desk.tasks.lane(asked(&gone)), None);
}
