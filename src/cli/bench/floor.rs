//! The floor: a bare actix-web and reqwest program that makes the same HTTP calls as Punchcard, and
//! has no store, no actors, no sessions, no signatures and no limits. What it reaches is what the two
//! libraries alone leave possible on this machine.

use std::net::{Ipv4Addr, TcpListener};

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context;
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use super::setup::SYSTEM_PROMPT;
use crate::cli::output::Output;
use crate::cli::runtime::on_system;

/// The hidden command `bench-floor`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct FloorArgs {
    /// The model server's base URL
    #[arg(long)]
    model: Url,
    /// The tenant's API
    #[arg(long)]
    backend: Url,
}

#[derive(Deserialize)]
struct Issue {
    task: String,
    input: Input,
    user: String,
}

#[derive(Serialize, Deserialize)]
struct Input {
    text: String,
}

#[derive(Serialize)]
struct Issued<'a> {
    id: Uuid,
    task: &'a str,
    state: &'a str,
}

#[derive(Serialize)]
struct Callback<'a> {
    ticket: Uuid,
    task: &'a str,
    user: &'a str,
    input: &'a Input,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'a str>,
}

#[derive(Deserialize)]
struct PreProcessed {
    input: Input,
}

#[derive(Serialize)]
struct ModelRequest<'a> {
    model: &'a str,
    stream: bool,
    messages: [Message<'a>; 2],
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'a str,
    content: &'a str,
}

#[derive(Deserialize)]
struct Chunk {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Delta,
}

#[derive(Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
}

/// One worker's own client and the addresses: a client shared by all threads would be slower.
#[derive(Clone)]
struct World {
    client: reqwest::Client,
    model: Url,
    pre: Url,
    post: Url,
}

/// Serves until it is killed. The first line on stdout is its address.
pub(super) fn serve(args: &FloorArgs, out: &mut Output) -> anyhow::Result<()> {
    // The error is the provider that was there first, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
    let addr = listener.local_addr()?;
    let (model, pre) = (args.model.clone(), args.backend.join("pre")?);
    let post = args.backend.join("post")?;
    let world = move || -> reqwest::Result<World> {
        Ok(World {
            client: reqwest::Client::builder().no_proxy().build()?,
            model: model.clone(),
            pre: pre.clone(),
            post: post.clone(),
        })
    };
    let server = move || {
        HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(world().ok()))
                .route("/v1/tickets", web::post().to(issue))
        })
        .disable_signals()
        .listen(listener)
        .map(HttpServer::run)
    };
    let said = out.line(addr);
    said.map_err(|_| anyhow::anyhow!("nobody reads the address"))?;
    on_system(async { server()?.await })?;
    Ok(())
}

async fn issue(world: web::Data<Option<World>>, issue: web::Json<Issue>) -> HttpResponse {
    let Some(world) = world.as_ref().clone() else {
        return HttpResponse::InternalServerError().finish();
    };
    let id = Uuid::now_v7();
    let issued = HttpResponse::Accepted().json(Issued {
        id,
        task: &issue.task,
        state: "requested",
    });
    actix_web::rt::spawn(async move {
        // A bare program loses such a ticket. The closed loop then runs one ticket short.
        let _ = work(&world, id, &issue).await;
    });
    issued
}

async fn work(world: &World, id: Uuid, issue: &Issue) -> anyhow::Result<()> {
    let mut call = Callback {
        ticket: id,
        task: &issue.task,
        user: &issue.user,
        input: &issue.input,
        answer: None,
    };
    let response = world.client.post(world.pre.clone()).json(&call).send();
    let pre: PreProcessed = response.await?.error_for_status()?.json().await?;
    let answer = ask_model(world, &pre.input.text).await?;
    call.answer = Some(&answer);
    let response = world.client.post(world.post.clone()).json(&call).send();
    response.await?.error_for_status()?;
    Ok(())
}

/// Reads the streamed answer. The fake model ends each piece it sends at the end of a line, and the
/// floor need not care for any other model; it still has to put lines together.
async fn ask_model(world: &World, text: &str) -> anyhow::Result<String> {
    let request = ModelRequest {
        model: "bench",
        stream: true,
        messages: [
            Message {
                role: "system",
                content: SYSTEM_PROMPT,
            },
            Message {
                role: "user",
                content: text,
            },
        ],
    };
    let response = world.client.post(world.model.clone()).json(&request).send();
    let mut response = response.await?.error_for_status()?;
    let mut answer = String::new();
    let mut buffer = Vec::new();
    while let Some(piece) = response.chunk().await? {
        buffer.extend_from_slice(&piece);
        let whole = buffer
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        for line in buffer[..whole].split(|b| *b == b'\n') {
            match line.strip_prefix(b"data: ") {
                None | Some(b"[DONE]") => {}
                Some(data) => {
                    let chunk: Chunk = serde_json::from_slice(data)?;
                    let content = chunk.choices.into_iter().next();
                    answer.extend(content.and_then(|choice| choice.delta.content));
                }
            }
        }
        buffer.drain(..whole);
    }
    Ok(answer)
}
