//! The part of the check that is about the log as a whole: its positions, its head and its witness.

use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::log_head::{self, Entry, LogHead};
use super::report::{FindingKind, Report, WitnessSays};
use super::row;
use super::witness::{self, Found, Testimony};

/// How often a witness is read that seems damaged: a writer may be in the middle of it.
const READS: u32 = 3;

/// Reads a witness beside a running writer.
pub(super) fn read_witness(path: &Path) -> io::Result<Found> {
    let mut found = witness::read(path)?;
    for _ in 1..READS {
        match found {
            Found::Says(testimony) if testimony.is_whole => break,
            Found::Missing => break,
            Found::Says(_) | Found::Unreadable => found = witness::read(path)?,
        }
    }
    Ok(found)
}

/// Checks the positions, the head and the witness. A witness that does not belong to the database,
/// as far as its place says, is looked at only when the database expects one.
pub(super) fn check(
    conn: &Connection,
    found: Found,
    belongs: bool,
    report: &mut Report,
) -> rusqlite::Result<()> {
    let (head, witnessed) = match log_head::load(conn) {
        Ok(loaded) => loaded,
        Err(error) if row::is_damage(&error) => {
            let message = format!("the head of the log cannot be read: {error}");
            report.add(FindingKind::LogHead, message);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let testimony = match found {
        Found::Says(testimony) if belongs || witnessed => Some(testimony),
        Found::Says(_) | Found::Missing | Found::Unreadable => None,
    };
    let mut walk = Walk {
        at: log_head::root(head.store),
        gaps: 0,
        wanted: testimony.map(|testimony| testimony.head),
        met: false,
    };
    log_head::walk(conn, 0, |entry| walk.step(entry, report))?;
    if head.position != walk.at.position {
        let (given, newest) = (head.position, walk.at.position);
        let message =
            format!("positions were given up to {given}, and the newest stored is {newest}");
        report.add(FindingKind::LostEvents, message);
    } else if head != walk.at && walk.gaps == 0 {
        let message = "the stored head of the log is not what its events lead to".to_owned();
        report.add(FindingKind::LogHead, message);
    }
    match testimony {
        Some(testimony) => hear(&testimony, &head, witnessed, &walk, report),
        None => absent(found, witnessed, report),
    }
    Ok(())
}

/// The walk along the log.
struct Walk {
    at: LogHead,
    /// Positions that neither an event nor an accepted loss has.
    gaps: u64,
    wanted: Option<LogHead>,
    /// Whether the walk came by the place where the witness stands.
    met: bool,
}

impl Walk {
    fn step(&mut self, entry: Entry, report: &mut Report) {
        self.meet();
        let expected = self.at.position + 1;
        if entry.first() != expected {
            let last = entry.first().saturating_sub(1);
            self.gaps += 1;
            let message = format!("the events of positions {expected} to {last} are missing");
            report.add(FindingKind::LostEvents, message);
        }
        if matches!(entry, Entry::Loss(_)) {
            report.losses += 1;
        }
        self.at.hash = entry.after(&self.at.hash);
        self.at.position = entry.last();
    }

    fn meet(&mut self) {
        self.met |= self.wanted == Some(self.at);
    }
}

fn hear(testimony: &Testimony, head: &LogHead, witnessed: bool, walk: &Walk, report: &mut Report) {
    let said = testimony.head;
    let met = walk.met || walk.at == said;
    let wrong = if said.store != head.store {
        let message = "the witness is of another store";
        Some((FindingKind::Witness, message.to_owned()))
    } else if said.position > head.position {
        let (from, to) = (head.position + 1, said.position);
        let message = format!(
            "the witness knows of events at positions {from} to {to}, which the database lacks"
        );
        Some((FindingKind::LostEvents, message))
    } else if said == *head || met || walk.gaps > 0 {
        // What is wrong with the events themselves is said already.
        (!witnessed).then(|| {
            let message = "the database does not expect the witness that lies beside it";
            (FindingKind::Witness, message.to_owned())
        })
    } else {
        let position = said.position;
        let message = format!("up to position {position} the witness knows another history");
        Some((FindingKind::Witness, message))
    };
    report.witness = match &wrong {
        Some(_) => WitnessSays::Contradicts,
        None if !testimony.is_whole => WitnessSays::OneSlotDamaged,
        None if said.position < head.position => WitnessSays::Behind,
        None => WitnessSays::Agrees,
    };
    if let Some((kind, message)) = wrong {
        report.add(kind, message);
    }
}

/// There is no witness to hear.
fn absent(found: Found, witnessed: bool, report: &mut Report) {
    let message = match found {
        _ if !witnessed => return,
        Found::Unreadable => "the witness cannot be read: both of its slots are damaged",
        Found::Missing | Found::Says(_) => "the witness is missing",
    };
    report.witness = WitnessSays::Contradicts;
    report.add(FindingKind::Witness, message.to_owned());
}
