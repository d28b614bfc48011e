//! The users' clients: each holds what it was sent over all its connections, comes back with cursors,
//! and acknowledges answers. It does with the feed what `src/http/session` does with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::feed::{Frame, Lost, News, Progress, Taken};
use punchcard_actors::ports::{Order, ReadError, TicketFilter};
use punchcard_actors::tickets::{TicketError, Tickets};
use punchcard_events::TicketId;
use punchcard_events::ticket::{Channel, StateName};

use crate::mutant::Mutant;
use crate::plan::ConnectDeed;
use crate::stage::{Inner, Stage};
use crate::store::pass;
use crate::world::{tenant, user};

/// How long a client waits before it connects again.
const RECONNECT_AFTER: Duration = Duration::from_millis(300);

/// What one client holds.
#[derive(Debug, Default)]
pub(crate) struct Client {
    /// How it is connected, if it is.
    pub(crate) connected: Option<ConnectDeed>,
    /// Since when it misses nothing.
    watching_since: Option<Duration>,
    held: BTreeMap<TicketId, Held>,
}

/// What a client holds of one ticket.
#[derive(Debug, Default)]
struct Held {
    generation: u32,
    text: String,
    state: Option<StateName>,
}

/// The tenant and user of a client.
const fn who(client: u8) -> (u8, u8) {
    match client {
        0 | 2 | 4 => (0, 0),
        1 => (0, 1),
        _ => (1, 0),
    }
}

/// A connection of a client, for as long as it lasts.
pub(crate) async fn session(stage: Arc<Stage>, tickets: Tickets, deed: ConnectDeed) {
    loop {
        let mut visit = Visit {
            stage: &stage,
            tickets: &tickets,
            deed: &deed,
            progress: BTreeMap::new(),
        };
        if visit.run().await.is_err() {
            stage.lock().fired.count("client: turned away");
        }
        stage.lock().gone(deed.client);
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}

struct Visit<'a> {
    stage: &'a Arc<Stage>,
    tickets: &'a Tickets,
    deed: &'a ConnectDeed,
    progress: BTreeMap<TicketId, Progress>,
}

impl Visit<'_> {
    /// Runs until the inbox overflows or what is owed cannot be looked up.
    async fn run(&mut self) -> Result<(), ReadError> {
        let (of, whom) = who(self.deed.client);
        let watch = self.tickets.watch_user(tenant(of), user(whom));
        self.progress = self.stage.lock().cursors(self.deed);
        for ticket in self.owed().await? {
            if let Some(news) = self.tickets.look(ticket).await? {
                self.tell(&news);
            }
        }
        self.stage.lock().watching(self.deed.client);
        loop {
            match watch.inbox().take().await {
                Taken::Overflowed => return Ok(()),
                Taken::News(all) => {
                    for news in all {
                        if !self.stage.drops_news() {
                            self.tell(&news);
                        }
                    }
                }
            }
            pass(Duration::from_millis(self.deed.slow_ms)).await;
        }
    }

    /// The user's open and undelivered tickets, and those the client has cursors of.
    async fn owed(&self) -> Result<BTreeSet<TicketId>, ReadError> {
        let (of, whom) = who(self.deed.client);
        let open = |state: &StateName| !state.is_terminal();
        let filter = TicketFilter {
            tenant: Some(tenant(of)),
            user: Some(user(whom)),
            states: StateName::ALL.into_iter().filter(open).collect(),
            ..TicketFilter::default()
        };
        let open = self.tickets.index();
        let open = open.list(&filter, Order::NewestFirst, None, 100).await?;
        let mut owed: BTreeSet<_> = open.into_iter().map(|line| line.id).collect();
        owed.extend(self.progress.keys());
        Ok(owed)
    }

    fn tell(&mut self, news: &News) {
        let progress = self.progress.entry(news.ticket).or_default();
        let frames = progress.advance(news);
        let mut inner = self.stage.lock();
        inner.check_news(news);
        for frame in frames {
            if self.stage.mutant == Some(Mutant::DropsText)
                && matches!(frame, Frame::Text { .. })
                && inner.chance.in_percent(10)
            {
                continue;
            }
            inner.receive(self.deed.client, &frame);
            if let (Frame::Answer { ticket, .. }, Some(ms)) =
                (&frame, self.deed.acknowledge_after_ms)
            {
                let times = if self.deed.twice { 2 } else { 1 };
                for _ in 0..times {
                    let after = Duration::from_millis(ms);
                    let (stage, tickets) = (Arc::clone(self.stage), self.tickets.clone());
                    let ticket = *ticket;
                    tokio::task::spawn_local(async move {
                        pass(after).await;
                        acknowledge(&stage, &tickets, ticket, Channel::Session).await;
                    });
                }
            }
        }
    }
}

