//! Who may read what the program writes: its own user, whatever the umask, and wherever it writes.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::pair::prepare;

/// The program under a umask that takes no right away.
fn unmasked(args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "umask 0; exec \"$0\" \"$@\"",
            env!("CARGO_BIN_EXE_punchcard"),
        ])
        .args(args)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// The files in `dir` with their modes.
fn modes(dir: &Path) -> Vec<(PathBuf, u32)> {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    entries.map(|e| (e.path(), mode(&e.path()))).collect()
}

#[tokio::test]
async fn files_of_the_store_and_its_backups_are_for_their_owner_only_even_in_a_shared_directory() {
    let dir = tempfile::tempdir().unwrap();
    let (mut tenants, configs) = prepare(dir.path()).await;
    // A directory that an operator made, and that others may look into.
    let data_dir = dir.path().join("data");
    std::fs::create_dir(&data_dir).unwrap();
    std::fs::set_permissions(&data_dir, Permissions::from_mode(0o755)).unwrap();

    let mut server = unmasked(&["--json", "serve", "--config", configs[0].to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(server.stdout.take().unwrap());
    let mut line = String::new();
    let announced = tokio::time::timeout(Duration::from_secs(30), stdout.read_line(&mut line));
    announced.await.unwrap().unwrap();
    let addresses: Value = serde_json::from_str(&line).unwrap();
    let base = format!("http://{}", addresses["listen"].as_str().unwrap());
    let tenant = &mut tenants[0];
    tenant.api.moved_to(&base);
    let ticket = tenant.issue("say", "private").await;
    tenant.api.until_event(&ticket, "TicketPersisted").await;

    let backup = dir.path().join("backup.db");
    let (from, to) = (data_dir.to_str().unwrap(), backup.to_str().unwrap());
    let made = unmasked(&["store", "backup", to, "--data-dir", from])
        .output()
        .await;
    assert!(made.as_ref().unwrap().status.success(), "{made:?}");

    let mut found = modes(&data_dir);
    // Database, its log and the log's index, the lock and the witness.
    assert!(found.len() >= 5, "{found:?}");
    found.extend(
        modes(dir.path())
            .into_iter()
            .filter(|(path, _)| *path == backup),
    );
    for (path, mode) in &found {
        assert_eq!(
            mode & 0o077,
            0,
            "{mode:o}: others may touch {}",
            path.display()
        );
    }
    assert!(found.iter().any(|(path, _)| *path == backup));
    server.kill().await.unwrap();
}

/// The control: under this umask a program that says nothing about modes makes open files.
#[tokio::test]
async fn the_umask_of_these_tests_hides_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("open");
    let touched = Command::new("sh")
        .args(["-c", "umask 0; : > \"$0\"", file.to_str().unwrap()])
        .status()
        .await;
    assert!(touched.unwrap().success());
    assert_eq!(modes(dir.path()), [(file, 0o666)]);
}
