//! `punchcard store`: the embedded event store, beside a running server or without one.

mod replay;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use comfy_table::Cell;

use super::exit::{Exit, Failure};
use super::output::Output;
use super::style::{self, BAD, BOLD, DIM, GOOD};
use punchcard_actors::ports::Clock as _;
use replay::ReplayArgs;

use crate::adapters::clock::SystemClock;
use crate::adapters::store_sqlite::{
    self as store, Finding, LossError, Options, Report, Stats, StatsError, WitnessSays,
};

/// What to do with a store.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Check that the stored history is intact; exits with 1 where it is not.
    Verify(StoreArgs),
    /// Count events, streams and tickets.
    Stats(StoreArgs),
    /// Copy the store to a new file while the server runs.
    Backup(BackupArgs),
    /// Fold every ticket's history again and print one hash over what they come to.
    Replay(ReplayArgs),
    /// Make the ticket list anew from the events; the server must not run.
    RebuildList(StoreArgs),
    /// Go on without events that are lost; the server must not run.
    AcceptLoss(AcceptLossArgs),
}

/// Which store.
#[derive(Debug, Args)]
#[command(after_help = "\
Works beside a running server.

Examples:
  punchcard store verify --data-dir /var/lib/punchcard
  punchcard store verify --data-dir punchcard-2026-11-23.db      a backup
  punchcard store stats --json")]
pub(crate) struct StoreArgs {
    /// The data directory, or a database file such as a backup.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data_dir: PathBuf,

    /// The head witness, where `store.witness` puts it elsewhere than beside the database.
    #[arg(long, value_name = "FILE")]
    witness: Option<PathBuf>,
}

impl StoreArgs {
    fn options(&self) -> Options {
        Options {
            witness: self.witness.clone(),
            ..Options::new(&self.data_dir)
        }
    }
}

/// Arguments of `store accept-loss`.
#[derive(Debug, Args)]
#[command(after_help = "\
For a store that refuses to open because it does not fit its witness: acknowledged events are gone,
or nobody can tell. First keep a copy of the whole data directory, and look for a newer copy of the
database. What is accepted is recorded in the store; positions that were given are not given again.

Examples:
  punchcard store accept-loss --data-dir /var/lib/punchcard")]
pub(crate) struct AcceptLossArgs {
    /// Which store.
    #[command(flatten)]
    store: StoreArgs,

    /// The head witness is gone for good; without this, a missing one is taken for one elsewhere.
    #[arg(long)]
    without_witness: bool,
}

/// Arguments of `store backup`.
#[derive(Debug, Args)]
#[command(after_help = "\
The copy holds every ticket accepted before the command began. It appears under its name only when
it is whole. To restore it, put it into an empty data directory as punchcard.db. Put beside the
witness of a store that went on since, it is refused until the loss is accepted.

Examples:
  punchcard store backup punchcard-$(date +%F).db --data-dir /var/lib/punchcard
  punchcard store verify --data-dir punchcard-2026-11-23.db")]
pub(crate) struct BackupArgs {
    /// The file to write; nothing may be there.
    file: PathBuf,

    /// Which store.
    #[command(flatten)]
    store: StoreArgs,
}

/// Does it. Blocks while it reads.
pub(crate) fn run(command: &StoreCommand, out: &mut Output) -> Result<Exit, Failure> {
    let unreachable = |error: &dyn std::error::Error| {
        Failure::unreachable(error.to_string())
            .advise("Check --data-dir; `punchcard config show` names the server's.")
    };
    match command {
        StoreCommand::Verify(args) => {
            let report = store::verify_with(&args.data_dir, args.witness.as_deref());
            let report = report.map_err(|error| unreachable(&error))?;
            print_report(&report, out)
        }
        StoreCommand::Stats(args) => {
            let stats = store::stats(&args.data_dir).map_err(|error| unreachable(&error))?;
            print_stats(&stats, out)
        }
        StoreCommand::Backup(args) => {
            let made = store::backup(&args.store.data_dir, &args.file);
            let made = made.map_err(|error| match &error {
                store::BackupError::Exists(_) => Failure::usage(error.to_string()),
                store::BackupError::Open(_) => unreachable(&error),
                store::BackupError::File { .. } | store::BackupError::Sqlite { .. } => {
                    Failure::negative(error.to_string())
                }
            })?;
            if out.is_json() {
                out.document(&made)?;
            } else {
                let (path, bytes) = (made.path.display(), size(made.bytes));
                let last = made.last_position;
                out.line(format_args!("{path}  {bytes}, up to position {last}"))?;
            }
            Ok(Exit::Success)
        }
        StoreCommand::Replay(args) => replay::run(args, out),
        StoreCommand::RebuildList(args) => rebuild_list(args, out),
        StoreCommand::AcceptLoss(args) => accept_loss(args, out),
    }
}