/// Acknowledges `ticket`, whoever does it.
pub(crate) async fn acknowledge(
    stage: &Stage,
    tickets: &Tickets,
    ticket: TicketId,
    channel: Channel,
) {
    let answer = tickets.acknowledge(ticket, channel, "somebody".to_owned());
    let answer = answer.await;
    let mut inner = stage.lock();
    inner.asked(ticket, "acknowledge", &answer);
    if answer.is_ok() {
        inner.check_was(ticket, StateName::Delivered);
    }
}

impl Stage {
    fn drops_news(&self) -> bool {
        self.mutant == Some(Mutant::DropsNews) && self.lock().chance.in_percent(10)
    }
}

impl Inner {
    /// Where the client says that it is, and what the server makes of that.
    fn cursors(&mut self, deed: &ConnectDeed) -> BTreeMap<TicketId, Progress> {
        let client = self.clients.entry(deed.client).or_default();
        let mut cursors = BTreeMap::new();
        let mut bad = 0;
        for (ticket, held) in &client.held {
            if held.generation == 0 {
                continue;
            }
            let mut offset = held.text.encode_utf16().count() as u64;
            if deed.bad_cursors {
                offset += 1_000;
                bad += 1;
            }
            cursors.insert(*ticket, Progress::resumed(held.generation, offset));
        }
        for _ in 0..bad {
            self.fired.count("client: bad cursor");
        }
        self.note(format_args!(
            "client {}: comes with {} cursors",
            deed.client,
            cursors.len()
        ));
        cursors
    }

    fn watching(&mut self, client: u8) {
        let since = self.time.passed();
        self.clients.entry(client).or_default().watching_since = Some(since);
    }

    /// A client's connection is gone.
    pub(crate) fn gone(&mut self, client: u8) {
        self.clients.entry(client).or_default().watching_since = None;
    }

    /// Promise 6: nothing is announced before it is durable.
    fn check_news(&mut self, news: &News) {
        let stored = self.oracle.record(news.ticket).map(|r| r.revision());
        if stored.is_none_or(|stored| stored < news.revision.0) {
            let (name, told) = (self.oracle.name(news.ticket), news.revision.0);
            self.violate(
                "6 text",
                format_args!("{name}: {told} is told, {stored:?} stored"),
            );
        }
    }

    /// A client gets a frame.
    fn receive(&mut self, client: u8, frame: &Frame) {
        let ticket = ticket_of(frame);
        let name = self.oracle.name(ticket);
        self.note(format_args!("client {client}: {name} {}", Brief(frame)));
        self.fired.count("frames");
        let (of, whom) = who(client);
        let owner = self.oracle.record(ticket).and_then(|r| r.request());
        let own =
            owner.is_some_and(|r| r.tenant == tenant(of) && r.user.as_ref() == Some(&user(whom)));
        if !own {
            return self.violate(
                "9 bounded",
                format_args!("{name} is not of client {client}"),
            );
        }
        if let Some(wrong) = self.wrong_with(client, frame) {
            self.violate("6 text", format_args!("client {client}, {name}: {wrong}"));
        }
    }

    /// Takes a frame in, and says what is wrong with it.
    fn wrong_with(&mut self, client: u8, frame: &Frame) -> Option<String> {
        let record = self.oracle.record(ticket_of(frame))?;
        let client = self.clients.entry(client).or_default();
        let held = client.held.entry(ticket_of(frame)).or_default();
        match frame {
            Frame::State { state, attempt, .. } => {
                held.state = Some(*state);
                let was = record.visited.contains(&(*state, *attempt));
                (!was).then(|| format!("it never was {state:?} at attempt {attempt}"))
            }
            Frame::Generation { generation, .. } => {
                let rises = *generation > held.generation && record.intended(*generation);
                held.generation = *generation;
                held.text.clear();
                (!rises).then(|| format!("generation {generation} does not follow"))
            }
            Frame::Text {
                generation,
                offset,
                text,
                ..
            } => held.take(*generation, *offset, text, record.text_of(*generation)),
            Frame::Lost { reason, .. } => {
                held.text.clear();
                (*reason == Lost::UnknownTicket).then(|| "it is unknown".to_owned())
            }
            Frame::Answer {
                generation, answer, ..
            } => {
                let told = record.text_of(*generation).unwrap_or("");
                if !record.finals.contains(answer) {
                    return Some("an answer that was never persisted".to_owned());
                }
                let differs = held.generation == *generation && !told.starts_with(&held.text);
                differs.then(|| "the text before is not the answer's".to_owned())
            }
            Frame::Failed { .. } => {
                let was = record.visited.iter().any(|(s, _)| *s == StateName::Failed);
                (!was).then(|| "it never failed".to_owned())
            }
            Frame::Cancelled { .. } => {
                let was = record
                    .visited
                    .iter()
                    .any(|(s, _)| *s == StateName::Cancelled);
                (!was).then(|| "it was never cancelled".to_owned())
            }
        }
    }

