//! A process from outside: its memory, descriptors and threads (`/proc`), and what its metrics say.

#![allow(
    dead_code,
    reason = "each test binary that includes this file uses another part of it"
)]

use std::collections::BTreeMap;

/// What a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holdings {
    /// Resident memory, in bytes.
    pub(crate) memory: u64,
    /// Open file descriptors.
    pub(crate) descriptors: usize,
    /// Threads.
    pub(crate) threads: usize,
}

impl Holdings {
    /// What the process `pid` holds now.
    pub(crate) fn of(pid: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|rest| rest.split_whitespace().next());
            number.unwrap().parse::<u64>().unwrap()
        };
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        Self {
            memory: number("VmRSS:") * 1024,
            descriptors: descriptors.count(),
            threads: usize::try_from(number("Threads:")).unwrap(),
        }
    }
}

/// The metrics of a process at one moment, by name and labels as Prometheus writes them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// Asks the admin listener at `admin`.
    pub(crate) async fn of(http: &reqwest::Client, admin: &str) -> Self {
        let answer = http.get(format!("{admin}/metrics")).send().await.unwrap();
        let text = answer.error_for_status().unwrap().text().await.unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let figures = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(figures.collect())
    }

    /// The figure called `name`, labels included; 0 where there is none yet.
    pub(crate) fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// The sum over all labels of `name`.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let of_name = |full: &str| full == name || full.starts_with(&format!("{name}{{"));
        let figures = self.0.iter().filter(|(full, _)| of_name(full));
        figures.map(|(_, value)| value).sum()
    }
}
