//! What each role may do: every route, with every verb, for a key of every role.

use punchcard::http::routes::Policy;
use serde_json::Value;

use crate::edge::{Edge, KEY, OTHER_KEY, Reply, working_as};
use crate::keys::{POLICIES, filled};

/// Every role, and the roles whose work it may do.
const ROLES: [(&str, &[&str]); 5] = [
    ("issuer", &["issuer"]),
    ("viewer", &["viewer"]),
    ("planner", &["viewer", "planner"]),
    ("publisher", &["viewer", "planner", "publisher"]),
    (
        "admin",
        &["issuer", "viewer", "planner", "publisher", "admin"],
    ),
];

const VERBS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

fn covers(role: &str, needed: &[&str]) -> bool {
    let of_role = ROLES.iter().find(|(name, _)| *name == role);
    let (_, covered) = of_role.expect("a role");
    covered.iter().any(|role| needed.contains(role))
}

/// The roles that the refusal says would do.
fn named_in(reply: &Reply) -> Vec<&'static str> {
    let detail = reply.json()["detail"].as_str().map(str::to_owned);
    let detail = detail.expect("a sentence");
    let (needed, _) = detail.split_once(';').expect("two halves");
    let names = ROLES.iter().map(|(name, _)| *name);
    names.filter(|name| needed.contains(name)).collect()
}

#[tokio::test]
async fn every_route_and_verb_lets_in_the_roles_decided_for_it_and_names_them_to_all_others() {
    let edge = Edge::start();
    let ticket = edge.issue(None).await;
    let mut paths: Vec<&str> = POLICIES.iter().map(|(_, path, ..)| *path).collect();
    paths.dedup();
    let (mut let_in, mut refused) = (0, 0);
    for path in paths {
        for verb in VERBS {
            let of =
                |(method, at, ..): &&(&str, &str, Policy, &[&str])| *method == verb && *at == path;
            let decided = POLICIES.iter().find(of).map(|(.., roles)| *roles);
            for (role, _) in ROLES {
                let key = working_as(KEY, role);
                let at = filled(path, &ticket, "say");
                let reply = edge.send(verb, &key, &at, "", "{}").await;
                let what = format!("{verb} {path} as {role}: {reply:?}");
                match decided {
                    None => assert_eq!(reply.status, 405, "{what}"),
                    Some([]) => {
                        // Of a 200 the document tells of the code, too.
                        let refused = reply.status == 403 && reply.code() == "role_missing";
                        assert!(!refused, "{what}");
                    }
                    Some(needed) if covers(role, needed) => {
                        assert!(![401, 403].contains(&reply.status), "{what}");
                        let_in += 1;
                    }
                    Some(needed) => {
                        assert_eq!(reply.status, 403, "{what}");
                        assert_eq!(reply.code(), "role_missing", "{what}");
                        let would_do: Vec<_> = ROLES
                            .map(|(name, _)| name)
                            .into_iter()
                            .filter(|name| covers(name, needed))
                            .collect();
                        assert_eq!(named_in(&reply), would_do, "{what}");
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(let_in >= 110 && refused >= 50, "{let_in} and {refused}");
}

#[tokio::test]
async fn a_key_with_the_wrong_role_is_told_the_same_whether_there_is_something_or_not() {
    let edge = Edge::start();
    let ticket = edge.issue(None).await;
    let mut seen: Vec<Value> = Vec::new();
    for (key, id) in [
        (KEY, ticket.as_str()),
        (OTHER_KEY, ticket.as_str()),
        (KEY, crate::UNKNOWN),
        (KEY, "not-an-id"),
    ] {
        let path = format!("/v1/tickets/{id}/cancel");
        let viewer = working_as(key, "viewer");
        let reply = edge
            .send("POST", &viewer, &path, "", r#"{"mode":"void"}"#)
            .await;
        assert_eq!(reply.status, 403, "{reply:?}");
        seen.push(reply.json()["detail"].clone());
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[tokio::test]
async fn somebody_who_only_looks_takes_no_answer_from_the_issuer() {
    let edge = Edge::start();
    let ticket = edge.issue(None).await;
    let path = format!("/v1/tickets/{ticket}");
    for role in ["viewer", "planner", "admin"] {
        let looked = edge
            .get(&working_as(KEY, role), &format!("{path}/stream"))
            .await;
        assert!(looked.body.contains("fine"), "{looked:?}");
        let looked = edge.get(&working_as(KEY, role), &path).await;
        assert_eq!(looked.json()["state"], "persisted", "{role}");
    }
    let taken = edge.get(KEY, &path).await;
    assert_eq!(taken.json()["state"], "delivered");
}
