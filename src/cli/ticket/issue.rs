//! `punchcard ticket issue`.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::time::Duration;

use clap::Args;
use punchcard_events::ticket::Priority;
use punchcard_events::{LabelName, TaskName, TicketId, Timestamp, UserId};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::{show, watch};
use crate::cli::client::{self, ApiClient, TicketView};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::BOLD;

/// The most bytes of an input that are read; the server's own limits are far below.
const MAX_INPUT_BYTES: u64 = 16 << 20;
/// The longest wait the API grants to one request, in seconds.
const MAX_PREFER_WAIT: u64 = 60;

/// Arguments of `ticket issue`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard ticket issue explanation --input '{\"question\":\"Why is the sky blue?\",\"level\":\"middle\"}'
  punchcard ticket issue writing-review --input essay.json --user student-17 --metadata lesson=L-204
  echo '{\"passage\":\"…\",\"count\":3,\"level\":\"B1\"}' | punchcard ticket issue question-making --input - --wait=120
  punchcard ticket issue explanation --input q.json --label staging --wait
  punchcard ticket issue explanation --input q.json --not-before 2026-11-24T02:00:00Z --priority low
  punchcard ticket issue explanation --input q.json --idempotency-key lesson-204-q7")]
pub(crate) struct IssueArgs {
    /// The task to run.
    task: TaskName,

    /// The values of the prompt's variables: JSON, a file that holds it, or - for stdin.
    #[arg(long, short, value_name = "JSON|FILE|-")]
    input: String,

    /// Run the version that this label points to, such as staging, in place of production.
    #[arg(long, short)]
    label: Option<LabelName>,

    /// Whom the answer is for, by your own id for them. Without one, the answer is fetched.
    #[arg(long, short)]
    user: Option<UserId>,

    /// Begin no sooner than this: RFC 3339 in UTC, such as 2026-11-23T10:44:30Z.
    #[arg(long, value_name = "TIME")]
    not_before: Option<Timestamp>,

    /// Give up if there is no answer by then: RFC 3339 in UTC.
    #[arg(long, value_name = "TIME")]
    deadline: Option<Timestamp>,

    /// How it stands among your other tickets: low, normal or high.
    #[arg(long, value_name = "PRIORITY", value_parser = priority)]
    priority: Option<Priority>,

    /// A label of your own, handed back in callbacks and reads; may be repeated.
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = name_and_value)]
    metadata: Vec<(String, String)>,

    /// Makes repeating this command safe: the same key and request give the same ticket.
    #[arg(long, value_name = "KEY", value_parser = header_value)]
    idempotency_key: Option<HeaderValue>,

    /// Wait until the ticket has ended, for at most so long.
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "60",
        value_parser = clap::value_parser!(u64).range(1..=86_400)
    )]
    wait: Option<u64>,
}

/// Issues the ticket, and waits for its end where that is asked for.
pub(crate) async fn run(
    args: &IssueArgs,
    client: &ApiClient,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let body = body(args, read_input(&args.input)?);
    let wait = Duration::from_secs(args.wait.unwrap_or(0));
    let headers = headers(args);
    let issued = client.post(&["tickets"], headers, &body, wait).await?;
    let ticket: TicketView = client::read(issued.clone())?;
    if args.wait.is_none() {
        return told(&issued, ticket.id, out);
    }
    let ended = watch::ending(&ticket);
    if let Some(exit) = ended {
        show::print(&issued, &ticket, out)?;
        return Ok(exit);
    }
    out.note(format_args!("issued {}, waiting", ticket.id));
    let waiting = watch::until_ended(client, ticket.id);
    let Ok(ended) = tokio::time::timeout(wait, waiting).await else {
        let sentence = format!("{} has not ended within {} s", ticket.id, wait.as_secs());
        let advice = format!("It goes on: punchcard ticket watch {}", ticket.id);
        return Err(Failure::negative(sentence).advise(advice));
    };
    ended?;
    show::fetch_and_print(client, ticket.id, out).await
}

fn told(ticket: &Value, id: TicketId, out: &mut Output) -> Result<Exit, Failure> {
    if out.is_json() {
        out.document(ticket)?;
        return Ok(Exit::Success);
    }
    out.line(format_args!("{BOLD}{id}{BOLD:#}"))?;
    out.note(format_args!("follow it: punchcard ticket watch {id}"));
    Ok(Exit::Success)
}