fn rebuild_list(args: &StoreArgs, out: &mut Output) -> Result<Exit, Failure> {
    let made = store::rebuild_list(&args.options());
    let tickets = made.map_err(|error| match &error {
        StatsError::Open(_) => Failure::unreachable(error.to_string()),
        StatsError::Read(_) => Failure::negative(error.to_string()),
    })?;
    if out.is_json() {
        out.document(&serde_json::json!({ "tickets": tickets }))?;
    } else {
        out.line(format_args!("{GOOD}rebuilt{GOOD:#}  {tickets} tickets"))?;
    }
    Ok(Exit::Success)
}

fn accept_loss(args: &AcceptLossArgs, out: &mut Output) -> Result<Exit, Failure> {
    let now = SystemClock.now().as_millis();
    let accepted = store::accept_loss(&args.store.options(), args.without_witness, now);
    let accepted = accepted.map_err(|error| match &error {
        LossError::NothingLost | LossError::NoWitness { .. } => {
            Failure::negative(error.to_string())
        }
        LossError::Open(_) => Failure::unreachable(error.to_string()),
    })?;
    if out.is_json() {
        out.document(&accepted)?;
        return Ok(Exit::Success);
    }
    let lost = match accepted.lost_events {
        Some(1) => "1 event is lost".to_owned(),
        Some(lost) => format!("{lost} events are lost"),
        None => "how much is lost cannot be told".to_owned(),
    };
    let (last, given) = (accepted.last_position, accepted.positions_given_up_to);
    out.line(format_args!(
        "{BAD}{lost}{BAD:#}  the newest that is left has position {last}; new ones come after {given}"
    ))?;
    if let Some(old) = &accepted.old_witness {
        out.note(format_args!("the old witness is kept as {}", old.display()));
    }
    Ok(Exit::Success)
}

fn print_report(report: &Report, out: &mut Output) -> Result<Exit, Failure> {
    let exit = if report.is_clean() {
        Exit::Success
    } else {
        Exit::Negative
    };
    if out.is_json() {
        out.document(report)?;
        return Ok(exit);
    }
    let (events, streams, tickets) = (report.events, report.streams, report.tickets);
    let mut checked = format!("{events} events in {streams} streams, {tickets} tickets");
    let losses = report.losses;
    if losses > 0 {
        let times = if losses == 1 {
            "once"
        } else {
            "more than once"
        };
        checked = format!("{checked}, lost events accepted {times}");
    }
    let witness = match report.witness {
        WitnessSays::NotExpected => "no witness, as in a backup",
        WitnessSays::Agrees => "the witness agrees",
        WitnessSays::Behind => "the witness is behind, as after a kill",
        WitnessSays::OneSlotDamaged => "the witness agrees, one of its slots is damaged",
        WitnessSays::Contradicts => "the witness contradicts",
    };
    let checked = format!("{checked}; {witness}");
    if report.is_clean() {
        out.line(format_args!("{GOOD}intact{GOOD:#}  {checked}"))?;
        return Ok(exit);
    }
    let total = report.findings_total;
    let findings = if total == 1 { "finding" } else { "findings" };
    out.line(format_args!("{BAD}{total} {findings}{BAD:#}  {checked}"))?;
    out.line("")?;
    let mut table = style::table(out.terminal(), &["kind", "stream", "rev", "what"]);
    for finding in &report.findings {
        table.add_row(finding_row(finding));
    }
    out.line(table.trim_fmt())?;
    let kept = report.findings.len() as u64;
    if kept < total {
        out.note(format_args!("and {} more", total - kept));
    }
    Ok(exit)
}

fn finding_row(finding: &Finding) -> Vec<Cell> {
    let kind = serde_json::to_value(finding.kind).unwrap_or_default();
    let revision = finding.revision.map(|revision| revision.to_string());
    vec![
        Cell::new(kind.as_str().unwrap_or_default()).fg(comfy_table::Color::Red),
        Cell::new(style::safe(finding.stream.as_deref().unwrap_or("-"))),
        style::number(revision.unwrap_or_else(|| "-".to_owned())),
        Cell::new(style::safe(&finding.message)),
    ]
}

