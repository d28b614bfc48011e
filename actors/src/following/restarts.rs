//! What becomes of a task in the background that panics: it is begun again, and told of.

use std::time::Duration;

/// How long is waited before a task is begun again: twice as long each time, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The beginnings of one task.
#[derive(Debug)]
pub(crate) struct Restarts {
    task: &'static str,
    /// What the task looks after.
    of: &'static str,
    wait: Duration,
}

impl Restarts {
    /// Those of `task`, which looks after the streams of the category `of`.
    pub(crate) const fn of(task: &'static str, of: &'static str) -> Self {
        let wait = FIRST_WAIT;
        Self { task, of, wait }
    }

    /// The task begins.
    pub(crate) fn begins(&self) {
        metrics::gauge!("background_task_up", "task" => self.task, "of" => self.of).set(1.0);
    }

    /// The task panicked. Returns when it is to begin again.
    pub(crate) async fn panicked(&mut self) {
        metrics::gauge!("background_task_up", "task" => self.task, "of" => self.of).set(0.0);
        metrics::counter!("background_task_panics_total", "task" => self.task, "of" => self.of)
            .increment(1);
        let seconds = self.wait.as_secs_f64();
        // The panic's own words may quote a prompt: they are not repeated.
        tracing::error!(
            task = self.task,
            of = self.of,
            seconds,
            "a task in the background panicked; it is begun again"
        );
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }
}
