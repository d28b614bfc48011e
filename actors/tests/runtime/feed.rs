//! From a ticket's news to what a watcher shows: whatever is lost, repeated or late on the way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::test_runner::{Config, TestRunner};
use punchcard_actors::feed::{Frame, Inbox, LiveText, Lost, News, Progress, Switchboard, Taken};
use punchcard_actors::ports::{Asked, TaskBook as _};
use punchcard_actors::testing::clock::START;
use punchcard_actors::testing::tasks::{PlainTask, PlainTasks};
use punchcard_actors::testing::world::{in_paused_time, task, tenant, user};
use punchcard_events::Timestamp;
use punchcard_events::ticket::{
    AttemptErrorKind, AttemptFailed, CancelMode, StateName, TicketAnswered, TicketCancelled,
    TicketEvent, TicketPersisted, TicketPreProcessed, TicketRequested, TicketSent, TicketState,
    Timings, evolve,
};
use punchcard_events::{Revision, TicketId};
use serde_json::{Value, json};
use uuid::Uuid;

fn ticket(number: u128) -> TicketId {
    TicketId(Uuid::from_u128(number))
}

pub(super) fn requested() -> TicketEvent {
    let tasks = PlainTasks::new();
    tasks.set(&task("review"), PlainTask::default());
    let input = json!({});
    let (tenant_id, name) = (tenant(), task("review"));
    let terms = tasks.accept(Asked::in_production(&tenant_id, &name), &input, START);
    TicketEvent::TicketRequested(TicketRequested {
        tenant: tenant(),
        task: task("review"),
        label: None,
        user: Some(user()),
        input: Arc::new(input),
        metadata: BTreeMap::new(),
        idempotency: None,
        traceparent: None,
        requested_at: START,
        priority: punchcard_events::ticket::Priority::Normal,
        not_before: None,
        batch: None,
        conversation: None,
        fork: None,
        terms: terms.expect("a task"),
    })
}

pub(super) fn prepared() -> TicketEvent {
    let tasks = PlainTasks::new();
    tasks.set(&task("review"), PlainTask::default());
    let prepared = tasks
        .prepare(
            Asked::in_production(&tenant(), &task("review")),
            "user",
            &json!({}),
        )
        .expect("a task");
    TicketEvent::TicketPreProcessed(TicketPreProcessed {
        input: None,
        prompt: prepared.prompt,
        messages: prepared.messages,
        model: prepared.model,
        parameters: prepared.parameters,
        answer_format: None,
        call: None,
    })
}

pub(super) fn sent(attempt: u32) -> TicketEvent {
    let model = "small".to_owned();
    TicketEvent::TicketSent(TicketSent {
        attempt,
        model,
        fallback: None,
    })
}

pub(super) fn failed(attempt: u32) -> TicketEvent {
    TicketEvent::AttemptFailed(AttemptFailed {
        attempt,
        error: punchcard_actors::testing::model::attempt_error(AttemptErrorKind::Server),
        retry_at: Some(START),
        next_model: None,
        usage: None,
        answer_bytes: 0,
    })
}

pub(super) fn answered(attempt: u32, content: &str) -> TicketEvent {
    TicketEvent::TicketAnswered(TicketAnswered {
        attempt,
        content: content.into(),
        finish_reason: "stop".to_owned(),
        usage: None,
        timings: Timings::default(),
    })
}

/// The texts of a ticket's attempts; the last one is the answer, unless it is cancelled.
#[derive(Debug, Clone)]
struct Life {
    attempts: Vec<Vec<String>>,
    cancelled: bool,
}

/// One thing that happens on the server, or to the watcher.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// The news reach the watcher.
    Tell,
    /// They wait in its inbox, where newer ones may replace them.
    Drop,
    /// They reach it twice.
    Twice,
    /// They reach it, and then older ones do again.
    ThenOld(usize),
    /// The connection is lost, and the watcher comes back with a cursor.
    Reconnect,
}

/// A client that follows the documented rules, and panics where it cannot.
#[derive(Debug, Default)]
struct Client {
    generation: u32,
    text: Vec<u16>,
    answer: Option<Arc<Value>>,
    kept: Option<Option<String>>,
}

