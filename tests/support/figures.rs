//! What a fault test has measured, as one line that `tests/under-fire` collects.
//!
//! The convention: each fault test prints one line to standard output when it has passed,
//!
//! ```text
//! FIGURE test=kills kills=200 accepted=4711 lost=0 doubled=0 seed=17 seconds=61.2
//! ```
//!
//! `test` first, then what was done, what came of it, and the seed that repeats it. Names are lower
//! case; a value has no space in it.

#![allow(
    dead_code,
    reason = "each test binary that includes this file uses another part of it"
)]

use std::fmt::Display;

/// Prints the figures of `test`.
#[allow(clippy::print_stdout, reason = "this is what the harness reads")]
pub(crate) fn figure(test: &str, figures: &[(&str, &dyn Display)]) {
    use std::fmt::Write as _;
    let mut line = format!("FIGURE test={test}");
    for (name, value) in figures {
        let value = value.to_string().replace(char::is_whitespace, "_");
        let _ = write!(line, " {name}={value}");
    }
    // Over a line of its own, whatever the test harness has written before.
    println!("\n{line}");
}

/// The value of a variable that sizes a test, a whole number.
pub(crate) fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

/// The seed of this run: `PUNCHCARD_SEED`, or a new one.
pub(crate) fn seed() -> u64 {
    setting("PUNCHCARD_SEED").unwrap_or_else(|| getrandom::u64().unwrap())
}

/// Numbers from a seed (SplitMix64), the same on every machine.
#[derive(Debug, Clone)]
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// A number below `bound`, which is above 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }

    /// The number of one of `count` things, of which there is at least one.
    pub(crate) fn one_of(&mut self, count: usize) -> usize {
        usize::try_from(self.below(u64::try_from(count).unwrap())).unwrap()
    }

    /// A time below `longest`.
    pub(crate) fn up_to(&mut self, longest: std::time::Duration) -> std::time::Duration {
        longest * u32::try_from(self.below(1_000)).unwrap() / 1_000
    }

    /// Whether the one chance in `many` has come.
    pub(crate) fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
