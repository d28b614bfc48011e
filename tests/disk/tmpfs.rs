//! A real disk that is full: a small tmpfs in a mount namespace of its own.
//!
//! Only with `PUNCHCARD_TMPFS=1`, since not every kernel lets everybody have one; what it shows is shown
//! by the shim in every run (`faults.rs`). A file system cannot be made read-only while files on it are
//! open for writing, short of an error of the disk below it, so that is the shim's alone.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use crate::faults::{Outages, PATIENT};
use crate::load::Load;
use crate::punchcard::Env;
use crate::world::text;

const SWITCH: &str = "PUNCHCARD_TMPFS";
/// Set for the process that runs in the namespace.
const INSIDE: &str = "inside";
const TEST: &str = "tmpfs::a_real_full_disk_stops_intake_but_not_reads_and_heals_without_a_restart";

#[tokio::test]
async fn a_real_full_disk_stops_intake_but_not_reads_and_heals_without_a_restart() {
    match std::env::var(SWITCH).as_deref() {
        Ok(INSIDE) => fill_and_clear().await,
        Ok("1") => run_inside(),
        _ => eprintln!("only with {SWITCH}=1"),
    }
}

/// Runs this very test in a namespace where it may mount.
fn run_inside() {
    let ended = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(SWITCH, INSIDE)
        .status();
    assert!(ended.unwrap().success());
}

async fn fill_and_clear() {
    let mut filler = std::path::PathBuf::new();
    let load = Load::start_with(PATIENT, |world| {
        let data_dir = world.data_dir();
        std::fs::create_dir(&data_dir).unwrap();
        let args = ["-t", "tmpfs", "-o", "size=8m", "tmpfs", text(&data_dir)];
        assert!(Command::new("mount").args(args).status().unwrap().success());
        filler = data_dir.join("filler");
        Env::new()
    });
    let mut outages = Outages::begin(load.await).await;
    for _ in 0..3 {
        outages.load.is_at_work().await;
        fill(&filler);
        outages
            .last_until(|| std::fs::remove_file(&filler).unwrap())
            .await;
    }
    let data_dir = outages.load.world.data_dir();
    let account = outages.load.settle().await;
    assert!(account.delivered > 0);
    assert!(
        Command::new("umount")
            .arg(data_dir)
            .status()
            .unwrap()
            .success()
    );
}

/// Writes until the disk says that it is full.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    let error = loop {
        if let Err(error) = file.write_all(&[0; 4_096]) {
            break error;
        }
    };
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull, "{error}");
}
