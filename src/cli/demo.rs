//! `punchcard demo`: the whole path in one process, over real sockets.
//!
//! A sample backend issues three tickets over HTTP, a student's session follows them over a
//! WebSocket and acknowledges the answers. Nothing leaves the machine: the model is the offline one.

mod backend;
mod board;
mod samples;
mod stage;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{sleep, timeout};
use url::Url;

use self::board::Board;
use self::stage::Stage;
use super::client::{self, TicketView};
use super::exit::{Exit, Failure};
use super::output::Output;
use super::runtime::StopSignals;
use super::session_client::{ServerFrame, SessionClient, SessionError};
use super::style::{self, BOLD, DIM, GOOD};
use super::ticket::fetch_history;
use super::timeline::{self, Timeline};

/// How long the three tickets may take.
const DEADLINE: Duration = Duration::from_secs(60);
/// Broken sessions in a row before the demo gives up.
const MAX_RECONNECTS: u32 = 5;
/// The pause before a session is opened again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Everything runs in this process, on free ports of the loopback interface: the runtime, an offline
model, a sample backend that verifies and answers the callbacks, and a student's session. No network,
no key and no other service is needed.

Examples:
  punchcard demo                  then play with it, Ctrl-C ends it
  punchcard demo --once           for scripts: 0 when all three tickets were delivered
  punchcard demo --keep demo      keep the data: punchcard store verify --data-dir demo")]
pub(crate) struct DemoArgs {
    /// End when the tickets are delivered (0), or after 60 s (1).
    #[arg(long)]
    once: bool,

