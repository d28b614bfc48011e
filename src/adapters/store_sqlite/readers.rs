//! The reader threads, each with a connection of its own that cannot write.
//!
//! A connection that gave an error is dropped; the next read opens a new one.

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use punchcard_actors::ports::ReadError;
use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

use super::connection;
use super::options::Options;

/// Runs with a connection and says whether the connection is still good.
type Job = Box<dyn FnOnce(Result<&Connection, ReadError>) -> bool + Send>;

/// A pool of reader threads.
#[derive(Debug)]
pub(super) struct Readers {
    /// Empty once closed.
    jobs: Mutex<Option<Sender<Job>>>,
    room: Arc<Semaphore>,
    wait: Duration,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    pub(super) fn start(path: &Path, options: &Options) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        let threads = (0..options.readers.max(1)).map(|number| {
            let (path, queue) = (path.to_owned(), Arc::clone(&queue));
            let busy = options.busy_timeout;
            thread::Builder::new()
                .name(format!("store-reader-{number}"))
                .spawn(move || work(&path, busy, &queue))
        });
        Ok(Self {
            threads: Mutex::new(threads.collect::<Result<_, _>>()?),
            jobs: Mutex::new(Some(jobs)),
            room: Arc::new(Semaphore::new(options.read_queue)),
            wait: options.queue_wait,
        })
    }

    /// Runs `query` on a reader thread.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let room = tokio::time::timeout(self.wait, Arc::clone(&self.room).acquire_owned());
        let Ok(Ok(permit)) = room.await else {
            let reason = "too many reads are waiting";
            return Err(ReadError::Unavailable(reason.to_owned()));
        };
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |conn| {
            let _permit = permit;
            // Nobody wants the answer of a read whose caller has gone.
            if reply.is_closed() {
                return true;
            }
            let result = conn.and_then(query);
            let good = result.is_ok();
            drop(reply.send(result));
            good
        });
        let closed = || ReadError::Unavailable("the event store is closed".to_owned());
        self.send(job).ok_or_else(closed)?;
        answer.await.map_err(|_| closed())?
    }

    fn send(&self, job: Job) -> Option<()> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.as_ref()?.send(job).ok()
    }

    /// Lets the threads finish what is queued and waits for them.
    pub(super) fn close(&self) {
        let jobs = self
            .jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(jobs);
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            // A reader that panicked has nothing left to finish.
            drop(thread.join());
        }
    }
}

fn work(path: &Path, busy: Duration, queue: &Mutex<Receiver<Job>>) {
    let mut open: Option<Connection> = None;
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else {
            return;
        };
        let conn = match open.take() {
            Some(conn) => Ok(conn),
            None => connection::open_reader(path, busy)
                .map_err(|error| ReadError::Unavailable(error.to_string())),
        };
        open = match conn {
            Ok(conn) => job(Ok(&conn)).then_some(conn),
            Err(error) => {
                job(Err(error));
                None
            }
        };
    }
}
