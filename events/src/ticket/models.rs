//! Whose turn it is: the model that a ticket's prompt names, then the fallbacks in its terms.
//!
//! A ticket moves along this order and never back: it returns to its first model with a redrive,
//! or not at all. When it moves is not decided here: after a failure `failing.rs` says so, before
//! a call whoever runs the ticket does, who knows the breakers.

use std::sync::Arc;

use super::decide::Rejection;
use super::state::{FallbackTurn, Sent, TicketState};
use super::{Fallback, FallbackReason, TicketPreProcessed, TicketRequested, TicketSent};

impl TicketState {
    /// The models that may be asked next, the one whose turn it is first. Empty in states that
    /// ask no model.
    pub fn models_in_turn(&self) -> Vec<&str> {
        match self {
            Self::PreProcessed(s) => from(&s.request, &s.prepared, &s.prepared.model),
            Self::Sent(s) => from(&s.request, &s.prepared, s.model()),
            Self::Unrequested
            | Self::Requested(_)
            | Self::Answered(_)
            | Self::Persisted(_)
            | Self::Delivered(_)
            | Self::Failed(_)
            | Self::Cancelled(_) => Vec::new(),
        }
    }
}

/// The order from `model` on. A fallback that is named twice, or that is the prompt's own model,
/// has one turn.
fn from<'a>(
    request: &'a TicketRequested,
    prepared: &'a TicketPreProcessed,
    model: &'a str,
) -> Vec<&'a str> {
    let mut order = vec![prepared.model.as_str()];
    for fallback in &request.terms.fallback_models {
        if !order.contains(&fallback.as_str()) {
            order.push(fallback);
        }
    }
    match order.iter().position(|named| *named == model) {
        Some(turn) => order.split_off(turn),
        // Not of this ticket's terms, so nothing comes after it.
        None => vec![model],
    }
}

/// The fallback after the model whose turn it is.
pub(super) fn next_fallback(sent: &Sent) -> Option<&str> {
    let order = from(&sent.request, &sent.prepared, sent.model());
    order.get(1).copied()
}

/// Why a call goes to `model` now; `None` where the prompt names it.
///
/// # Errors
/// When it may not be asked now.
pub(super) fn why(state: &TicketState, model: &str) -> Result<Option<Fallback>, Rejection> {
    let order = state.models_in_turn();
    let due = order.first().copied().unwrap_or_default();
    if model == due {
        return Ok(state.fallback().map(|turn| turn.why.clone()));
    }
    if !order.contains(&model) {
        return Err(Rejection::WrongModel {
            given: model.to_owned(),
            due: due.to_owned(),
        });
    }
    Ok(Some(Fallback {
        from: due.to_owned(),
        reason: FallbackReason::BreakerOpen,
    }))
}

/// Whose turn it is after `sent`, where it was that of `before`.
pub(super) fn turn(
    prepared: &TicketPreProcessed,
    before: Option<&Arc<FallbackTurn>>,
    sent: &TicketSent,
) -> Option<Arc<FallbackTurn>> {
    if sent.model == prepared.model {
        return None;
    }
    if let Some(same) = before.filter(|turn| turn.model == sent.model) {
        return Some(Arc::clone(same));
    }
    let from = before.map_or(&prepared.model, |turn| &turn.model);
    let why = sent.fallback.clone().unwrap_or_else(|| Fallback {
        from: from.clone(),
        reason: FallbackReason::BreakerOpen,
    });
    let model = sent.model.clone();
    Some(Arc::new(FallbackTurn { model, why }))
}
