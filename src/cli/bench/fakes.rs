//! The outside world of both arms: a model server and a tenant's API. Each has a thread of its own
//! and answers with bytes rendered beforehand.

mod backend;
mod metered;
mod model;

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::wire::Wire;

pub(super) use backend::Backend;
pub(super) use metered::{Marker, Metered};
pub(super) use model::{FakeModel, MARKER_DIGITS, Script};

/// A server of the benchmark. It stops when it is dropped.
pub(super) struct Served {
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// Serves each connection by `handler`, on a thread of its own.
    fn start<F>(name: &str, handler: impl Fn(Wire) -> F + Send + 'static) -> io::Result<Self>
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name(name.to_owned());
        let thread = thread.spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = accept(listener, handler) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self {
            addr,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    pub(super) const fn addr(&self) -> SocketAddr {
        self.addr
    }
}

async fn accept<F>(listener: TcpListener, handler: impl Fn(Wire) -> F) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        // A connection that breaks is the other end's to notice.
        tokio::spawn(handler(Wire::new(stream)?));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A fake that panicked has shown itself in the figures.
            let _ = thread.join();
        }
    }
}
