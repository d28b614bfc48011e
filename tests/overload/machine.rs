//! How busy the machine itself is while a test measures: the latency of a request as cheap as a refusal,
//! at a server that does nothing else.
//!
//! It goes over a socket between two threads, as often and at as much processor time as what it is
//! compared with, so that a machine with other things to do slows both alike.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Requests per second.
pub(crate) const RATE: u32 = 50;
/// The processor time of one: what a debug build takes for a refusal.
const WORK: Duration = Duration::from_millis(1);

/// The server and its client.
pub(crate) struct Control {
    over: Arc<AtomicBool>,
    client: JoinHandle<Vec<Duration>>,
    server: JoinHandle<()>,
}

impl Control {
    /// Begins to ask, on a fixed schedule.
    pub(crate) fn begin() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&over);
        Self {
            over,
            server: std::thread::spawn(move || serve(listener.accept().unwrap().0)),
            client: std::thread::spawn(move || ask(TcpStream::connect(address).unwrap(), &end)),
        }
    }

    /// The latencies, from when each request was due.
    pub(crate) fn end(self) -> Vec<Duration> {
        self.over.store(true, Ordering::Relaxed);
        let latencies = self.client.join().unwrap();
        self.server.join().unwrap();
        latencies
    }
}

fn serve(mut socket: TcpStream) {
    socket.set_nodelay(true).unwrap();
    let mut byte = [0];
    while socket.read_exact(&mut byte).is_ok() {
        let begun = Instant::now();
        while begun.elapsed() < WORK {
            std::hint::spin_loop();
        }
        socket.write_all(&byte).unwrap();
    }
}

fn ask(mut socket: TcpStream, over: &AtomicBool) -> Vec<Duration> {
    socket.set_nodelay(true).unwrap();
    let (begun, mut latencies) = (Instant::now(), Vec::new());
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let due = begun + Duration::from_secs(1) * number / RATE;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        socket.write_all(&[0]).unwrap();
        socket.read_exact(&mut [0]).unwrap();
        latencies.push(due.elapsed());
    }
    latencies
}

/// The value that `percent` of `all` do not exceed.
pub(crate) fn percentile(mut all: Vec<Duration>, percent: usize) -> Duration {
    all.sort_unstable();
    let place = (all.len() * percent).div_ceil(100).saturating_sub(1);
    all.get(place).copied().unwrap_or_default()
}
