//! Reading the files of the form from a folder on disk.
//!
//! A link is never followed, neither to read nor to write ([`store`](super::store)), so nothing outside
//! the folder is read into a prompt or written over. Reading is bounded in files and bytes.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use super::path::{PROMPT, Place};
use super::{File, Mistake};

/// The most bytes of one file.
const MAX_FILE_BYTES: u64 = 4 << 20;
/// The most bytes of all files together.
const MAX_BYTES: u64 = 64 << 20;
/// The most entries that are looked at.
const MAX_ENTRIES: usize = 200_000;
/// How deep the form goes: `task/tests/case.json`.
const MAX_DEPTH: usize = 3;

/// Why a folder could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli::prompt) enum DiskError {
    /// The system said no.
    #[error("failed to {doing} {}: {error}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The folder holds something else.
    #[error("{} holds files that are no exported prompts", .0.display())]
    Foreign(PathBuf),
    /// A link stands where a file or folder would be written.
    #[error("{} is a link, and links are not followed", .0.display())]
    Link(PathBuf),
    /// There is more than could be prompts.
    #[error("{} holds more than prompts could: more than {MAX_ENTRIES} files or {MAX_BYTES} bytes", .0.display())]
    TooMuch(PathBuf),
    /// Files cannot be read as text.
    #[error("{} of the files cannot be read", .0.len())]
    Mistakes(Vec<Mistake>),
}

/// Reads a folder of prompts.
///
/// # Errors
/// When it cannot be read, is too large, or holds links or files that are no text.
pub(in crate::cli::prompt) fn load(folder: &Path) -> Result<Vec<File>, DiskError> {
    Walk::over(folder, |path| Place::of(path) != Place::Beside)
}

/// Reads the folder of one prompt.
///
/// # Errors
/// As [`load`].
pub(in crate::cli::prompt) fn load_one(folder: &Path) -> Result<Vec<File>, DiskError> {
    Walk::over(folder, |path| {
        Place::of(&format!("x/{path}")) != Place::Beside
    })
}

/// Whether a folder is the folder of one prompt.
pub(in crate::cli::prompt) fn is_of_one(folder: &Path) -> bool {
    folder.join(PROMPT).is_file()
}

/// The paths of the files below the folder of `task`, and their places.
pub(super) fn below(folder: &Path, task: &str) -> Result<Vec<(String, PathBuf)>, DiskError> {
    let mut walk = Walk::new(folder);
    walk.list(&folder.join(task), task, 1)?;
    Ok(walk.found)
}

pub(super) fn io_error(doing: &'static str, path: &Path, error: io::Error) -> DiskError {
    let path = path.to_owned();
    DiskError::Io { doing, path, error }
}

pub(super) fn entries(folder: &Path) -> Result<Vec<DirEntry>, DiskError> {
    let listed = fs::read_dir(folder).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let mut entries = listed.map_err(|error| io_error("read", folder, error))?;
    if entries.len() > MAX_ENTRIES {
        return Err(DiskError::TooMuch(folder.to_owned()));
    }
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}

pub(super) fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// A walk over a folder.
struct Walk<'a> {
    folder: &'a Path,
    found: Vec<(String, PathBuf)>,
    mistakes: Vec<Mistake>,
}

impl<'a> Walk<'a> {
    const fn new(folder: &'a Path) -> Self {
        Self {
            folder,
            found: Vec::new(),
            mistakes: Vec::new(),
        }
    }

    /// Reads the files whose path is `wanted`.
    fn over(folder: &'a Path, wanted: fn(&str) -> bool) -> Result<Vec<File>, DiskError> {
        let mut walk = Self::new(folder);
        walk.list(folder, "", 0)?;
        let mut files = Vec::new();
        let mut bytes = 0;
        for (path, place) in walk.found {
            if !wanted(&path) {
                continue;
            }
            match text(&path, &place)? {
                Ok(text) => {
                    bytes += text.len() as u64;
                    files.push(File { path, text });
                }
                Err(mistake) => walk.mistakes.push(mistake),
            }
            if bytes > MAX_BYTES {
                return Err(DiskError::TooMuch(folder.to_owned()));
            }
        }
        if walk.mistakes.is_empty() {
            return Ok(files);
        }
        Err(DiskError::Mistakes(walk.mistakes))
    }

    /// Lists the files below `place`, whose path in the folder is `path`. Hidden ones are passed over.
    fn list(&mut self, place: &Path, path: &str, depth: usize) -> Result<(), DiskError> {
        for entry in entries(place)? {
            if is_hidden(&entry) {
                continue;
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = match path {
                "" => name,
                above => format!("{above}/{name}"),
            };
            let place = entry.path();
            let kind = entry.file_type();
            let kind = kind.map_err(|error| io_error("look at", &place, error))?;
            if kind.is_symlink() {
                let message = "this is a link; put the file itself here, links are not followed";
                self.mistakes.push(Mistake::of(&path, message));
            } else if kind.is_dir() && depth + 1 < MAX_DEPTH {
                self.list(&place, &path, depth + 1)?;
            } else if kind.is_file() {
                self.found.push((path, place));
            } else {
                let message = "this is no file of a prompt; take it out of the folder";
                self.mistakes.push(Mistake::of(&path, message));
            }
            if self.found.len() > MAX_ENTRIES {
                return Err(DiskError::TooMuch(self.folder.to_owned()));
            }
        }
        Ok(())
    }
}

/// The text of a file, or what is wrong with it.
fn text(path: &str, place: &Path) -> Result<Result<String, Mistake>, DiskError> {
    let size = fs::symlink_metadata(place).map(|found| found.len());
    if size.map_err(|error| io_error("read", place, error))? > MAX_FILE_BYTES {
        let message = format!("this file is larger than {MAX_FILE_BYTES} bytes");
        return Ok(Err(Mistake::of(path, message)));
    }
    let bytes = fs::read(place).map_err(|error| io_error("read", place, error))?;
    Ok(String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
        let message = "from here on this is no text in UTF-8; save the file as UTF-8";
        Mistake::at(path, &before, good, message)
    }))
}
