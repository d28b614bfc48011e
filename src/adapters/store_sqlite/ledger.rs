//! The open database as its one writer sees it: a batch of appends becomes one transaction.
//!
//! Each append is checked by itself and sees those before it, so a conflict of one is its own
//! matter. A ledger that failed is dropped: nothing it keeps in memory is true any more.

use std::collections::BTreeSet;
use std::time::Instant;

use punchcard_actors::failpoint;
use punchcard_actors::ports::{AppendError, Appended, ExpectedRevision};
use punchcard_events::{NewEvent, Position, Revision, StreamName};
use rusqlite::{Connection, params};
use tokio::sync::oneshot;
use uuid::fmt::Hyphenated;

use super::chain::{self, Hash};
use super::failure::Failure;
use super::heads::{Head, Heads};
use super::index::{self, Folded, Scope};
use super::log_head::{self, LogHead};
use super::options::{OpenError, Options};
use super::row::{self, signed};
use super::wal::{self, Wal};
use super::witness::Witness;
use super::{connection, gone, reads, start};

/// What one append is answered.
pub(super) type Answer = Result<Appended, AppendError>;

/// One append on its way to the writer.
#[derive(Debug)]
pub(super) struct Append {
    /// The stream.
    pub(super) stream: StreamName,
    /// Where the caller believes it stands.
    pub(super) expected: ExpectedRevision,
    /// What is appended.
    pub(super) events: Vec<NewEvent>,
    /// Where the answer goes.
    pub(super) reply: oneshot::Sender<Answer>,
}

/// Why a batch failed.
#[derive(Debug)]
pub(super) enum BatchError {
    /// Before the commit: nothing was written.
    NotWritten(Failure),
    /// At the commit: nobody knows.
    Unknown(Failure),
}

/// The open database.
#[derive(Debug)]
pub(super) struct Ledger {
    conn: Connection,
    wal: Wal,
    witness: Witness,
    heads: Heads,
    head: LogHead,
    /// Up to which position the file alone has everything, where the next commit is to note that.
    folded: Option<u64>,
}

impl Ledger {
    /// Opens the database, checks it as [`start`] says, and proves that it takes a durable write.
    /// `acknowledged` is where the log stood when this process last told somebody of a commit.
    pub(super) fn open(
        options: &Options,
        acknowledged: Option<&LogHead>,
    ) -> Result<Self, OpenError> {
        let mut ledger = Self::open_as_it_is(options, acknowledged)?;
        let checked = start::check_tail(&mut ledger.conn, &ledger.head);
        checked.map_err(|source| OpenError::of_sqlite(&options.database(), source))?;
        Ok(ledger)
    }

    /// The same without a look at the newest events and at the list, for one who makes the list
    /// anew.
    pub(super) fn open_as_it_is(
        options: &Options,
        acknowledged: Option<&LogHead>,
    ) -> Result<Self, OpenError> {
        gone::look(options, acknowledged.is_some())?;
        let (path, witness_path) = (options.database(), options.witness());
        let failed = |source| OpenError::of_sqlite(&path, source);
        let witness_failed = |source| OpenError::Directory {
            path: witness_path.clone(),
            source,
        };
        wal::write_again(&path).map_err(|source| OpenError::Directory {
            path: path.clone(),
            source,
        })?;
        let may_upgrade = |version| start::may_upgrade(version, &path, &witness_path);
        let mut conn = connection::open_writer(&path, options.busy_timeout, may_upgrade)?;
        let (head, testimony) = start::settle(&conn, &path, &witness_path, acknowledged)?;
        connection::keep(&conn).map_err(failed)?;
        let folded = if wal::empty(&conn).map_err(failed)? {
            head.position
        } else {
            if acknowledged.is_some() {
                return Err(OpenError::LogInUse { path });
            }
            // Nothing failed in this process, so the log has a hole only if a disk failed an
            // earlier one. A start does not wait for a reader because of that.
            tracing::warn!("another program reads the event store; its log goes on as it is");
            log_head::folded(&conn).map_err(failed)?
        };
        let mut witness = match testimony {
            Some(testimony) => Witness::resume(&witness_path, &testimony),
            None => Witness::create(&witness_path, &head, &path),
        }
        .map_err(witness_failed)?;
        prove(&mut conn, &head, folded).map_err(failed)?;
        witness.write(&head).map_err(witness_failed)?;
        witness.sync().map_err(witness_failed)?;
        Ok(Self {
            wal: Wal::follow(&mut conn, options.checkpoint_pages).map_err(failed)?,
            conn,
            witness,
            heads: Heads::new(options.head_cache),
            head,
            folded: None,
        })
    }

    /// Where the log stands.
    pub(super) fn head(&self) -> LogHead {
        self.head
    }

    /// The position of the newest event ever committed.
    pub(super) fn last_position(&self) -> Position {
        Position(self.head.position)
    }

