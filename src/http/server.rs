//! The HTTP servers: handed their sockets and their off switch.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::{io, num::NonZeroUsize};

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpServer};

use super::connection::Socket;
use super::routes::{self, Door, Route};
use super::{Api, Bounds, Options, Parts};

/// With this many bytes waiting for a connection, no more of its response is pulled.
const WRITE_BUFFER: usize = 8 * 1024;

/// The running servers.
pub struct Serving {
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
    handles: Vec<ServerHandle>,
}

impl Serving {
    /// Where the public routes are served.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the admin routes are served.
    pub const fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// Stops accepting, lets requests in flight end within the shutdown time, then closes. Close the
    /// sessions first: to a server they are requests that never end.
    pub async fn stop(&self) {
        for handle in &self.handles {
            handle.stop(true).await;
        }
    }

    /// Closes everything at once.
    pub async fn abort(&self) {
        for handle in &self.handles {
            handle.stop(false).await;
        }
    }
}

/// Serves the public routes on `listener` and the admin routes on `admin`. Must be called on an actix
/// runtime; returns at once.
///
/// # Errors
/// When a socket cannot be used.
pub fn serve(
    listener: TcpListener,
    admin: Option<TcpListener>,
    parts: Parts,
    options: Options,
) -> io::Result<Serving> {
    let api = Api {
        parts: Arc::new(parts),
        bounds: Arc::new(Bounds::new(&options)),
        options: Arc::new(options),
    };
    let address = listener.local_addr()?;
    let mut servers = vec![start(
        Door::Public,
        routes::table(),
        listener,
        &api,
        api.options.workers,
    )?];
    let admin_address = admin.as_ref().map(TcpListener::local_addr).transpose()?;
    if let Some(admin) = admin {
        let one = NonZeroUsize::MIN;
        servers.push(start(
            Door::Admin,
            routes::admin_listener(),
            admin,
            &api,
            one,
        )?);
    }
    let handles = servers.iter().map(Server::handle).collect();
    for server in servers {
        actix_web::rt::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(error.cause = %error, "an HTTP server ended");
            }
        });
    }
    Ok(Serving {
        address,
        admin_address,
        handles,
    })
}

fn start(
    door: Door,
    table: impl Iterator<Item = &'static Route> + Clone + Send + 'static,
    listener: TcpListener,
    api: &Api,
    workers: NonZeroUsize,
) -> io::Result<Server> {
    let options = Arc::clone(&api.options);
    let api = api.clone();
    let server = HttpServer::new(move || {
        App::new().configure(|app| routes::configure(door, table.clone(), &api, app))
    })
    .workers(workers.get())
    .max_connections((options.max_connections / workers).max(1))
    .client_request_timeout(options.header_timeout)
    .client_disconnect_timeout(std::time::Duration::from_secs(2))
    .keep_alive(options.keep_alive)
    .tcp_nodelay(true)
    .h1_write_buffer_size(WRITE_BUFFER)
    .shutdown_timeout(options.shutdown_timeout.as_secs())
    .disable_signals()
    .on_connect(Socket::remember)
    .listen(listener)?;
    Ok(server.run())
}
