//! Writing the form into a folder on disk: first what would become of which file, then, when nobody
//! minds, the writing.
//!
//! No link is followed, and what is not ours is left alone.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::File;
use super::disk::{self, DiskError, entries, io_error, is_hidden, is_of_one};
use super::path::{Kind, PARTIALS};
use super::read::says_the_same;

/// What git reads first: texts are kept byte for byte, whatever git is set to do with line ends.
const ATTRIBUTES: (&str, &str) = (".gitattributes", "* -text\n");

/// What writing files into a folder is going to do.
#[derive(Debug)]
pub(in crate::cli::prompt) struct Writing<'a> {
    folder: &'a Path,
    /// Files that are new or say something else now.
    written: Vec<&'a File>,
    /// Those of them that are there already.
    replaced: Vec<&'a str>,
    /// Files of these prompts that are no part of them any more.
    removed: Vec<(String, PathBuf)>,
    /// How many say the same as before, and are left as they are with their comments.
    kept: usize,
    /// Whether git is told to leave the texts alone.
    attributes: bool,
}

/// What writing came to, in files of prompts and partials.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::cli::prompt) struct Stored {
    /// Files that are new or say something else now.
    pub(in crate::cli::prompt) written: usize,
    /// Files that say the same as before, and were left as they are with their comments.
    pub(in crate::cli::prompt) kept: usize,
    /// Files of these prompts that are no part of them any more.
    pub(in crate::cli::prompt) removed: usize,
}

impl<'a> Writing<'a> {
    /// What is to be done for `files` to be in `folder`. Nothing is changed.
    ///
    /// # Errors
    /// When the folder holds something else (and `force` is not set), a link stands in the way, or
    /// something cannot be read.
    pub(in crate::cli::prompt) fn plan(
        folder: &'a Path,
        files: &'a [File],
        force: bool,
    ) -> Result<Self, DiskError> {
        let ours = is_ours(folder)?;
        if !ours && !force {
            return Err(DiskError::Foreign(folder.to_owned()));
        }
        let attributes = folder.join(ATTRIBUTES.0);
        let mut writing = Self {
            folder,
            written: Vec::new(),
            replaced: Vec::new(),
            removed: stale(folder, files)?,
            kept: 0,
            // Beside files of others it would change how git treats those.
            attributes: ours && fs::symlink_metadata(attributes).is_err(),
        };
        for file in files {
            let path = without_links(folder, &file.path)?;
            let old = fs::read_to_string(&path).ok();
            if old.is_some_and(|old| says_the_same(&file.path, &old, &file.text)) {
                writing.kept += 1;
                continue;
            }
            if fs::symlink_metadata(&path).is_ok() {
                writing.replaced.push(&file.path);
            }
            writing.written.push(file);
        }
        Ok(writing)
    }

    /// The files whose text would be another.
    pub(in crate::cli::prompt) fn replaced(&self) -> &[&'a str] {
        &self.replaced
    }

    /// The files that would be gone.
    pub(in crate::cli::prompt) fn removed(&self) -> impl Iterator<Item = &str> {
        self.removed.iter().map(|(path, _)| path.as_str())
    }

    /// Does it.
    ///
    /// # Errors
    /// When a link came in the way, or the folder cannot be written.
    pub(in crate::cli::prompt) fn carry_out(self) -> Result<Stored, DiskError> {
        let folder = self.folder;
        fs::create_dir_all(folder).map_err(|error| io_error("make", folder, error))?;
        if self.attributes {
            let (path, text) = ATTRIBUTES;
            write(&enter(folder, path)?, text)?;
        }
        for file in &self.written {
            write(&enter(folder, &file.path)?, &file.text)?;
        }
        for (_, place) in &self.removed {
            fs::remove_file(place).map_err(|error| io_error("remove", place, error))?;
        }
        Ok(Stored {
            written: self.written.len(),
            kept: self.kept,
            removed: self.removed.len(),
        })
    }
}

/// Whether a folder is empty, not there yet, or was made by an export: each folder in it is a prompt or
/// the partials.
fn is_ours(folder: &Path) -> Result<bool, DiskError> {
    if !exists(folder)? {
        return Ok(true);
    }
    let mut any = false;
    let mut prompts = false;
    for entry in entries(folder)?.iter().filter(|entry| !is_hidden(entry)) {
        any = true;
        if !entry.path().is_dir() {
            continue;
        }
        if !is_part(entry) {
            return Ok(false);
        }
        prompts = true;
    }
    Ok(prompts || !any)
}

fn is_part(entry: &DirEntry) -> bool {
    entry.file_name() == PARTIALS || is_of_one(&entry.path())
}

fn exists(folder: &Path) -> Result<bool, DiskError> {
    folder
        .try_exists()
        .map_err(|error| io_error("look at", folder, error))
}

/// The place of a file below `folder`. Nothing on the way to it may be a link, nor may the file.
fn without_links(folder: &Path, path: &str) -> Result<PathBuf, DiskError> {
    let mut place = folder.to_owned();
    for part in path.split('/') {
        place.push(part);
        match fs::symlink_metadata(&place) {
            Ok(found) if found.is_symlink() => return Err(DiskError::Link(place)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(io_error("look at", &place, error)),
        }
    }
    Ok(folder.join(path))
}

/// The same, its folders made.
fn enter(folder: &Path, path: &str) -> Result<PathBuf, DiskError> {
    let place = without_links(folder, path)?;
    if let Some(above) = place.parent() {
        fs::create_dir_all(above).map_err(|error| io_error("make", above, error))?;
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

/// What earlier exports of the same prompts left behind.
fn stale(folder: &Path, files: &[File]) -> Result<Vec<(String, PathBuf)>, DiskError> {
    let wanted: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let tasks: BTreeSet<&str> = files
        .iter()
        .filter_map(|file| file.path.strip_suffix("/prompt.toml"))
        .collect();
    let mut stale = Vec::new();
    for task in tasks {
        if !exists(&without_links(folder, task)?)? {
            continue;
        }
        let mut found = disk::below(folder, task)?;
        found.retain(|(path, _)| {
            let ours = path
                .strip_prefix(task)
                .and_then(|path| path.strip_prefix('/'));
            ours.and_then(Kind::of).is_some() && !wanted.contains(path.as_str())
        });
        stale.append(&mut found);
    }
    Ok(stale)
}