    /// Writes a batch in one transaction and gives the answers in its order.
    pub(super) fn write(&mut self, batch: &[Append]) -> Result<Vec<Answer>, BatchError> {
        let not_written = |error: rusqlite::Error| BatchError::NotWritten(error.into());
        let answers = self.stage(batch).map_err(not_written)?;
        let mut commit = self.conn.prepare_cached("COMMIT").map_err(not_written)?;
        let unknown = |error: rusqlite::Error| BatchError::Unknown(error.into());
        failpoint!("store::commit::before");
        commit.execute([]).map_err(unknown)?;
        failpoint!("store::commit::after");
        Ok(answers)
    }

    /// Has the witness remember the newest commit. To be called before anybody is told of it.
    pub(super) fn bear_witness(&mut self) -> Result<(), Failure> {
        Ok(self.witness.write(&self.head)?)
    }

    /// Does what is due after a commit, or when nothing else is to be done.
    pub(super) fn tend(&mut self) -> Result<(), Failure> {
        if self
            .witness
            .sync_due()
            .is_some_and(|due| due <= Instant::now())
        {
            self.witness.sync()?;
        }
        if self.wal.tend(&self.conn)? {
            self.folded = Some(self.head.position);
        }
        Ok(())
    }

    /// When [`Self::tend`] has something to do although nothing is written.
    pub(super) fn tend_at(&self) -> Option<Instant> {
        self.witness.sync_due()
    }

    /// Makes the witness durable, at a close.
    pub(super) fn settle(&mut self) -> Result<(), Failure> {
        Ok(self.witness.sync()?)
    }

    /// Makes the ticket list anew. Returns how many tickets it holds.
    pub(super) fn rebuild_index(&mut self) -> rusqlite::Result<u64> {
        self.heads.clear();
        index::rebuild(&mut self.conn)
    }

    /// Makes damaged lines of the ticket list anew. Returns how many.
    pub(super) fn mend_index(&mut self) -> rusqlite::Result<u64> {
        self.heads.clear();
        index::mend(&mut self.conn, Scope::All, BTreeSet::new())
    }

    /// Does all but the commit. SQLite commits no transaction in which it met a malformed page, so
    /// after such damage the batch is begun again without the streams that have it. That ends: each
    /// time there is one stream less, and mostly the second time is the last.
    fn stage(&mut self, batch: &[Append]) -> rusqlite::Result<Vec<Answer>> {
        let start = self.head;
        self.heads.bound_condemned();
        loop {
            self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            if let Some(answers) = self.append_all(batch)? {
                if self.head.position != start.position {
                    log_head::save(&self.conn, &self.head)?;
                    if let Some(folded) = self.folded.take() {
                        log_head::set_folded(&self.conn, folded)?;
                    }
                }
                return Ok(answers);
            }
            self.conn.prepare_cached("ROLLBACK")?.execute([])?;
            self.heads.forget();
            self.head = start;
        }
    }

    /// The answers to a batch; none when a stream turned out to be damaged, which is condemned now.
    fn append_all(&mut self, batch: &[Append]) -> rusqlite::Result<Option<Vec<Answer>>> {
        let mut answers = Vec::with_capacity(batch.len());
        let mut is_sound = true;
        for append in batch {
            if let Some(damage) = self.heads.damage(&append.stream) {
                let reason = format!("{} is damaged: {damage}", append.stream);
                answers.push(Err(AppendError::Unavailable(reason)));
                continue;
            }
            // SQLite writes nothing more, so the rest is only looked at.
            let appended = if is_sound {
                self.append(append)?
            } else {
                let unavailable = || Err(AppendError::Unavailable(String::new()));
                reads::head(&self.conn, &append.stream)?.map(|_| unavailable())
            };
            match appended {
                Ok(answer) => answers.push(answer),
                Err(damage) => {
                    tracing::error!(stream = %append.stream, damage, "a stream is damaged");
                    self.heads.condemn(append.stream.clone(), damage);
                    is_sound = false;
                }
            }
        }
        Ok(is_sound.then_some(answers))
    }

    /// Appends to one stream. The inner error says what is damaged of it.
    fn append(&mut self, append: &Append) -> rusqlite::Result<Result<Answer, String>> {
        let head = match self.stream_head(&append.stream)? {
            Ok(head) => head,
            Err(damage) => return Ok(Err(damage)),
        };
        let actual = head.as_ref().map(|head| head.revision);
        let as_expected = match append.expected {
            ExpectedRevision::NoStream => actual.is_none(),
            ExpectedRevision::Exact(revision) => actual == Some(revision),
        };
        if as_expected && !append.events.is_empty() {
            return self.extend(append, head).map(|landed| Ok(Ok(landed)));
        }
        let repeated = match reads::told(self.repeated(append, actual))? {
            Ok(repeated) => repeated,
            Err(damage) => return Ok(Err(damage)),
        };
        if let Some(head) = head {
            self.heads.put(append.stream.clone(), head);
        }
        Ok(Ok(repeated.ok_or(AppendError::Conflict { actual })))
    }