fn print_stats(stats: &Stats, out: &mut Output) -> Result<Exit, Failure> {
    if out.is_json() {
        out.document(stats)?;
        return Ok(Exit::Success);
    }
    let time = |at: Option<_>| at.map_or_else(|| "-".to_owned(), style::time);
    let facts = [
        ("events", stats.events.to_string()),
        ("streams", stats.streams.to_string()),
        ("tickets", stats.tickets.values().sum::<u64>().to_string()),
        ("database", size(stats.database_bytes)),
        ("log", size(stats.wal_bytes)),
        ("oldest event", time(stats.oldest_event_at)),
        ("newest event", time(stats.newest_event_at)),
    ];
    for (name, value) in facts {
        out.line(format_args!("{DIM}{name:<13}{DIM:#} {BOLD}{value}{BOLD:#}"))?;
    }
    if stats.tickets.is_empty() {
        return Ok(Exit::Success);
    }
    out.line("")?;
    let mut table = style::table(out.terminal(), &["state", "tickets"]);
    for (state, count) in &stats.tickets {
        table.add_row(vec![style::state_cell(*state), style::number(count)]);
    }
    out.line(table.trim_fmt())?;
    Ok(Exit::Success)
}

/// Bytes in the unit that fits.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut tenths, mut unit) = (u128::from(bytes) * 10 / 1024, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or("TiB");
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::store_sqlite::{FindingKind, SqliteStore};

    fn ran(command: &StoreCommand) -> (Result<Exit, Failure>, String) {
        let (mut out, results, _) = Output::captured(false);
        (run(command, &mut out), results.text())
    }

    fn at(data_dir: &std::path::Path) -> StoreArgs {
        StoreArgs {
            data_dir: data_dir.to_owned(),
            witness: None,
        }
    }

    #[test]
    fn a_store_that_is_not_there_cannot_be_reached() {
        let dir = tempfile::tempdir().unwrap();
        let (ended, _) = ran(&StoreCommand::Verify(at(&dir.path().join("none"))));
        assert_eq!(ended.unwrap_err().exit(), Exit::Unreachable);
    }

    #[test]
    fn an_intact_store_is_counted_and_backed_up_but_never_over_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let store = SqliteStore::open(Options::new(&data)).unwrap();
        let (ended, text) = ran(&StoreCommand::Verify(at(&data)));
        assert_eq!(ended, Ok(Exit::Success));
        assert!(text.starts_with("intact  0 events"), "{text}");
        let backup = StoreCommand::Backup(BackupArgs {
            file: dir.path().join("copy.db"),
            store: at(&data),
        });
        assert_eq!(ran(&backup).0, Ok(Exit::Success));
        assert_eq!(ran(&backup).0.unwrap_err().exit(), Exit::Usage);
        store.close();
    }

    #[test]
    fn a_loss_is_accepted_once_and_the_list_is_rebuilt() {
        let dir = tempfile::tempdir().unwrap();
        let accept_as = |without_witness| {
            StoreCommand::AcceptLoss(AcceptLossArgs {
                store: at(dir.path()),
                without_witness,
            })
        };
        let accept = accept_as(false);
        assert_eq!(ran(&accept).0.unwrap_err().exit(), Exit::Unreachable);
        SqliteStore::open(Options::new(dir.path())).unwrap().close();
        assert_eq!(ran(&accept).0.unwrap_err().exit(), Exit::Negative);
        std::fs::remove_file(dir.path().join("punchcard.witness")).unwrap();
        let rebuild = StoreCommand::RebuildList(at(dir.path()));
        assert_eq!(ran(&rebuild).0.unwrap_err().exit(), Exit::Unreachable);
        let refused = ran(&accept).0.unwrap_err();
        assert_eq!(refused.exit(), Exit::Negative, "a witness may be elsewhere");
        let (ended, text) = ran(&accept_as(true));
        assert_eq!(ended, Ok(Exit::Success));
        assert!(
            text.starts_with("how much is lost cannot be told"),
            "{text}"
        );
        assert_eq!(ran(&rebuild).1, "rebuilt  0 tickets\n");
        let (ended, text) = ran(&StoreCommand::Verify(at(dir.path())));
        assert_eq!(ended, Ok(Exit::Success));
        assert!(text.contains("accepted once; the witness agrees"), "{text}");
    }

    #[test]
    fn findings_are_a_table_and_a_negative_exit() {
        let finding = Finding {
            kind: FindingKind::BrokenChain,
            stream: Some("ticket-1".to_owned()),
            revision: Some(3),
            message: "the event is not what was written".to_owned(),
        };
        let report = Report {
            findings_total: 1,
            findings: vec![finding],
            ..Report::default()
        };
        let (mut out, results, _) = Output::captured(false);
        assert_eq!(print_report(&report, &mut out), Ok(Exit::Negative));
        let text = results.text();
        assert!(
            text.contains("1 finding") && text.contains("broken_chain"),
            "{text}"
        );
    }

    #[test]
    fn sizes_come_in_the_unit_that_fits() {
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(5 << 20), "5.0 MiB");
    }
}
