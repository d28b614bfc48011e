//! A disk that fails: `faultfs/faultfs.c`, built, put under the program, told what to do, and its log
//! read. What the shim does and how its files look is at the top of the C file.

#![allow(
    dead_code,
    reason = "each test binary that includes this file uses another part of it"
)]

use std::collections::hash_map::DefaultHasher;
use std::fs::OpenOptions;
use std::hash::{Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::punchcard::Env;

const SOURCE: &str = include_str!("faultfs/faultfs.c");

/// The faults of one directory, for as many lives of the program as a test likes.
#[derive(Clone)]
pub(crate) struct Faults {
    watched: PathBuf,
    log: PathBuf,
    control: PathBuf,
    with_bytes: bool,
}

impl Faults {
    /// Faults of the files under `watched`, controlled from and logged to files in `home`, which is
    /// elsewhere.
    pub(crate) fn of(watched: &Path, home: &Path) -> Self {
        let home = home.canonicalize().unwrap();
        assert!(watched.is_absolute() && !home.starts_with(watched));
        Self {
            watched: watched.to_owned(),
            log: home.join("faultfs.log"),
            control: home.join("faultfs.control"),
            with_bytes: false,
        }
    }

    /// The log also holds what was written.
    #[must_use]
    pub(crate) fn with_bytes(mut self) -> Self {
        self.with_bytes = true;
        self
    }

    /// What puts the shim under a program.
    pub(crate) fn env(&self) -> Env {
        let mut env = vec![
            ("LD_PRELOAD", library().into_os_string()),
            ("FAULTFS_DIR", self.watched.clone().into_os_string()),
            ("FAULTFS_LOG", self.log.clone().into_os_string()),
            ("FAULTFS_CONTROL", self.control.clone().into_os_string()),
        ];
        if self.with_bytes {
            env.push(("FAULTFS_BYTES", "1".into()));
        }
        env
    }

    /// Sets the rules, all at once, also while the program runs.
    pub(crate) fn set(&self, rules: &str) {
        let next = self.control.with_extension("next");
        std::fs::write(&next, format!("{rules}\n")).unwrap();
        std::fs::rename(next, &self.control).unwrap();
    }

    /// Takes all rules away.
    pub(crate) fn lift(&self) {
        self.set("");
    }

    /// Forgets the log. For the time between two lives of the program.
    pub(crate) fn clear_log(&self) {
        drop(std::fs::remove_file(&self.log));
    }

    /// Puts a line of the test's own into the log: what is logged before it has happened before.
    pub(crate) fn mark(&self, word: &str) {
        assert!(!word.contains([' ', '\n']), "{word:?}");
        // One write to a file opened for appending, as the shim does it.
        let line = format!("mark 0 {word} 0 0 0 - 0\n");
        let mut log = OpenOptions::new();
        let mut log = log.append(true).create(true).open(&self.log).unwrap();
        log.write_all(line.as_bytes()).unwrap();
    }

    /// Everything logged so far.
    pub(crate) fn log(&self) -> Vec<Entry> {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let mut rest = bytes.as_slice();
        let mut entries = Vec::new();
        while let Some(entry) = Entry::take(&mut rest) {
            entries.push(entry);
        }
        assert!(rest.is_empty(), "the log ends within a line");
        entries
    }

    /// How many calls were done something to.
    pub(crate) fn fired(&self) -> usize {
        let log = self.log();
        log.iter().filter(|entry| entry.fault.is_some()).count()
    }

    /// How often the program has called `op` in its present life; the log must be of that one alone.
    pub(crate) fn count(&self, op: Op) -> u64 {
        let log = self.log();
        log.iter().filter(|entry| entry.op == op).count() as u64
    }
}

/// What was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Write,
    Sync,
    Truncate,
    Open,
    Unlink,
    Rename,
    /// Not a call: [`Faults::mark`].
    Mark,
}

impl Op {
    /// The word of the control file and the log.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Truncate => "truncate",
            Self::Open => "open",
            Self::Unlink => "unlink",
            Self::Rename => "rename",
            Self::Mark => "mark",
        }
    }

    fn parse(word: &str) -> Self {
        let all = [
            Self::Write,
            Self::Sync,
            Self::Truncate,
            Self::Open,
            Self::Unlink,
            Self::Rename,
            Self::Mark,
        ];
        let named = all.into_iter().find(|op| op.as_str() == word);
        named.unwrap_or_else(|| panic!("{word:?} in the log of faultfs"))
    }
}

/// One line of the log.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) op: Op,
    pub(crate) number: u64,
    /// The file, relative to the watched directory; the word of a mark.
    pub(crate) name: String,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    /// What the program was given; an error as its negative number.
    pub(crate) result: i64,
    /// What was done to the call.
    pub(crate) fault: Option<String>,
    /// What was written, or the new name of a renamed file.
    pub(crate) bytes: Vec<u8>,
}

impl Entry {
    /// Takes the first entry off `log`; none when it does not hold a whole one any more.
    fn take(log: &mut &[u8]) -> Option<Self> {
        let end = log.iter().position(|byte| *byte == b'\n')?;
        let line = std::str::from_utf8(&log[..end]).unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let [op, number, name, offset, length, result, fault, count] = words[..] else {
            panic!("{line:?} in the log of faultfs");
        };
        let count: usize = count.parse().unwrap();
        let bytes = log.get(end + 1..end + 1 + count)?.to_vec();
        *log = &log[end + 1 + count..];
        Some(Self {
            op: Op::parse(op),
            number: number.parse().unwrap(),
            name: name.to_owned(),
            offset: offset.parse().unwrap(),
            length: length.parse().unwrap(),
            result: result.parse().unwrap(),
            fault: (fault != "-").then(|| fault.to_owned()),
            bytes,
        })
    }
}

/// The shim, built with the machine's C compiler once for all tests of this source.
fn library() -> PathBuf {
    let mut hasher = DefaultHasher::new();
    SOURCE.hash(&mut hasher);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = directory.join(format!("faultfs-{:016x}.so", hasher.finish()));
    if library.exists() {
        return library;
    }
    let unique = format!(
        "faultfs-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    );
    let source = directory.join(format!("{unique}.c"));
    let built = directory.join(format!("{unique}.so"));
    std::fs::write(&source, SOURCE).unwrap();
    let cc = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-pthread", "-o"])
        .args([&built, &source])
        .output()
        .expect("a C compiler is needed, as for building SQLite");
    assert!(cc.status.success(), "{cc:?}");
    std::fs::remove_file(source).unwrap();
    // Another test may have been quicker: it has built the same.
    std::fs::rename(built, &library).unwrap();
    library
}