    /// Takes the stream's head out of the cache or reads it. The inner error says what is damaged.
    fn stream_head(
        &mut self,
        stream: &StreamName,
    ) -> rusqlite::Result<Result<Option<Head>, String>> {
        if let Some(head) = self.heads.take(stream) {
            return Ok(Ok(Some(head)));
        }
        let (revision, hash) = match reads::head(&self.conn, stream)? {
            Ok(Some(newest)) => newest,
            Ok(None) => return Ok(Ok(None)),
            Err(damage) => return Ok(Err(damage)),
        };
        let mut summary = None;
        if let Some(ticket) = stream.ticket() {
            summary = match reads::told(index::load_page(&self.conn, ticket))? {
                Ok(summary) => summary,
                Err(damage) => return Ok(Err(damage)),
            };
            let stands = summary.as_ref().map(|line| line.revision);
            if stands > Some(revision) {
                return Ok(Err("its newest events are missing".to_owned()));
            }
            if stands < Some(revision) {
                summary = match reads::told(index::supply(&self.conn, ticket))? {
                    Ok(Folded::Line(line)) => line,
                    Ok(Folded::Damaged(damage)) | Err(damage) => return Ok(Err(damage)),
                };
            }
        }
        Ok(Ok(Some(Head {
            revision,
            hash,
            summary,
        })))
    }

    /// Stores the events after `head` and moves it on. There is at least one event.
    fn extend(&mut self, append: &Append, head: Option<Head>) -> rusqlite::Result<Appended> {
        let ticket = append.stream.ticket();
        let mut next = head.as_ref().map_or(Revision::FIRST, |h| h.revision.next());
        let mut hash = head.as_ref().map_or(chain::ROOT, |h| h.hash);
        let before = head.and_then(|head| head.summary);
        let mut summary = before.clone();
        let mut landed = Appended {
            revision: next,
            position: self.last_position(),
        };
        for event in &append.events {
            hash = chain::link(&hash, &append.stream, next, event);
            self.head.advance(&hash);
            landed.revision = next;
            landed.position = self.last_position();
            insert_event(&self.conn, &append.stream, landed, event, &hash)?;
            if let Some(ticket) = ticket {
                summary = index::advance(summary, ticket, next, event);
            }
            next = next.next();
        }
        if let Some(summary) = &summary {
            index::store(&self.conn, before.as_ref(), summary)?;
        }
        let head = Head {
            revision: landed.revision,
            hash,
            summary,
        };
        self.heads.put(append.stream.clone(), head);
        Ok(landed)
    }

    /// Where these very events are stored already, if they are.
    fn repeated(
        &self,
        append: &Append,
        actual: Option<Revision>,
    ) -> rusqlite::Result<Option<Appended>> {
        let first = match append.expected {
            ExpectedRevision::NoStream => Revision::FIRST,
            // A writer that is ahead of the stream repeats nothing.
            ExpectedRevision::Exact(last) if actual.is_none_or(|actual| last >= actual) => {
                return Ok(None);
            }
            ExpectedRevision::Exact(last) => last.next(),
        };
        let mut select = self.conn.prepare_cached(
            "SELECT id, revision, position FROM events \
             WHERE stream = ?1 AND revision >= ?2 ORDER BY revision LIMIT ?3",
        )?;
        let count = row::limit(append.events.len());
        let mut rows = select.query(params![append.stream.as_str(), signed(first.0), count])?;
        let mut landed = None;
        for event in &append.events {
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            let mut buffer = [0; Hyphenated::LENGTH];
            if row.get_ref(0)?.as_str()? != event.id.0.hyphenated().encode_lower(&mut buffer) {
                return Ok(None);
            }
            landed = Some(Appended {
                revision: Revision(row::unsigned(row, 1)?),
                position: Position(row::unsigned(row, 2)?),
            });
        }
        Ok(landed)
    }
}

fn insert_event(
    conn: &Connection,
    stream: &StreamName,
    at: Appended,
    event: &NewEvent,
    hash: &Hash,
) -> rusqlite::Result<()> {
    let (mut id, mut correlation, mut causation) = ([0; 36], [0; 36], [0; 36]);
    let mut insert = conn.prepare_cached(
        "INSERT INTO events (position, stream, revision, id, kind, schema_version, tenant, \
         correlation_id, causation_id, recorded_at_ms, hash, data) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    let causation = event.causation_id.map(|cause| {
        let text = cause.0.hyphenated();
        &*text.encode_lower(&mut causation)
    });
    insert.execute(params![
        signed(at.position.0),
        stream.as_str(),
        signed(at.revision.0),
        &*event.id.0.hyphenated().encode_lower(&mut id),
        event.kind.as_ref(),
        event.schema_version,
        event.tenant.as_str(),
        &*event
            .correlation_id
            .hyphenated()
            .encode_lower(&mut correlation),
        causation,
        signed(event.recorded_at.as_millis()),
        hash.as_slice(),
        event.data.as_str(),
    ])?;
    Ok(())
}

/// Writes the head again, as one that has a witness: a disk that takes this takes commits.
fn prove(conn: &mut Connection, head: &LogHead, folded: u64) -> rusqlite::Result<()> {
    let tx = conn.transaction()?;
    log_head::save(&tx, head)?;
    log_head::set_folded(&tx, folded)?;
    log_head::set_witnessed(&tx, true)?;
    tx.commit()
}
