//! The witness: a small file outside the database that remembers where the log stood.
//!
//! SQLite cannot tell a log that lost its end from one that never had it: recovery stops at the
//! first frame of the write-ahead log that does not fit, and takes the rest for never written. The
//! same goes for an older copy put in the database's place. The witness can: it holds the
//! [`LogHead`] of the newest commit, so a database behind it, or with another history, is found.
//!
//! **Order.** It is written after a commit has returned, hence after the commit is durable, and
//! before anybody is told of it. So it is never ahead of what the disk has. A crash between the two
//! leaves it behind, which is no loss: the start folds the events after it and checks that they
//! lead to the database's own head.
//!
//! **Syncs.** A write to it reaches the system's memory at once, which is all that the death of the
//! process needs. Against a power cut it is synced, but not at every commit: an unsynced witness
//! can only be *behind*, never wrong, and the commit's own sync is what keeps the events. It is
//! synced [`SYNC_WITHIN`] after the first write that was not, at every start and at a close, so
//! what it may overlook after a power cut is the loss of at most that last moment. Put on another disk
//! (`store.witness`), it also outlives a disk that reports a sync it did not do.
//!
//! **Torn writes.** Two slots in turn, a page apart, each with a checksum over all of it: a torn
//! one leaves the other. The file is made under another name and renamed, so it is never empty.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::chain::{self, Hash};
use super::lock::{give_to_owner_of, sync_directory};
use super::log_head::{LogHead, StoreId};

/// How long a write to the witness may be in memory only.
pub(super) const SYNC_WITHIN: Duration = Duration::from_secs(1);

const NAME: &str = "punchcard.witness";
const MAGIC: [u8; 8] = *b"PNCHWIT1";
/// The slots lie in different pages and sectors.
const SLOT_SPACING: usize = 4_096;
const SLOT_BYTES: usize = 104;
const FILE_BYTES: usize = SLOT_SPACING + SLOT_BYTES;

/// The witness's place beside the database.
pub(super) fn beside(database: &Path) -> PathBuf {
    database.with_file_name(NAME)
}

/// What a witness says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Testimony {
    /// Where the log stood.
    pub(super) head: LogHead,
    /// How often it was written before.
    sequence: u64,
    /// Whether both slots can be read.
    pub(super) is_whole: bool,
}

/// What the file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// There is none.
    Missing,
    /// Neither slot can be read.
    Unreadable,
    /// It can be read.
    Says(Testimony),
}

/// Reads a witness.
pub(super) fn read(path: &Path) -> io::Result<Found> {
    let mut bytes = Vec::with_capacity(FILE_BYTES);
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
        Err(error) => return Err(error),
        Ok(file) => file.take(FILE_BYTES as u64).read_to_end(&mut bytes)?,
    };
    let slots = [decode(&bytes, 0), decode(&bytes, SLOT_SPACING)];
    let newest = slots.iter().flatten().max_by_key(|slot| slot.1);
    Ok(match newest {
        None => Found::Unreadable,
        Some(&(head, sequence)) => Found::Says(Testimony {
            head,
            sequence,
            is_whole: slots.iter().all(Option::is_some),
        }),
    })
}

/// The witness as the writer keeps it.
#[derive(Debug)]
pub(super) struct Witness {
    file: File,
    sequence: u64,
    unsynced_since: Option<Instant>,
}

impl Witness {
    /// Makes a new witness that says `head`, in the place of whatever is there. It is durable when
    /// this returns. It is given to whoever `database` belongs to: the server must be able to write
    /// it also when it was made by `sudo punchcard store accept-loss`.
    pub(super) fn create(path: &Path, head: &LogHead, database: &Path) -> io::Result<Self> {
        let directory = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or_else(|| Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        let mut bytes = vec![0; FILE_BYTES];
        for (sequence, start) in [(0, 0), (1, SLOT_SPACING)] {
            bytes[start..start + SLOT_BYTES].copy_from_slice(&encode(head, sequence));
        }
        file.write_all(&bytes)?;
        give_to_owner_of(file.as_file(), database)?;
        file.as_file().sync_all()?;
        // Renamed by the standard library, so through libc: the tests of power cuts see it there.
        let (file, made) = file.keep().map_err(|error| error.error)?;
        if let Err(error) = fs::rename(&made, path) {
            // Best effort: what failed is told, and the name says that it is temporary.
            drop(fs::remove_file(&made));
            return Err(error);
        }
        sync_directory(directory)?;
        Ok(Self {
            file,
            sequence: 1,
            unsynced_since: None,
        })
    }

    /// Goes on with a witness that was read.
    pub(super) fn resume(path: &Path, found: &Testimony) -> io::Result<Self> {
        Ok(Self {
            file: OpenOptions::new().write(true).open(path)?,
            sequence: found.sequence,
            unsynced_since: None,
        })
    }

    /// Says `head` from now on. The older slot is the one that is written.
    pub(super) fn write(&mut self, head: &LogHead) -> io::Result<()> {
        self.sequence += 1;
        let start = if self.sequence.is_multiple_of(2) {
            0
        } else {
            SLOT_SPACING
        };
        self.file.seek(SeekFrom::Start(start as u64))?;
        self.file.write_all(&encode(head, self.sequence))?;
        self.unsynced_since.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// When it is to be synced, if it has to be.
    pub(super) fn sync_due(&self) -> Option<Instant> {
        self.unsynced_since.map(|since| since + SYNC_WITHIN)
    }

    /// Makes durable what was written.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.unsynced_since.is_some() {
            self.file.sync_data()?;
            self.unsynced_since = None;
        }
        Ok(())
    }
}

