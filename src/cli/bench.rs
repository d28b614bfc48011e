//! `punchcard bench`: what a durable ticket costs, beside a program that keeps nothing.
//!
//! `docs/benchmark.md` is the method. The program under test runs in a child process; the load
//! generator and the fakes of the world run here. There is no assertion on a figure anywhere: the
//! targets are printed beside what was measured.

mod child;
mod fairness;
mod fakes;
mod flight;
mod floor;
mod idle_sessions;
mod issuers;
mod latency;
mod machine;
mod open_tickets;
mod prompts;
mod replay;
mod report;
mod sessions;
mod settings;
mod setup;
mod stats;
mod throughput;
mod wire;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::exit::{Exit, Failure};
use super::open_files;
use super::output::Output;
use super::runtime::on_client;
use machine::Machine;
use report::Report;
use settings::Settings;

pub(crate) use floor::FloorArgs;

/// Arguments of `bench`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
It takes about 20 minutes and 8 GB of disk, and a machine that does nothing else meanwhile. A target
that is not reached is printed, and is no failure.

Examples:
  punchcard bench
  punchcard bench --quick
  punchcard bench --only throughput --rounds 9 --in-flight 100
  punchcard bench --json > figures.json")]
pub(crate) struct BenchArgs {
    /// Measure for about a minute: one short round, a tenth of the tickets and sessions
    #[arg(long)]
    quick: bool,

    /// Measure only this; may be given several times
    #[arg(long, value_enum, value_name = "SECTION")]
    only: Vec<Section>,

    /// Pairs of rounds for each combination [default: 5]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: Option<u32>,

    /// How long each round is measured [default: 5]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: Option<u32>,

    /// How long each runs before it is measured [default: 2]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(0..=60))]
    warm_up: Option<u32>,

    /// Tickets under way at a time
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1_000])]
    in_flight: Vec<usize>,

    /// Open tickets of `memory` and `recovery` [default: 100000], and all of `replay` [default: 1000000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=5_000_000))]
    tickets: Option<u64>,

    /// Idle sessions of `sessions` [default: 10000]
    #[arg(long)]
    sessions: Option<usize>,

    /// Prompts of `prompts`, each with 50 versions [default: 10000]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    prompts: Option<u32>,

    /// Tickets of the flood of `fairness` [default: 100000]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=500_000))]
    flood: Option<u32>,

    /// Where the data are while it runs [default: the system's directory for temporary files]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Section {
    /// Tickets per second of the floor and of Punchcard
    Throughput,
    /// From the model's first words to the user
    Latency,
    /// Memory of open tickets
    Memory,
    /// Memory of idle sessions
    Sessions,
    /// From kill -9 to ready
    Recovery,
    /// Start, list and rendering with many prompts
    Prompts,
    /// Nine tenants beside one that floods, and shares of tokens
    Fairness,
    /// Folding the whole history of many tickets
    Replay,
}

/// Measures and prints.
pub(crate) fn run(args: &BenchArgs, out: &mut Output) -> Result<Exit, Failure> {
    let open_files = open_files::raise()
        .context("cannot raise the limit of open files")
        .map_err(failed)?;
    let report = on_client(async {
        tokio::select! {
            report = measure(args, open_files, out) => report.map_err(failed),
            _ = tokio::signal::ctrl_c() => Err(Failure::negative("interrupted")),
        }
    })?;
    if out.is_json() {
        out.document(&report)?;
    } else {
        out.line(report.lines().join("\n"))?;
    }
    Ok(Exit::Success)
}

/// The hidden command that the floor is.
pub(crate) fn run_floor(args: &FloorArgs, out: &mut Output) -> Result<Exit, Failure> {
    floor::serve(args, out).map_err(failed)?;
    Ok(Exit::Success)
}

fn failed(error: anyhow::Error) -> Failure {
    Failure::negative(format!("failed to measure: {error:#}"))
}

async fn measure(args: &BenchArgs, open_files: usize, out: &mut Output) -> anyhow::Result<Report> {
    let settings = Settings::new(args, open_files);
    let wanted = |section| args.only.is_empty() || args.only.contains(&section);
    let mut report = Report {
        version: env!("CARGO_PKG_VERSION"),
        command: std::env::args().collect(),
        machine: Machine::here(&settings.directory),
        settings,
        throughput: None,
        latency: None,
        memory: None,
        sessions: None,
        recovery: None,
        prompts: None,
        fairness: None,
        replay: None,
    };
    let settings = &report.settings;
    if wanted(Section::Throughput) {
        let mut cells = Vec::new();
        for &delay in &settings.model_delays_ms {
            for &in_flight in &settings.in_flight {
                out.note(format_args!(
                    "throughput: model delay {delay} ms, {in_flight} in flight"
                ));
                cells.push(throughput::measure(settings, delay, in_flight).await?);
            }
        }
        report.throughput = Some(cells);
    }
    if wanted(Section::Latency) {
        let mut loads = Vec::new();
        for &in_flight in &settings.latency_in_flight {
            out.note(format_args!("latency: {in_flight} in flight"));
            loads.push(latency::measure(settings, in_flight).await?);
        }
        report.latency = Some(loads);
    }
    if wanted(Section::Memory) || wanted(Section::Recovery) {
        out.note(format_args!(
            "memory: {} open tickets",
            settings.open_tickets
        ));
        let recovery = wanted(Section::Recovery);
        let (memory, recovery) = open_tickets::measure(settings, recovery).await?;
        report.memory = wanted(Section::Memory).then_some(memory);
        report.recovery = recovery;
    }
    if wanted(Section::Sessions) {
        out.note(format_args!("sessions: {} idle", settings.idle_sessions));
        report.sessions = Some(idle_sessions::measure(settings).await?);
    }
    measure_stored(args, &mut report, out).await?;
    Ok(report)
}

/// What much that is stored costs, and who waits for whom.
async fn measure_stored(
    args: &BenchArgs,
    report: &mut Report,
    out: &mut Output,
) -> anyhow::Result<()> {
    let wanted = |section| args.only.is_empty() || args.only.contains(&section);
    let settings = &report.settings;
    if wanted(Section::Prompts) {
        let (prompts, versions) = (settings.prompts, settings.prompt_versions);
        out.note(format_args!(
            "prompts: {prompts} with {versions} versions each"
        ));
        report.prompts = Some(prompts::measure(settings).await?);
    }
    if wanted(Section::Fairness) {
        out.note(format_args!("fairness: a flood of {}", settings.flood));
        report.fairness = Some(fairness::measure(settings).await?);
    }
    if wanted(Section::Replay) {
        out.note(format_args!("replay: {} tickets", settings.replay_tickets));
        report.replay = Some(replay::measure(settings).await?);
    }
    Ok(())
}
