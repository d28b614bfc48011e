//! A tiny server on loopback that answers from a script, for the tests of commands that ask a server.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use clap::Parser as _;
use serde_json::Value;

use super::args::{Cli, Command};
use super::client::ApiClient;
use super::exit::{Exit, Failure};
use super::output::Output;
use super::{key, prompt, tenant, ticket};

/// What the server was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Method and target.
    pub(crate) line: String,
    /// The key.
    pub(crate) authorization: String,
    /// After which event of a stream.
    pub(crate) last_event_id: Option<String>,
    /// How long to wait.
    pub(crate) prefer: Option<String>,
    /// What must be so: `If-Match`, or `If-None-Match`.
    pub(crate) only_if: Option<String>,
    /// The body, where it is JSON.
    pub(crate) body: Value,
}

/// Status, content type and body.
pub(crate) type Reply = (u16, &'static str, String);

/// A reply in JSON.
pub(crate) fn json_reply(status: u16, body: &Value) -> Reply {
    (status, "application/json", body.to_string())
}

#[derive(Clone, Default)]
struct Script {
    replies: Arc<Mutex<VecDeque<Reply>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

async fn reply(request: HttpRequest, body: web::Bytes, script: web::Data<Script>) -> HttpResponse {
    let header = |name: &str| {
        let value = request.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    script.asked.lock().unwrap().push(Asked {
        line: format!("{} {}", request.method(), request.uri()),
        authorization: header("authorization").unwrap_or_default(),
        last_event_id: header("last-event-id"),
        prefer: header("prefer"),
        only_if: header("if-match").or_else(|| header("if-none-match")),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    });
    let next = script.replies.lock().unwrap().pop_front();
    let (status, kind, body) =
        next.unwrap_or_else(|| (500, "text/plain", "the script is over".to_owned()));
    HttpResponse::build(StatusCode::from_u16(status).unwrap())
        .content_type(kind)
        .body(body)
}

/// What a command did.
pub(crate) struct Ran {
    /// How it ended.
    pub(crate) ended: Result<Exit, Failure>,
    /// Its results.
    pub(crate) stdout: String,
    /// Its notes.
    pub(crate) stderr: String,
    /// What it asked the server.
    pub(crate) asked: Vec<Asked>,
}

/// Runs `punchcard ROOM LINE` against a server that gives `replies` in their order.
pub(crate) fn ran(room: &str, line: &[&str], replies: &[Reply]) -> Ran {
    let (asked, (ended, stdout, stderr)) = on_server(replies, async |url| {
        let open = ["--url", &url, "--key", "pk_test"];
        let admin = ["--admin-url", &url, "--admin-key", "pk_operator"];
        let connection = match room {
            "tenant" => admin.to_vec(),
            "key" => [open, admin].concat(),
            _ => open.to_vec(),
        };
        let start = ["punchcard", room].into_iter().chain(connection);
        let cli = Cli::try_parse_from(start.chain(line.iter().copied())).unwrap();
        let (mut out, stdout, stderr) = Output::captured(cli.json);
        let ended = match &cli.command {
            Command::Ticket(args) => ticket::run(args, &mut out).await,
            Command::Prompt(args) => prompt::run(args, &mut out).await,
            Command::Tenant(args) => tenant::run(args, &mut out).await,
            Command::Key(args) => key::run(args, &mut out).await,
            other => unreachable!("{other:?} asks no server"),
        };
        (ended, stdout.text(), stderr.text())
    });
    Ran {
        ended,
        stdout,
        stderr,
        asked,
    }
}

/// Does `work` with a client of a server that gives `replies` in their order.
pub(crate) fn served<T>(
    replies: &[Reply],
    work: impl AsyncFnOnce(ApiClient) -> T,
) -> (Vec<Asked>, T) {
    on_server(replies, async |url| {
        let key = "pk_test".parse().unwrap();
        work(ApiClient::connect(url.parse().unwrap(), key).unwrap()).await
    })
}

fn on_server<T>(replies: &[Reply], work: impl AsyncFnOnce(String) -> T) -> (Vec<Asked>, T) {
    actix::System::new().block_on(async {
        let script = Script::default();
        script
            .replies
            .lock()
            .unwrap()
            .extend(replies.iter().cloned());
        let data = web::Data::new(script.clone());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .default_service(web::to(reply))
        })
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        actix::spawn(server);
        let done = work(url).await;
        handle.stop(false).await;
        let asked = script.asked.lock().unwrap().clone();
        assert!(
            script.replies.lock().unwrap().is_empty(),
            "not all was asked: {asked:?}"
        );
        (asked, done)
    })
}
