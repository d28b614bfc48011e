//! Coming back with a cursor: whatever frame was the last, nothing is missing and nothing comes twice.

use serde_json::json;

use crate::edge::{Edge, ORIGIN, Script, complete, failure, text};
use crate::session::{Memory, Session};

/// One thing the model does, after which a client sees something new.
#[derive(Clone, Copy)]
enum Move {
    Say(&'static str),
    Break,
    Complete,
}

/// A life with everything in it: text, a broken attempt, text again, an answer.
const LIFE: [Move; 9] = [
    Move::Say("한"),
    Move::Say("🙂 "),
    Move::Say("lost"),
    Move::Break,
    Move::Say("new "),
    Move::Say("é"),
    Move::Say("🙂"),
    Move::Say(" end"),
    Move::Complete,
];
const ANSWER: &str = "new é🙂 end";

/// The model's part, played move by move as the client gets there.
struct Play {
    scripts: [Script; 2],
    attempt: usize,
    next: usize,
}

impl Play {
    fn go_on(&mut self) {
        let Some(step) = LIFE.get(self.next) else {
            return;
        };
        self.next += 1;
        let line = match step {
            Move::Say(piece) => text(piece),
            Move::Break => failure(),
            Move::Complete => complete(),
        };
        self.scripts[self.attempt].send(line).expect("a model");
        if matches!(step, Move::Break) {
            self.attempt += 1;
            self.go_on();
        }
    }

    /// The text there is of the attempt in flight.
    fn said(&self) -> String {
        let moves = &LIFE[..self.next];
        let broken = moves.iter().rposition(|step| matches!(step, Move::Break));
        let attempt = moves[broken.map_or(0, |at| at + 1)..].iter();
        attempt
            .map(|step| match step {
                Move::Say(piece) => *piece,
                Move::Break | Move::Complete => "",
            })
            .collect()
    }
}

async fn connect(edge: &Edge, memory: Memory) -> Session {
    let base = format!("http://{}", edge.address);
    Session::open(&base, ORIGIN, &edge.token("min").await, memory).await
}

/// Lives one ticket's life with a client that loses its connection after the frame number `first`, and
/// after every third frame from then on. Says how often it did.
async fn live(edge: &Edge, first: usize) -> usize {
    let scripts = [edge.model.script(), edge.model.script()];
    let ticket = edge.issue(Some("min")).await;
    let mut play = Play {
        scripts,
        attempt: 0,
        next: 0,
    };
    let mut session = connect(edge, Memory::new()).await;
    let (mut frames, mut cuts) = (0, 0);
    play.go_on();
    while session.seen(&ticket).answer.is_none() {
        if session.seen(&ticket).text == play.said() {
            play.go_on();
        }
        // The client itself fails at the first gap, repeat or generation that nobody announced.
        session.next().await;
        frames += 1;
        // One frame of each connection is the state: with fewer there would be no progress.
        // Once the answer is there, this session must be the one that acknowledges it.
        let is_over = session.seen(&ticket).answer.is_some();
        if !is_over && frames >= first && (frames - first).is_multiple_of(3) {
            cuts += 1;
            session = connect(edge, session.cut()).await;
        }
    }
    let seen = session.seen(&ticket);
    assert_eq!(seen.answer, Some(json!(ANSWER)));
    assert!(ANSWER.starts_with(&seen.text), "{seen:#?}");
    assert!(
        seen.lost.iter().all(|reason| reason == "attempt_ended"),
        "{seen:#?}"
    );
    session.ack(&ticket).await;
    session.until_state(&ticket, "delivered").await;
    cuts
}

#[tokio::test]
async fn a_client_cut_after_every_frame_of_a_tickets_life_misses_nothing_and_sees_nothing_twice() {
    let edge = Edge::start();
    let mut cuts = Vec::new();
    // Up to a life that is over before its cut comes.
    while cuts.last() != Some(&0) {
        cuts.push(live(&edge, cuts.len() + 1).await);
        assert!(cuts.len() < 60, "{cuts:?}");
    }
    assert!(cuts.len() > 9, "a life has more frames than that: {cuts:?}");
}

#[tokio::test]
async fn a_cursor_resumes_exactly_and_an_unknown_one_is_said_to_be_lost() {
    let edge = Edge::start();
    let script = edge.model.script();
    let ticket = edge.issue(Some("min")).await;
    script.send(text("한🙂 abc")).expect("a model that listens");
    let mut tab = edge.session("min", json!([])).await;
    tab.hear_type("text").await;
    let foreign = edge.issue(Some("lee")).await;
    let mut back = edge
        .session(
            "min",
            json!([
                {"ticket": ticket, "generation": 1, "offset": 4},
                {"ticket": foreign, "generation": 1, "offset": 4},
            ]),
        )
        .await;
    assert_eq!(back.hear().await["type"], "welcome");
    let lost = back.hear_type("lost").await;
    assert_eq!(
        (lost["ticket"].clone(), lost["reason"].clone()),
        (json!(foreign), json!("unknown_ticket"))
    );
    let rest = back.hear_type("text").await;
    assert_eq!(
        (rest["offset"].clone(), rest["text"].clone()),
        (json!(4), json!("abc"))
    );
}
