//! The data directory: the lock that makes one process its owner, and what is asked of its disk.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::options::OpenError;

const DATABASE: &str = "punchcard.db";
const LOCK: &str = "punchcard.lock";
const PROBE: &str = "punchcard.probe";
const PROBE_BYTES: usize = 1 << 20;

/// The database's place in a data directory.
pub(super) fn database_in(data_dir: &Path) -> PathBuf {
    data_dir.join(DATABASE)
}

/// The database that `path` names: a data directory, or the file itself.
pub(super) fn database_at(path: &Path) -> PathBuf {
    if path.is_dir() {
        database_in(path)
    } else {
        path.to_owned()
    }
}

/// A data directory that this process owns until this value is dropped. The lock goes with the
/// process, so a kill leaves nothing to clean up.
#[derive(Debug)]
pub(super) struct OwnedDirectory {
    _lock: File,
}

impl OwnedDirectory {
    /// Makes the directory where it is missing (readable by this user only), and takes the lock.
    pub(super) fn take(data_dir: &Path) -> Result<Self, OpenError> {
        create(data_dir)?;
        let path = data_dir.join(LOCK);
        // The file's content means nothing; truncating it would touch what another process holds.
        let file = private()
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| OpenError::Directory {
                path: path.clone(),
                source,
            })?;
        match file.try_lock() {
            Ok(()) => {
                let given = give_to_owner_of(&file, &database_in(data_dir));
                given.map_err(|source| OpenError::Directory { path, source })?;
                Ok(Self { _lock: file })
            }
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
                path: data_dir.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(OpenError::Directory { path, source }),
        }
    }
}

fn create(data_dir: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Directory {
        path: data_dir.to_owned(),
        source,
    };
    if fs::metadata(data_dir).is_ok_and(|meta| meta.is_dir()) {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(data_dir).map_err(failed)?;
    match data_dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent).map_err(failed),
        _ => Ok(()),
    }
}

/// How files of the store are opened to be written: a new one is for this user only.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a new file for this user only.
pub(super) fn create_private(path: &Path) -> std::io::Result<File> {
    private().create_new(true).open(path)
}

/// Writes and syncs a file of some size and removes it: after a failure, a disk that takes this
/// takes a batch too. A small write to the log may still fit on a disk that is all but full, and
/// the store would seem to heal only to fail again.
pub(super) fn prove_room(data_dir: &Path) -> Result<(), OpenError> {
    let path = data_dir.join(PROBE);
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(&vec![0; PROBE_BYTES])?;
        file.sync_all()
    });
    let removed = fs::remove_file(&path);
    written
        .and(removed)
        .map_err(|source| OpenError::Directory { path, source })
}

/// Gives a file to whoever another one belongs to. Only root can, so for others, and where there is
/// no other, it stays as it is; SQLite does the same for its own files.
pub(super) fn give_to_owner_of(file: &File, other: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, fchown};
        let Ok(owner) = fs::metadata(other) else {
            return Ok(());
        };
        let now = file.metadata()?;
        if (now.uid(), now.gid()) != (owner.uid(), owner.gid()) {
            match fchown(file, Some(owner.uid()), Some(owner.gid())) {
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {}
                given => given?,
            }
        }
    }
    #[cfg(not(unix))]
    let _ = (file, other);
    Ok(())
}

/// Makes the names in a directory durable: a new file may otherwise be gone after a power cut
/// although its content was synced.
pub(super) fn sync_directory(directory: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}
