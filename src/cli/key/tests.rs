//! The key commands against a tiny server on loopback that answers from a script.

use serde_json::{Value, json};

use crate::cli::exit::Exit;
use crate::cli::scripted::{self, Ran, Reply, json_reply};

fn ran(line: &[&str], replies: &[Reply]) -> Ran {
    scripted::ran("key", line, replies)
}

fn key(prefix: &str, at: &str) -> Value {
    json!({
        "prefix": prefix, "name": "backend", "roles": ["issuer"], "state": "active",
        "issued": { "at": at, "by": { "kind": "key", "prefix": "pk_live_0aB1cD2e", "name": "ada" } },
        "ends_at": null, "replaced_by": null, "revoked": null, "a_newer_field": 1,
    })
}

fn made() -> Value {
    let mut made = key("pk_live_newnewne", "2026-11-17T14:02:00Z");
    made["key"] = json!("pk_live_newnewnewthekey");
    made
}

#[test]
fn with_a_tenant_an_operator_asks_and_without_one_the_tenant_itself() {
    let page = json_reply(200, &json!({ "keys": [] }));
    let own = ran(&["list"], std::slice::from_ref(&page));
    assert_eq!(own.asked[0].line, "GET /v1/keys?limit=100");
    assert_eq!(own.asked[0].authorization, "Bearer pk_test");
    let operated = ran(&["list", "--tenant", "acme"], &[page]);
    assert_eq!(
        operated.asked[0].line,
        "GET /admin/v1/tenants/acme/keys?limit=100"
    );
    assert_eq!(operated.asked[0].authorization, "Bearer pk_operator");
    assert!(
        operated
            .stderr
            .contains("punchcard key issue --tenant acme")
    );
}

#[test]
fn keys_are_listed_by_their_age_with_what_became_of_them() {
    let mut revoked = key("pk_live_oldoldol", "2026-11-16T14:02:00Z");
    revoked["state"] = json!("revoked");
    revoked["revoked"] = json!({ "reason": "It leaked.", "at": "2026-11-17T14:02:00Z",
                                 "by": { "kind": "configuration" } });
    let page = json!({ "keys": [key("pk_live_aaaaaaaa", "2026-11-17T14:02:00Z"), revoked] });
    let ran = ran(&["list"], &[json_reply(200, &page)]);
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(lines[1].starts_with("pk_live_oldoldol") && lines[1].ends_with("It leaked."));
    assert!(lines[2].starts_with("pk_live_aaaaaaaa"), "{}", ran.stdout);
}

#[test]
fn a_new_key_is_alone_on_stdout() {
    let line = [
        "issue",
        "--tenant",
        "acme",
        "--role",
        "admin,issuer",
        "--name",
        "ada",
    ];
    let issued = ran(&line, &[json_reply(201, &made())]);
    assert_eq!(issued.stdout, "pk_live_newnewnewthekey\n");
    assert_eq!(issued.asked[0].line, "POST /admin/v1/tenants/acme/keys");
    let expected = json!({ "roles": ["issuer", "admin"], "name": "ada" });
    assert_eq!(issued.asked[0].body, expected);
    let rotated = ran(
        &["rotate", "pk_live_oldoldol", "--overlap", "7d"],
        &[json_reply(201, &made())],
    );
    assert_eq!(rotated.stdout, "pk_live_newnewnewthekey\n");
    assert_eq!(
        rotated.asked[0].line,
        "POST /v1/keys/pk_live_oldoldol/rotate"
    );
    assert_eq!(rotated.asked[0].body, json!({ "overlap": "7d" }));
    assert!(
        rotated.stderr.contains("pk_live_oldoldol"),
        "{}",
        rotated.stderr
    );
}

#[test]
fn no_key_is_revoked_without_an_answer() {
    let asked = ran(&["revoke", "pk_live_aaaaaaaa"], &[]);
    assert_eq!(
        asked.ended.map_err(|failure| failure.exit()),
        Err(Exit::Usage)
    );
    let mut revoked = key("pk_live_aaaaaaaa", "2026-11-17T14:02:00Z");
    revoked["state"] = json!("revoked");
    let line = ["revoke", "pk_live_aaaaaaaa", "--reason", "Gone.", "-y"];
    let done = ran(&line, &[json_reply(200, &revoked)]);
    assert_eq!(done.asked[0].body, json!({ "reason": "Gone." }));
    assert_eq!(done.stdout, "pk_live_aaaaaaaa opens nothing any more.\n");
}
