//! Time and chance.

use punchcard_events::Timestamp;
use punchcard_events::retry::Jitter;
use uuid::Uuid;

/// Where the runtime gets time and chance from. Waiting itself is tokio's, so that a test can
/// pause it.
pub trait Clock: Send + Sync + 'static {
    /// The time now, as the system has it. It may jump: the runtime follows it slowly and never
    /// backwards.
    fn now(&self) -> Timestamp;

    /// A fresh draw to spread a retry with.
    fn jitter(&self) -> Jitter;

    /// A fresh UUID version 7 (RFC 9562): never given before, and later than those given before it.
    fn id(&self) -> Uuid;
}
