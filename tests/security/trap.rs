//! A listener that nobody may ever call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Counts whoever connects, and refuses what they say. It stops when dropped.
pub(crate) struct Trap {
    /// Its address, as a proxy is configured.
    pub(crate) url: String,
    caught: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl Drop for Trap {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Trap {
    /// Starts on a free loopback port.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let caught = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&caught);
        let server = tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let mut asked = [0; 1024];
                let _ = socket.read(&mut asked).await;
                let refusal =
                    b"HTTP/1.1 418 Trapped\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _ = socket.write_all(refusal).await;
            }
        });
        Self {
            url,
            caught,
            server,
        }
    }

    /// How many came.
    pub(crate) fn caught(&self) -> usize {
        self.caught.load(Ordering::SeqCst)
    }
}
