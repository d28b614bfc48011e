//! A second handle on a connection's socket, so that it can be shut down while its actor is frozen.

use std::any::Any;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use punchcard_actors::sessions::Connection;

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
}

impl Connection for Socket {
    fn cut(&self) {
        // The peer may have gone first; then there is nothing left to shut down.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}
