//! A store full of prompts, written without a server: what planners would have done in years.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use punchcard_actors::ports::{EventStore as _, ExpectedRevision};
use punchcard_events::prompt::{
    Act, Author, Command, Content, MessageTemplate, PromptEvent, PromptState, apply, decide,
};
use punchcard_events::ticket::{AnswerFormat, Parameters, Role};
use punchcard_events::{EventId, LabelName, NewEvent, StreamName, TaskName, TenantId, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::super::setup::{MODEL, SYSTEM_PROMPT, TENANT};
use crate::adapters::store_sqlite::{Options, SqliteStore};

/// Streams written at a time.
const AT_A_TIME: usize = 16;

/// When it all was done: a time like any other.
const THEN: Timestamp = Timestamp::from_millis(1_795_430_670_000);

/// The task of the prompt with this number.
pub(super) fn task(number: usize) -> anyhow::Result<TaskName> {
    Ok(TaskName::new(&format!("prompt-{number:06}"))?)
}

/// Writes the prompts into the store at `data_dir`, which nobody has open. Returns the number of
/// events.
pub(super) async fn fill(data_dir: &Path, prompts: usize, versions: u32) -> anyhow::Result<u64> {
    let options = Options::new(data_dir);
    let store = tokio::task::spawn_blocking(move || SqliteStore::open(options)).await??;
    let tenant = TenantId::new(TENANT)?;
    let life = life(versions)?;
    stream::iter(0..prompts)
        .map(|number| write(&store, &tenant, number, &life))
        .buffer_unordered(AT_A_TIME)
        .try_collect::<()>()
        .await?;
    tokio::task::spawn_blocking(move || store.close()).await?;
    Ok(u64::try_from(prompts * life.len())?)
}

/// One prompt, in one append.
async fn write(
    store: &SqliteStore,
    tenant: &TenantId,
    number: usize,
    life: &[NewEvent],
) -> anyhow::Result<()> {
    let stream = StreamName::of_prompt(tenant, &task(number)?);
    let own = life.iter().map(|event| NewEvent {
        id: EventId(Uuid::now_v7()),
        correlation_id: Uuid::now_v7(),
        ..event.clone()
    });
    let own: Vec<_> = own.collect();
    let written = store.append(&stream, ExpectedRevision::NoStream, &own);
    written.await.context("cannot write the prompts")?;
    Ok(())
}

/// The events of a prompt with so many versions, each of which was drafted, published and deployed.
/// Every prompt has the same: a version's number is in its text, and nobody reads more of it.
fn life(versions: u32) -> anyhow::Result<Vec<NewEvent>> {
    let (mut state, mut events) = (PromptState::default(), Vec::new());
    for version in 1..=versions {
        let content = content(version);
        for command in deployment(content, version) {
            let decided = decide(&state, command).map_err(|refused| anyhow!("{refused}"))?;
            for event in decided {
                state = apply(state, &event).map_err(|illegal| anyhow!("{illegal}"))?;
                events.push(stored(&event)?);
            }
        }
    }
    Ok(events)
}

fn deployment(content: Arc<Content>, version: u32) -> [Command; 3] {
    let by = || Author::Key {
        prefix: "pk_live_bench".to_owned(),
        name: Some("mina".to_owned()),
    };
    let act = || Act { at: THEN, by: by() };
    [
        Command::SaveDraft {
            expected_edit: None,
            based_on: version.checked_sub(1).filter(|before| *before > 0),
            content: Arc::clone(&content),
            act: act(),
        },
        Command::Publish {
            expected_edit: version,
            content,
            notes: "Friendlier towards beginners.".to_owned(),
            act: act(),
        },
        Command::MoveLabel {
            label: LabelName::production(),
            version,
            expected: None,
            expected_canary: None,
            reason: Some("It read well.".to_owned()),
            override_reason: Some("a benchmark".to_owned()),
            act: act(),
        },
    ]
}

fn content(version: u32) -> Arc<Content> {
    let message = |role, content: String| MessageTemplate { role, content };
    let input = json!({
        "type": "object",
        "required": ["text"],
        "properties": { "text": { "type": "string" }, "level": { "type": "string" } },
    });
    Arc::new(Content {
        messages: vec![
            message(Role::System, format!("{SYSTEM_PROMPT} (version {version})")),
            message(
                Role::User,
                "{% if level %}I am at level {{ level }}. {% endif %}{{ text }}".to_owned(),
            ),
        ],
        model: MODEL.to_owned(),
        parameters: Parameters::default(),
        answer: AnswerFormat::Text,
        input_schema: Some(Arc::new(input)),
        answer_schema: None,
        partials: std::collections::BTreeMap::new(),
    })
}

fn stored(event: &PromptEvent) -> anyhow::Result<NewEvent> {
    Ok(NewEvent {
        id: EventId(Uuid::nil()),
        kind: Cow::Borrowed(event.kind()),
        schema_version: event.schema_version(),
        tenant: TenantId::new(TENANT)?,
        correlation_id: Uuid::nil(),
        causation_id: None,
        recorded_at: THEN,
        data: event.encode()?,
    })
}
