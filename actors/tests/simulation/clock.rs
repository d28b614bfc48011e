//! The clock: tokio's time, plus the jumps of the time of day.

use std::sync::Arc;

use punchcard_actors::ports::Clock;
use punchcard_actors::testing::clock::seeded_id;
use punchcard_events::Timestamp;
use punchcard_events::retry::Jitter;
use uuid::Uuid;

use crate::stage::Stage;

/// Time and chance, all from the plan.
pub(crate) struct SimClock(pub(crate) Arc<Stage>);

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.0.lock().time.now()
    }

    fn jitter(&self) -> Jitter {
        Jitter::from_bits(self.0.lock().chance.bits())
    }

    fn id(&self) -> Uuid {
        let mut inner = self.0.lock();
        inner.ids += 1;
        seeded_id(inner.time.now(), inner.ids, 0)
    }
}
