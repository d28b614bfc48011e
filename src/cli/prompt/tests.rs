//! The prompt commands against a tiny server on loopback that answers from a script.

mod deploying;
mod folders;
mod looking;
mod shadowing;
mod testing;
mod writing;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::exit::{Complaint, Failure};
use crate::cli::scripted::{self, Ran, Reply, json_reply};

const AT: &str = "2026-11-17T14:02:00.000Z";

/// Runs `punchcard prompt LINE` against a server that gives `replies` in their order.
fn ran(line: &[&str], replies: &[Reply]) -> Ran {
    scripted::ran("prompt", line, replies)
}

fn ok(body: &Value) -> Reply {
    json_reply(200, body)
}

fn problem(status: u16, code: &str, detail: &str, remedy: &str) -> Reply {
    let body = json!({
        "type": "about:blank", "title": "No", "status": status, "code": code, "detail": detail,
        "remedy": remedy,
    });
    json_reply(status, &body)
}

fn told(failure: &Failure) -> &Complaint {
    let Failure::Told(complaint) = failure else {
        panic!("nobody was told");
    };
    complaint
}

fn by(name: &str) -> Value {
    json!({"kind": "key", "prefix": "pk_live_0aB1cD2e", "name": name})
}

fn content(user: &str) -> Value {
    json!({
        "messages": [
            {"role": "system", "content": "You explain.\n"},
            {"role": "user", "content": user},
        ],
        "model": "small",
        "parameters": {"temperature": 0.3},
        "answer": "text",
        "input_schema": {"type": "object", "required": ["question"]},
    })
}

fn prompt(production: Option<u32>, draft: Option<u32>) -> Value {
    let label = |version| {
        json!({"label": "production", "version": version, "since": AT, "by": by("mina"),
               "cause": "deployed"})
    };
    json!({
        "task": "explanation",
        "retired": null,
        "labels": production.map(label).into_iter().collect::<Vec<_>>(),
        "production": production,
        "draft": draft.map(|edit| json!({"edit": edit, "based_on": 3, "saved_at": AT, "by": by("ben")})),
        "versions": 3,
        "latest": 3,
        "test_set": {"number": 2, "cases": 5},
        "canary": null,
        "a_newer_field": 1,
    })
}

fn draft(edit: u32, user: &str, findings: &Value) -> Value {
    json!({
        "task": "explanation", "edit": edit, "based_on": 3, "hash": "ab".repeat(32),
        "content": content(user), "findings": findings, "saved_at": AT, "by": by("ben"),
    })
}

fn version(number: u32, tests: &Value) -> Value {
    json!({
        "task": "explanation", "version": number, "hash": "cd".repeat(32),
        "content": content("{{ question }}"), "notes": "Shorter.", "published_at": AT,
        "by": by("mina"), "labels": ["production"], "tests": tests,
    })
}

/// An editor that does `script` to its file, as a shell command.
fn editor(dir: &tempfile::TempDir, script: &str) -> String {
    let path: PathBuf = dir.path().join("editor.sh");
    std::fs::write(&path, format!("#!/bin/sh\nfile=\"$1\"\n{script}\n")).unwrap();
    format!("sh '{}'", path.display())
}
