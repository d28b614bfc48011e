//! Usage is what the model's server counted, whatever becomes of the program meanwhile.

use std::time::Duration;

use punchcard::keys::{ApiKey, Role, Roles};
use serde_json::{Value, json};

use crate::api::Api;
use crate::scripted_model::{COMPLETION_TOKENS, Call, PROMPT_TOKENS, Step, Turn};
use crate::world::{ANSWER_CANARY, World, in_memory};

/// Tickets in each life of the program.
const TICKETS: usize = 25;
/// Lives that end in a kill.
const LIVES: u32 = 3;
/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A model that thinks, so that kills find it in the middle.
fn thoughtful(_: &Call) -> Turn {
    let think = Step::Pause(Duration::from_millis(30));
    let say = Step::say(ANSWER_CANARY);
    vec![think.clone(), say.clone(), think, say, Step::Finish]
}

/// Adds a key to the tenant's in the configuration: the issuer's own may not see what was used.
fn let_in_a_viewer(world: &World) -> String {
    let key = ApiKey::generate().unwrap();
    let line = key.config_line_of(None, Roles::of(&[Role::Viewer]));
    let file = &world.configs()[0];
    let config = std::fs::read_to_string(file).unwrap();
    std::fs::write(
        file,
        config.replacen("keys = [", &format!("keys = [{line}, "), 1),
    )
    .unwrap();
    key.expose().to_owned()
}

async fn usage(api: &Api) -> Value {
    api.get("/v1/usage?group_by=").await.expect(200)["total"].clone()
}

/// The usage once `attempts` attempts are counted.
async fn counted(api: &Api, attempts: u64) -> Value {
    let counted = async {
        loop {
            let usage = usage(api).await;
            if usage["attempts"].as_u64() >= Some(attempts) {
                return usage;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let counted = tokio::time::timeout(PATIENCE, counted).await;
    counted.expect("all attempts are counted in time")
}

fn of_kind<'a>(history: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    history.iter().filter(move |event| event["type"] == kind)
}

#[tokio::test]
async fn after_kills_the_settled_usage_is_what_the_model_counted_and_a_lost_table_is_rebuilt() {
    let mut world = World::stopped_in(in_memory(), "", thoughtful).await;
    let viewer = let_in_a_viewer(&world);
    world.start_again().await;
    let mut tickets = Vec::new();
    for life in 0..=LIVES {
        let before = world.model.calls_count();
        for number in 0..TICKETS {
            let input = json!({ "word": format!("w{life}-{number}") });
            tickets.push(world.api.issue("say", None, input).await);
        }
        if life < LIVES {
            world.model.calls_reach(before + TICKETS / 2).await;
            world.take_server().kill().await;
            world.start_again().await;
        }
    }
    let (mut answered, mut lost) = (0, 0);
    for ticket in &tickets {
        let history = world.api.until_event(ticket, "TicketPersisted").await;
        answered += of_kind(&history, "TicketAnswered").count() as u64;
        let failed: Vec<_> = of_kind(&history, "AttemptFailed").collect();
        let interrupted = |event: &&&Value| event["data"]["error"]["kind"] == "interrupted";
        assert!(failed.iter().all(|event| interrupted(&event)), "{failed:?}");
        lost += failed.len() as u64;
    }
    assert_eq!(answered, tickets.len() as u64);
    assert!(lost > 0, "no kill found a call under way");
    let total = counted(&world.api.with_key(&viewer), answered + lost).await;
    assert_eq!(total["tickets"], answered);
    assert_eq!(total["attempts"], answered + lost);
    assert_eq!(total["prompt_tokens"], answered * PROMPT_TOKENS);
    assert_eq!(total["completion_tokens"], answered * COMPLETION_TOKENS);
    assert!(total["estimated_tokens"].as_u64() > Some(0), "{total}");
    // What the server finished is what was answered, but for answers that a kill cut off from us.
    let finished = world.model.finished() as u64;
    assert!(
        (answered..=answered + lost).contains(&finished),
        "{finished} finished"
    );

    world.stop().await;
    for file in ["usage.sqlite", "usage.sqlite-wal", "usage.sqlite-shm"] {
        drop(std::fs::remove_file(world.data_dir().join(file)));
    }
    world.start_again().await;
    assert_eq!(
        counted(&world.api.with_key(&viewer), answered + lost).await,
        total,
        "rebuilt from the events"
    );

    world.stop().await;
    std::fs::write(world.data_dir().join("usage.sqlite"), b"no table at all").unwrap();
    world.start_again().await;
    assert_eq!(
        counted(&world.api.with_key(&viewer), answered + lost).await,
        total,
        "damaged, and rebuilt"
    );
    assert!(world.log_text().contains("the usage table cannot be used"));
}
