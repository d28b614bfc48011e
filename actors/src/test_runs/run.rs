//! One run from its start to its end.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use punchcard_events::prompt::{Author, Command};
use punchcard_events::test_run::{
    Arm, TestCaseFinished, TestRunEvent, TestRunFinished, TestRunStopped,
};
use tokio::sync::oneshot;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use super::ask::Asking;
use super::case::{Job, failed};
use super::live::{Seat, Stop};
use super::plan::{Asked, Plan};
use super::record::Recorder;
use super::{Shared, TestRunError};
use crate::ports::AppendError;
use crate::prompts::PromptError;

/// The most bytes of one answer that are kept.
const KEPT_BYTES: usize = 64 * 1024;

/// The most bytes of a run's answers that are kept at full length; after that, their beginnings.
const KEPT_BYTES_OF_RUN: usize = 8 * 1024 * 1024;

/// The beginning that is kept of an answer when the run has used up its bytes.
const BEGINNING_BYTES: usize = 512;

/// Between two tries of recording the result.
const RECORD_RETRY: Duration = Duration::from_millis(500);

/// Runs what is asked for. `begun` is told when the run's start is stored, or why there is none.
pub(super) async fn run(
    shared: &Arc<Shared>,
    asked: Asked,
    seat: Seat,
    begun: oneshot::Sender<Result<(), TestRunError>>,
) {
    let plan = match Plan::make(shared, asked).await {
        Ok(plan) => plan,
        Err(error) => {
            // Whoever asked may have gone; then nothing has happened.
            let _ = begun.send(Err(error));
            return;
        }
    };
    let mut run = Run::new(shared, &plan, seat);
    let started = TestRunEvent::TestRunStarted(plan.started.clone());
    if let Err(error) = run.record(&started).await {
        let _ = begun.send(Err(TestRunError::Unavailable(error.to_string())));
        return;
    }
    run.show_reused(&plan);
    let _ = begun.send(Ok(()));
    let (id, tenant, task) = (plan.asked.run, &plan.asked.tenant, &plan.asked.task);
    tracing::info!(test_run.id = %id, %tenant, %task, "a test run began");
    let ended = match run.try_cases(&plan).await {
        Ok(Outcome::Complete) => run.finish(&plan).await,
        Ok(Outcome::GivenUp(stop)) => run.give_up(stop).await,
        Err(error) => Err(error),
    };
    match ended {
        Ok(()) => tracing::info!(test_run.id = %id, "a test run ended"),
        // It has no end in the store, and is shown as interrupted.
        Err(error) => tracing::warn!(test_run.id = %id, %error, "a test run was not stored"),
    }
}

/// A run that is going on.
struct Run<'a> {
    shared: &'a Shared,
    seat: Seat,
    recorder: Recorder,
    asking: Arc<Asking>,
    /// Bytes of answers that may still be kept at full length.
    kept: usize,
    /// Cases of the candidate that failed.
    failed: u32,
}

enum Outcome {
    Complete,
    GivenUp(Stop),
}

impl<'a> Run<'a> {
    fn new(shared: &'a Shared, plan: &Plan, seat: Seat) -> Self {
        let (parts, options) = (&shared.parts, &shared.options);
        let clock = parts.prompts.clock();
        let tenant = &plan.asked.tenant;
        let asking = Asking {
            llm: parts.llm.clone(),
            clock: Arc::clone(clock),
            tenant: tenant.clone(),
            task: plan.asked.task.clone(),
            retry: options.retry,
            max_answer_bytes: options.max_answer_bytes.get(),
        };
        let recorder = Recorder::new(
            Arc::clone(&parts.store),
            Arc::clone(clock),
            tenant.clone(),
            plan.asked.run,
            options.store_patience,
        );
        Self {
            shared,
            seat,
            recorder,
            asking: Arc::new(asking),
            kept: KEPT_BYTES_OF_RUN,
            failed: 0,
        }
    }

    /// Stores an event, and shows it then.
    async fn record(&mut self, event: &TestRunEvent) -> Result<(), AppendError> {
        self.recorder.append(event).await?;
        self.seat.show(event);
        Ok(())
    }

    /// Shows the results that are taken from an earlier run, which has them in its stream.
    fn show_reused(&self, plan: &Plan) {
        for case in &plan.reused {
            self.seat
                .show(&TestRunEvent::TestCaseFinished(case.clone()));
        }
    }

