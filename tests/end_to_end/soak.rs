//! A long mixed load, and what is left of it: nothing.
//!
//! All kinds of tasks, a backend with bad moments, cancellations, streams and sessions that are cut,
//! readers that do not read, and restarts by SIGTERM. Afterwards the checker of
//! `tests/support/account/` judges every ticket, and the program must hold what one does that has
//! hardly worked: memory, descriptors, threads, actors, calls and sessions are back at their base.
//!
//! `PUNCHCARD_SOAK_SECONDS` makes it longer than its default.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::api::{Api, http, try_send};
use crate::clients::Clients;
use crate::fake_backend::FakeBackend;
use crate::load::Load;
use crate::process::{Holdings, Metrics};
use crate::scripted_model::ScriptedModel;
use crate::session::{self, Memory};
use crate::world::{ORIGIN, World, otherwise};

/// How long the load goes on, unless the environment says otherwise.
const SOAK: Duration = Duration::from_secs(12);
/// Restarts by SIGTERM in that time.
const RESTARTS: u32 = 3;
/// The user whose session is cut again and again.
const RESTLESS: &str = "student-2";
/// How long what is left over may take to go: idle threads and connections have their time.
const QUIET_WITHIN: Duration = Duration::from_secs(30);
/// What the program may hold more than one that has hardly worked: what the allocator keeps, and a
/// few connections that are about to close.
const MORE_MEMORY: u64 = 24 << 20;
const MORE_DESCRIPTORS: usize = 8;
const MORE_THREADS: usize = 4;

/// How often each thing was done, so that the test is about something.
#[derive(Debug, Default)]
struct Done {
    cancelled: AtomicUsize,
    streams_cut: AtomicUsize,
    sessions_cut: AtomicUsize,
    unread: AtomicUsize,
}

#[tokio::test]
async fn after_a_long_mixed_load_all_is_accounted_for_and_the_program_is_back_at_its_base() {
    let base = base().await;
    let mut load = Load::start().await;
    let done = Arc::new(Done::default());
    let over = watch::Sender::new(false);
    let mut issuing = JoinSet::new();
    issuing.spawn(cancel(
        load.clients.clone(),
        Arc::clone(&done),
        over.subscribe(),
    ));
    let mut watching = JoinSet::new();
    watching.spawn(be_restless(
        load.clients.clone(),
        Arc::clone(&done),
        over.subscribe(),
    ));
    watching.spawn(read_nothing(load.clients.clone(), Arc::clone(&done)));

    let part = soak() / (RESTARTS + 1);
    for _ in 0..RESTARTS {
        sleep(part).await;
        load.restart(async |server| assert!(server.stop().await.success()))
            .await;
    }
    sleep(part).await;
    over.send_replace(true);
    while let Some(ended) = issuing.join_next().await {
        ended.unwrap();
    }
    let account = load
        .settle_and(async |world| {
            // A frame that broke the protocol has failed its reader's task.
            if let Some(ended) = watching.try_join_next() {
                panic!("a reader ended: {ended:?}");
            }
            watching.shutdown().await;
            hang_up(world).await;
            is_back_at(base, world).await;
        })
        .await;
    eprintln!("{account:?} {done:?}");
    assert!(
        account.delivered > 0 && account.cancelled > 0,
        "{account:?}"
    );
    for count in [
        &done.cancelled,
        &done.streams_cut,
        &done.sessions_cut,
        &done.unread,
    ] {
        assert!(count.load(Ordering::Relaxed) > 0, "{done:?}");
    }
}

/// What a program holds that has worked on one ticket of each task.
async fn base() -> Holdings {
    let mut world = World::start().await;
    let said = world.api.issue("say", None, json!({ "word": "one" })).await;
    let reviewed = json!({ "essay": "two" });
    let reviewed = world.api.issue("review", None, reviewed).await;
    for ticket in [said, reviewed] {
        world.api.until_event(&ticket, "TicketPersisted").await;
    }
    hang_up(&mut world).await;
    let base = Holdings::of(world.server().pid());
    world.stop().await;
    base
}

/// Closes every connection that the program may keep for later, so that those left are leaks.
async fn hang_up(world: &mut World) {
    world.model = ScriptedModel::start(otherwise).await;
    world.backend = FakeBackend::start(vec![]).await;
    let (base, key) = (world.api.base().to_owned(), world.api.key().to_owned());
    world.api = Api::new(&base, &key);
}

