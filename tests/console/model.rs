//! A model that does what the prompt's words ask for, so that a planner's edit changes its answers.

use std::time::Duration;

use serde_json::{Value, json};

use crate::scripted_model::{Call, Step, Turn, saying};

/// Between two pieces of an answer that is asked for slowly.
const SLOWLY: Duration = Duration::from_millis(150);

/// What the model says of which no story said anything: a review as JSON where the prompt asks for a score,
/// warm words where it does not, so that such an answer breaks the schema of a review.
pub(crate) fn otherwise(call: &Call) -> Turn {
    let asked = words(call);
    if asked.contains("slowly") {
        let pieces = (1..=20).flat_map(|n| [Step::Pause(SLOWLY), Step::say(&format!("word {n} "))]);
        return pieces.chain([Step::Finish]).collect();
    }
    if asked.contains("score") {
        let strict = asked.contains("strict");
        let (score, comment) = match strict {
            true => (2, "The second sentence has no verb."),
            false => (4, "Clear and lively."),
        };
        let review = json!({ "score": score, "comment": comment }).to_string();
        let (first, rest) = review.split_at(review.len() / 2);
        return saying(&[first, rest]);
    }
    saying(&["What a lovely ", "essay! ", "참 잘했어요."])
}

/// Everything the call says, in one text.
fn words(call: &Call) -> String {
    let messages = call.body["messages"].as_array();
    let texts = messages.into_iter().flatten();
    let texts = texts.filter_map(|message| message["content"].as_str());
    texts.collect::<Vec<_>>().join("\n")
}

/// A turn as a story writes it: a list of `{"say": text}`, `{"pause": ms}`, `{"wait": gate}`,
/// `{"refuse": status}` and `"cut"`. It ends as a model ends, unless it is refused or cut.
pub(crate) fn turn(
    steps: &Value,
    gate: &mut impl FnMut(&str) -> crate::fake_backend::Gate,
) -> Turn {
    let steps = steps.as_array().expect("a turn is a list");
    let mut turn: Turn = steps.iter().map(|one| step(one, gate)).collect();
    if !matches!(turn.last(), Some(Step::Refuse(..) | Step::Cut)) {
        turn.push(Step::Finish);
    }
    turn
}

fn step(step: &Value, gate: &mut impl FnMut(&str) -> crate::fake_backend::Gate) -> Step {
    if let Some(text) = step["say"].as_str() {
        return Step::say(text);
    }
    if let Some(pause) = step["pause"].as_u64() {
        return Step::Pause(Duration::from_millis(pause));
    }
    if let Some(name) = step["wait"].as_str() {
        return Step::Wait(gate(name));
    }
    if let Some(status) = step["refuse"].as_u64() {
        let body = r#"{"error":{"message":"no"}}"#;
        return Step::Refuse(u16::try_from(status).unwrap(), body);
    }
    assert_eq!(step, "cut", "no step of a turn");
    Step::Cut
}
