//! Whoever passes a point panics, and nobody else notices: the process lives on, the ticket goes on
//! or is poison, and a neighbour in the middle of its stream has not a word lost.

use serde_json::json;

use crate::api::types;
use crate::clients::Clients;
use crate::fake_backend::Gate;
use crate::figures::figure;
use crate::lives::{self, Life, USER, fired, judge};
use crate::session::{Memory, Session};
use crate::table::{Panic, Row};
use crate::world::{World, held};

/// After so many panics of its actor a ticket is poison.
const MAX_PANICS: usize = 3;
/// The user of the neighbour.
const NEIGHBOUR: &str = "neighbour-1";
/// What the neighbour's ticket passes before the panics begin, each once.
const PASSED_BY_NEIGHBOUR: [&str; 10] = [
    "ticket::IdempotencyKeyClaimed::before_append",
    "ticket::IdempotencyKeyClaimed::after_append",
    "ticket::TicketRequested::before_append",
    "ticket::TicketRequested::after_append",
    "ticket::TicketPreProcessed::before_append",
    "ticket::TicketPreProcessed::after_append",
    "ticket::TicketSent::before_append",
    "ticket::TicketSent::after_append",
    "effect::accept::before",
    "effect::model::before",
];

/// Panics at every point of the row.
pub(crate) async fn around(row: &Row) {
    let mut panics = 0;
    for (point, panic) in row.names() {
        panics += match panic {
            Panic::Recurs => at(&point, row.life, MAX_PANICS).await,
            Panic::Passes | Panic::OfTheEdge => at(&point, row.life, 1).await,
            Panic::OfTheStore => in_the_store(&point, row.life).await,
        };
    }
    figure(
        "failpoints_panic",
        &[("step", &row.step), ("panics", &panics)],
    );
}

/// Panics at one point `times` times while a ticket with this life passes it.
async fn at(point: &str, life: Life, times: usize) -> usize {
    let mut world = lives::world().await;
    let earlier = usize::from(PASSED_BY_NEIGHBOUR.contains(&point));
    let armed = format!("{point}={earlier}*off->{times}*return(panic)");
    world.start_armed(&armed).await;
    let (_base, clients) = Clients::new(&world.api);
    let neighbour = Neighbour::move_in(&world, &clients).await;

    let user = tokio::spawn(clients.clone().watch(USER));
    let (ticket, end) = life.live(clients.clone()).await;
    assert_eq!(fired(&world, point, "panic"), times, "{point}");
    let history = world.api.history(&ticket).await;
    let last = history.last().unwrap();
    if times == MAX_PANICS {
        assert_eq!(end, "failed", "{point}: {history:#?}");
        assert_eq!(last["data"]["failure"]["code"], "poison", "{point}: {last}");
    } else {
        assert_eq!(end, life.end(), "{point}: {history:#?}");
        assert_ne!(last["data"]["failure"]["code"], "poison", "{point}: {last}");
    }
    neighbour.lives_on(&world, point).await;
    assert!(
        !user.is_finished(),
        "a frame broke the protocol: {:?}",
        user.await
    );
    user.abort();
    let account = judge(&world, &clients).await;
    assert_eq!(account.tickets, 2);
    // The same process all the time.
    world.stop().await;
    times
}

/// A panic of the store's writer: the process says that it cannot work, accepts nothing that it could
/// lose, and after a restart everything goes on.
async fn in_the_store(point: &str, life: Life) -> usize {
    let mut world = lives::world().await;
    let armed = format!("{point}=1*return(panic)");
    world.start_armed(&armed).await;
    let (base, clients) = Clients::new(&world.api);
    let lived = tokio::spawn(life.live(clients.clone()));
    let ready = format!("{}/readyz", world.server().admin());
    let http = crate::api::http();
    let failing = async {
        while http.get(&ready).send().await.unwrap().status() != 503 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    crate::fake_backend::within_reason(failing).await;
    assert_eq!(fired(&world, point, "panic"), 1);
    assert!(!lived.is_finished(), "{point}: nothing can be stored");
    assert_eq!(
        clients.tickets_so_far(),
        0,
        "{point}: nothing may be accepted"
    );
    base.send_replace(None);
    assert!(world.take_server().stop().await.success());
    world.start_again().await;
    base.send_replace(Some(world.api.base().to_owned()));
    let (_, end) = lived.await.unwrap();
    assert_eq!(end, life.end());
    judge(&world, &clients).await;
    world.stop().await;
    1
}

/// A ticket in the middle of its stream, and the session that watches it.
struct Neighbour {
    ticket: String,
    session: Session,
    gate: Gate,
}

impl Neighbour {
    const WORD: &str = "word-neighbour";

    async fn move_in(world: &World, clients: &Clients) -> Self {
        let gate = Gate::closed();
        world
            .model
            .script(Self::WORD, [held("so far, ", &gate, "so good")]);
        let mut session = world.session(NEIGHBOUR, Memory::new()).await;
        let word = Self::WORD;
        let body = json!({
            "task": "explain", "user": NEIGHBOUR, "input": { "word": word },
            "metadata": { "word": word },
        });
        let ticket = clients.accepted(word, &body).await;
        session.until_text(&ticket, "so far, ").await;
        Self {
            ticket,
            session,
            gate,
        }
    }

    /// Its stream goes on where it was, in the same session, and the same attempt answers. The session
    /// is over then: a stop would wait for it.
    async fn lives_on(mut self, world: &World, point: &str) {
        self.gate.open();
        self.session.until(&self.ticket, "answer").await;
        self.session.ack(&self.ticket).await;
        self.session.until_state(&self.ticket, "delivered").await;
        let seen = self.session.seen(&self.ticket);
        assert_eq!(seen.answer, Some(json!("so far, so good")), "{point}");
        assert_eq!(seen.generation, 1, "{point}: {seen:?}");
        assert!(
            seen.restarts.is_empty() && seen.lost.is_empty(),
            "{point}: {seen:?}"
        );
        let types = types(&world.api.history(&self.ticket).await);
        assert!(
            !types.contains(&"AttemptFailed".to_owned()),
            "{point}: {types:?}"
        );
    }
}
