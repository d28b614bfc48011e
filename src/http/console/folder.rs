//! The console's files read from a folder, for whoever changes them: what is there now, at each request.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::asset::{Asset, media_type};

/// The most bytes of a file: far more than any of the console's has.
const MAX_BYTES: u64 = 2 * 1024 * 1024;

/// Reads `path` below `root`. `None` for whatever is not a file of the console there: other names, larger
/// files, and what a link leads out to.
pub(super) fn read(root: &Path, path: &str) -> Option<Asset> {
    media_type(path).filter(|_| is_plain(path))?;
    let root = root.canonicalize().ok()?;
    let found: PathBuf = root.join(path).canonicalize().ok()?;
    if !found.starts_with(&root) {
        return None;
    }
    let file = File::open(found).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).ok()?;
    if u64::try_from(bytes.len()).ok()? > MAX_BYTES {
        return None;
    }
    Asset::new(path, bytes)
}

/// Whether each piece of a path is a name, so that none leads upwards, to a hidden file or to a drive.
fn is_plain(path: &str) -> bool {
    let is_name = |piece: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        !piece.is_empty() && !piece.starts_with('.') && piece.chars().all(plain)
    };
    path.split('/').all(is_name)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_files_of_the_folder_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("console");
        fs::create_dir_all(root.join("js")).unwrap();
        fs::write(root.join("js/main.js"), "1").unwrap();
        fs::write(root.join("js/notes.txt"), "no").unwrap();
        fs::write(root.join(".hidden.js"), "no").unwrap();
        fs::write(dir.path().join("secret.js"), "no").unwrap();
        assert!(read(&root, "js/main.js").is_some());
        for outside in [
            "../secret.js",
            "js/../../secret.js",
            "js/..",
            "..",
            "",
            "/etc/passwd",
            "js//main.js",
            ".hidden.js",
            "js/notes.txt",
            "js/none.js",
            "js\\main.js",
            "js/main.js\0",
            "js",
        ] {
            assert!(read(&root, outside).is_none(), "{outside}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_out_of_the_folder_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("console");
        fs::create_dir_all(&root).unwrap();
        fs::write(dir.path().join("secret.js"), "no").unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret.js"), root.join("link.js")).unwrap();
        assert!(read(&root, "link.js").is_none());
    }

    #[test]
    fn a_file_that_is_far_too_large_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = File::create(dir.path().join("huge.js")).unwrap();
        file.set_len(MAX_BYTES + 1).unwrap();
        assert!(read(dir.path(), "huge.js").is_none());
    }
}
