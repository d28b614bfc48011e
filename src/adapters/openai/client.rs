//! One HTTP client per thread.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use reqwest::{Client, redirect, retry};

use crate::adapters::tls;

/// How long an unused connection is kept. Shorter than the idle limit of common servers and load
/// balancers (60 s), so that we rarely write into a connection the other side is closing.
const POOL_IDLE: Duration = Duration::from_secs(45);

static NEXT_KEY: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static CLIENTS: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

struct Entry {
    owner: Weak<u64>,
    client: Client,
}

/// The clients of one adapter, one for each thread that calls.
///
/// Calls come from several single-threaded runtimes. A pooled connection is driven by a task on the
/// runtime that opened it, so with a shared pool a call would often wait for another thread to wake
/// up for every chunk it reads. With a pool per thread, a call and its connection share a thread.
#[derive(Debug)]
pub(super) struct Clients {
    key: Arc<u64>,
    connect_timeout: Duration,
    load_roots: bool,
}

impl Clients {
    /// Prepares the clients and builds this thread's, so that a faulty set-up shows at start.
    pub(super) fn new(connect_timeout: Duration, https: bool) -> Result<Self, reqwest::Error> {
        tls::install_provider();
        let clients = Self {
            key: Arc::new(NEXT_KEY.fetch_add(1, Ordering::Relaxed)),
            connect_timeout,
            load_roots: https,
        };
        clients.for_this_thread()?;
        Ok(clients)
    }

    /// This thread's client.
    pub(super) fn for_this_thread(&self) -> Result<Client, reqwest::Error> {
        let known = CLIENTS.with_borrow(|entries| {
            let mine = |entry: &&Entry| std::ptr::eq(entry.owner.as_ptr(), Arc::as_ptr(&self.key));
            entries.iter().find(mine).map(|entry| entry.client.clone())
        });
        if let Some(client) = known {
            return Ok(client);
        }
        let client = self.build()?;
        CLIENTS.with_borrow_mut(|entries| {
            // Clients of adapters that are gone leave with the next newcomer.
            entries.retain(|entry| entry.owner.strong_count() > 0);
            let owner = Arc::downgrade(&self.key);
            entries.push(Entry {
                owner,
                client: client.clone(),
            });
        });
        Ok(client)
    }

    fn build(&self) -> Result<Client, reqwest::Error> {
        let builder = Client::builder()
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(POOL_IDLE)
            .tcp_nodelay(true)
            // A redirect would carry the key and the prompt to an address nobody configured.
            .redirect(redirect::Policy::none())
            .no_proxy()
            // Every call follows an event that says so; a hidden second one would not.
            .retry(retry::never())
            .user_agent(concat!("punchcard/", env!("CARGO_PKG_VERSION")));
        if self.load_roots {
            builder.build()
        } else {
            // A plain http server needs no root certificates; a machine without any may use one.
            builder.tls_certs_only([]).build()
        }
    }
}
