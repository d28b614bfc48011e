//! Files of the form in a folder on disk.
//!
//! A link is never followed, neither to read nor to write, so nothing outside the folder is read into a
//! prompt or written over. What is not ours is left alone. Reading is bounded in files and bytes.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::path::{Kind, PARTIALS, PROMPT, Place};
use super::read::says_the_same;
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

/// What writing came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::cli::prompt) struct Stored {
    /// Files that are new or say something else now.
    pub(in crate::cli::prompt) written: usize,
    /// Files that say the same as before, and were left as they are with their comments.
    pub(in crate::cli::prompt) kept: usize,
    /// Files of these prompts that are no part of them any more.
    pub(in crate::cli::prompt) removed: usize,
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

/// Writes `files` into `folder`. A file that says the same already stays as it is; a file of one of
/// these prompts that is not among `files` is removed.
///
/// # Errors
/// When the folder holds something else (and `force` is not set), or cannot be written.
pub(in crate::cli::prompt) fn store(
    folder: &Path,
    files: &[File],
    force: bool,
) -> Result<Stored, DiskError> {
    fs::create_dir_all(folder).map_err(|error| io_error("make", folder, error))?;
    if !force && !is_ours(folder)? {
        return Err(DiskError::Foreign(folder.to_owned()));
    }
    let mut stored = Stored::default();
    for file in files {
        let path = enter(folder, &file.path)?;
        let old = fs::read_to_string(&path).ok();
        if old.is_some_and(|old| says_the_same(&file.path, &old, &file.text)) {
            stored.kept += 1;
        } else {
            write(&path, &file.text)?;
            stored.written += 1;
        }
    }
    stored.removed = remove_stale(folder, files)?;
    Ok(stored)
}

fn io_error(doing: &'static str, path: &Path, error: io::Error) -> DiskError {
    let path = path.to_owned();
    DiskError::Io { doing, path, error }
}

/// Whether a folder is empty or was made by an export: each folder in it is a prompt or the partials.
fn is_ours(folder: &Path) -> Result<bool, DiskError> {
    let mut any = false;
    let mut prompts = false;
    for entry in entries(folder)? {
        if is_hidden(&entry) {
            continue;
        }
        any = true;
        if !entry.path().is_dir() {
            continue;
        }
        if !(entry.file_name() == PARTIALS || is_of_one(&entry.path())) {
            return Ok(false);
        }
        prompts = true;
    }
    Ok(prompts || !any)
}

/// The place of a file below `folder`, its folders made. None of them may be a link, nor may the file.
fn enter(folder: &Path, path: &str) -> Result<PathBuf, DiskError> {
    let mut place = folder.to_owned();
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        place.push(part);
        match fs::symlink_metadata(&place) {
            Ok(found) if found.is_symlink() => return Err(DiskError::Link(place)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if parts.peek().is_some() {
                    fs::create_dir(&place).map_err(|error| io_error("make", &place, error))?;
                }
            }
            Err(error) => return Err(io_error("look at", &place, error)),
        }
    }
    Ok(place)
}

/// Writes a file whole or not at all.
fn write(path: &Path, text: &str) -> Result<(), DiskError> {
    let failed = |error| io_error("write", path, error);
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut builder = tempfile::Builder::new();
    // What the process may give others, its umask decides, as for any file it makes.
    let builder = builder
        .prefix(".punchcard-")
        .permissions(Permissions::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Removes what earlier exports of the same prompts left behind.
fn remove_stale(folder: &Path, files: &[File]) -> Result<usize, DiskError> {
    let wanted: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let tasks: BTreeSet<&str> = files
        .iter()
        .filter_map(|file| file.path.strip_suffix("/prompt.toml"))
        .collect();
    let mut removed = 0;
    for task in tasks {
        let mut walk = Walk::new(folder);
        walk.list(&folder.join(task), task, 1)?;
        for (path, place) in walk.found {
            let ours = path
                .strip_prefix(task)
                .and_then(|path| path.strip_prefix('/'));
            if ours.and_then(Kind::of).is_some() && !wanted.contains(path.as_str()) {
                fs::remove_file(&place).map_err(|error| io_error("remove", &place, error))?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

fn entries(folder: &Path) -> Result<Vec<DirEntry>, DiskError> {
    let listed = fs::read_dir(folder).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let mut entries = listed.map_err(|error| io_error("read", folder, error))?;
    if entries.len() > MAX_ENTRIES {
        return Err(DiskError::TooMuch(folder.to_owned()));
    }
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}

fn is_hidden(entry: &DirEntry) -> bool {
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
