//! What the running program costs, as the system and its own metrics tell.

use std::fs;
use std::net::SocketAddr;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::world::World;

/// Where sessions are opened.
pub(crate) fn address(world: &World) -> SocketAddr {
    let base = world.api.base().strip_prefix("http://");
    base.and_then(|base| base.parse().ok()).expect("an address")
}

/// The resident memory of a process, in bytes.
pub(crate) fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: u64 = kib.and_then(|kib| kib.parse().ok()).expect("a size");
    kib * 1024
}

/// How many file descriptors a process has open.
pub(crate) fn descriptors(pid: u32) -> usize {
    let open = fs::read_dir(format!("/proc/{pid}/fd"));
    open.expect("it runs").count()
}

/// A metric of the program; 0 where it was never counted.
pub(crate) async fn metric(world: &mut World, line: &str) -> f64 {
    let url = format!("{}/metrics", world.server().admin());
    let text = crate::api::http().get(url).send().await;
    let text = text.expect("an answer").text().await.expect("a text");
    let value = text.lines().find_map(|found| found.strip_prefix(line));
    value.map_or(0.0, |value| value.trim().parse().expect("a number"))
}

/// At most `wanted` connections, as far as the system lets this process and the program hold them. The
/// program raises its own limit, and takes two descriptors for a connection.
pub(crate) fn affordable(wanted: usize) -> usize {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, raised).expect("the hard limit is allowed");
    let granted = maximum.map_or(usize::MAX, |maximum| {
        maximum.try_into().unwrap_or(usize::MAX)
    });
    let most = granted.saturating_sub(500) / 2;
    if most < wanted {
        eprintln!("{granted} open files are allowed: {most} connections in place of {wanted}");
    }
    wanted.min(most)
}

/// A number from the environment, or the size that fits the gate.
pub(crate) fn size(name: &str, usual: usize) -> usize {
    let given = std::env::var(name).ok();
    given.map_or(usual, |given| given.parse().expect("a number"))
}
