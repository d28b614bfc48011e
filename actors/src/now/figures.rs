//! Figures as they are read: added up over one tenant or over all.

use super::samples::{Quantiles, Samples};
use super::series::{STEP_MS, STEPS, Series, Step, add_to};

/// Over how many of the newest steps tokens are counted: a minute.
const TOKEN_STEPS: usize = 12;

/// How tickets came and went, step by step, the newest last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// Tickets that were issued.
    pub issued: Vec<u64>,
    /// Tickets that ended: delivered, failed or cancelled.
    pub ended: Vec<u64>,
    /// Those of them that failed.
    pub failed: Vec<u64>,
}

/// Calls that ended, step by step, the newest last.
#[derive(Debug, Clone, PartialEq)]
pub struct Callbacks {
    /// All of them.
    pub calls: Vec<u64>,
    /// Those without success.
    pub errors: Vec<u64>,
}

/// What became of the calls of one model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    /// The calls that ended.
    pub ends: Callbacks,
    first_token_ms: Vec<u32>,
    total_ms: Vec<u32>,
    /// Of the last minute.
    tokens: u64,
}

impl Default for Flow {
    fn default() -> Self {
        let none = || vec![0; STEPS];
        Self {
            issued: none(),
            ended: none(),
            failed: none(),
        }
    }
}

impl Default for Callbacks {
    fn default() -> Self {
        let none = || vec![0; STEPS];
        Self {
            calls: none(),
            errors: none(),
        }
    }
}

impl Flow {
    pub(super) fn add(&mut self, now: Step, issued: &Series, ended: &Series, failed: &Series) {
        add_to(&mut self.issued, issued.read(now));
        add_to(&mut self.ended, ended.read(now));
        add_to(&mut self.failed, failed.read(now));
    }
}

impl Callbacks {
    pub(super) fn of(now: Step, calls: &Series, errors: &Series) -> Self {
        let mut sum = Self::default();
        sum.add(now, calls, errors);
        sum
    }

    fn add(&mut self, now: Step, calls: &Series, errors: &Series) {
        add_to(&mut self.calls, calls.read(now));
        add_to(&mut self.errors, errors.read(now));
    }

    /// The part of the calls that had no success, from 0 to 1; 0 where there was none.
    #[expect(clippy::cast_precision_loss, reason = "counts of minutes")]
    pub fn error_rate(&self) -> f64 {
        match self.calls.iter().sum::<u64>() {
            0 => 0.0,
            calls => self.errors.iter().sum::<u64>() as f64 / calls as f64,
        }
    }
}

impl Model {
    pub(super) fn add(
        &mut self,
        now: Step,
        (calls, errors): (&Series, &Series),
        tokens: &Series,
        samples: &Samples,
    ) {
        self.ends.add(now, calls, errors);
        let newest = tokens.read(now).skip(STEPS - TOKEN_STEPS);
        self.tokens += newest.map(u64::from).sum::<u64>();
        for sample in samples.within(now) {
            self.first_token_ms.push(sample.first_token_ms);
            self.total_ms.push(sample.total_ms);
        }
    }

    /// How long the first text took, over the newest answers.
    pub fn first_token_ms(&mut self) -> Option<Quantiles> {
        Quantiles::of(&mut self.first_token_ms)
    }

    /// How long whole answers took.
    pub fn total_ms(&mut self) -> Option<Quantiles> {
        Quantiles::of(&mut self.total_ms)
    }

    /// Tokens of answers per second, over the last minute.
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    pub fn tokens_per_second(&self) -> f64 {
        self.tokens as f64 / (TOKEN_STEPS as u64 * STEP_MS / 1_000) as f64
    }
}