impl Client {
    fn apply(&mut self, frame: Frame) {
        match frame {
            Frame::State { .. } => {}
            Frame::Generation { generation, .. } => {
                assert!(generation > self.generation, "generations only rise");
                self.begin(generation);
            }
            Frame::Text {
                generation,
                offset,
                text,
                ..
            } => {
                if self.generation == 0 || (offset == 0 && self.text.is_empty()) {
                    self.begin(generation);
                }
                assert_eq!(
                    generation, self.generation,
                    "text of a generation not announced"
                );
                assert_eq!(offset, self.text.len() as u64, "a gap or an overlap");
                assert!(!text.is_empty());
                self.text.extend(text.encode_utf16());
            }
            Frame::Lost {
                generation, reason, ..
            } => {
                assert_eq!(generation, self.generation, "only held text is lost");
                assert_eq!(reason, Lost::AttemptEnded, "this client's cursors are good");
                self.begin(generation);
            }
            Frame::Answer { answer, .. } => {
                assert!(
                    self.answer.replace(answer).is_none(),
                    "told once per connection"
                );
            }
            Frame::Cancelled { text, .. } => {
                self.kept = Some(text.as_deref().map(str::to_owned));
            }
            Frame::Failed { .. } => unreachable!("these tickets do not fail"),
        }
    }

    fn begin(&mut self, generation: u32) {
        self.generation = generation;
        self.text.clear();
    }

    fn shown(&self) -> String {
        String::from_utf16(&self.text).expect("no character is cut in half")
    }
}

/// The watcher's side of one connection after another.
struct Watcher {
    progress: Progress,
    client: Client,
    past: Vec<News>,
}

impl Watcher {
    fn hear(&mut self, news: &News) {
        for frame in self.progress.advance(news) {
            self.client.apply(frame);
        }
    }

    fn go(&mut self, news: &News, way: Way) {
        match way {
            Way::Tell => self.hear(news),
            Way::Drop => {}
            Way::Twice => {
                self.hear(news);
                self.hear(news);
            }
            Way::ThenOld(place) => {
                self.hear(news);
                if !self.past.is_empty() {
                    let old = self.past[place % self.past.len()].clone();
                    self.hear(&old);
                }
            }
            Way::Reconnect => {
                let offset = self.client.text.len() as u64;
                self.progress = Progress::resumed(self.client.generation, offset);
                self.client.answer = None;
                // Whoever comes back watches and then looks, so the first news are the newest.
                self.hear(news);
            }
        }
        self.past.push(news.clone());
    }
}

/// Plays `life` to a watcher, each piece of news going its way.
fn play(life: &Life, ways: &[Way]) -> Client {
    let mut ways = ways.iter().copied().cycle();
    let mut watcher = Watcher {
        progress: Progress::default(),
        client: Client::default(),
        past: vec![],
    };
    let mut now = News {
        ticket: ticket(1),
        revision: Revision(0),
        state: evolve(TicketState::Unrequested, &requested()),
        changed_at: Timestamp::from_millis(0),
        live: None,
    };
    let happen = |news: &mut News, event: &TicketEvent, live: Option<Arc<LiveText>>| {
        news.state = evolve(news.state.clone(), event);
        news.revision = news.revision.next();
        news.live = live;
    };
    happen(&mut now, &prepared(), None);
    let last = life.attempts.len();
    for (number, parts) in (1_u32..).zip(&life.attempts) {
        happen(&mut now, &sent(number), None);
        watcher.go(&now, ways.next().unwrap_or(Way::Tell));
        let live = Arc::new(LiveText::new(number));
        now.live = Some(Arc::clone(&live));
        for part in parts {
            live.push(part);
            watcher.go(&now, ways.next().unwrap_or(Way::Tell));
        }
        if number as usize != last {
            happen(&mut now, &failed(number), None);
            watcher.go(&now, ways.next().unwrap_or(Way::Tell));
        } else if life.cancelled {
            let cancelled = TicketCancelled {
                mode: CancelMode::Stop,
                by: "key".to_owned(),
                text: Some(live.content().into()),
            };
            happen(&mut now, &TicketEvent::TicketCancelled(cancelled), None);
        } else {
            happen(&mut now, &answered(number, &live.content()), None);
            watcher.go(&now, ways.next().unwrap_or(Way::Tell));
            let persisted = TicketPersisted {
                answer: None,
                call: None,
            };
            happen(&mut now, &TicketEvent::TicketPersisted(persisted), None);
        }
    }
    // The newest news always stay in an inbox until they are taken.
    watcher.go(&now, Way::Tell);
    assert!(watcher.progress.is_concluded());
    watcher.client
}

