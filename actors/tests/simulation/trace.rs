//! What happened in one history, line by line, or only its hash.

use std::fmt::{self, Write};
use std::time::Duration;

/// The lines, and a hash over them: FNV-1a (Fowler, Noll and Vo), enough to tell two histories apart.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    lines: Option<String>,
}

impl Trace {
    /// Without `recorded`, the hash is all that is kept.
    pub(crate) fn new(recorded: bool) -> Self {
        Self {
            hash: 0xCBF2_9CE4_8422_2325,
            lines: recorded.then(String::new),
        }
    }

    pub(crate) fn line(&mut self, at: Duration, line: fmt::Arguments<'_>) {
        // Neither a String nor a hash can fail to be written to.
        let _ = writeln!(self, "{:>7} {line}", at.as_millis());
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn text(&self) -> &str {
        self.lines.as_deref().unwrap_or("")
    }
}

impl Write for Trace {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        if let Some(lines) = &mut self.lines {
            lines.push_str(text);
        }
        Ok(())
    }
}