    /// Keep the durable data in this directory; otherwise it is removed at the end.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// Shows it.
pub(crate) async fn run(args: &DemoArgs, out: &mut Output) -> Result<Exit, Failure> {
    let mut signals = StopSignals::listen()?;
    let stage = Stage::build(args.keep.as_deref()).await?;
    let shown = tokio::select! {
        shown = Box::pin(show(&stage, args, out)) => shown,
        signal = signals.next() => Err(Failure::negative(format!("ended by {signal}"))),
    };
    if shown.is_ok() && !args.once {
        let signal = signals.next().await;
        out.note(format_args!("{signal}: stopping"));
    }
    tokio::select! {
        () = stage.strike() => {}
        _ = signals.next() => {}
    }
    shown.map(|()| Exit::Success)
}

async fn show(stage: &Stage, args: &DemoArgs, out: &mut Output) -> Result<(), Failure> {
    introduce(stage, out)?;
    let mut board = Board::new();
    let Ok(played) = timeout(DEADLINE, play(stage, &mut board, out)).await else {
        let states: Vec<String> = board.rows().iter().map(describe).collect();
        let (after, states) = (DEADLINE.as_secs(), states.join(", "));
        let sentence = format!("not all tickets were delivered within {after} s: {states}");
        return Err(Failure::negative(sentence));
    };
    played?;
    let saved = stage.backend.saved();
    let count = board.rows().len();
    let wanted = samples::samples()
        .iter()
        .filter(|sample| sample.saved)
        .count();
    if saved != wanted {
        let sentence = format!("{saved} answers were saved by the backend instead of {wanted}");
        return Err(Failure::negative(sentence));
    }
    if out.is_json() {
        out.json_line(&json!({ "delivered": count, "saved_by_backend": saved }))?;
    } else {
        out.line("")?;
        out.line(format_args!(
            "{GOOD}delivered{GOOD:#} {count} answers; {saved} were saved by the backend first, as their tasks ask"
        ))?;
    }
    tell_history(stage, &board, out).await?;
    if !args.once {
        say_where_next(stage, &board, out)?;
    }
    Ok(())
}

fn describe(row: &board::Row) -> String {
    let state = row.seen.state.map_or("issued", |state| state.as_str());
    format!("{} is {state}", row.task)
}

fn introduce(stage: &Stage, out: &mut Output) -> Result<(), Failure> {
    let (api, admin, backend) = (stage.url(), stage.admin_url(), stage.backend.url());
    if out.is_json() {
        let key = stage.key.expose();
        return out.json_line(&json!({
            "url": api, "admin_url": admin, "backend_url": backend, "key": key,
            "data_dir": stage.data_dir().display().to_string(),
        }));
    }
    out.line(format_args!("{BOLD}Punchcard demo{BOLD:#}"))?;
    out.line(format_args!(
        "  {DIM}runtime{DIM:#}  {api}   {DIM}offline model, embedded store{DIM:#}"
    ))?;
    out.line(format_args!(
        "  {DIM}backend{DIM:#}  {backend}   {DIM}sample of a customer's API{DIM:#}"
    ))?;
    let user = samples::USER;
    out.line(format_args!(
        "  {DIM}session{DIM:#}  {user}, over a WebSocket"
    ))?;
    out.line("")
}

/// Issues the tickets and follows them to their delivery.
async fn play(stage: &Stage, board: &mut Board, out: &mut Output) -> Result<(), Failure> {
    let mut session = open_session(stage).await?;
    for sample in samples::samples() {
        let body = json!({
            "task": sample.task,
            "user": samples::USER,
            "input": sample.input,
            "metadata": { "shown-by": "demo" },
        });
        let path = ["tickets"];
        let issued = stage
            .client
            .post(&path, HeaderMap::new(), &body, Duration::ZERO)
            .await?;
        let ticket: TicketView = client::read(issued)?;
        board.add(ticket.id, sample.task);
    }
    let mut broken = 0;
    while !board.all_delivered() {
        match session.frame().await {
            Ok(Some(frame)) => {
                broken = 0;
                if let Some(seen) = frame.ticket().and_then(|id| session.transcript(id)) {
                    board.show(&frame, seen, out)?;
                }
                if let Some(row) = board.lost() {
                    let why = row.seen.ended.clone().unwrap_or_default();
                    return Err(Failure::negative(format!("{} {why}", describe(row))));
                }
                if let ServerFrame::Answer { ticket, .. } = frame {
                    // A connection that breaks here shows at the next frame; the answer comes again.
                    let _ = session.ack(ticket).await;
                }
            }
            Err(SessionError::Protocol(what)) => {
                return Err(Failure::negative(format!(
                    "the session protocol was broken: {what}"
                )));
            }
            Ok(None) | Err(_) if broken < MAX_RECONNECTS => {
                broken += 1;
                sleep(RECONNECT_PAUSE).await;
                let token = session_token(stage).await?;
                // A failure to reconnect shows as a session that has ended.
                let _ = session.reconnect(&token.token).await;
            }
            Ok(None) | Err(_) => {
                return Err(Failure::negative("the session keeps breaking off"));
            }
        }
    }
    session.close().await;
    Ok(())
}

/// What `POST /v1/session-tokens` gives.
#[derive(Debug, Deserialize)]
struct SessionToken {
    token: String,
    url: String,
}

async fn session_token(stage: &Stage) -> Result<SessionToken, Failure> {
    let body = json!({ "user": samples::USER });
    let path = ["session-tokens"];
    let token = stage
        .client
        .post(&path, HeaderMap::new(), &body, Duration::ZERO)
        .await?;
    client::read(token)
}

async fn open_session(stage: &Stage) -> Result<SessionClient, Failure> {
    let SessionToken { token, url } = session_token(stage).await?;
    let url: Url = url
        .parse()
        .map_err(|_| Failure::negative("the session's address is none"))?;
    let origin = stage.backend.url();
    let opened = SessionClient::connect(&url, &token, &origin, &[]).await;
    let (session, _welcome) = opened.map_err(|error| Failure::negative(error.to_string()))?;
    Ok(session)
}

async fn tell_history(stage: &Stage, board: &Board, out: &mut Output) -> Result<(), Failure> {
    let Some(row) = board.rows().first() else {
        return Ok(());
    };
    let history = fetch_history(&stage.client, row.ticket).await?;
    let timeline = Timeline::fold(row.ticket, &history, None);
    if out.is_json() {
        out.json_line(&json!({ "history": timeline }))?;
    } else {
        out.line("")?;
        out.line(format_args!("{BOLD}How {} went{BOLD:#}", row.task))?;
        timeline::render(&timeline, out)?;
    }
    match timeline.broken {
        Some(broken) => Err(Failure::negative(broken.reason)),
        None => Ok(()),
    }
}

fn say_where_next(stage: &Stage, board: &Board, out: &mut Output) -> Result<(), Failure> {
    if out.is_json() {
        return Ok(());
    }
    let program = std::env::args()
        .next()
        .unwrap_or_else(|| "punchcard".to_owned());
    let program = style::safe(&program);
    let (url, key, user) = (stage.url(), stage.key.expose(), samples::USER);
    let (admin, backend) = (stage.admin_url(), stage.backend.url());
    let input = json!({ "question": "Why do leaves turn red in autumn?", "level": "middle" });
    out.line("")?;
    out.line(format_args!(
        "{BOLD}Play with it{BOLD:#} {DIM}(while this runs){DIM:#}"
    ))?;
    out.line(format_args!(
        "  export PUNCHCARD_URL={url} PUNCHCARD_KEY={key}"
    ))?;
    out.line(format_args!(
        "  {program} ticket issue explanation --user {user} --wait --input '{input}'"
    ))?;
    out.line(format_args!("  {program} ticket list"))?;
    for row in board.rows().iter().take(1) {
        out.line(format_args!(
            "  {program} ticket replay {} --at 3",
            row.ticket
        ))?;
    }
    out.line(format_args!(
        "  curl -H \"authorization: Bearer $PUNCHCARD_KEY\" {url}/v1/tickets"
    ))?;
    out.line(format_args!("  curl {backend}/results"))?;
    out.line(format_args!("  curl {admin}/metrics"))?;
    out.line(format_args!(
        "  {admin}/console {DIM}in a browser: sign in with the key{DIM:#}"
    ))?;
    out.line("")?;
    out.line(format_args!(
        "{BOLD}Read on{BOLD:#}  README.md, ARCHITECTURE.md, docs/session-protocol.md, docs/callbacks.md"
    ))?;
    out.line(style::paint(DIM, "Ctrl-C ends the demo."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_delivers_its_three_tickets_and_leaves_an_intact_store() {
        let dir = tempfile::tempdir().unwrap();
        let keep = dir.path().join("kept");
        let args = DemoArgs {
            once: true,
            keep: Some(keep.clone()),
        };
        let (mut out, stdout, _) = Output::captured(false);
        let ended = crate::cli::runtime::on_system(run(&args, &mut out));
        assert_eq!(ended, Ok(Exit::Success), "{}", stdout.text());
        let text = stdout.text();
        for expected in [
            "explanation      delivered",
            "delivered 3 answers",
            "fingerprint",
        ] {
            assert!(text.contains(expected), "no `{expected}` in:\n{text}");
        }
        let report = crate::adapters::store_sqlite::verify(&keep).unwrap();
        assert!(report.is_clean() && report.tickets == 3, "{report:?}");
    }
}
