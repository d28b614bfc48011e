//! What a fork is going to be, found out before it is issued.

use std::sync::Arc;

use punchcard_events::tenant::MicroUsd;
use punchcard_events::ticket::{
    AnswerFormat, ForkFrom, Parameters, PromptRef, Terms, TicketPreProcessed, TicketRequested,
    TicketState,
};
use punchcard_events::{Revision, TicketId};

use super::{ForkError, ForkPrompt, ForkSpec};
use crate::ports::{Again, Asked, Lane, TaskBook};
use crate::tickets::Tickets;
use crate::usage::Estimate;

/// A fork that can be issued.
#[derive(Debug, Clone)]
pub struct ForkPlan {
    /// The newest event of the ticket that is run again.
    pub parent_revision: Revision,
    /// What goes to the model, and to which.
    pub prepared: TicketPreProcessed,
    /// The tokens it will take, rather too many.
    pub estimate: Estimate,
    /// What these cost; `None` where the model has no price.
    pub cost: Option<MicroUsd>,
    pub(super) request: Arc<TicketRequested>,
    pub(super) terms: Terms,
    pub(super) lane: Lane,
}

pub(super) async fn make(
    tickets: &Tickets,
    parent: TicketId,
    spec: &ForkSpec,
) -> Result<ForkPlan, ForkError> {
    in_range(&spec.parameters)?;
    let news = tickets.look(parent).await?.ok_or(ForkError::NoSuchTicket)?;
    let request = news.state.request().ok_or(ForkError::NoSuchTicket)?;
    if request.tenant != spec.tenant {
        return Err(ForkError::NoSuchTicket);
    }
    if tickets.is_expired(&news) {
        return Err(ForkError::Expired);
    }
    let tasks = tickets.tasks();
    let (mut prepared, answer_format) = match spec.from {
        ForkFrom::Requested => render(tasks, request, &news.state, spec).await?,
        ForkFrom::PreProcessed => as_it_was(request, &news.state, spec)?,
    };
    if let Some(model) = &spec.model {
        prepared.model.clone_from(model);
    }
    may_ask(tickets, request, spec, &prepared.model)?;
    if spec.parameters != Parameters::default() {
        prepared.parameters = Arc::new(changed(&prepared.parameters, &spec.parameters));
    }
    let asked = Asked::in_production(&request.tenant, &request.task);
    let model = &prepared.model;
    let terms = tasks.terms_of_fork(asked, model, answer_format, tickets.now());
    let (terms, lane) = terms.ok_or_else(|| ForkError::UnknownModel(model.clone()))?;
    let estimate = Estimate::of_call(&prepared.messages, &prepared.parameters);
    Ok(ForkPlan {
        parent_revision: news.revision,
        cost: tickets.cost(model, estimate),
        estimate,
        request: Arc::clone(request),
        prepared,
        terms,
        lane,
    })
}

/// Whether `model` may be asked: one that is neither the prompt's own nor the planner's choice must be
/// among those that the tenant may ask by their names, as when a ticket names it itself.
fn may_ask(
    tickets: &Tickets,
    request: &TicketRequested,
    spec: &ForkSpec,
    model: &str,
) -> Result<(), ForkError> {
    let conversation = request.conversation.as_deref();
    let runs_none = conversation.is_some_and(|said| said.model.is_some());
    let chosen = spec.model.is_some() && !spec.any_model;
    let limits = tickets.limits(&request.tenant);
    if (runs_none || chosen) && !limits.raw_models.contains(model) {
        return Err(ForkError::UnknownModel(model.to_owned()));
    }
    Ok(())
}

/// The ranges that model servers take (OpenAI's chat completions). What is no number is in none.
fn in_range(parameters: &Parameters) -> Result<(), ForkError> {
    let within = |value: Option<f64>, most| value.is_none_or(|value| (0.0..=most).contains(&value));
    let bad = |name, range| Err(ForkError::BadParameter { name, range });
    if !within(parameters.temperature, 2.0) {
        return bad("temperature", "0 to 2");
    }
    if !within(parameters.top_p, 1.0) {
        return bad("top_p", "0 to 1");
    }
    if parameters.max_tokens == Some(0) {
        return bad("max_tokens", "1 and more");
    }
    Ok(())
}

/// The input rendered again, and what the answer must be.
async fn render(
    tasks: &dyn TaskBook,
    request: &TicketRequested,
    state: &TicketState,
    spec: &ForkSpec,
) -> Result<(TicketPreProcessed, AnswerFormat), ForkError> {
    let before = state.prepared();
    // Of a fork it was known from the beginning.
    let of_fork = request.fork.as_ref().map(|fork| &fork.prepared);
    let before = before.map(|prepared| &**prepared).or(of_fork);
    if before.is_none() && request.terms.pre_process {
        return Err(ForkError::NotPrepared);
    }
    let replaced = before.and_then(|prepared| prepared.input.clone());
    let conversation = request.conversation.as_deref();
    let runs_none = conversation.is_some_and(|said| said.model.is_some());
    if runs_none && spec.prompt.is_some() {
        return Err(ForkError::NoPrompt);
    }
    let own = before.map(|prepared| &prepared.prompt);
    let own = own.filter(|prompt| !prompt.is_none());
    let (label, version) = match &spec.prompt {
        Some(ForkPrompt::Version(version)) => (None, Some(*version)),
        Some(ForkPrompt::Label(label)) => (Some(label), None),
        None => match own {
            Some(prompt) => (None, Some(prompt.version)),
            None => (request.label.as_ref(), None),
        },
    };
    let asked = Asked {
        tenant: &request.tenant,
        task: &request.task,
        label,
        conversation,
    };
    let again = Again {
        version,
        input: replaced.as_ref().unwrap_or(&request.input),
        prepared_by_hook: replaced.is_some(),
    };
    let rendered = tasks.render_again(asked, again).await?;
    let prepared = TicketPreProcessed {
        input: replaced,
        prompt: rendered.prompt,
        messages: rendered.messages,
        model: rendered.model,
        parameters: rendered.parameters,
        answer_format: None,
        call: None,
    };
    Ok((prepared, rendered.answer_format))
}

/// The messages, word for word, and what the answer must be.
fn as_it_was(
    request: &TicketRequested,
    state: &TicketState,
    spec: &ForkSpec,
) -> Result<(TicketPreProcessed, AnswerFormat), ForkError> {
    if spec.prompt.is_some() {
        return Err(ForkError::VersionOfMessages);
    }
    let before = state.prepared().ok_or(ForkError::NoMessages)?;
    let answer_format = before.answer_format.unwrap_or(request.terms.answer_format);
    let prepared = TicketPreProcessed {
        // What is tried beside production says nothing of a canary.
        prompt: PromptRef {
            canary: None,
            ..before.prompt.clone()
        },
        answer_format: None,
        // The parent's API was called, the fork's is not.
        call: None,
        ..TicketPreProcessed::clone(before)
    };
    Ok((prepared, answer_format))
}

fn changed(own: &Parameters, by: &Parameters) -> Parameters {
    Parameters {
        temperature: by.temperature.or(own.temperature),
        top_p: by.top_p.or(own.top_p),
        max_tokens: by.max_tokens.or(own.max_tokens),
        seed: by.seed.or(own.seed),
        json: by.json || own.json,
    }
}
