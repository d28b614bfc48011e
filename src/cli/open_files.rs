//! The limit of open files, which a shell's default sets far below what sessions need.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets this process and its children open as many files as the system grants, and says how many.
///
/// # Errors
/// When the system does not let it.
pub(super) fn raise() -> io::Result<usize> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, raised)?;
    // No limit at all is more than any number.
    Ok(maximum.map_or(usize::MAX, |maximum| {
        usize::try_from(maximum).unwrap_or(usize::MAX)
    }))
}
