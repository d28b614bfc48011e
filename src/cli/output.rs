//! The one place that writes to the terminal: results to stdout, progress and complaints to stderr.
//!
//! Colours are written always and taken out by `anstream` where nobody can see them (a pipe,
//! `NO_COLOR`, a dumb terminal). A reader that leaves (`| head`) ends the program quietly.

use std::fmt::Display;
use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;

use super::exit::{Complaint, Failure};
use super::style::{self, BAD, DIM};

/// Where a command writes.
pub(crate) struct Output {
    results: Box<dyn Write>,
    notes: Box<dyn Write>,
    json: bool,
    terminal: Terminal,
}

/// What stdout is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Terminal {
    /// A terminal that takes cursor movements, this many columns wide.
    Live {
        /// Its width in columns.
        columns: u16,
    },
    /// A pipe, a file, or a terminal that wants plain text.
    Plain,
}

impl Output {
    /// The process's stdout and stderr; `json` asks for JSON instead of text for people.
    pub(crate) fn of_process(json: bool) -> Self {
        let stdout = AutoStream::auto(io::stdout());
        let styled = stdout.current_choice() != ColorChoice::Never;
        let columns = comfy_table::Table::new().width();
        let terminal = match columns {
            Some(columns) if styled && stdout.is_terminal() => Terminal::Live { columns },
            Some(_) | None => Terminal::Plain,
        };
        Self {
            results: Box::new(stdout),
            notes: Box::new(AutoStream::auto(io::stderr())),
            json,
            terminal,
        }
    }

    /// Whether the results are to be JSON.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// What stdout is connected to.
    pub(crate) const fn terminal(&self) -> Terminal {
        self.terminal
    }

    /// A line of the result.
    ///
    /// # Errors
    /// When stdout cannot be written; see [`Failure`].
    pub(crate) fn line(&mut self, text: impl Display) -> Result<(), Failure> {
        self.piece(format_args!("{text}\n"))
    }

    /// A part of a line of the result, shown at once.
    ///
    /// # Errors
    /// When stdout cannot be written; see [`Failure`].
    pub(crate) fn piece(&mut self, text: impl Display) -> Result<(), Failure> {
        // One write for the whole text, so that lines of two writers do not mix.
        self.results.write_all(text.to_string().as_bytes())?;
        Ok(self.results.flush()?)
    }

    /// The result as one JSON document, indented.
    ///
    /// # Errors
    /// When stdout cannot be written; see [`Failure`].
    pub(crate) fn document(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
        self.line(style::safe_json(&text))
    }

    /// One of many results as a line of JSON.
    ///
    /// # Errors
    /// When stdout cannot be written; see [`Failure`].
    pub(crate) fn json_line(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(io::Error::from)?;
        self.line(style::safe_json(&text))
    }

    /// A line about the progress, on stderr. It cannot fail: there is nowhere to say so. What a server
    /// said may be in it.
    pub(crate) fn note(&mut self, text: impl Display) {
        let text = style::safe(&text.to_string());
        let _ = self
            .notes
            .write_all(format!("{DIM}{text}{DIM:#}\n").as_bytes());
        let _ = self.notes.flush();
    }

    /// How far something has come, on stderr. On a terminal it takes the place of what it said before;
    /// elsewhere it is a line.
    pub(crate) fn progress(&mut self, text: impl Display) {
        let Terminal::Live { .. } = self.terminal else {
            return self.note(text);
        };
        let text = style::one_line(&text.to_string());
        let line = format!("\r\x1b[2K{DIM}{text}{DIM:#}");
        let _ = self.notes.write_all(line.as_bytes());
        let _ = self.notes.flush();
    }

    /// Takes the last [`progress`](Self::progress) away from a terminal.
    pub(crate) fn end_progress(&mut self) {
        if let Terminal::Live { .. } = self.terminal {
            let _ = self.notes.write_all(b"\r\x1b[2K");
            let _ = self.notes.flush();
        }
    }

    /// A failure, on stderr.
    pub(crate) fn complain(&mut self, complaint: &Complaint) {
        let text = if self.json {
            format!("{}\n", complaint.to_json())
        } else {
            complaint_text(complaint)
        };
        let _ = self.notes.write_all(text.as_bytes());
        let _ = self.notes.flush();
    }
}

/// A complaint for people. It may quote a server, a file or an argument, so nothing of it is trusted.
fn complaint_text(complaint: &Complaint) -> String {
    let sentence = style::safe(&complaint.sentence);
    let mut text = format!("{BAD}error{BAD:#}: {sentence}");
    if let Some(code) = &complaint.code {
        text.push_str(&format!(" {DIM}({}){DIM:#}", style::one_line(code)));
    }
    text.push('\n');
    if let Some(advice) = &complaint.advice {
        text.push_str(&format!("       {}\n", style::safe(advice)));
    }
    text
}

#[cfg(test)]
pub(crate) mod captured {
    //! An output that keeps what is written to it.

    use std::sync::{Arc, Mutex};

    use anstream::StripStream;

    use super::{Output, Terminal, Write, io};

    /// What was written, readable while the output lives.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        /// Everything so far.
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Output {
        /// An output to read back, without colours: (output, stdout, stderr).
        pub(crate) fn captured(json: bool) -> (Self, Written, Written) {
            let (results, notes) = (Written::default(), Written::default());
            let boxed = |written: &Written| -> Box<dyn Write> { Box::new(written.clone()) };
            let output = Self {
                results: Box::new(StripStream::new(boxed(&results))),
                notes: Box::new(StripStream::new(boxed(&notes))),
                json,
                terminal: Terminal::Plain,
            };
            (output, results, notes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;

    fn refusal() -> Failure {
        Failure::new(Exit::Usage, "there is no task `wrting-review`")
            .with_code("unknown_task")
            .advise("Check the task's name.")
    }

    fn complained(json: bool) -> String {
        let (mut out, results, notes) = Output::captured(json);
        let Failure::Told(complaint) = refusal() else {
            unreachable!()
        };
        out.complain(&complaint);
        assert_eq!(results.text(), "", "a complaint is no result");
        notes.text()
    }

    #[test]
    fn a_complaint_is_a_sentence_a_code_and_what_to_do() {
        assert_eq!(
            complained(false),
            "error: there is no task `wrting-review` (unknown_task)\n       Check the task's name.\n"
        );
    }

    #[test]
    fn a_complaint_under_json_is_one_json_line() {
        let told: serde_json::Value = serde_json::from_str(&complained(true)).unwrap();
        assert_eq!(told["error"]["code"], "unknown_task");
        assert_eq!(told["error"]["exit"], 2);
    }
}
