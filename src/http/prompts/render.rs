//! What a model would be sent: of a content that is kept, or of one that is still being written, which
//! is checked on the way and kept nowhere.

use std::sync::Arc;

use actix_web::HttpResponse;
use punchcard_actors::ports::Finding;
use punchcard_actors::prompts::PromptError;
use punchcard_events::TaskName;
use punchcard_events::prompt::{Content, ContentHash};
use punchcard_events::ticket::Message;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Unrenderable;
use super::problems::sentence;
use super::versions::Reference;
use crate::http::dispatch::{Call, PromptCall};
use crate::http::errors::{Code, Problem};

/// Either `ref` or `content`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RenderBody {
    /// A content that is kept.
    #[serde(default, rename = "ref")]
    reference: Option<Reference>,
    /// A content as it would be saved in a draft.
    #[serde(default)]
    content: Option<Content>,
    input: Value,
}

/// What a model would be sent.
#[derive(Serialize, JsonSchema)]
pub(super) struct RenderedView<'a> {
    task: &'a TaskName,
    hash: ContentHash,
    model: &'a str,
    messages: Vec<Message>,
    /// What was found in a `content`: warnings, because with a mistake there are no messages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
}

/// A content without mistakes.
struct Sound {
    hash: ContentHash,
    content: Arc<Content>,
    findings: Vec<Finding>,
}

/// `POST /v1/prompts/{task}/render`
pub(super) async fn render(
    PromptCall { mut call, task }: PromptCall,
) -> Result<HttpResponse, Problem> {
    let body: RenderBody = call.json().await?;
    let sound = match (body.reference, body.content) {
        (Some(reference), None) => kept(&call, &task, &reference).await?,
        (None, Some(content)) => written(&call, &task, &content).await?,
        (Some(_), Some(_)) | (None, None) => return Err(either()),
    };
    let (tenant, workbench) = (&call.caller.tenant, &call.api.workbench);
    let messages = workbench
        .render(tenant, &task, &sound.content, &body.input)
        .map_err(|error| unrenderable(error, &sound.findings))?;
    Ok(HttpResponse::Ok().json(RenderedView {
        task: &task,
        hash: sound.hash,
        model: &sound.content.model,
        messages,
        findings: sound.findings,
    }))
}

async fn kept(call: &Call, task: &TaskName, reference: &Reference) -> Result<Sound, Problem> {
    let (tenant, prompts) = (&call.caller.tenant, &call.api.prompts);
    let named = prompts.sound_content(tenant, task, &reference.0).await?;
    Ok(Sound {
        hash: named.hash,
        content: named.content,
        findings: Vec::new(),
    })
}

async fn written(call: &Call, task: &TaskName, content: &Content) -> Result<Sound, Problem> {
    let (tenant, prompts) = (&call.caller.tenant, &call.api.prompts);
    let checked = prompts.check(tenant, task, content).await?;
    if !checked.is_sound() {
        let findings = checked.findings;
        return Err(PromptError::Broken { findings }.into());
    }
    Ok(Sound {
        hash: checked.content.hash(),
        content: checked.content,
        findings: checked.findings,
    })
}

fn either() -> Problem {
    let detail = "Nothing says what to render, or two things do.";
    Problem::new(Code::InvalidRequest, detail)
        .remedy("Send `ref`, the name of a content that is kept, or `content`, one that is not.")
        .field("/ref")
}

fn unrenderable(error: Unrenderable, findings: &[Finding]) -> Problem {
    let problem = Problem::new(Code::InvalidInput, sentence(&error)).found(findings);
    match error {
        Unrenderable::Misfit { pointer, .. } => problem
            .remedy("Change the input there, or the prompt's input schema.")
            .field(format!("/input{pointer}")),
        Unrenderable::Failed(_) => problem
            .remedy("Add what the texts ask for to the input, or change the texts.")
            .field("/input"),
    }
}
