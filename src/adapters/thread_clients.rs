//! HTTP clients for calls that go out: one per thread and adapter.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Weak};

use reqwest::{Client, ClientBuilder, redirect, retry};

use super::tls;

const USER_AGENT: &str = concat!("punchcard/", env!("CARGO_PKG_VERSION"));

thread_local! {
    /// This thread's client of each adapter that is still alive.
    static CLIENTS: RefCell<Vec<(Weak<Setup>, Client)>> = const { RefCell::new(Vec::new()) };
}

/// The clients of one adapter.
///
/// Calls come from several single-threaded runtimes. A pooled connection is driven by a task of the
/// runtime that opened it, so with one shared client most calls would wake another thread for every
/// chunk, and would hang on a connection whose runtime has stopped.
#[derive(Debug)]
pub(super) struct ThreadClients {
    setup: Arc<Setup>,
}

struct Setup {
    build: Box<dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync>,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Setup")
    }
}

impl ThreadClients {
    /// Clients that `build` completes. One is built at once, so that what is wrong with the setup
    /// shows here and not at the first call.
    pub(super) fn new(
        build: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static,
    ) -> Result<Self, reqwest::Error> {
        tls::install_provider();
        let clients = Self {
            setup: Arc::new(Setup {
                build: Box::new(build),
            }),
        };
        clients.here()?;
        Ok(clients)
    }

    /// The client of the thread this is called on.
    pub(super) fn here(&self) -> Result<Client, reqwest::Error> {
        CLIENTS.with_borrow_mut(|clients| {
            let own = |(setup, _): &&(Weak<Setup>, Client)| {
                std::ptr::eq(setup.as_ptr(), Arc::as_ptr(&self.setup))
            };
            if let Some((_, client)) = clients.iter().find(own) {
                return Ok(client.clone());
            }
            // A `Weak` keeps its address taken, so an entry of a dropped adapter cannot be mistaken
            // for another's; here it makes room.
            clients.retain(|(setup, _)| setup.strong_count() > 0);
            let client = (self.setup.build)(outward()).build()?;
            clients.push((Arc::downgrade(&self.setup), client.clone()));
            Ok(client)
        })
    }
}

/// What holds for every call that goes out. It has no timeouts yet: those are the adapter's.
fn outward() -> ClientBuilder {
    Client::builder()
        .user_agent(USER_AGENT)
        .tcp_nodelay(true)
        // A redirect or proxy would carry keys and texts to an address that nobody configured and
        // no guard has seen.
        .redirect(redirect::Policy::none())
        .no_proxy()
        // Every call follows an event that says so; a hidden second one would not.
        .retry(retry::never())
        .referer(false)
}
