//! `punchcard store replay`: the same history gives the same states, as often as one looks.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::adapters::store_sqlite::{self as store, ReplayError, Replayed};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{BAD, GOOD};

/// Arguments of `store replay`.
#[derive(Debug, Args)]
#[command(after_help = "\
Reads every event of every ticket and folds it, on one core. Nobody is called. Works beside a running
server, and on a backup.

Examples:
  punchcard store replay --data-dir /var/lib/punchcard
  punchcard store replay --data-dir punchcard-2026-11-23.db --json")]
pub(crate) struct ReplayArgs {
    /// The data directory, or a database file such as a backup.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data_dir: PathBuf,

    /// How often; the hash is the same each time, unless tickets move on meanwhile
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    times: u32,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    last: Replayed,
    /// Whether every time gave the same.
    same: bool,
    /// Of each time.
    seconds: Vec<f64>,
    events_per_second: Vec<f64>,
}

/// Does it. Blocks while it reads.
pub(super) fn run(args: &ReplayArgs, out: &mut Output) -> Result<Exit, Failure> {
    let mut last = store::replay(&args.data_dir).map_err(failure)?;
    let (mut same, mut seconds, mut rates) = (true, vec![], vec![]);
    for time in 0..args.times {
        if time > 0 {
            let next = store::replay(&args.data_dir).map_err(failure)?;
            same &= next.hash == last.hash;
            last = next;
        }
        seconds.push(last.took.as_secs_f64());
        rates.push(rate(&last));
    }
    let told = Told {
        last,
        same,
        seconds,
        events_per_second: rates,
    };
    print(&told, out)?;
    Ok(if told.same {
        Exit::Success
    } else {
        Exit::Negative
    })
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn rate(replayed: &Replayed) -> f64 {
    replayed.events as f64 / replayed.took.as_secs_f64().max(f64::MIN_POSITIVE)
}

fn print(told: &Told, out: &mut Output) -> Result<(), Failure> {
    if out.is_json() {
        return out.document(told);
    }
    let Replayed {
        events,
        tickets,
        hash,
        ..
    } = &told.last;
    out.line(format_args!("{events} events of {tickets} tickets"))?;
    for (state, count) in &told.last.states {
        out.line(format_args!("  {count:>10} {}", state.as_str()))?;
    }
    for (seconds, rate) in told.seconds.iter().zip(&told.events_per_second) {
        out.line(format_args!(
            "folded in {seconds:.2} s, {rate:.0} events a second"
        ))?;
    }
    if told.same {
        out.line(format_args!("{GOOD}{hash}{GOOD:#}"))?;
    } else {
        out.line(format_args!(
            "{BAD}not the same each time{BAD:#}  tickets may have moved on meanwhile; stop the server, \
             or replay a backup"
        ))?;
    }
    Ok(())
}

fn failure(error: ReplayError) -> Failure {
    match error {
        ReplayError::Open(error) => Failure::unreachable(error.to_string())
            .advise("Check --data-dir; `punchcard config show` names the server's."),
        damaged @ (ReplayError::Damaged { .. } | ReplayError::Sqlite(_)) => {
            Failure::negative(damaged.to_string())
                .advise("`punchcard store verify` lists all damage.")
        }
    }
}