/// Puts a witness aside where it stands in the way of nothing, for whoever looks into a loss.
pub(super) fn put_aside(path: &Path, at_ms: u64) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    let aside = path.with_file_name(format!("{name}.{at_ms}.old"));
    fs::rename(path, &aside)?;
    Ok(aside)
}

fn encode(head: &LogHead, sequence: u64) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    let position = head.position.to_le_bytes();
    let sum = checksum(&head.store, sequence, head.position, &head.hash);
    let parts: [&[u8]; 6] = [
        &MAGIC,
        &head.store,
        &sequence.to_le_bytes(),
        &position,
        &head.hash,
        &sum,
    ];
    for (to, from) in slot.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
    }
    slot
}

/// The slot at `start`, if it is whole.
fn decode(bytes: &[u8], start: usize) -> Option<(LogHead, u64)> {
    let slot = bytes.get(start..start + SLOT_BYTES)?;
    let (magic, rest) = slot.split_first_chunk::<8>()?;
    let (store, rest) = rest.split_first_chunk::<16>()?;
    let (sequence, rest) = rest.split_first_chunk::<8>()?;
    let (position, rest) = rest.split_first_chunk::<8>()?;
    let (hash, sum) = rest.split_first_chunk::<32>()?;
    let (sequence, position) = (u64::from_le_bytes(*sequence), u64::from_le_bytes(*position));
    let fits = *magic == MAGIC && *sum == checksum(store, sequence, position, hash);
    fits.then_some((
        LogHead {
            store: *store,
            position,
            hash: *hash,
        },
        sequence,
    ))
}

fn checksum(store: &StoreId, sequence: u64, position: u64, hash: &Hash) -> Hash {
    chain::framed(&[
        &MAGIC,
        store,
        &sequence.to_le_bytes(),
        &position.to_le_bytes(),
        hash,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(position: u64) -> LogHead {
        LogHead {
            store: [7; 16],
            position,
            hash: [position as u8; 32],
        }
    }

    fn said(path: &Path) -> Option<(u64, bool)> {
        match read(path).unwrap() {
            Found::Says(said) => Some((said.head.position, said.is_whole)),
            Found::Missing | Found::Unreadable => None,
        }
    }

    #[test]
    fn the_newest_head_is_read_back_also_after_it_was_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        assert_eq!(read(&path).unwrap(), Found::Missing);
        let mut witness = Witness::create(&path, &head(1), &path).unwrap();
        for position in 2..=5 {
            witness.write(&head(position)).unwrap();
            assert_eq!(said(&path), Some((position, true)));
        }
        let Found::Says(found) = read(&path).unwrap() else {
            unreachable!();
        };
        let mut witness = Witness::resume(&path, &found).unwrap();
        witness.write(&head(6)).unwrap();
        witness.sync().unwrap();
        assert!(witness.sync_due().is_none());
        assert_eq!(said(&path), Some((6, true)));
    }

    #[test]
    fn any_byte_changed_in_a_slot_leaves_the_other_and_both_leave_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        Witness::create(&path, &head(8), &path)
            .unwrap()
            .write(&head(9))
            .unwrap();
        let whole = fs::read(&path).unwrap();
        for byte in 0..SLOT_BYTES {
            let mut torn = whole.clone();
            torn[byte] ^= 1;
            fs::write(&path, &torn).unwrap();
            assert_eq!(said(&path), Some((8, false)), "byte {byte}");
            torn[SLOT_SPACING + byte] ^= 1;
            fs::write(&path, &torn).unwrap();
            assert_eq!(read(&path).unwrap(), Found::Unreadable, "byte {byte}");
        }
        fs::write(&path, &whole[..SLOT_BYTES / 2]).unwrap();
        assert_eq!(read(&path).unwrap(), Found::Unreadable);
    }
}
