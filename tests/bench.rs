//! `punchcard bench`, as small as it gets: every section runs end to end and the report has the
//! shape that programs rely on. No figure is judged: a test machine is no place for that.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]
fn bench(dir: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_punchcard"))
        .args(["bench", "--json", "--rounds", "2", "--seconds", "1"])
        .args(["--warm-up", "0", "--in-flight", "4"])
        .args(["--tickets", "40", "--sessions", "20"])
        .args(["--prompts", "3", "--flood", "50", "--dir"])
        .arg(dir)
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn positive(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number > 0.0)
}

#[test]
fn a_tiny_benchmark_measures_every_section_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let report = bench(dir.path());

    assert!(positive(&report["machine"]["cores"]));
    assert!(report["machine"]["filesystem"].is_string());
    assert_eq!(report["settings"]["rounds"], 2);

    let cells = report["throughput"].as_array().unwrap();
    let delays: Vec<_> = cells.iter().map(|cell| &cell["model_delay_ms"]).collect();
    assert_eq!(delays, [0, 200]);
    for cell in cells {
        assert_eq!(cell["ratios"].as_array().map(Vec::len), Some(2));
        for arm in ["floor", "punchcard"] {
            assert_eq!(cell[arm]["rounds"].as_array().map(Vec::len), Some(2));
            assert!(positive(&cell[arm]["tickets_per_second"]["median"]));
            assert_eq!(cell[arm]["rounds"][0]["failed"], 0);
        }
        let measured = cell["ratio"]["median"].as_f64().unwrap();
        assert!(cell["ratio"]["min"].as_f64().unwrap() <= measured);
    }

    for load in report["latency"].as_array().unwrap() {
        assert!(positive(&load["samples"]) && positive(&load["median_ms"]));
        assert!(load["reached"].is_boolean());
    }
    assert_eq!(report["memory"]["tickets"], 40);
    assert!(report["memory"]["beyond_text_bytes"].is_number());
    assert_eq!(report["sessions"]["sessions"], 20);
    assert!(positive(&report["recovery"]["ready_seconds"]));
    assert!(
        report["recovery"]["all_picked_up_seconds"].as_f64()
            >= report["recovery"]["ready_seconds"].as_f64()
    );

    let prompts = &report["prompts"];
    assert_eq!(
        (&prompts["prompts"], &prompts["versions"]),
        (&3.into(), &50.into())
    );
    assert_eq!(prompts["events"], 3 * 50 * 3);
    for figure in ["ready_seconds", "replay_seconds", "list_seconds"] {
        assert!(positive(&prompts[figure]), "{figure}");
    }
    for spread in ["page_ms", "render_us", "first_render_us"] {
        assert!(positive(&prompts[spread]["median"]), "{spread}");
    }
    assert!(prompts["reached"].is_boolean());

    let replay = &report["replay"];
    assert_eq!(
        (&replay["tickets"], &replay["events"]),
        (&40.into(), &240.into())
    );
    assert_eq!(replay["same_hash"], true);
    assert!(positive(&replay["events_per_second"]["median"]) && positive(&replay["page_p99_ms"]));

    let left = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 0, "the benchmark's data are removed");
}
