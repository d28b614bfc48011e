//! The watch over the canaries: told by the tickets' events, it takes a version back or lets it be.

#![expect(
    clippy::unwrap_used,
    reason = "what does not go as expected fails the test"
)]

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use punchcard_actors::ports::{EventStore as _, ExpectedRevision};
use punchcard_actors::prompts::{CanaryWatch, Following, Prompts, Watching};
use punchcard_actors::testing::clock::TestClock;
use punchcard_actors::testing::memory_store::{Fault, MemoryStore};
use punchcard_actors::testing::prompts::{PlainCheck, content};
use punchcard_actors::testing::store_contract::fixtures::{
    answered, at, pre_processed, recorded, request, sent, ticket,
};
use punchcard_events::prompt::{
    Author, CanaryBounds, CanaryEnd, CanaryEnded, CanaryTally, Command, PromptEvent, SeenCanary,
    in_canary,
};
use punchcard_events::ticket::{
    AttemptError, AttemptErrorKind, AttemptFailed, CancelMode, Failure, Stage, TicketCancelled,
    TicketEvent, TicketFailed,
};
use punchcard_events::{Revision, TaskName, TenantId, TicketId};
use tokio::time::timeout;
use uuid::Uuid;

const CANARY: Uuid = Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_00c1);
const BOUNDS: CanaryBounds = CanaryBounds {
    max_failed_percent: 10,
    max_schema_violation_percent: 20,
    min_tickets: 10,
};

/// A node over the store: its desk, its book and its watch.
struct Node {
    prompts: Prompts,
    watch: CanaryWatch,
    _following: Following,
    _watching: Watching,
}

fn tenant() -> TenantId {
    "onehour".parse().unwrap()
}

fn task() -> TaskName {
    "writing-review".parse().unwrap()
}

async fn desk(store: &MemoryStore) -> (Prompts, Following) {
    let (store, clock) = (Arc::new(store.clone()), Arc::new(TestClock::new()));
    Prompts::open(store, clock, Arc::new(PlainCheck))
        .await
        .unwrap()
}

impl Node {
    async fn over(store: &MemoryStore) -> Self {
        let (prompts, following) = desk(store).await;
        let (watch, watching) = CanaryWatch::start(Arc::new(store.clone()), prompts.clone());
        Self {
            prompts,
            watch,
            _following: following,
            _watching: watching,
        }
    }

    /// A node over a store with a prompt whose second version is a canary.
    async fn with_canary(store: &MemoryStore) -> Self {
        let node = Self::over(store).await;
        node.publish().await;
        node.start(CANARY).await;
        node
    }

    async fn execute(&self, command: Command) -> Vec<PromptEvent> {
        let done = self.prompts.execute(&tenant(), &task(), command).await;
        done.unwrap().events
    }

    /// Version 1 in production, and version 2.
    async fn publish(&self) {
        let act = || self.prompts.act(Author::Configuration);
        self.execute(Command::Adopt {
            content: content("Review it."),
            act: act(),
        })
        .await;
        self.execute(Command::SaveDraft {
            expected_edit: None,
            based_on: None,
            content: content("Review it harshly."),
            act: act(),
        })
        .await;
        let state = self.prompts.state(&tenant(), &task()).await.unwrap();
        self.execute(Command::Publish {
            expected_edit: state.unwrap().last_edit,
            content: content("Review it harshly."),
            notes: String::new(),
            act: act(),
        })
        .await;
    }

    async fn start(&self, canary: Uuid) {
        let started = self.execute(Command::StartCanary {
            canary,
            version: 2,
            percent: 50,
            bounds: BOUNDS,
            reason: None,
            override_reason: Some("a test".to_owned()),
            act: self.prompts.act(Author::Configuration),
        });
        assert_eq!(started.await.len(), 1);
    }

    async fn end(&self, end: CanaryEnd) {
        let ended = self.execute(Command::EndCanary {
            canary: CANARY,
            end,
            tally: CanaryTally::default(),
            reason: None,
            act: self.prompts.act(Author::Configuration),
        });
        assert!(!ended.await.is_empty());
    }

