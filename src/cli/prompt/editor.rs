//! The planner's own editor.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::cli::exit::Failure;

/// Opens `file` in the editor and waits until it is closed.
///
/// # Errors
/// When there is no editor, it cannot be started, or it ends with a failure.
pub(super) fn open(chosen: Option<&str>, file: &Path) -> Result<(), Failure> {
    let Some(command) = command(chosen, |name| std::env::var_os(name)) else {
        return Err(Failure::usage("there is no editor to open").advise(
            "Say which one: export EDITOR=nano, or pass --editor 'code --wait'. Without an editor, \
             write the text into a file and pass --file.",
        ));
    };
    // As git does it: the words of the command are the shell's, the file's name is not.
    let mut script = command.clone();
    script.push(" \"$@\"");
    let ended = Command::new("sh")
        .arg("-c")
        .arg(script)
        .arg("sh")
        .arg(file)
        .status();
    let command = command.to_string_lossy();
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(
            Failure::negative(format!("the editor `{command}` failed: {status}"))
                .advise("Is it installed? Choose another with --editor or EDITOR."),
        ),
        Err(error) => Err(Failure::negative(format!(
            "failed to start the editor `{command}`: {error}"
        ))),
    }
}

/// The editor's command: the chosen one, `$VISUAL`, or `$EDITOR`.
fn command(chosen: Option<&str>, variable: impl Fn(&str) -> Option<OsString>) -> Option<OsString> {
    let named = |name| variable(name).filter(|command| !command.is_empty());
    let chosen = chosen
        .filter(|command| !command.is_empty())
        .map(OsString::from);
    chosen
        .or_else(|| named("VISUAL"))
        .or_else(|| named("EDITOR"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_editor_comes_before_visual_and_that_before_editor() {
        let both = |name: &str| Some(OsString::from(format!("the-{name}")));
        assert_eq!(command(Some("nano"), both), Some("nano".into()));
        assert_eq!(command(None, both), Some("the-VISUAL".into()));
        let only = |name: &str| Some(OsString::from(if name == "EDITOR" { "vi" } else { "" }));
        assert_eq!(command(None, only), Some("vi".into()));
        assert_eq!(command(None, |_| None), None);
    }

    #[test]
    fn an_editor_may_have_words_and_a_file_may_have_spaces() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a $(b) 'c'.md");
        open(Some("printf '%s' text >"), &file).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "text");
        let failed = open(Some("false"), &file).unwrap_err();
        assert!(failed.to_string().contains("`false` failed"));
    }
}
