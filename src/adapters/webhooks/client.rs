//! The HTTP clients the calls go through.

use std::cell::RefCell;
use std::sync::{Arc, Weak};
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::{Client, redirect, retry};

use super::Options;

const USER_AGENT: &str = concat!("punchcard/", env!("CARGO_PKG_VERSION"));

/// Idle connections kept per host and thread. Calls in flight are capped above the port.
const MAX_IDLE_PER_HOST: usize = 64;

/// Shorter than the keep-alive of common load balancers (60 s and more), so that we seldom send on a
/// connection that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

thread_local! {
    /// This thread's client of each adapter that is still alive: in a process there is one.
    static CLIENTS: RefCell<Vec<(Weak<Setup>, Client)>> = const { RefCell::new(Vec::new()) };
}

/// One client per thread and adapter.
///
/// Calls come from several single-threaded runtimes. A pooled connection is driven by a task of the
/// runtime that opened it, so with one shared client most calls would wake another thread twice, and
/// would hang on a connection whose runtime has stopped.
#[derive(Debug)]
pub(super) struct Clients {
    setup: Arc<Setup>,
}

struct Setup {
    options: Options,
    resolver: Arc<dyn Resolve>,
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.options.fmt(f)
    }
}

impl Clients {
    /// Clients with these limits, whose names are looked up by `resolver`. One is built at once, so
    /// that what is wrong with the setup shows here and not at the first call.
    pub(super) fn new(
        options: Options,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, reqwest::Error> {
        install_tls_provider();
        let clients = Self {
            setup: Arc::new(Setup { options, resolver }),
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
            let client = self.setup.build()?;
            clients.push((Arc::downgrade(&self.setup), client.clone()));
            Ok(client)
        })
    }
}

impl Setup {
    fn build(&self) -> Result<Client, reqwest::Error> {
        Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(self.options.connect_timeout)
            .timeout(self.options.total_timeout)
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .dns_resolver(Arc::clone(&self.resolver))
            // Either would dial an address that the guards have not seen.
            .redirect(redirect::Policy::none())
            .no_proxy()
            // A try is one request, as the ticket's history says.
            .retry(retry::never())
            // Compressed replies would need a second cap.
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .referer(false)
            .build()
    }
}

/// Sets the process's TLS provider unless it has one already.
fn install_tls_provider() {
    // The error is the provider that was there first, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
}