    /// Promise 6 at the end: whoever was connected knows how every ticket ended.
    pub(crate) fn check_clients(&mut self) {
        let mut wrong = vec![];
        for (number, client) in &self.clients {
            let Some(since) = client.watching_since else {
                continue;
            };
            let (of, whom) = who(*number);
            for (ticket, record) in self.oracle.all() {
                let own = record.request().is_some_and(|r| {
                    r.tenant == tenant(of) && r.user.as_ref() == Some(&user(whom))
                });
                if !own || record.last_foreign || record.changed <= since {
                    continue;
                }
                let known = client.held.get(ticket).and_then(|held| held.state);
                if known != Some(record.state.name()) {
                    let (name, is) = (record.number, record.state.name());
                    wrong.push(format!(
                        "client {number} thinks t{name} is {known:?}, it is {is:?}"
                    ));
                }
            }
        }
        for wrong in wrong {
            self.violate("6 text", format_args!("{wrong}"));
        }
    }

    /// What came of a question.
    pub(crate) fn asked(
        &mut self,
        ticket: TicketId,
        what: &'static str,
        answer: &Result<News, TicketError>,
    ) {
        let name = self.oracle.name(ticket);
        match answer {
            Ok(news) => {
                let state = news.state.name().as_str();
                self.note(format_args!("asked: {what} {name}, it is {state}"));
                self.check_news(news);
            }
            Err(error) => {
                self.note(format_args!("asked: {what} {name}, {error}"));
                self.fired.count(match error {
                    TicketError::NotFound => "asked: not found",
                    TicketError::Rejected(_) => "asked: rejected",
                    TicketError::Busy => "asked: busy",
                    TicketError::Unavailable(_) => "asked: unavailable",
                });
                if *error == TicketError::NotFound {
                    self.violate("1 accepted", format_args!("{name} cannot be found"));
                }
            }
        }
    }

    /// What was answered to be so is so in the store.
    pub(crate) fn check_was(&mut self, ticket: TicketId, state: StateName) {
        let record = self.oracle.record(ticket);
        if !record.is_some_and(|r| r.visited.iter().any(|(was, _)| *was == state)) {
            let name = self.oracle.name(ticket);
            self.violate("3 transitions", format_args!("{name} never was {state:?}"));
        }
    }
}

impl Held {
    fn take(
        &mut self,
        generation: u32,
        offset: u64,
        text: &str,
        said: Option<&str>,
    ) -> Option<String> {
        if self.generation == 0 {
            self.generation = generation;
        }
        if self.generation != generation {
            return Some(format!("text of generation {generation} comes unannounced"));
        }
        let held = self.text.encode_utf16().count() as u64;
        if held != offset {
            return Some(format!("text at {offset}, and {held} is held"));
        }
        self.text.push_str(text);
        let is_said = said.is_some_and(|said| said.starts_with(&self.text));
        (!is_said).then(|| "the model never said this".to_owned())
    }
}

const fn ticket_of(frame: &Frame) -> TicketId {
    match frame {
        Frame::State { ticket, .. }
        | Frame::Generation { ticket, .. }
        | Frame::Text { ticket, .. }
        | Frame::Answer { ticket, .. }
        | Frame::Failed { ticket, .. }
        | Frame::Cancelled { ticket, .. }
        | Frame::Lost { ticket, .. } => *ticket,
    }
}

/// A frame as the trace shows it.
struct Brief<'a>(&'a Frame);

impl std::fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Frame::State { state, attempt, .. } => write!(f, "is {}/{attempt}", state.as_str()),
            Frame::Generation { generation, .. } => write!(f, "generation {generation}"),
            Frame::Text {
                generation,
                offset,
                text,
                ..
            } => write!(f, "text {generation}+{offset}: {text}"),
            Frame::Answer { generation, .. } => write!(f, "answer of {generation}"),
            Frame::Failed { failure, .. } => write!(f, "failed: {}", failure.code),
            Frame::Cancelled { .. } => f.write_str("cancelled"),
            Frame::Lost {
                generation, reason, ..
            } => write!(f, "lost {generation}: {reason:?}"),
        }
    }
}