fn body(args: &IssueArgs, input: Value) -> Value {
    let mut body = json!({ "task": args.task, "input": input });
    if let Some(label) = &args.label {
        body["label"] = json!(label);
    }
    if let Some(user) = &args.user {
        body["user"] = json!(user);
    }
    if let Some(not_before) = &args.not_before {
        body["not_before"] = json!(not_before);
    }
    if let Some(deadline) = &args.deadline {
        body["deadline"] = json!(deadline);
    }
    if let Some(priority) = &args.priority {
        body["priority"] = json!(priority);
    }
    if !args.metadata.is_empty() {
        let metadata: BTreeMap<_, _> = args.metadata.iter().cloned().collect();
        body["metadata"] = json!(metadata);
    }
    body
}

fn headers(args: &IssueArgs) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(key) = &args.idempotency_key {
        headers.insert(HeaderName::from_static("idempotency-key"), key.clone());
    }
    if let Some(seconds) = args.wait {
        let prefer = format!("wait={}", seconds.min(MAX_PREFER_WAIT));
        if let Ok(prefer) = HeaderValue::from_str(&prefer) {
            headers.insert(HeaderName::from_static("prefer"), prefer);
        }
    }
    headers
}

/// Reads an input that is JSON itself, a file's name, or `-`.
pub(crate) fn read_input(input: &str) -> Result<Value, Failure> {
    let (text, place) = if input == "-" {
        (read_all(std::io::stdin().lock(), "stdin")?, "stdin")
    } else if input.trim_start().starts_with(['{', '[', '"']) {
        (input.to_owned(), "--input")
    } else {
        let file = std::fs::File::open(input)
            .map_err(|error| Failure::usage(format!("failed to read {input}: {error}")))?;
        (read_all(file, input)?, input)
    };
    serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("{place} is not JSON: {error}")).advise(
            "Give an object such as '{\"question\":\"Why?\"}', a file that holds one, or -.",
        )
    })
}

fn read_all(from: impl std::io::Read, place: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let read = from.take(MAX_INPUT_BYTES + 1).read_to_string(&mut text);
    let read = read.map_err(|error| Failure::usage(format!("failed to read {place}: {error}")))?;
    if read as u64 > MAX_INPUT_BYTES {
        let sentence = format!("{place} is larger than {MAX_INPUT_BYTES} bytes");
        return Err(Failure::usage(sentence));
    }
    Ok(text)
}

/// Reads `name=value`.
pub(super) fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("use NAME=VALUE, such as lesson=L-204".to_owned()),
    }
}

fn priority(text: &str) -> Result<Priority, String> {
    match text {
        "low" => Ok(Priority::Low),
        "normal" => Ok(Priority::Normal),
        "high" => Ok(Priority::High),
        _ => Err("use low, normal or high".to_owned()),
    }
}

fn header_value(text: &str) -> Result<HeaderValue, String> {
    let visible = (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    let refused = || "use 1 to 255 visible ASCII characters".to_owned();
    if !visible {
        return Err(refused());
    }
    HeaderValue::from_str(text).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_json_or_a_file_that_holds_it() {
        assert_eq!(read_input(" {\"a\":1}").unwrap(), json!({"a": 1}));
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("input.json");
        std::fs::write(&file, "{\"b\":2}").unwrap();
        assert_eq!(read_input(file.to_str().unwrap()).unwrap(), json!({"b": 2}));
    }

    #[test]
    fn an_input_that_is_neither_is_refused_with_the_place() {
        let told = |input| read_input(input).unwrap_err().to_string();
        assert!(told("{\"a\":").starts_with("--input is not JSON"));
        assert!(told("no-such.json").starts_with("failed to read no-such.json"));
    }

    #[test]
    fn metadata_is_a_name_and_a_value_that_may_hold_more_equals_signs() {
        assert_eq!(
            name_and_value("a=b=c"),
            Ok(("a".to_owned(), "b=c".to_owned()))
        );
        assert!(name_and_value("=x").is_err());
        assert!(name_and_value("x").is_err());
    }
}
