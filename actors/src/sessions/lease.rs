//! What a connected watcher and its supervisor share.

use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use punchcard_events::{TenantId, UserId};
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use super::Admission;
use super::roster::Seat;

/// A session's id, given when it is admitted; it signs acknowledgements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(pub(super) Uuid);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A connection that can be ended from outside.
pub trait Connection: Send + Sync {
    /// Ends it at once, whatever its actor is doing.
    fn cut(&self);
}

/// Why a watcher is told to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goodbye {
    /// The process is draining: come back after this time.
    GoingAway(Duration),
    /// The user opened more sessions than allowed, and this is the oldest.
    SessionLimit,
    /// The key behind this session opens nothing any more: it was revoked or is over, or its tenant is
    /// suspended.
    Revoked,
    /// It is as old as a session may get: whoever vouched for the user is to be asked again.
    Renew,
}

/// A connected watcher's place. The watcher owns it; the supervisor only looks at it, so dropping
/// it is all that leaving takes.
pub struct Lease {
    pub(super) id: SessionId,
    pub(super) tenant: TenantId,
    pub(super) user: Option<UserId>,
    pub(super) key_prefix: String,
    connection: Box<dyn Connection>,
    since: Instant,
    /// When the watcher was last heard from, in milliseconds after `since`.
    heard: AtomicU64,
    /// When the connection last asked for more, in milliseconds after `since`.
    asked: AtomicU64,
    /// Whether it was given something then, and has not asked for more since.
    full: AtomicBool,
    goodbye: OnceLock<(Goodbye, Instant)>,
    called: Notify,
    was_cut: AtomicBool,
    kind: &'static str,
    /// Counts against the tenant's limit until the lease is dropped.
    _seat: Seat,
}

impl Lease {
    pub(super) fn new(admission: Admission, seat: Seat) -> Arc<Self> {
        let kind = if admission.user.is_some() {
            "session"
        } else {
            "stream"
        };
        metrics::gauge!("sessions_open", "kind" => kind).increment(1.0);
        Arc::new(Self {
            id: SessionId(Uuid::now_v7()),
            tenant: admission.tenant,
            user: admission.user,
            key_prefix: admission.key_prefix,
            connection: admission.connection,
            since: Instant::now(),
            heard: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            full: AtomicBool::new(false),
            goodbye: OnceLock::new(),
            called: Notify::new(),
            was_cut: AtomicBool::new(false),
            kind,
            _seat: seat,
        })
    }

    /// The session's id.
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Notes that the watcher was heard from.
    pub fn hear(&self) {
        self.heard.store(self.millis(), Ordering::Relaxed);
    }

    /// For how long nothing was heard.
    pub fn silence(&self) -> Duration {
        self.elapsed_since(&self.heard)
    }

    /// Notes that the connection asked for more, and whether it was `given` something. One that was
    /// not has room: whatever keeps it waiting is not its own slowness.
    pub fn asked(&self, given: bool) {
        self.asked.store(self.millis(), Ordering::Relaxed);
        self.full.store(given, Ordering::Relaxed);
    }

    /// How old the session is.
    pub(super) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Waits until the watcher is told to go.
    pub async fn goodbye(&self) -> Goodbye {
        loop {
            if let Some((goodbye, _)) = self.goodbye.get() {
                return *goodbye;
            }
            self.called.notified().await;
        }
    }

    /// Ends the connection at once; false when that was done before.
    pub(super) fn cut(&self) -> bool {
        let first = !self.was_cut.swap(true, Ordering::Relaxed);
        if first {
            self.connection.cut();
        }
        first
    }

    /// For how long the connection has been holding what it was given without asking for more. What
    /// counts is progress, not speed: a slow reader that goes on reading never lags.
    pub(super) fn lag(&self) -> Duration {
        if self.full.load(Ordering::Relaxed) {
            self.elapsed_since(&self.asked)
        } else {
            Duration::ZERO
        }
    }

    /// Tells the watcher to go; only the first reason counts.
    pub(super) fn dismiss(&self, goodbye: Goodbye) {
        if self.goodbye.set((goodbye, Instant::now())).is_ok() {
            self.called.notify_one();
        }
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn elapsed_since(&self, millis: &AtomicU64) -> Duration {
        let then = Duration::from_millis(millis.load(Ordering::Relaxed));
        self.since.elapsed().saturating_sub(then)
    }

    /// For how long the watcher has known that it must go.
    pub(super) fn dismissed_for(&self) -> Option<Duration> {
        self.goodbye.get().map(|(_, at)| at.elapsed())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        metrics::gauge!("sessions_open", "kind" => self.kind).decrement(1.0);
    }
}
