//! What a story asks of the world, and what it is answered: one JSON object a line each.
//!
//! Each ask is `{"ask": name, …}`. They are done one after another; one that waits for something that does
//! not come fails the test by the wait's own bound.

use serde_json::{Value, json};

use crate::fake_backend::Behaviour;
use crate::model;
use crate::world::World;

/// The most turns one script may have.
const MOST_TURNS: u64 = 1_000;

impl World {
    /// Does what is asked.
    pub(crate) async fn asked(&mut self, ask: &Value) -> Value {
        match ask["ask"].as_str().unwrap_or_default() {
            "world" => self.described(),
            "stop" => {
                self.stop().await;
                Value::Null
            }
            "start" => {
                self.start_again().await;
                Value::Null
            }
            "script" => self.script(ask),
            "open" => {
                Self::gate(self.gates(), text(ask, "gate")).open();
                Value::Null
            }
            "calls" => {
                let calls = self.model.calls();
                calls.iter().map(|call| call.body.clone()).collect()
            }
            "backend" => self.behave(ask),
            "deliveries" => self.deliveries(),
            "student opens" => {
                self.student_opens(text(ask, "user")).await;
                Value::Null
            }
            "student until" => {
                let student = self.student.as_mut().expect("the student is there");
                student.until(text(ask, "ticket"), text(ask, "type")).await
            }
            "student acks" => {
                let student = self.student.as_mut().expect("the student is there");
                student.ack(text(ask, "ticket")).await;
                Value::Null
            }
            "student saw" => self.student_saw(text(ask, "ticket")),
            other => panic!("the world does not know {other:?}"),
        }
    }

    /// `{word, turn, times?}`: what the model says when `word` is in the last message.
    fn script(&mut self, ask: &Value) -> Value {
        let times = ask["times"].as_u64().unwrap_or(1).min(MOST_TURNS);
        let gates = self.gates();
        let turn = model::turn(&ask["turn"], &mut |name| Self::gate(gates, name));
        let turns = (0..times).map(|_| turn.clone());
        self.model.script(text(ask, "word"), turns);
        Value::Null
    }

    /// `{path, status, body?, times}`: what the tenant's API answers next.
    fn behave(&mut self, ask: &Value) -> Value {
        let status = ask["status"].as_u64().unwrap();
        let status = u16::try_from(status).unwrap();
        let behaviour = match &ask["body"] {
            Value::Null => Behaviour::status(status),
            body => Behaviour::json(status, body),
        };
        let times = ask["times"].as_u64().unwrap_or(1).min(MOST_TURNS);
        let behaviours = (0..times).map(|_| behaviour.clone());
        self.backend.script(text(ask, "path"), behaviours);
        Value::Null
    }

    /// The tenant's ledger.
    fn deliveries(&self) -> Value {
        let deliveries = self.backend.deliveries();
        let line = |delivery: &crate::fake_backend::Delivery| {
            json!({
                "path": delivery.path,
                "id": delivery.id(),
                "signed": delivery.signature.is_ok(),
                "repeat": delivery.is_repeat,
                "body": delivery.json(),
            })
        };
        deliveries.iter().map(line).collect()
    }

    /// What the student holds of a ticket.
    fn student_saw(&self, ticket: &str) -> Value {
        let student = self.student.as_ref().expect("the student is there");
        let seen = student.seen(ticket);
        json!({ "states": seen.states, "text": seen.text, "answer": seen.answer, "answers": seen.answers })
    }
}

fn text<'a>(ask: &'a Value, field: &str) -> &'a str {
    let text = ask[field].as_str();
    text.unwrap_or_else(|| panic!("{ask} says no {field}"))
}
