//! How places are guarded: plain settings, with the defaults of `config/default.toml`.

use std::num::NonZeroUsize;
use std::time::Duration;

/// How many calls may run at once at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concurrency {
    /// At most so many. Overload lowers it for a while, nothing raises it.
    Fixed(NonZeroUsize),
    /// Found by trying, within [`AdaptiveOptions`].
    Adaptive,
}

/// How every place of a kind is guarded.
#[derive(Debug, Clone, PartialEq)]
pub struct GuardOptions {
    /// When to stop calling a place that fails.
    pub breaker: BreakerOptions,
    /// How many calls may be repeats.
    pub budget: BudgetOptions,
    /// Calls per second; `None` is as many as the concurrency allows.
    pub rate: Option<f64>,
    /// How a place that was out is taken into use again.
    pub ramp: RampOptions,
    /// The bounds of [`Concurrency::Adaptive`].
    pub adaptive: AdaptiveOptions,
    /// The longest that a place's wish to be left alone (`Retry-After`) holds up everybody.
    pub max_pause: Duration,
    /// The part of a place's permits that one tenant may hold while others wait, above 0 and up to 1.
    pub max_share: f64,
}

/// When a circuit breaker opens, and how it closes again.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakerOptions {
    /// Outcomes older than this are forgotten.
    pub window: Duration,
    /// At most so many of the newest outcomes are looked at.
    pub window_calls: NonZeroUsize,
    /// With fewer outcomes than this nothing is concluded.
    pub min_calls: NonZeroUsize,
    /// It opens when at least this part of the outcomes are failures, above 0 and up to 1.
    pub failure_ratio: f64,
    /// How long it stays open the first time; doubled each time it opens again at once.
    pub open_for: Duration,
    /// The ceiling of that.
    pub max_open_for: Duration,
    /// So many calls are let through when the time is over; all must succeed for it to close.
    pub probes: NonZeroUsize,
}

/// How many calls may be repeats of failed ones.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetOptions {
    /// Repeats per first call.
    pub ratio: f64,
    /// Repeats per second that are always allowed, above 0: no ticket waits for ever.
    pub floor: f64,
    /// For how long unused repeats can be saved up.
    pub window: Duration,
}

/// How a place that was out is taken into use again.
#[derive(Debug, Clone, PartialEq)]
pub struct RampOptions {
    /// Calls per second at its start, above 0.
    pub from: f64,
    /// How long it takes; zero is no ramp.
    pub over: Duration,
}

/// The bounds of a concurrency that is found by trying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdaptiveOptions {
    /// Never fewer than this.
    pub min: NonZeroUsize,
    /// Never more than this.
    pub max: NonZeroUsize,
}

const fn count(n: usize) -> NonZeroUsize {
    match NonZeroUsize::new(n) {
        Some(n) => n,
        None => NonZeroUsize::MIN,
    }
}

impl Concurrency {
    /// A fixed limit; 0 is taken for 1, so that no line stands still for ever.
    pub const fn fixed(limit: usize) -> Self {
        Self::Fixed(count(limit))
    }
}

impl Default for GuardOptions {
    fn default() -> Self {
        Self {
            breaker: BreakerOptions::default(),
            budget: BudgetOptions::default(),
            rate: None,
            ramp: RampOptions::default(),
            adaptive: AdaptiveOptions::default(),
            max_pause: Duration::from_secs(60),
            max_share: 0.5,
        }
    }
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(30),
            window_calls: count(100),
            min_calls: count(10),
            failure_ratio: 0.5,
            open_for: Duration::from_secs(5),
            max_open_for: Duration::from_secs(120),
            probes: count(3),
        }
    }
}

impl Default for BudgetOptions {
    fn default() -> Self {
        Self {
            ratio: 0.1,
            floor: 1.0,
            window: Duration::from_secs(10),
        }
    }
}

impl Default for RampOptions {
    fn default() -> Self {
        Self {
            from: 5.0,
            over: Duration::from_secs(30),
        }
    }
}

impl Default for AdaptiveOptions {
    fn default() -> Self {
        Self {
            min: count(1),
            max: count(256),
        }
    }
}