/// Waits until the program holds no more than an idle one does.
async fn is_back_at(base: Holdings, world: &mut World) {
    let (pid, admin) = (world.server().pid(), world.server().admin().to_owned());
    let http = http();
    let deadline = Instant::now() + QUIET_WITHIN;
    loop {
        let (now, metrics) = (Holdings::of(pid), Metrics::of(&http, &admin).await);
        let left: Vec<_> = ["tickets_open", "llm_calls_in_flight", "llm_calls_waiting"]
            .into_iter()
            .chain(["callback_calls_in_flight", "callback_calls_waiting"])
            .map(|name| (name, metrics.sum(name)))
            .filter(|(_, left)| *left != 0.0)
            .collect();
        let is_back = now.memory <= base.memory + MORE_MEMORY
            && now.descriptors <= base.descriptors + MORE_DESCRIPTORS
            && now.threads <= base.threads + MORE_THREADS
            && left.is_empty();
        if is_back {
            eprintln!("base {base:?}, now {now:?}");
            return;
        }
        assert!(
            Instant::now() < deadline,
            "base {base:?}, still {now:?}; left over: {left:?}"
        );
        sleep(Duration::from_millis(100)).await;
    }
}

/// Issues tickets, watches the first bytes of each, and cancels it.
async fn cancel(clients: Clients, done: Arc<Done>, over: watch::Receiver<bool>) {
    for number in 0.. {
        if *over.borrow() {
            return;
        }
        let word = format!("cancelled-{number}");
        let body = json!({
            "task": "review", "user": RESTLESS, "input": { "essay": word }, "metadata": { "word": word },
        });
        let ticket = clients.accepted(&word, &body).await;
        if cut_stream(&clients, &ticket).await.is_some() {
            done.streams_cut.fetch_add(1, Ordering::Relaxed);
        }
        if number % 2 == 0 && clients.cancel(&ticket).await == "cancelled" {
            done.cancelled.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Opens an event stream, reads its beginning and cuts the connection. `None` where that was not to be
/// had: the program may be away.
async fn cut_stream(clients: &Clients, ticket: &str) -> Option<()> {
    let api = clients.api_when_up().await;
    let address = api.base().trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).await.ok()?;
    let key = api.key();
    let head = format!(
        "GET /v1/tickets/{ticket}/stream HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.ok()?;
    let mut start = [0; 64];
    let read = timeout(Duration::from_secs(5), socket.read(&mut start)).await;
    (read.ok()?.ok()? > 0).then_some(())
}

/// A user whose connection does not hold, until the load is over.
async fn be_restless(clients: Clients, done: Arc<Done>, over: watch::Receiver<bool>) {
    while !*over.borrow() {
        // The session ends with the future, without a goodbye.
        let online = clients.clone().watch(RESTLESS);
        let _ = timeout(Duration::from_millis(400), online).await;
        done.sessions_cut.fetch_add(1, Ordering::Relaxed);
    }
    clients.watch(RESTLESS).await;
}

/// Sessions of the same user that say hello and never read.
async fn read_nothing(clients: Clients, done: Arc<Done>) {
    loop {
        if open_unread(&clients).await.is_some() {
            done.unread.fetch_add(1, Ordering::Relaxed);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn open_unread(clients: &Clients) -> Option<()> {
    let api = clients.api_when_up().await;
    let request = api.request(Method::POST, "/v1/session-tokens");
    let minted = try_send(request.json(&json!({ "user": RESTLESS })))
        .await
        .ok()?
        .json();
    let token = minted["token"].as_str()?;
    let opened = session::Session::try_open(api.base(), ORIGIN, token, Memory::new());
    let session = opened.await.ok()?;
    sleep(Duration::from_secs(1)).await;
    drop(session);
    Some(())
}

fn soak() -> Duration {
    let seconds = std::env::var("PUNCHCARD_SOAK_SECONDS").ok();
    let seconds = seconds.map(|text| text.parse().expect("PUNCHCARD_SOAK_SECONDS: seconds"));
    seconds.map_or(SOAK, |seconds: u64| Duration::from_secs(seconds.max(4)))
}
