//! What a content says besides its texts: the model, the parameters, who speaks, the answer's format.

use std::collections::BTreeSet;

use punchcard_events::prompt::Content;
use punchcard_events::ticket::{AnswerFormat, Role};

use super::super::nearest::{listed, nearest};
use super::super::schema::shorten;
use super::super::{Flaw, Place};
use super::Found;

/// Everything that is wrong with the settings.
pub(super) fn check(content: &Content, models: &BTreeSet<String>) -> Vec<Found> {
    let mut found = Vec::new();
    if !models.contains(&content.model) {
        found.push(Found::error(unknown_model(&content.model, models)));
    }
    found.extend(parameters(content).into_iter().map(Found::error));
    if content.messages.is_empty() {
        let message = "the prompt has no messages";
        let remedy = "Add at least one, usually one from the system and one from the user.";
        found.push(Found::error(flaw(Place::Messages, message, remedy)));
    } else if !content.messages.iter().any(|one| one.role == Role::User) {
        let message = "no message is from the user";
        let remedy = "Most models answer the last message of the user: give one the role user.";
        found.push(Found::warning(flaw(Place::Messages, message, remedy)));
    }
    if content.answer_schema.is_some() && content.answer == AnswerFormat::Text {
        let message = "the answer is text, which no schema describes";
        let remedy = "Set the answer to json, or take answer_schema away.";
        found.push(Found::error(flaw(Place::AnswerSchema, message, remedy)));
    }
    found
}

fn unknown_model(name: &str, models: &BTreeSet<String>) -> Flaw {
    let known = || models.iter().map(String::as_str);
    let remedy = match (nearest(name, known()), models.is_empty()) {
        (_, true) => "Ask your operator to configure a model.".to_owned(),
        (Some(nearest), false) => format!("Did you mean `{nearest}`?"),
        (None, false) => format!("Use one of {}.", listed(known())),
    };
    let message = format!("the model `{}` is not configured", shorten(name));
    flaw(Place::Model, &message, &remedy)
}

/// The ranges that model servers take (OpenAI's chat completions).
fn parameters(content: &Content) -> Vec<Flaw> {
    let parameters = &content.parameters;
    let mut flaws = Vec::new();
    for (key, value, most) in [
        ("temperature", parameters.temperature, 2),
        ("top_p", parameters.top_p, 1),
    ] {
        if value.is_some_and(|value| !(0.0..=f64::from(most)).contains(&value)) {
            let message = format!("{key} is outside 0 to {most}");
            let remedy = format!("Choose a number from 0 to {most}, or take it away.");
            flaws.push(flaw(Place::Parameter(key), &message, &remedy));
        }
    }
    if parameters.max_tokens == Some(0) {
        let remedy = "Choose at least 1, or take it away.";
        flaws.push(flaw(
            Place::Parameter("max_tokens"),
            "max_tokens is 0",
            remedy,
        ));
    }
    flaws
}

fn flaw(place: Place, message: &str, remedy: &str) -> Flaw {
    Flaw {
        place,
        at: None,
        message: message.to_owned(),
        remedy: remedy.to_owned(),
    }
}
