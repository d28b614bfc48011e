//! The program under test: this executable again, as a process of its own, so that its memory and its
//! processor time can be told from the load generator's.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use super::wire::Wire;

/// How long a child may take until it serves.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// The time between two looks at whether it does.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// The most bytes that the line with the addresses may have.
const MAX_LINE_BYTES: u64 = 4096;

/// Where Punchcard listens, as `serve --json` says it.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Addresses {
    /// The open API and the sessions.
    pub(super) listen: SocketAddr,
    /// Health and metrics.
    pub(super) admin_listen: SocketAddr,
}

/// A running child. It is killed when it is dropped.
pub(super) struct UnderTest {
    child: Child,
    pid: u32,
    /// How long it took to be ready.
    pub(super) ready_after: Duration,
}

/// What a process holds and has used, by `/proc`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    /// Memory that is in RAM.
    pub(super) rss_bytes: u64,
    /// The part of it that is not a file's: heap and stacks.
    pub(super) anonymous_bytes: u64,
    /// Processor time, in user and kernel.
    pub(super) cpu: Duration,
}

impl UnderTest {
    /// Starts the floor and reads its address from it.
    pub(super) async fn floor(
        model: SocketAddr,
        backend: SocketAddr,
    ) -> anyhow::Result<(Self, SocketAddr)> {
        let begun = Instant::now();
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("bench-floor");
        command
            .arg("--model")
            .arg(format!("http://{model}/v1/chat/completions"));
        command.arg("--backend").arg(format!("http://{backend}/"));
        command.stdout(Stdio::piped());
        let mut this = Self::spawn(command, begun)?;
        let line = tokio::time::timeout(START_PATIENCE, this.first_line()).await;
        let line = line.context("the floor did not start in time")??;
        let addr = line.trim().parse().context("the floor did not start")?;
        this.ready_after = begun.elapsed();
        Ok((this, addr))
    }

    /// Starts Punchcard and waits until it is ready. Gives its public and its admin address.
    pub(super) async fn punchcard(config: &Path) -> anyhow::Result<(Self, Addresses)> {
        let begun = Instant::now();
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", "--json", "--config"]).arg(config);
        command.stdout(Stdio::piped());
        // The benchmark's configuration is to be the only one.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PUNCHCARD_") {
                command.env_remove(name);
            }
        }
        let mut this = Self::spawn(command, begun)?;
        let line = tokio::time::timeout(START_PATIENCE, this.first_line()).await;
        let line = line.context("`serve` did not start in time")??;
        let addresses: Addresses =
            serde_json::from_str(&line).context("`serve` did not say where it listens")?;
        while !is_ready(addresses.listen).await {
            if begun.elapsed() > START_PATIENCE {
                bail!("`serve` was not ready within {START_PATIENCE:?}");
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        this.ready_after = begun.elapsed();
        Ok((this, addresses))
    }

    /// The first line that the child writes to stdout. What it writes later would be lost.
    async fn first_line(&mut self) -> anyhow::Result<String> {
        let stdout = self.child.stdout.as_mut().context("no stdout")?;
        let mut line = String::new();
        let mut reader = BufReader::new(stdout).take(MAX_LINE_BYTES);
        reader.read_line(&mut line).await?;
        Ok(line)
    }

    fn spawn(mut command: Command, begun: Instant) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).kill_on_drop(true);
        // Warnings of the program under test are shown; they explain figures.
        command.stderr(Stdio::inherit());
        let child = command
            .spawn()
            .context("cannot start this executable again")?;
        let pid = child.id().context("the child has no process id")?;
        Ok(Self {
            child,
            pid,
            ready_after: begun.elapsed(),
        })
    }

    /// What it holds and has used now.
    pub(super) fn usage(&self) -> anyhow::Result<Usage> {
        usage(&self.pid.to_string())
    }

    /// Ends it by SIGKILL and waits until it is gone.
    pub(super) async fn kill(mut self) -> io::Result<()> {
        self.child.kill().await
    }
}

/// What this process holds and has used now.
pub(super) fn own_usage() -> anyhow::Result<Usage> {
    usage("self")
}

fn usage(pid: &str) -> anyhow::Result<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .context("the benchmark reads /proc, which only Linux has")?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let kib = |key: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    };
    // The name in parentheses may hold anything, so the fields are counted from its end.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Usage {
        rss_bytes: kib("VmRSS:").context("no VmRSS")? * 1024,
        anonymous_bytes: kib("RssAnon:").context("no RssAnon")? * 1024,
        cpu: Duration::from_secs(1) * u32::try_from(ticks)? / u32::try_from(clock_ticks())?,
    })
}

fn clock_ticks() -> u64 {
    rustix::param::clock_ticks_per_second().max(1)
}

async fn is_ready(listen: SocketAddr) -> bool {
    let Ok(mut wire) = Wire::connect(listen).await else {
        return false;
    };
    let request = format!("GET /readyz HTTP/1.1\r\nhost: {listen}\r\n\r\n");
    let response = wire.ask(request.as_bytes()).await;
    response.is_ok_and(|response| response.status == 200)
}
