//! The tenant commands against a tiny server on loopback that answers from a script.

use serde_json::{Value, json};

use crate::cli::exit::{Exit, Failure};
use crate::cli::scripted::{self, Ran, Reply, json_reply};

const AT: &str = "2026-11-17T14:02:00.000Z";

fn ran(line: &[&str], replies: &[Reply]) -> Ran {
    scripted::ran("tenant", line, replies)
}

fn tenant() -> Value {
    let done =
        json!({ "at": AT, "by": { "kind": "key", "prefix": "pk_live_0aB1cD2e", "name": "ada" } });
    json!({
        "tenant": "acme", "name": "Acme Inc.", "etag": "0011223344556677", "created": done,
        "suspended": null, "active_keys": 2,
        "limits": { "all": { "requests_per_minute": 60, "monthly": { "cost_micro_usd": 12_500_000 } } },
        "origins": ["https://app.acme.example"],
        "callback": { "base_url": "https://api.acme.example/" },
        "hooks": { "say": { "pre_process": "/p", "post_process": null } },
        "a_newer_field": 1,
    })
}

fn ok(body: &Value) -> Reply {
    json_reply(200, body)
}

#[test]
fn the_list_says_who_is_suspended_and_why() {
    let mut suspended = tenant();
    suspended["suspended"] = json!({ "reason": "Unpaid.\u{1b}[2J", "at": AT,
                                     "by": { "kind": "configuration" } });
    let page = json!({ "tenants": [tenant(), suspended] });
    let ran = ran(&["list"], &[ok(&page)]);
    assert_eq!(ran.ended, Ok(Exit::Success));
    assert_eq!(ran.asked[0].line, "GET /admin/v1/tenants?limit=100");
    assert_eq!(ran.asked[0].authorization, "Bearer pk_operator");
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(lines[1].contains("active") && lines[1].contains("2026-11-17 14:02:00"));
    assert!(
        lines[2].contains("suspended: Unpaid.\u{fffd}[2J"),
        "{}",
        lines[2]
    );
}

#[test]
fn a_tenant_is_shown_with_everything_that_is_set() {
    let ran = ran(&["show", "acme"], &[ok(&tenant())]);
    for part in [
        "acme  Acme Inc.",
        "2026-11-17 14:02:00 UTC by ada",
        "punchcard key list --tenant acme",
        "https://api.acme.example/",
        "say: prepares at /p, persists at none",
        "https://app.acme.example",
        "$12.50",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
}

#[test]
fn a_change_of_limits_keeps_the_others_and_says_what_it_saw() {
    let line = [
        "limits",
        "acme",
        "--requests-per-minute",
        "none",
        "--daily-tokens",
        "5_000",
        "--task",
        "say",
    ];
    let after = json!({ "limits": { "all": {} }, "tenant": "acme", "name": "x" });
    let ran = ran(&line, &[ok(&tenant()), ok(&after)]);
    assert_eq!(ran.ended, Ok(Exit::Success));
    let asked = &ran.asked[1];
    assert_eq!(asked.line, "PUT /admin/v1/tenants/acme/limits");
    assert_eq!(asked.only_if.as_deref(), Some("\"0011223344556677\""));
    let mut expected = tenant()["limits"].clone();
    expected["tasks"] = json!({ "say": { "daily": { "tokens": 5_000 } } });
    assert_eq!(asked.body, expected);
}

#[test]
fn origins_and_hooks_are_changed_one_by_one() {
    let line = [
        "origins",
        "acme",
        "--add",
        "none",
        "--remove",
        "https://app.acme.example",
    ];
    let changed = ran(&line, &[ok(&tenant()), ok(&tenant())]);
    assert_eq!(changed.asked[1].body, json!({ "origins": ["none"] }));
    let unknown = ran(&["origins", "acme", "--remove", "x"], &[ok(&tenant())]);
    assert_eq!(
        unknown.ended.map_err(|failure| failure.exit()),
        Err(Exit::Usage)
    );
    let line = ["hooks", "acme", "say", "--post-process", "/q"];
    let hooked = ran(&line, &[ok(&tenant()), ok(&tenant())]);
    assert_eq!(hooked.asked[1].line, "PUT /admin/v1/tenants/acme/hooks/say");
    assert_eq!(
        hooked.asked[1].body,
        json!({ "pre_process": "/p", "post_process": "/q" })
    );
    let removed = ran(
        &["callback", "acme", "--remove"],
        &[ok(&tenant()), ok(&tenant())],
    );
    assert_eq!(removed.asked[1].body, json!({ "base_url": null }));
}

#[test]
fn nobody_is_suspended_without_an_answer() {
    let line = ["suspend", "acme", "--reason", "Unpaid."];
    let asked = ran(&line, &[]);
    assert_eq!(
        asked.ended.map_err(|failure| failure.exit()),
        Err(Exit::Usage)
    );
    let yes = ["suspend", "acme", "--reason", "Unpaid.", "--yes"];
    let done = ran(&yes, &[ok(&tenant())]);
    assert_eq!(done.asked[0].line, "POST /admin/v1/tenants/acme/suspend");
    assert_eq!(done.asked[0].body, json!({ "reason": "Unpaid." }));
    assert!(
        done.stderr.contains("punchcard tenant resume acme"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_refusal_says_what_to_do() {
    let refused =
        json!({ "code": "tenant_conflict", "status": 409, "detail": "Nothing was done." });
    let line = ["limits", "acme", "--weight", "2"];
    let ran = ran(&line, &[ok(&tenant()), json_reply(409, &refused)]);
    let Err(Failure::Told(told)) = ran.ended else {
        panic!("not refused");
    };
    assert_eq!(told.code.as_deref(), Some("tenant_conflict"));
    assert!(
        told.advice
            .is_some_and(|advice| advice.contains("try again"))
    );
}

#[test]
fn the_history_is_a_table_of_sentences() {
    let entry = json!({ "revision": 0, "at": AT, "by": { "kind": "configuration" },
                        "kind": "TenantCreated", "sentence": "ada made the tenant.", "event": {} });
    let page = json!({ "entries": [entry] });
    let ran = ran(&["history", "acme", "--after", "3"], &[ok(&page)]);
    assert_eq!(
        ran.asked[0].line,
        "GET /admin/v1/tenants/acme/history?limit=100&after=3"
    );
    assert!(
        ran.stdout
            .contains("2026-11-17 14:02:00  ada made the tenant."),
        "{}",
        ran.stdout
    );
}
