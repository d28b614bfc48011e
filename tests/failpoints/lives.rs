//! Tickets of all kinds, each driven to its end by clients that nothing discourages.

use serde_json::{Value, json};

use crate::account::Account;
use crate::clients::Clients;
use crate::fake_backend::{Behaviour, Gate};
use crate::scripted_model::{Call, Step, Turn, saying};
use crate::world::{POST, PRE, World, in_memory, otherwise, review};

/// The user whose session takes the answers.
pub(crate) const USER: &str = "student-1";
/// The hook that refuses.
const REFUSE: &str = "/hooks/refuse";
/// On top of the end-to-end tests' configuration.
const SETTINGS: &str = r#"
[log]
level = "warn"

# A ticket that the tenant's own API refuses.
[tenants.acme.tasks.refused]
model = "scripted"
pre_process = "/hooks/refuse"
messages = [{ role = "user", content = "{{ word }}" }]
"#;

/// The life of a ticket. Together they have every event that a ticket can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// Its input is replaced, its first attempt fails, its first callbacks fail, and its user
    /// acknowledges the answer.
    Reviewed,
    /// Without hooks and user; its issuer fetches the answer.
    Said,
    /// Its model never ends, and its issuer cancels it.
    Cancelled,
    /// The tenant's API refuses it.
    Refused,
}

impl Life {
    pub(crate) const ALL: [Self; 4] = [Self::Reviewed, Self::Said, Self::Cancelled, Self::Refused];

    /// The word in its prompt, which is also its idempotency key.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Reviewed => "word-reviewed",
            Self::Said => "word-said",
            Self::Cancelled => "word-cancelled",
            Self::Refused => "word-refused",
        }
    }

    /// The state it ends in if nothing keeps it from that.
    pub(crate) fn end(self) -> &'static str {
        match self {
            Self::Reviewed | Self::Said => "delivered",
            Self::Cancelled => "cancelled",
            Self::Refused => "failed",
        }
    }

    fn body(self) -> Value {
        let word = self.word();
        let mut body = match self {
            Self::Reviewed => json!({ "task": "review", "user": USER, "input": { "essay": word } }),
            Self::Said => json!({ "task": "say", "input": { "word": word } }),
            Self::Cancelled => json!({ "task": "explain", "input": { "word": word } }),
            Self::Refused => json!({ "task": "refused", "input": { "word": word } }),
        };
        body["metadata"] = json!({ "word": word });
        body
    }

    /// Issues the ticket, repeats that, does what its client does, and gives its end. Of a user's
    /// ticket the answer is taken by whoever watches for that user.
    pub(crate) async fn live(self, clients: Clients) -> (String, String) {
        let ticket = clients.accepted(self.word(), &self.body()).await;
        let end = match self {
            Self::Reviewed | Self::Said | Self::Refused => clients.until_ended(&ticket).await,
            Self::Cancelled => {
                clients
                    .until(&ticket, |state| {
                        state != "requested" && state != "pre_processed"
                    })
                    .await;
                clients.cancel(&ticket).await
            }
        };
        assert_eq!(clients.accepted(self.word(), &self.body()).await, ticket);
        let mut other = self.body();
        other["metadata"]["another"] = json!("label");
        clients.reuse(self.word(), &other).await;
        (ticket, end)
    }
}

/// A world in which every life can be lived; the program is not started yet.
pub(crate) async fn world() -> World {
    let mut world = World::stopped_in(in_memory(), SETTINGS, turn).await;
    // The configured prompts are taken over here, so that the first commit that a point meets is a
    // ticket's.
    world.start_again().await;
    world.stop().await;
    let prepared = json!({ "input": { "essay": format!("prepared {}", Life::Reviewed.word()) } });
    world
        .backend
        .otherwise(PRE, Behaviour::json(200, &prepared));
    let refusal = json!({ "reason": "not today" });
    world
        .backend
        .otherwise(REFUSE, Behaviour::json(422, &refusal));
    // Twice, as a kill may keep the first failure from being recorded.
    world
        .backend
        .script(POST, [Behaviour::status(500), Behaviour::status(500)]);
    let unwell = vec![Step::Refuse(500, "{}")];
    world.model.script(Life::Reviewed.word(), [unwell]);
    world
}

fn turn(call: &Call) -> Turn {
    let prompt = call.prompt();
    if prompt.contains(Life::Cancelled.word()) {
        return vec![Step::say("on and on"), Step::Wait(Gate::closed())];
    }
    if prompt.contains(Life::Reviewed.word()) {
        return saying(&[&review(4, "good").to_string()]);
    }
    otherwise(call)
}

/// How often the program has said that the failpoint did this.
pub(crate) fn fired(world: &World, point: &str, action: &str) -> usize {
    let line = format!("failpoint {point}: {action}");
    let log = world.log_text();
    log.lines().filter(|said| said.ends_with(&line)).count()
}

/// Lets the checker judge what the clients were told, and gives the account.
pub(crate) async fn judge(world: &World, clients: &Clients) -> Account {
    let notes = clients.notes();
    assert!(
        !notes.reused.is_empty(),
        "a key was used for another body too"
    );
    notes.judged_in(world).await
}