    fn runs(&self) -> bool {
        let summary = self.prompts.book().summary(&tenant(), &task());
        summary.unwrap().canary.is_some()
    }

    async fn sees(&self, wanted: CanaryTally) {
        let seen = self.watch.wait_for(CANARY, |seen| seen == wanted);
        let seen = timeout(Duration::from_secs(60), seen).await;
        assert!(seen.is_ok(), "{:?}", self.watch.tally(CANARY));
    }
}

const fn tally(tickets: u32, answered: u32, failed: u32, schema_violations: u32) -> CanaryTally {
    CanaryTally {
        tickets,
        answered,
        failed,
        schema_violations,
    }
}

/// Appends `events` to a ticket's stream.
async fn append(store: &MemoryStore, ticket: TicketId, events: &[TicketEvent]) {
    let so_far = store.kinds_of(ticket).len() as u64;
    let expected = so_far
        .checked_sub(1)
        .map_or(ExpectedRevision::NoStream, |last| {
            ExpectedRevision::Exact(Revision(last))
        });
    let events: Vec<_> = events.iter().map(|e| recorded(ticket, e, at(1))).collect();
    let landed = store.append(&ticket.stream(), expected, &events).await;
    landed.unwrap();
}

fn asked(user: Option<&str>) -> TicketEvent {
    request("onehour", "writing-review", user, at(0))
}

/// Of a task whose input is taken as it is sent.
fn unhooked(user: &str) -> TicketEvent {
    let mut asked = asked(Some(user));
    if let TicketEvent::TicketRequested(request) = &mut asked {
        request.terms.pre_process = false;
    }
    asked
}

/// Prepared with the version that the canary gave.
fn prepared_by(canary: Option<Uuid>) -> TicketEvent {
    let TicketEvent::TicketPreProcessed(mut prepared) = pre_processed() else {
        unreachable!("the fixture prepares")
    };
    prepared.prompt.canary = canary;
    TicketEvent::TicketPreProcessed(prepared)
}

fn attempt_failed(attempt: u32, kind: AttemptErrorKind, is_last: bool) -> TicketEvent {
    TicketEvent::AttemptFailed(AttemptFailed {
        attempt,
        error: AttemptError {
            kind,
            message: "no".to_owned(),
            retry_after_ms: None,
        },
        retry_at: (!is_last).then_some(at(2)),
        next_model: None,
        usage: None,
        answer_bytes: 0,
    })
}

fn failed(stage: Stage, code: &str) -> TicketEvent {
    TicketEvent::TicketFailed(TicketFailed {
        failure: Failure {
            stage,
            code: code.to_owned(),
            message: "no".to_owned(),
        },
    })
}

/// A ticket of the canary, up to its first attempt.
async fn begin(store: &MemoryStore, number: u64) -> TicketId {
    let id = ticket(number);
    append(
        store,
        id,
        &[asked(None), prepared_by(Some(CANARY)), sent(1)],
    )
    .await;
    id
}

/// A ticket of the canary whose last attempt fails so.
async fn fail(store: &MemoryStore, number: u64, kind: AttemptErrorKind) {
    let id = begin(store, number).await;
    let end = failed(Stage::Model, "attempts_exhausted");
    append(store, id, &[attempt_failed(1, kind, true), end]).await;
}

async fn answer(store: &MemoryStore, number: u64) {
    let id = begin(store, number).await;
    append(store, id, &[answered(1)]).await;
}

/// Waits for the end of the canary, and gives it.
async fn ended(store: &MemoryStore) -> CanaryEnded {
    let mut prompts = store.subscribe_category("prompt", None);
    let end = async {
        loop {
            let event = prompts.next().await.unwrap().unwrap().event;
            let decoded = PromptEvent::decode(&event.kind, event.schema_version, &event.data);
            if let PromptEvent::CanaryEnded(end) = decoded.unwrap() {
                return end;
            }
        }
    };
    timeout(Duration::from_secs(600), end).await.unwrap()
}

