//! What the figures were measured on.

use std::fs;
use std::path::Path;

use serde::Serialize;

/// The machine.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Machine {
    cores: usize,
    cpu: String,
    memory_bytes: u64,
    kernel: String,
    /// Of the directory that the data are in.
    filesystem: String,
    /// The load average of the last minute when the benchmark began: above zero means that others
    /// take part of the machine.
    load: String,
    build: &'static str,
}

impl Machine {
    /// This machine, with the data in `data_dir`. What the system does not say is `unknown`.
    pub(super) fn here(data_dir: &Path) -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let of_key = |text: &str, key: &str| {
            let line = text.lines().find(|line| line.starts_with(key))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = of_key(&read("/proc/meminfo"), "MemTotal");
        let memory = memory.and_then(|m| m.trim_end_matches("kB").trim().parse::<u64>().ok());
        let unknown = || "unknown".to_owned();
        Self {
            cores: std::thread::available_parallelism().map_or(0, Into::into),
            cpu: of_key(&read("/proc/cpuinfo"), "model name").unwrap_or_else(unknown),
            memory_bytes: memory.unwrap_or(0) * 1024,
            kernel: format!(
                "{} {}",
                read("/proc/sys/kernel/ostype").trim(),
                read("/proc/sys/kernel/osrelease").trim()
            ),
            filesystem: filesystem(&read("/proc/mounts"), data_dir).unwrap_or_else(unknown),
            load: read("/proc/loadavg")
                .split(' ')
                .next()
                .map_or_else(unknown, str::to_owned),
            build: if cfg!(debug_assertions) {
                "debug: these figures say nothing"
            } else {
                "release"
            },
        }
    }

    /// The machine in lines for people.
    pub(super) fn lines(&self) -> Vec<String> {
        let gib = self.memory_bytes / (1 << 30);
        vec![
            format!(
                "machine     {} cores, {}, {gib} GiB, {}",
                self.cores, self.cpu, self.kernel
            ),
            format!("filesystem  {}, load before {}", self.filesystem, self.load),
            format!("build       {}", self.build),
        ]
    }
}

/// The type of the file system that `path` is in: that of the longest mount point above it.
fn filesystem(mounts: &str, path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (_, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
        path.starts_with(point).then_some((point, kind))
    });
    let (_, kind) = mounts.max_by_key(|(point, _)| point.len())?;
    Some(kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_is_that_of_the_nearest_mount_point() {
        let mounts = "/dev/a / ext4 rw 0 0\nproc /proc proc rw 0 0\n";
        assert_eq!(
            filesystem(mounts, Path::new("/proc/self/..")).as_deref(),
            Some("proc")
        );
        assert_eq!(filesystem(mounts, Path::new("/")).as_deref(), Some("ext4"));
    }
}
