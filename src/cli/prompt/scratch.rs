//! A planner's text in a file of its own, while it is in the editor.
//!
//! The file is thrown away once its text is saved, or where nothing was changed. On every other way out
//! the planner is told where it is, and the command that saves it.

use std::fs;
use std::path::{Path, PathBuf};

use super::{editor, source};
use crate::cli::exit::Failure;
use crate::cli::output::Output;

/// The file.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    /// What it began with.
    before: String,
    /// The command that saves it later, up to the file's name.
    command: String,
}

impl Scratch {
    /// Writes `text` into a file named `name`, in a fresh folder that only this user may read.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn new(name: &str, text: String, command: String) -> Result<Self, Failure> {
        let failed = |error| Failure::negative(format!("failed to make a file to edit: {error}"));
        let folder = tempfile::Builder::new().prefix("punchcard-").tempdir();
        let folder = folder.map_err(failed)?;
        fs::write(folder.path().join(name), &text).map_err(failed)?;
        Ok(Self {
            path: folder.keep().join(name),
            before: text,
            command,
        })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the editor, and waits until it is closed. Gives whether the text is another than before.
    ///
    /// # Errors
    /// When there is no editor, it fails, or what it left cannot be read.
    pub(super) fn edit(&self, chosen: Option<&str>, out: &mut Output) -> Result<bool, Failure> {
        // Told beforehand: whoever stops the program now knows where the text is.
        out.note(format_args!(
            "Your editor has the text in {}.",
            self.path.display()
        ));
        editor::open(chosen, &self.path)?;
        Ok(source::read_text(&self.path)? != self.before)
    }

    /// How the planner's work ends: a text that is saved, or was not changed, is thrown away; where
    /// something failed it is kept, and told. `stands` is the option that names what somebody else saved
    /// meanwhile.
    pub(super) fn end<T>(
        &self,
        ended: Result<T, Failure>,
        stands: Option<&str>,
    ) -> Result<T, Failure> {
        match ended {
            Ok(done) => {
                self.throw_away();
                Ok(done)
            }
            Err(failure) => Err(self.kept(failure, stands)),
        }
    }

    /// Removes the file and its folder. What an editor left beside it stays.
    fn throw_away(&self) {
        let _ = fs::remove_file(&self.path);
        if let Some(folder) = self.path.parent() {
            let _ = fs::remove_dir(folder);
        }
    }

    fn kept(&self, failure: Failure, stands: Option<&str>) -> Failure {
        if source::read_text(&self.path).is_ok_and(|text| text == self.before) {
            self.throw_away();
            return failure;
        }
        kept(failure, &self.command, &self.path, stands)
    }
}

/// A failure that also says where a planner's text is, and how it is saved.
pub(super) fn kept(failure: Failure, command: &str, path: &Path, stands: Option<&str>) -> Failure {
    let path = path.display();
    failure.advise_too(match stands {
        Some(option) => format!(
            "Your text is in {path}. Bring both together there, then save it: {command} {path} {option}"
        ),
        None => format!("Your text is in {path}. Save it later: {command} {path}"),
    })
}