fn ends_of(store: &MemoryStore) -> usize {
    let all = store.all_events();
    all.iter().filter(|e| e.event.kind == "CanaryEnded").count()
}

#[tokio::test(start_paused = true)]
async fn a_version_whose_answers_break_the_schema_is_taken_back() {
    let store = MemoryStore::new();
    let node = Node::with_canary(&store).await;
    let violation = |last| attempt_failed(1, AttemptErrorKind::SchemaViolation, last);
    for number in 1..=2 {
        let id = begin(&store, number).await;
        append(&store, id, &[violation(false), sent(2), answered(2)]).await;
    }
    node.sees(tally(2, 2, 0, 2)).await;
    assert!(node.runs(), "2 of 10 are 20 %, which is allowed");
    let id = begin(&store, 3).await;
    append(&store, id, &[violation(false)]).await;
    let end = ended(&store).await;
    assert_eq!(
        (end.canary, end.version, end.end),
        (CANARY, 2, CanaryEnd::Returned)
    );
    assert_eq!(end.tally, Some(tally(3, 2, 0, 3)));
    assert_eq!(end.act.by, Author::Runtime);
    let reason = end.reason.unwrap();
    assert!(
        reason.contains("3 answers did not fit the answer schema"),
        "{reason}"
    );
    assert!(!node.runs());
    assert_eq!(
        node.prompts
            .book()
            .summary(&tenant(), &task())
            .unwrap()
            .production(),
        Some(1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_version_that_fails_its_tickets_is_taken_back_once_they_are_too_many() {
    let store = MemoryStore::new();
    let node = Node::with_canary(&store).await;
    fail(&store, 1, AttemptErrorKind::ContentFiltered).await;
    node.sees(tally(1, 0, 1, 0)).await;
    assert!(node.runs(), "the share is one of at least 10 tickets");
    for number in 2..=19 {
        answer(&store, number).await;
    }
    fail(&store, 20, AttemptErrorKind::InvalidRequest).await;
    node.sees(tally(20, 18, 2, 0)).await;
    assert!(node.runs(), "2 of 20 are allowed");
    fail(&store, 21, AttemptErrorKind::TooLarge).await;
    let end = ended(&store).await;
    assert_eq!(
        (end.end, end.tally),
        (CanaryEnd::Returned, Some(tally(21, 18, 3, 0)))
    );
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_model_is_not_the_versions_fault() {
    let store = MemoryStore::new();
    let node = Node::with_canary(&store).await;
    let outages = [
        AttemptErrorKind::Connection,
        AttemptErrorKind::Timeout,
        AttemptErrorKind::RateLimited,
        AttemptErrorKind::Server,
        AttemptErrorKind::QuotaExceeded,
        AttemptErrorKind::Unauthorized,
    ];
    for (number, kind) in (1..).zip(outages) {
        for more in 0..5 {
            fail(&store, number * 10 + more, kind).await;
        }
    }
    // One that broke the schema before, and then met the outage and its deadline.
    let id = begin(&store, 200).await;
    let violation = attempt_failed(1, AttemptErrorKind::SchemaViolation, false);
    let outage = attempt_failed(2, AttemptErrorKind::Server, false);
    let late = failed(Stage::Model, "deadline_exceeded");
    append(&store, id, &[violation, sent(2), outage, late]).await;
    // Neither is one that somebody gave up.
    let id = begin(&store, 201).await;
    let cancelled = TicketEvent::TicketCancelled(TicketCancelled {
        mode: CancelMode::Void,
        by: "pc_test".to_owned(),
        text: None,
    });
    append(&store, id, &[cancelled]).await;
    answer(&store, 202).await;
    node.sees(tally(33, 1, 0, 1)).await;
    assert!(node.runs());
}

#[tokio::test(start_paused = true)]
async fn tickets_of_other_versions_count_for_nothing() {
    let store = MemoryStore::new();
    let node = Node::with_canary(&store).await;
    for number in 1..=20 {
        let id = ticket(number);
        let other = (number % 2 == 0).then_some(Uuid::from_u128(7));
        let last = attempt_failed(1, AttemptErrorKind::SchemaViolation, true);
        let end = failed(Stage::Model, "attempts_exhausted");
        let events = [asked(None), prepared_by(other), sent(1), last, end];
        append(&store, id, &events).await;
    }
    answer(&store, 21).await;
    node.sees(tally(1, 1, 0, 0)).await;
    assert!(node.runs());
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_cannot_be_rendered_counts_for_the_canary_of_its_user() {
    let store = MemoryStore::new();
    let node = Node::with_canary(&store).await;
    let users: Vec<String> = (0..100).map(|number| format!("user-{number}")).collect();
    let (inside, outside): (Vec<_>, Vec<_>) =
        users.iter().partition(|user| in_canary(CANARY, 50, user));
    let unrendered = failed(Stage::PreProcess, "prompt_not_rendered");
    for (number, user) in (1..).zip(outside.iter().take(20)) {
        append(
            &store,
            ticket(number),
            &[unhooked(user), unrendered.clone()],
        )
        .await;
    }
    let refused = failed(Stage::PreProcess, "refused_by_callback");
    append(&store, ticket(50), &[unhooked(inside[0]), refused]).await;
    append(
        &store,
        ticket(51),
        &[unhooked(inside[0]), unrendered.clone()],
    )
    .await;
    node.sees(tally(1, 0, 1, 0)).await;
    append(&store, ticket(52), &[unhooked(inside[1]), unrendered]).await;
    let end = ended(&store).await;
    assert_eq!(end.tally, Some(tally(2, 0, 2, 0)));
}

#[tokio::test(start_paused = true)]
async fn what_the_tenants_api_made_of_the_input_is_not_the_versions_fault() {
    let store = MemoryStore::new();
    let node = Node::with_canary(&store).await;
    let mut hooked = asked(None);
    if let TicketEvent::TicketRequested(request) = &mut hooked {
        request.terms.pre_process = true;
    }
    let unrendered = failed(Stage::PreProcess, "prompt_not_rendered");
    for number in 1..=40 {
        append(
            &store,
            ticket(number),
            &[hooked.clone(), unrendered.clone()],
        )
        .await;
    }
    answer(&store, 41).await;
    node.sees(tally(1, 1, 0, 0)).await;
    assert!(node.runs());
}

#[tokio::test(start_paused = true)]
async fn a_damaged_event_of_a_ticket_does_not_end_the_watch() {
    let store = MemoryStore::new();
    let node = Node::with_canary(&store).await;
    let damage = |store: &MemoryStore| {
        let last = store.all_events().pop().unwrap();
        store.damage(last.position);
    };
    answer(&store, 1).await;
    let lost = begin(&store, 2).await;
    append(&store, lost, &[answered(1)]).await;
    damage(&store);
    answer(&store, 3).await;
    node.sees(tally(3, 2, 0, 0)).await;
    // A watch that begins anew comes by the same event, and a bound is acted on behind it.
    drop(node);
    let node = Node::over(&store).await;
    node.sees(tally(3, 2, 0, 0)).await;
    for number in 4..=5 {
        fail(&store, number, AttemptErrorKind::TooLarge).await;
    }
    let end = ended(&store).await;
    assert_eq!(end.tally, Some(tally(5, 2, 2, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_watch_is_survived_and_everything_counts_once() {
    let store = MemoryStore::new();
    let node = Node::with_canary(&store).await;
    answer(&store, 1).await;
    node.sees(tally(1, 1, 0, 0)).await;
    drop(node);
    // Of the node's two tasks, whichever asks first.
    store.panic_at_subscriptions(4);
    let node = Node::over(&store).await;
    answer(&store, 2).await;
    node.sees(tally(2, 2, 0, 0)).await;
    assert_eq!(store.panics_pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_restart_in_the_middle_counts_everything_once() {
    let store = MemoryStore::new();
    let node = Node::with_canary(&store).await;
    answer(&store, 1).await;
    let open = begin(&store, 2).await;
    fail(&store, 3, AttemptErrorKind::SchemaViolation).await;
    node.sees(tally(3, 1, 1, 1)).await;
    drop(node);
    fail(&store, 4, AttemptErrorKind::Server).await;
    let node = Node::over(&store).await;
    node.sees(tally(4, 1, 1, 1)).await;
    assert!(node.runs());
    let last = attempt_failed(1, AttemptErrorKind::ContentFiltered, true);
    append(
        &store,
        open,
        &[last, failed(Stage::Model, "content_filtered")],
    )
    .await;
    let end = ended(&store).await;
    assert_eq!(end.tally, Some(tally(4, 1, 2, 1)));
}

#[tokio::test(start_paused = true)]
async fn a_bound_that_was_passed_while_nobody_watched_is_acted_on_at_the_start() {
    let store = MemoryStore::new();
    drop(Node::with_canary(&store).await);
    for number in 1..=2 {
        fail(&store, number, AttemptErrorKind::TooLarge).await;
    }
    assert_eq!(ends_of(&store), 0);
    let node = Node::over(&store).await;
    assert_eq!(ended(&store).await.end, CanaryEnd::Returned);
    assert!(!node.runs());
}

#[tokio::test(start_paused = true)]
async fn of_two_nodes_that_watch_one_takes_the_version_back() {
    let store = MemoryStore::new();
    let one = Node::with_canary(&store).await;
    let other = Node::over(&store).await;
    answer(&store, 1).await;
    one.sees(tally(1, 1, 0, 0)).await;
    other.sees(tally(1, 1, 0, 0)).await;
    for number in 2..=9 {
        fail(&store, number, AttemptErrorKind::TooLarge).await;
    }
    ended(&store).await;
    // Whatever the other still wants to do is done before this ticket is seen in the next canary.
    one.start(Uuid::from_u128(9)).await;
    for node in [&one, &other] {
        let next = node.watch.wait_for(Uuid::from_u128(9), |_| true);
        timeout(Duration::from_secs(60), next).await.unwrap();
    }
    assert_eq!(ends_of(&store), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_nothing_is_asked_again() {
    let store = MemoryStore::new();
    let node = Node::with_canary(&store).await;
    for _ in 0..3 {
        store.fail_kind("CanaryEnded", Fault::Unavailable);
    }
    for number in 1..=2 {
        fail(&store, number, AttemptErrorKind::TooLarge).await;
    }
    assert_eq!(ended(&store).await.end, CanaryEnd::Returned);
    assert_eq!(store.faults_pending(), 0);
    assert!(!node.runs());
}

#[tokio::test(start_paused = true)]
async fn a_canary_that_somebody_ended_is_followed_no_more_and_the_next_one_begins_at_nothing() {
    for end in [CanaryEnd::Stopped, CanaryEnd::Promoted] {
        let store = MemoryStore::new();
        let node = Node::with_canary(&store).await;
        let open = begin(&store, 1).await;
        node.sees(tally(1, 0, 0, 0)).await;
        node.end(end).await;
        for number in 2..=9 {
            fail(&store, number, AttemptErrorKind::TooLarge).await;
        }
        append(&store, open, &[answered(1)]).await;
        if end == CanaryEnd::Promoted {
            // To have another version to go to.
            let act = node.prompts.act(Author::Configuration);
            node.execute(Command::RollBack {
                label: "production".parse().unwrap(),
                expected: 2,
                expected_canary: SeenCanary::Nothing,
                reason: None,
                act,
            })
            .await;
        }
        let next = Uuid::from_u128(9);
        node.start(next).await;
        append(&store, ticket(30), &[asked(None), prepared_by(Some(next))]).await;
        let seen = node.watch.wait_for(next, |seen| seen.tickets == 1);
        timeout(Duration::from_secs(60), seen).await.unwrap();
        assert_eq!(node.watch.tally(next), Some(tally(1, 0, 0, 0)));
        assert_eq!(node.watch.tally(CANARY), None);
        assert_eq!(ends_of(&store), 1);
    }
}