    /// Tries every case, so many at a time: the candidate's first.
    async fn try_cases(&mut self, plan: &Plan) -> Result<Outcome, AppendError> {
        let options = &self.shared.options;
        let deadline = Instant::now() + options.run_deadline;
        let live = Arc::clone(self.seat.run());
        let mut waiting = jobs(self.shared, plan);
        let mut running = JoinSet::new();
        let mut names = HashMap::new();
        loop {
            while running.len() < options.concurrency.get()
                && let Some(job) = waiting.pop_front()
            {
                let name = (job.case.name.clone(), job.subject.arm);
                let asking = Arc::clone(&self.asking);
                let task = running.spawn(async move { job.run(&asking).await });
                names.insert(task.id(), name);
            }
            // What still runs when this is left ends with `running`.
            let ended = tokio::select! {
                biased;
                stop = live.asked_to_stop() => return Ok(Outcome::GivenUp(stop)),
                () = tokio::time::sleep_until(deadline) => {
                    return Ok(Outcome::GivenUp(too_long(options.run_deadline)));
                }
                ended = running.join_next_with_id() => ended,
            };
            let Some(ended) = ended else {
                return Ok(Outcome::Complete);
            };
            let case = self.keep(tried(ended, &mut names));
            if case.arm == Arm::Candidate && !case.passed() {
                self.failed += 1;
            }
            self.record(&TestRunEvent::TestCaseFinished(case)).await?;
        }
    }

    /// Shortens what is kept of an answer.
    fn keep(&mut self, mut case: TestCaseFinished) -> TestCaseFinished {
        if let Some(answer) = case.answer.take() {
            let most = if self.kept >= KEPT_BYTES {
                KEPT_BYTES
            } else {
                BEGINNING_BYTES
            };
            let answer = shortened(answer, most);
            self.kept = self.kept.saturating_sub(answer.len());
            case.answer = Some(answer);
        }
        case
    }

    /// All cases were tried: the prompt gets the result, and the run its end.
    async fn finish(mut self, plan: &Plan) -> Result<(), AppendError> {
        match self.record_result(plan).await {
            Ok(()) => {
                let act = self.shared.parts.prompts.act(plan.asked.by.clone());
                let failed = self.failed;
                let end = TestRunFinished { failed, act };
                self.record(&TestRunEvent::TestRunFinished(end)).await
            }
            Err(error) => {
                let reason = format!("Its result could not be recorded: {error}. Test again.");
                let by = Author::Runtime;
                self.give_up(Stop { reason, by }).await
            }
        }
    }

    async fn record_result(&self, plan: &Plan) -> Result<(), PromptError> {
        let prompts = &self.shared.parts.prompts;
        let (tenant, task) = (&plan.asked.tenant, &plan.asked.task);
        let result = Command::RecordTest {
            run: plan.asked.run,
            tested: plan.started.tested,
            hash: plan.started.hash,
            test_set: plan.started.test_set,
            cases: plan.started.cases,
            failed: self.failed,
            act: prompts.act(plan.asked.by.clone()),
        };
        let until = Instant::now() + self.shared.options.store_patience;
        loop {
            // A result that was recorded after all is not recorded twice: the run names it.
            match prompts.execute(tenant, task, result.clone()).await {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() >= until || is_final(&error) => return Err(error),
                Err(_) => tokio::time::sleep(RECORD_RETRY).await,
            }
        }
    }

    async fn give_up(mut self, stop: Stop) -> Result<(), AppendError> {
        let end = TestRunStopped {
            reason: stop.reason,
            act: self.shared.parts.prompts.act(stop.by),
        };
        self.record(&TestRunEvent::TestRunStopped(end)).await
    }
}

/// Every case with every content that has to be asked.
fn jobs(shared: &Shared, plan: &Plan) -> VecDeque<Job> {
    let options = &shared.options;
    let subjects = std::iter::once(&plan.candidate).chain(&plan.baseline);
    let of_subject = subjects.flat_map(|subject| {
        let price = options.prices.get(&*subject.model).copied();
        plan.test_set.cases.iter().map(move |case| Job {
            case: case.clone(),
            subject: subject.clone(),
            price,
            deadline: options.case_deadline,
        })
    });
    of_subject.collect()
}

/// What became of a case. One that panicked failed, and takes no other with it.
fn tried(
    ended: Result<(Id, TestCaseFinished), JoinError>,
    names: &mut HashMap<Id, (String, Arm)>,
) -> TestCaseFinished {
    match ended {
        Ok((id, case)) => {
            names.remove(&id);
            case
        }
        Err(error) => {
            // The panic's own words may quote an answer: they are not repeated.
            tracing::error!(panicked = error.is_panic(), "a test case was cut short");
            let name = names.remove(&error.id());
            let (name, arm) = name.unwrap_or_else(|| (String::new(), Arm::Candidate));
            let why = "The case could not be tried because of a mistake in Punchcard itself; its \
                       log says more.";
            failed(name, arm, why.to_owned())
        }
    }
}

/// Whether asking again cannot help.
const fn is_final(error: &PromptError) -> bool {
    !matches!(
        error,
        PromptError::Conflict | PromptError::Unavailable(_) | PromptError::OutcomeUnknown(_)
    )
}

fn too_long(deadline: Duration) -> Stop {
    let minutes = deadline.as_secs() / 60;
    Stop {
        reason: format!("It took more than {minutes} minutes. Test with fewer cases."),
        by: Author::Runtime,
    }
}

fn shortened(text: Arc<str>, most: usize) -> Arc<str> {
    if text.len() <= most {
        return text;
    }
    let end = text.floor_char_boundary(most);
    text.get(..end).unwrap_or_default().into()
}
