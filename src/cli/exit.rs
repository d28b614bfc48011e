//! How a command ends: exit codes that scripts can use, and failures that say what to do.

use std::io;
use std::process::ExitCode;

use serde_json::{Value, json};

/// How the program ends. The numbers are part of its interface; `--help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Success,
    /// It ran, and the result is negative: findings of `store verify`, a broken history, a refusal.
    Negative,
    /// The command line, the configuration or the request itself is wrong.
    Usage,
    /// The server or the store cannot be reached or cannot work now.
    Unreachable,
    /// There is no such ticket, prompt, version, tenant or key.
    NotFound,
    /// The ticket that was waited for failed or was cancelled.
    TicketEnded,
    /// A test run of a prompt did not pass.
    TestFailed,
    /// A deployment, canary or rollback was refused, or a question was answered with no.
    NotDeployed,
}

impl Exit {
    /// The number the shell sees.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Negative => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::NotFound => 4,
            Self::TicketEnded => 5,
            Self::TestFailed => 6,
            Self::NotDeployed => 7,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command did not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// Something to tell the person at the terminal.
    #[error("{}", .0.sentence)]
    Told(Box<Complaint>),
    /// Whoever read our output has left (`punchcard … | head`): nothing to tell, and nobody to hear it.
    #[error("the reader of the output has left")]
    OutputClosed,
}

/// A failure in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// How the program ends.
    pub(crate) exit: Exit,
    /// What went wrong.
    pub(crate) sentence: String,
    /// The stable word for programs, where there is one.
    pub(crate) code: Option<String>,
    /// What to do about it.
    pub(crate) advice: Option<String>,
}

impl Failure {
    /// A failure that ends the program with `exit`.
    pub(crate) fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self::Told(Box::new(Complaint {
            exit,
            sentence: sentence.into(),
            code: None,
            advice: None,
        }))
    }

    /// A wrong command line or configuration.
    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Usage, sentence)
    }

    /// A negative result.
    pub(crate) fn negative(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Negative, sentence)
    }

    /// A server or store that does not answer.
    pub(crate) fn unreachable(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Unreachable, sentence)
    }

    /// The same, with the stable word for programs.
    #[must_use]
    pub(crate) fn with_code(mut self, code: impl Into<String>) -> Self {
        if let Self::Told(complaint) = &mut self {
            complaint.code = Some(code.into());
        }
        self
    }

    /// The same, with what to do about it.
    #[must_use]
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        if let Self::Told(complaint) = &mut self {
            complaint.advice = Some(advice.into());
        }
        self
    }

    /// The same, with more to do after what was advised before.
    #[must_use]
    pub(crate) fn advise_too(self, advice: impl Into<String>) -> Self {
        let before = match &self {
            Self::Told(complaint) => complaint.advice.clone(),
            Self::OutputClosed => None,
        };
        let more = advice.into();
        match before {
            Some(before) => self.advise(format!("{before} {more}")),
            None => self.advise(more),
        }
    }

    /// The same, ending the program with `exit`.
    #[must_use]
    pub(crate) fn ending(mut self, exit: Exit) -> Self {
        if let Self::Told(complaint) = &mut self {
            complaint.exit = exit;
        }
        self
    }

    /// How the program ends.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Told(complaint) => complaint.exit,
            Self::OutputClosed => Exit::Success,
        }
    }
}

impl Complaint {
    /// The failure for programs.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "error": {
            "message": self.sentence,
            "code": self.code,
            "advice": self.advice,
            "exit": self.exit.code(),
        }})
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::OutputClosed;
        }
        Self::negative(format!("failed to write the output: {error}"))
    }
}

/// The table of exit codes, for `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  negative result: findings, a broken history, a wait that ran out, an internal error
  2  the command line, the configuration or the request is wrong (a refused key too)
  3  the server or the store cannot be reached or cannot work now
  4  there is no such ticket, prompt, version, tenant or key
  5  the ticket that was waited for failed or was cancelled
  6  a test run of a prompt did not pass
  7  a deployment, canary or rollback was refused, or a question was answered with no";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_left_is_no_failure() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(failure, Failure::OutputClosed);
        assert_eq!(failure.exit().code(), 0);
    }

    #[test]
    fn more_advice_leaves_the_first() {
        let failure = Failure::usage("no")
            .advise("Do this.")
            .advise_too("Then that.");
        let Failure::Told(told) = failure else {
            unreachable!()
        };
        assert_eq!(told.advice.as_deref(), Some("Do this. Then that."));
    }

    #[test]
    fn a_full_disk_under_a_redirected_output_is_told() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(failure.exit(), Exit::Negative);
    }

    #[test]
    fn the_help_lists_every_exit_code() {
        for exit in [
            Exit::Success,
            Exit::Negative,
            Exit::Usage,
            Exit::Unreachable,
            Exit::NotFound,
            Exit::TicketEnded,
            Exit::TestFailed,
            Exit::NotDeployed,
        ] {
            let line = format!("\n  {}  ", exit.code());
            assert!(EXIT_CODES.contains(&line), "{exit:?} is not documented");
        }
    }
}