#[test]
fn a_client_that_follows_the_rules_ends_with_the_stored_text_whatever_way_the_news_take() {
    let way = prop_oneof![
        4 => Just(Way::Tell),
        3 => Just(Way::Drop),
        1 => Just(Way::Twice),
        2 => any::<usize>().prop_map(Way::ThenOld),
        2 => Just(Way::Reconnect),
    ];
    let part = "[a-c한글🙂é]{1,4}";
    let attempts = prop::collection::vec(prop::collection::vec(part, 0..5), 1..4);
    let life = (attempts, any::<bool>());
    let life = life.prop_map(|(attempts, cancelled)| Life {
        attempts,
        cancelled,
    });
    let ways = prop::collection::vec(way, 1..24);
    let mut runner = TestRunner::new(Config {
        cases: 2_000,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&(life, ways), |(life, ways)| {
        let client = play(&life, &ways);
        let text = life
            .attempts
            .last()
            .map(|parts| parts.concat())
            .unwrap_or_default();
        if life.cancelled {
            assert_eq!(client.kept, Some(Some(text)));
        } else {
            assert_eq!(client.answer.as_deref(), Some(&json!(text)));
        }
        // What is shown is of the generation the client was told of, and none of it is made up.
        if let Some(number) = client.generation.checked_sub(1) {
            let whole = life.attempts[number as usize].concat();
            assert!(whole.starts_with(&client.shown()), "{client:?}");
        }
        Ok(())
    });
    outcome.expect("every client gets there");
}

/// News of `number` after these events.
pub(super) fn news(number: u128, events: &[TicketEvent], live: Option<&Arc<LiveText>>) -> News {
    News {
        ticket: ticket(number),
        revision: Revision(events.len() as u64 - 1),
        state: events.iter().fold(TicketState::Unrequested, evolve),
        changed_at: Timestamp::from_millis(0),
        live: live.cloned(),
    }
}

fn streaming(text: &str) -> (News, Arc<LiveText>) {
    let live = Arc::new(LiveText::new(1));
    live.push(text);
    let news = news(1, &[requested(), prepared(), sent(1)], Some(&live));
    (news, live)
}

#[test]
fn a_late_joiner_gets_the_text_so_far_in_one_frame() {
    let (news, _live) = streaming("A good start.");
    let frames = Progress::default().advance(&news);
    let [
        Frame::State {
            state: StateName::Sent,
            ..
        },
        Frame::Text {
            offset: 0, text, ..
        },
    ] = &frames[..]
    else {
        unreachable!("{frames:?}");
    };
    assert_eq!(text, "A good start.");
}

#[test]
fn a_returning_client_gets_only_what_it_does_not_hold() {
    let (news, _live) = streaming("한🙂 good");
    let frames = Progress::resumed(1, 3).advance(&news);
    let Some(Frame::Text {
        offset: 3, text, ..
    }) = frames.last()
    else {
        unreachable!("{frames:?}");
    };
    assert_eq!(text, " good");
}

#[test]
fn a_cursor_that_points_nowhere_is_told_so_and_gets_the_text_from_the_start() {
    let (news, _live) = streaming("한🙂 good");
    for offset in [2, 99, u64::MAX] {
        let frames = Progress::resumed(1, offset).advance(&news);
        let [
            ..,
            Frame::Lost {
                reason: Lost::BadCursor,
                generation: 1,
                ..
            },
            Frame::Text { offset: 0, .. },
        ] = &frames[..]
        else {
            unreachable!("{frames:?}");
        };
    }
}

#[test]
fn text_of_an_attempt_that_ended_is_lost_or_void_and_never_silently_kept() {
    let waiting = news(1, &[requested(), prepared(), sent(1), failed(1)], None);
    let frames = Progress::resumed(1, 5).advance(&waiting);
    assert!(matches!(
        frames.last(),
        Some(Frame::Lost {
            reason: Lost::AttemptEnded,
            generation: 1,
            ..
        })
    ));
    let live = Arc::new(LiveText::new(2));
    live.push("new");
    let history = [requested(), prepared(), sent(1), failed(1), sent(2)];
    let frames = Progress::resumed(1, 5).advance(&news(1, &history, Some(&live)));
    let [
        ..,
        Frame::Generation { generation: 2, .. },
        Frame::Text {
            generation: 2,
            offset: 0,
            ..
        },
    ] = &frames[..]
    else {
        unreachable!("{frames:?}");
    };
}

#[test]
fn a_returning_client_that_holds_no_text_yet_is_told_of_the_next_generation() {
    let live = Arc::new(LiveText::new(2));
    live.push("new");
    let history = [requested(), prepared(), sent(1), failed(1), sent(2)];
    for offset in [0, 5] {
        let mut progress = Progress::resumed(1, offset);
        progress.advance(&news(1, &history[..4], None));
        let frames = progress.advance(&news(1, &history, Some(&live)));
        let announced = |frame: &Frame| matches!(frame, Frame::Generation { generation: 2, .. });
        assert!(frames.iter().any(announced), "{frames:?}");
    }
}

#[test]
fn an_inbox_keeps_the_newest_news_of_each_ticket_only() {
    let inbox = Inbox::new();
    let history = [requested(), prepared(), sent(1)];
    for length in [1, 3, 2] {
        inbox.put(news(7, &history[..length], None));
    }
    inbox.put(news(3, &history[..1], None));
    let Some(Taken::News(taken)) = inbox.try_take() else {
        unreachable!("there is news");
    };
    let taken: Vec<_> = taken
        .iter()
        .map(|news| (news.ticket, news.revision))
        .collect();
    assert_eq!(taken, [(ticket(3), Revision(0)), (ticket(7), Revision(2))]);
    assert!(inbox.try_take().is_none());
}

#[test]
fn steps_on_the_way_wait_a_moment_to_be_told_along_with_what_comes_next() {
    in_paused_time(async {
        let inbox = Inbox::new();
        let began = tokio::time::Instant::now();
        inbox.put(news(1, &[requested()], None));
        inbox.put(news(1, &[requested(), prepared()], None));
        assert!(matches!(inbox.take().await, Taken::News(news) if news.len() == 1));
        assert_eq!(began.elapsed(), Duration::from_millis(40), "quiet alone");

        let live = Arc::new(LiveText::new(1));
        let history = [requested(), prepared(), sent(1)];
        inbox.put(news(1, &history, Some(&live)));
        live.push("Well");
        inbox.put(news(1, &history, Some(&live)));
        assert!(matches!(inbox.take().await, Taken::News(news) if news.len() == 1));
        assert_eq!(
            began.elapsed(),
            Duration::from_millis(40),
            "text waits for nothing"
        );
    });
}

#[test]
fn tickets_take_turns_and_what_is_put_back_gives_way_to_newer_news() {
    let inbox = Inbox::new();
    let history = [requested(), prepared(), sent(1)];
    let put = |number| inbox.put(news(number, &history, None));
    let take = || match inbox.try_take_one() {
        Some(Taken::News(mut one)) => one.pop(),
        Some(Taken::Overflowed) | None => None,
    };
    for number in 1..=3 {
        put(number);
    }
    let mut turns = Vec::new();
    // The first ticket never falls silent, and the others get their turn all the same.
    for _ in 0..3 {
        let taken = take().expect("news");
        turns.push(taken.ticket);
        put(1);
    }
    assert_eq!(turns, [1, 2, 3].map(ticket));
    let old = take().expect("the first ticket's");
    inbox.put_back(old.clone());
    assert_eq!(
        take().map(|news| news.ticket),
        Some(ticket(1)),
        "it is there again"
    );
    assert!(inbox.try_take_one().is_none());
    inbox.put(news(1, &[&history[..], &[failed(1)]].concat(), None));
    inbox.put_back(old);
    assert_eq!(
        take().map(|news| news.revision),
        Some(Revision(3)),
        "the newer one"
    );
    for number in 0..5_000 {
        put(number);
    }
    assert!(matches!(inbox.try_take_one(), Some(Taken::Overflowed)));
    assert!(
        inbox.try_take_one().is_none(),
        "it starts over from nothing"
    );
}

#[test]
fn an_inbox_that_overflows_says_so_once_and_then_goes_on() {
    let inbox = Inbox::new();
    for number in 0..5_000 {
        inbox.put(news(number, &[requested()], None));
    }
    assert!(matches!(inbox.try_take(), Some(Taken::Overflowed)));
    assert!(inbox.try_take().is_none());
    inbox.put(news(1, &[requested()], None));
    assert!(matches!(inbox.try_take(), Some(Taken::News(news)) if news.len() == 1));
}

#[test]
fn news_reach_those_who_watch_the_ticket_or_its_user_and_nobody_else() {
    let switchboard = Switchboard::default();
    let by_ticket = switchboard.watch_ticket(ticket(1));
    let by_user = switchboard.watch_user(tenant(), user());
    let other = switchboard.watch_ticket(ticket(2));
    switchboard.publish(&news(1, &[requested()], None));
    assert!(by_ticket.inbox().try_take().is_some());
    assert!(by_user.inbox().try_take().is_some());
    assert!(other.inbox().try_take().is_none());
}

#[test]
fn a_watch_that_is_dropped_leaves_nothing_behind_and_the_others_in_place() {
    let switchboard = Switchboard::default();
    let stays = switchboard.watch_ticket(ticket(1));
    let goes = switchboard.watch_ticket(ticket(1));
    let inbox = Arc::downgrade(goes.inbox());
    drop(goes);
    assert!(
        inbox.upgrade().is_none(),
        "the switchboard holds no inbox of a watch that is gone"
    );
    switchboard.publish(&news(1, &[requested()], None));
    assert!(stays.inbox().try_take().is_some());
}
