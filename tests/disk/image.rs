//! The disk that a power cut leaves behind, from the log of what was written and synced.
//!
//! What a sync has confirmed is there. Of what was written to a file since its last sync, any part may
//! be: each write is kept, dropped or torn by itself, in sectors of 512 bytes, so any order in which a
//! disk may have taken them is covered. Names (a file made, removed or renamed) are there once the
//! directory was synced; of later changes any number, but in their order, as every journaling file
//! system has it. This is weaker than what ext4 or XFS promise: they also make a new file's name durable
//! with the file.
//!
//! Deliberately not here: a disk that lies about syncs, and sectors that go bad by themselves; what
//! they break is found by `store verify`, and nothing can promise more.

use std::collections::BTreeMap;
use std::path::Path;

use crate::faultfs::{Entry, Op};
use crate::figures::Chance;

/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// A change of a file that no sync has confirmed.
#[derive(Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Resize(usize),
}

/// A file, whatever its name.
#[derive(Clone, Default)]
struct File {
    synced: Vec<u8>,
    since: Vec<Change>,
}

/// A change of the directory that no sync has confirmed.
enum Naming {
    Link { name: String, file: usize },
    Unlink { name: String },
}

/// The disk under a data directory, as the calls of a program change it.
#[derive(Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    /// The names as the program sees them.
    seen: BTreeMap<String, usize>,
    synced: BTreeMap<String, usize>,
    since: Vec<Naming>,
}

/// How much of what was not synced survives in one image.
#[derive(Clone, Copy)]
struct Luck {
    /// A write is kept whole once in so many; 0 is never.
    whole: u64,
    /// What is not kept whole is torn once in so many, else dropped; 0 is never.
    torn: u64,
}

/// The kinds of images: nothing more than what was synced, everything, and mixtures.
const LUCKS: [Luck; 5] = [
    Luck { whole: 0, torn: 0 },
    Luck { whole: 1, torn: 0 },
    Luck { whole: 2, torn: 2 },
    Luck { whole: 0, torn: 1 },
    Luck { whole: 8, torn: 3 },
];

impl Disk {
    /// Does what the program did.
    pub(crate) fn apply(&mut self, entry: &Entry) {
        if entry.op == Op::Sync && entry.result < 0 {
            return self.forget(&entry.name);
        }
        // Another call that failed, or that the program died at, has done nothing.
        let is_done = entry.result >= 0 && entry.fault.as_deref() != Some("kill-before");
        if !is_done || entry.name.ends_with("-shm") {
            return;
        }
        match entry.op {
            Op::Open if entry.offset == 1 => self.link(&entry.name, File::default()),
            Op::Open if entry.length == 1 => self.change(&entry.name, Change::Resize(0)),
            Op::Open | Op::Mark => {}
            Op::Write => {
                let (offset, bytes) = (size(entry.offset), entry.bytes.clone());
                self.change(&entry.name, Change::Write { offset, bytes });
            }
            Op::Truncate => self.change(&entry.name, Change::Resize(size(entry.length))),
            Op::Sync => self.sync(&entry.name),
            Op::Unlink => self.unlink(&entry.name),
            Op::Rename => {
                let Some(file) = self.seen.get(&entry.name).copied() else {
                    return;
                };
                let name = String::from_utf8(entry.bytes.clone()).unwrap();
                self.seen.insert(name.clone(), file);
                self.since.push(Naming::Link { name, file });
                self.unlink(&entry.name);
            }
        }
    }

    fn link(&mut self, name: &str, file: File) {
        let (name, number) = (name.to_owned(), self.files.len());
        self.files.push(file);
        self.seen.insert(name.clone(), number);
        self.since.push(Naming::Link { name, file: number });
    }

    fn unlink(&mut self, name: &str) {
        let name = name.to_owned();
        self.seen.remove(&name);
        self.since.push(Naming::Unlink { name });
    }

    /// A file that is open but has no name any more is nobody's after a power cut.
    fn change(&mut self, name: &str, change: Change) {
        if let Some(file) = self.seen.get(name) {
            self.files[*file].since.push(change);
        }
    }

    fn sync(&mut self, name: &str) {
        if name == "." {
            for naming in std::mem::take(&mut self.since) {
                naming.apply(&mut self.synced);
            }
        } else if let Some(file) = self.seen.get(name) {
            let file = &mut self.files[*file];
            for change in std::mem::take(&mut file.since) {
                change.apply(&mut file.synced);
            }
        }
    }

    /// After a sync that failed, Linux takes what could not be written for written: it is in memory for
    /// whoever reads it, and no later sync brings it to the disk, only another write does
    /// (<https://www.usenix.org/conference/atc20/presentation/rebello>).
    fn forget(&mut self, name: &str) {
        if let Some(file) = self.seen.get(name) {
            self.files[*file].since.clear();
        }
    }

    /// Writes one of the many disks that a power cut now may leave, as files in `directory`. Gives how
    /// many unsynced writes were dropped or torn.
    pub(crate) fn cut(&self, chance: &mut Chance, directory: &Path) -> usize {
        let luck = LUCKS[chance.one_of(LUCKS.len())];
        let mut names = self.synced.clone();
        for naming in &self.since[..chance.one_of(self.since.len() + 1)] {
            naming.apply(&mut names);
        }
        let mut lost = 0;
        for (name, file) in &names {
            let file = &self.files[*file];
            let mut bytes = file.synced.clone();
            for change in &file.since {
                lost += usize::from(!change.survive(luck, chance, &mut bytes));
            }
            std::fs::write(directory.join(name), bytes).unwrap();
        }
        lost
    }
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Link { name, file } => names.insert(name.clone(), *file),
            Self::Unlink { name } => names.remove(name),
        };
    }
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Resize(length) => file.resize(*length, 0),
            Self::Write { offset, bytes } => put(file, *offset, bytes),
        }
    }

    /// Lets the change survive whole, in part or not at all. Gives whether it did so whole.
    fn survive(&self, luck: Luck, chance: &mut Chance, file: &mut Vec<u8>) -> bool {
        if luck.whole > 0 && chance.one_in(luck.whole) {
            self.apply(file);
            return true;
        }
        if let Self::Write { offset, bytes } = self
            && luck.torn > 0
            && chance.one_in(luck.torn)
        {
            let mut at = 0;
            while at < bytes.len() {
                // Sectors are the disk's: a write need not begin at the start of one.
                let end = bytes.len().min(at + SECTOR - (offset + at) % SECTOR);
                if chance.one_in(2) {
                    put(file, offset + at, &bytes[at..end]);
                }
                at = end;
            }
        }
        false
    }
}

fn put(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap()
}
