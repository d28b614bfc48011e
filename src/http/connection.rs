//! A second handle on a connection's socket, so that it can be shut down while its actor is frozen.

use std::any::Any;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use punchcard_actors::sessions::Connection;
use socket2::SockRef;

/// The most bytes that wait in the system's send buffer of a session or stream before they are on the
/// way. Without it the system takes megabytes for a peer that reads nothing, and a slow reader's
/// progress shows in steps of that size.
const UNSENT: u32 = 8 * 1024;

/// A connection's socket.
#[derive(Clone)]
pub(super) struct Socket(Arc<TcpStream>);

impl Socket {
    /// Keeps a handle on a new connection. Without file descriptors to spare there is none, and what
    /// needs one refuses.
    pub(super) fn remember(stream: &dyn Any, extensions: &mut Extensions) {
        let stream = stream.downcast_ref::<actix_web::rt::net::TcpStream>();
        let handle = stream.and_then(|stream| stream.as_fd().try_clone_to_owned().ok());
        if let Some(handle) = handle {
            extensions.insert(Self(Arc::new(handle.into())));
        }
    }

    /// The socket that `request` came over.
    pub(super) fn of(request: &HttpRequest) -> Option<Self> {
        request.conn_data::<Self>().cloned()
    }

    /// Makes the connection one that lives long: little waits in the system, and a peer that vanished
    /// without a word is given up after `patience`, heartbeats or not (`TCP_USER_TIMEOUT`, RFC 5482).
    pub(super) fn lives_long(&self, patience: Duration) {
        let socket = SockRef::from(self.0.as_ref());
        // Without them a stopped reader costs more and a dead one is found later; no more than that.
        let _ = socket.set_tcp_notsent_lowat(UNSENT);
        let _ = socket.set_tcp_user_timeout(Some(patience));
    }
}

impl Connection for Socket {
    fn cut(&self) {
        // The peer may have gone first; then there is nothing left to shut down.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}
