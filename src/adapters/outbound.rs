//! Which addresses Punchcard may call when somebody else chose the URL.
//!
//! A tenant names its callback URLs, so a tenant could name our database, our cloud's metadata
//! service or a neighbour's printer (server-side request forgery). Two checks stand against it, and
//! both are needed: [`check_url`] judges the URL and a host that is an IP address, for which an HTTP
//! client asks no resolver; [`GuardedResolver`] judges what a name resolves to, at the moment it is
//! dialled, so that an answer that changes between a check and a call (DNS rebinding) gains nothing.
//!
//! The caller must also turn redirects and proxies off: both would dial an address that neither
//! check has seen. Calls to addresses that the operator configured (the model's server) need no
//! guard and do not come here.

mod address;
mod resolver;
mod url;

pub use address::{ForbiddenAddress, Reach, is_public};
pub use resolver::{GuardedResolver, Lookup, SystemLookup};
pub use url::{UrlError, check_url};
