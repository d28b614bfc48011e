//! What is seen of the program while it is under load.

use std::time::Duration;

use tokio::time::Instant;

use crate::world::World;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What was seen of the program during a phase.
#[derive(Debug)]
pub(crate) struct Watched {
    /// Answers per second.
    pub(crate) goodput: f64,
    /// Calls that the model was busy with, on average.
    pub(crate) busy: f64,
    /// The most open tickets.
    pub(crate) most_open: f64,
    /// The most resident memory, in bytes.
    pub(crate) most_memory: u64,
}

/// Looks at the program from `warm_up` after the beginning of a phase until it is over.
pub(crate) async fn watch(world: &World, warm_up: Duration, phase: Duration) -> Watched {
    const ANSWERED: &str = "ticket_events_total{type=\"TicketAnswered\"}";
    tokio::time::sleep(warm_up).await;
    let (begun, before) = (Instant::now(), world.metrics().await.get(ANSWERED));
    let (mut most_open, mut most_memory) = (0.0, 0);
    let mut running = Vec::new();
    loop {
        running.push(world.model.server.running());
        let now = world.metrics().await;
        most_open = f64::max(most_open, now.get("tickets_open"));
        most_memory = most_memory.max(world.holdings().memory);
        if begun.elapsed() >= phase - warm_up {
            let goodput = (now.get(ANSWERED) - before) / begun.elapsed().as_secs_f64();
            return Watched {
                goodput,
                busy: running.iter().sum::<usize>() as f64 / running.len() as f64,
                most_open,
                most_memory,
            };
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
