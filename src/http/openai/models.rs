//! `GET /v1/models`: what a chat completion may name.

use actix_web::HttpResponse;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::problems::no_such_model;
use super::runs::{RAW_TASK, raw_models};
use crate::http::dispatch::Call;
use crate::http::errors::Problem;

/// How many prompts are read from the book at a time.
const PAGE: usize = 500;

/// All of them: a tenant has a bounded number of prompts and of models.
#[derive(Serialize)]
struct ModelList {
    object: &'static str,
    data: Vec<Model>,
}

/// A task in production, or a model by its own name.
#[derive(Serialize)]
struct Model {
    id: String,
    object: &'static str,
    /// When its version was put in production, in seconds since 1970; 0 for a model.
    created: u64,
    owned_by: String,
}

/// `GET /v1/models`
pub(super) async fn list(call: Call) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(ModelList {
        object: "list",
        data: all(&call)?,
    }))
}

/// `GET /v1/models/{model}`
pub(super) async fn read(call: Call) -> Result<HttpResponse, Problem> {
    let name = call.request.match_info().get("model").unwrap_or_default();
    // A name may hold a slash, which comes encoded.
    let name = percent_decode_str(name).decode_utf8();
    let name = name.map_err(|_| no_such_model())?;
    let found = all(&call)?.into_iter().find(|model| model.id == name);
    Ok(HttpResponse::Ok().json(found.ok_or_else(no_such_model)?))
}

fn all(call: &Call) -> Result<Vec<Model>, Problem> {
    let mut models = tasks(call);
    for name in raw_models(call, &call.caller.tenant)? {
        // A task of the same name is what runs.
        if models.iter().all(|model| model.id != name) {
            models.push(Model {
                id: name,
                object: "model",
                created: 0,
                owned_by: "punchcard".to_owned(),
            });
        }
    }
    Ok(models)
}

/// The tasks in production that take tickets.
fn tasks(call: &Call) -> Vec<Model> {
    let (tenant, book) = (&call.caller.tenant, call.api.prompts.book());
    let mut models = Vec::new();
    let mut after = None;
    loop {
        let page = book.list(tenant, after.as_ref(), PAGE);
        let last = page.last().map(|(task, _)| task.clone());
        for (task, summary) in &page {
            let production = summary
                .labels
                .iter()
                .find(|(label, _)| label.is_production());
            if let (Some((_, state)), None) = (production, &summary.retired)
                && task.as_str() != RAW_TASK
            {
                models.push(Model {
                    id: task.as_str().to_owned(),
                    object: "model",
                    created: state.act.at.as_millis() / 1_000,
                    owned_by: tenant.as_str().to_owned(),
                });
            }
        }
        if page.len() < PAGE {
            return models;
        }
        after = last;
    }
}
