//! The thread that parses templates, on a stack that none of them can use up.
//!
//! The engine works on expressions by recursion, and a chain such as `a.a.a` is as deep as it is long.
//! There is one thread for all prompts, made when it is first needed: its stack is only address space
//! until pages of it are touched, and parsing takes milliseconds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// For each byte of the longest template as much as a level of the engine's recursion takes in a
/// debug build, with room to spare.
const STACK_BYTES: usize = 256 << 20;
/// The most texts that wait for the thread.
const MAX_WAITING: usize = 64;
/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

type Job = Box<dyn FnOnce() + Send>;

/// Why nothing was parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotParsed {
    /// The thread is not to be had, or has too much to do: later it may be.
    #[error("the templates cannot be read now")]
    Unavailable,
    /// The engine failed on the text.
    #[error("the template engine failed on a template")]
    Failed,
}

/// A thread with a deep stack.
#[derive(Debug)]
pub(super) struct Parser {
    stack_bytes: usize,
    jobs: Mutex<Option<SyncSender<Job>>>,
}

/// The one of this process.
pub(super) static PARSER: Parser = Parser::new(STACK_BYTES);

impl Parser {
    const fn new(stack_bytes: usize) -> Self {
        Self {
            stack_bytes,
            jobs: Mutex::new(None),
        }
    }

    /// Has `parse` done on the deep stack. Not to be called from there.
    ///
    /// # Errors
    /// When it cannot be done now, or panics.
    pub(super) fn run<T: Send + 'static>(
        &self,
        parse: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NotParsed> {
        let (reply, answer) = sync_channel(1);
        let job = Box::new(move || {
            // Whoever asked may have given up.
            let _ = reply.send(parse());
        });
        self.hand_over(job)?;
        answer.recv_timeout(PATIENCE).map_err(|error| match error {
            RecvTimeoutError::Timeout => NotParsed::Unavailable,
            RecvTimeoutError::Disconnected => NotParsed::Failed,
        })
    }

    /// Gives the thread a job, and makes the thread where there is none.
    fn hand_over(&self, job: Job) -> Result<(), NotParsed> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = match jobs.as_ref() {
            Some(sender) => sender,
            None => jobs.insert(self.start()?),
        };
        sender.try_send(job).map_err(|_| NotParsed::Unavailable)
    }

    fn start(&self) -> Result<SyncSender<Job>, NotParsed> {
        let (sender, jobs) = sync_channel(MAX_WAITING);
        let thread = std::thread::Builder::new()
            .name("template-parser".to_owned())
            .stack_size(self.stack_bytes);
        match thread.spawn(move || work(&jobs)) {
            Ok(_) => Ok(sender),
            Err(error) => {
                tracing::warn!(%error, "no thread for parsing templates; it is tried again");
                Err(NotParsed::Unavailable)
            }
        }
    }
}

/// Does jobs for as long as somebody may have one. One that panics takes no other with it: its reply
/// is dropped.
fn work(jobs: &Receiver<Job>) {
    for job in jobs {
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use std::thread::current;

    use super::*;

    #[test]
    fn all_jobs_run_on_one_thread_and_a_panic_takes_no_other_with_it() {
        let parser = Parser::new(1 << 20);
        let first = parser.run(|| current().id()).unwrap();
        assert_ne!(first, current().id());
        let panicked = parser.run(|| std::panic::resume_unwind(Box::new("as told")));
        assert_eq!(panicked, Err::<(), _>(NotParsed::Failed));
        assert_eq!(parser.run(|| current().id()), Ok(first));
    }

    #[test]
    fn a_thread_that_cannot_be_had_is_no_mistake_of_the_text() {
        let parser = Parser::new(usize::MAX / 4);
        assert_eq!(parser.run(|| ()), Err(NotParsed::Unavailable));
    }
}
