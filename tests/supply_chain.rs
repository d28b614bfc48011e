//! What this program is made of: every crate from crates.io, under a licence that `deny.toml` allows,
//! none that it bans, and no `unsafe` in our own.
//!
//! `cargo deny check` does the same and knows the advisories too, but is a program of its own that
//! takes minutes to build; the gate should need nothing but the toolchain.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Every package of the build for this platform.
fn packages() -> Vec<Value> {
    let asked = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1"])
        .args(["--filter-platform", &host()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let output = asked.expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let mut metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let used: BTreeSet<String> = array(&metadata["resolve"]["nodes"])
        .map(|node| text(&node["id"]).to_owned())
        .collect();
    let packages = metadata["packages"].take();
    let packages = packages.as_array().expect("a list").iter();
    packages
        .filter(|package| used.contains(text(&package["id"])))
        .cloned()
        .collect()
}

fn host() -> String {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .expect("rustc runs");
    let said = String::from_utf8(output.stdout).expect("text");
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("a host").to_owned()
}

fn rules() -> toml::Table {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml"));
    text.expect("the rules").parse().expect("TOML")
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn every_crate_comes_from_the_registry_under_an_allowed_licence_and_none_is_banned() {
    let rules = rules();
    let list = |section: &str, key: &str| {
        let values = rules[section][key].as_array().expect("a list").clone();
        values.into_iter()
    };
    let allowed: BTreeSet<String> = list("licenses", "allow")
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect();
    let banned: BTreeSet<String> = list("bans", "deny")
        .filter_map(|ban| ban["crate"].as_str().map(str::to_owned))
        .collect();
    let packages = packages();
    assert!(packages.len() > 100, "only {} packages", packages.len());
    for package in &packages {
        let name = text(&package["name"]);
        let licence = text(&package["license"]);
        let ours = package["source"].is_null();
        assert!(
            ours || package["source"] == CRATES_IO,
            "{name} is from elsewhere"
        );
        assert!(permits(licence, &allowed), "{name} is under `{licence}`");
        assert!(!banned.contains(name), "{name} is banned");
    }
}

#[test]
fn a_licence_expression_is_read_as_spdx_means_it() {
    let allowed = BTreeSet::from(["MIT".to_owned(), "Zlib".to_owned(), "A WITH B".to_owned()]);
    for good in [
        "MIT",
        "MIT OR GPL-3.0",
        "GPL/MIT",
        "(GPL OR MIT) AND Zlib",
        "A WITH B",
    ] {
        assert!(permits(good, &allowed), "{good}");
    }
    for bad in [
        "",
        "GPL-3.0",
        "MIT AND GPL",
        "(MIT OR Zlib) AND GPL",
        "A",
        "(MIT",
    ] {
        assert!(!permits(bad, &allowed), "{bad}");
    }
}

#[test]
fn no_crate_of_ours_may_use_unsafe_code() {
    for manifest in ["Cargo.toml", "events/Cargo.toml", "actors/Cargo.toml"] {
        let path = format!("{}/{manifest}", env!("CARGO_MANIFEST_DIR"));
        let manifest: toml::Table = fs::read_to_string(path).expect("it").parse().expect("TOML");
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true));
        if let Some(workspace) = manifest.get("workspace") {
            let unsafe_code = workspace["lints"]["rust"]["unsafe_code"].as_str();
            assert_eq!(unsafe_code, Some("forbid"));
        }
    }
}

/// Whether an SPDX expression can be met with `allowed` alone. `AND` binds closer than `OR`.
fn permits(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ");
    let spaced = spaced.replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    any(&tokens, &mut at, allowed) && at == tokens.len()
}

fn any(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = all(tokens, at, allowed);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all(tokens, at, allowed);
    }
    met
}

fn all(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = one(tokens, at, allowed);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(tokens, at, allowed);
    }
    met
}

fn one(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let Some(first) = tokens.get(*at) else {
        return false;
    };
    *at += 1;
    if *first == "(" {
        let met = any(tokens, at, allowed);
        let closed = tokens.get(*at) == Some(&")");
        *at += 1;
        return met && closed;
    }
    let mut licence = (*first).to_owned();
    if tokens.get(*at) == Some(&"WITH") {
        let exception = tokens.get(*at + 1).copied().unwrap_or_default();
        licence = format!("{licence} WITH {exception}");
        *at += 2;
    }
    allowed.contains(&licence)
}
