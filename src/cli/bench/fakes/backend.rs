//! The tenant's API: it replaces every input and takes every answer.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::Served;
use crate::cli::bench::flight::Flight;
use crate::cli::bench::wire::Wire;

/// The text that the pre-process hook puts in the input's place.
const REPLACED_TEXT: &str = "She go to school every day and like to \
    study English, because it is very useful for travel and for work in other country. (Grade 8, \
    second essay of this term; the last one had a score of 71.)";

/// The tenant's API.
pub(in crate::cli::bench) struct Backend(Served);

impl Backend {
    /// Starts it. `done` is told of every answer that comes to be persisted.
    pub(in crate::cli::bench) fn start(done: Option<Arc<Flight>>) -> io::Result<Self> {
        let body = serde_json::json!({ "input": { "text": REPLACED_TEXT } }).to_string();
        let replaced: Arc<str> = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into();
        let served = Served::start("bench-backend", move |wire| {
            answer(wire, Arc::clone(&replaced), done.clone())
        })?;
        Ok(Self(served))
    }

    pub(in crate::cli::bench) const fn addr(&self) -> SocketAddr {
        self.0.addr()
    }
}

async fn answer(mut wire: Wire, replaced: Arc<str>, done: Option<Arc<Flight>>) -> io::Result<()> {
    while let Some(request) = wire.request().await? {
        if request.is_pre {
            wire.send(replaced.as_bytes()).await?;
        } else {
            if let Some(flight) = &done {
                flight.land();
            }
            wire.send(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
        }
    }
    Ok(())
}
