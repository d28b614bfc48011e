//! Which of a ticket's models is called: the one whose turn it is, unless its breaker is open and
//! a fallback's is not.
//!
//! The order of the models and what may be left out is the ticket's (`models_in_turn`); here only
//! the breakers are asked. Where every breaker is open, the ticket waits for the model whose turn
//! it is: an open breaker fails no ticket.

use std::pin::pin;
use std::time::Duration;

use crate::guards::Permit;
use crate::llm::{Llm, Wish};

/// How often a ticket that waits in line, and has another model to ask, looks whether its model's
/// breaker has opened. Many tickets may wait, so not often.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// A permit for the model to call, if one is free at once. `models` are those in turn; whether
/// `wish` is a retry is said of the first of them.
pub(super) fn try_permit(llm: &Llm, models: &[&str], wish: &Wish<'_>) -> Option<(String, Permit)> {
    let model = choose(models, |model| llm.is_open(model))?;
    let wish = at(models.first() == Some(&model), wish);
    Some((model.to_owned(), llm.try_permit(model, &wish)?))
}

/// Waits in line for a permit for the model to call. When that one's breaker opens meanwhile, the
/// ticket leaves the line for a fallback. `models` are those in turn, at least one; `wish` as in
/// [`try_permit`].
pub(super) async fn permit(llm: &Llm, models: &[String], wish: &Wish<'_>) -> (String, Permit) {
    if let [only] = models {
        return (only.clone(), llm.permit(only, wish).await);
    }
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    loop {
        let model = choose(&models, |model| llm.is_open(model)).unwrap_or_default();
        let wish = at(models.first() == Some(&model), wish);
        let mut line = pin!(llm.permit(model, &wish));
        loop {
            if let Ok(permit) = tokio::time::timeout(LOOK_AGAIN, line.as_mut()).await {
                return (model.to_owned(), permit);
            }
            let better = choose(&models, |model| llm.is_open(model));
            if llm.is_open(model) && better != Some(model) {
                break;
            }
        }
    }
}

/// What is wished of a model: only the first was called before.
const fn at<'a>(first: bool, wish: &Wish<'a>) -> Wish<'a> {
    Wish {
        retry: wish.retry && first,
        ..*wish
    }
}

/// The first model whose breaker is not open, or the first of all.
fn choose<'a>(models: &[&'a str], is_open: impl Fn(&str) -> bool) -> Option<&'a str> {
    let closed = models.iter().find(|model| !is_open(model));
    closed.or_else(|| models.first()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_model_with_a_closed_breaker_is_called_and_the_first_where_none_is() {
        let models = ["a", "b", "c"];
        for (open, called) in [
            (&[][..], "a"),
            (&["b"], "a"),
            (&["a"], "b"),
            (&["a", "b"], "c"),
            (&["a", "b", "c"], "a"),
        ] {
            assert_eq!(choose(&models, |m| open.contains(&m)), Some(called));
        }
        assert_eq!(choose(&["a"], |_| true), Some("a"));
        assert_eq!(choose(&[], |_| true), None);
    }
}
