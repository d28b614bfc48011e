//! Tenants × routes × roles: every route of both tables, for everybody who may come by, and what the
//! table alone says they get.

use std::collections::BTreeMap;

use punchcard::http::routes::{Policy, Route, admin_table, table};
use punchcard::keys::{ApiKey, Role};
use serde_json::Value;

use crate::api::Answer;
use crate::asking::{ask, is_admins};
use crate::world::{Names, OTHER, VICTIM, World};

/// Ids that nobody has.
const UNKNOWN: &str = "01920000-0000-7000-8000-000000000001";

/// Somebody who comes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    WithoutKey,
    WithMalformedKey,
    WithUnknownKey,
    Operator,
    /// A person of this role, of the tenant whose things are asked for.
    Own(Role),
    /// The same of another tenant.
    Foreign(Role),
}

/// What the table says that a caller gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Expected {
    /// 401, the same for all.
    Unauthorized,
    /// 403 `role_missing`.
    RoleMissing,
    /// Neither: the handler's business.
    LetIn,
    /// Whatever it is, the same as for somebody who asks for what is not there.
    AsUnknown,
    /// The same for everybody.
    Same,
}

fn callers() -> Vec<Caller> {
    let mut callers = vec![
        Caller::WithoutKey,
        Caller::WithMalformedKey,
        Caller::WithUnknownKey,
        Caller::Operator,
    ];
    callers.extend(Role::ALL.map(Caller::Foreign));
    // Last: they change what they ask for.
    callers.extend(Role::ALL.map(Caller::Own));
    callers
}

fn expected(route: &'static Route, caller: Caller) -> Expected {
    let may = |role: Role| {
        route
            .roles()
            .is_some_and(|roles| roles.sufficient().contains(role))
    };
    match (route.policy(), caller) {
        (Policy::Open | Policy::Session, _) => Expected::Same,
        (_, Caller::WithoutKey | Caller::WithMalformedKey | Caller::WithUnknownKey) => {
            Expected::Unauthorized
        }
        (Policy::Operator, Caller::Operator) => Expected::LetIn,
        (Policy::Operator, Caller::Own(_) | Caller::Foreign(_)) => Expected::Unauthorized,
        (Policy::Key | Policy::Ticket | Policy::Prompt, Caller::Operator) => Expected::Unauthorized,
        (_, Caller::Own(role)) if may(role) => Expected::LetIn,
        (_, Caller::Foreign(role)) if may(role) => Expected::AsUnknown,
        (_, Caller::Own(_) | Caller::Foreign(_)) => Expected::RoleMissing,
    }
}

fn authorization(world: &World, caller: Caller) -> Vec<String> {
    let bearer = |key: &str| vec![format!("Bearer {key}")];
    match caller {
        Caller::WithoutKey => vec![],
        Caller::WithMalformedKey => bearer("pk_live_tooShort"),
        Caller::WithUnknownKey => bearer(ApiKey::generate().unwrap().expose()),
        Caller::Operator => bearer(world.operator()),
        Caller::Own(role) => bearer(world.key(VICTIM, role.as_str())),
        Caller::Foreign(role) => bearer(world.key(OTHER, role.as_str())),
    }
}

/// Names of things that nobody has, of the same length and kind.
fn unknown(names: &Names) -> Names {
    let mut unknown = names.clone();
    for (name, value) in &mut unknown {
        *value = match *name {
            "task" => "never".to_owned(),
            // They mean the same for every tenant.
            "label" | "ref" | "tenant" => value.clone(),
            "name" => "tune".to_owned(),
            "prefix" => "pk_live_noSuchOn".to_owned(),
            "model" => "nobodys".to_owned(),
            "delivery" => "msg_00000000000000000000000000000001".to_owned(),
            _ => UNKNOWN.to_owned(),
        };
    }
    unknown
}

/// Whether the path names something that only one tenant can have.
fn names_an_id(route: &Route) -> bool {
    let shared = [
        "{task}", "{label}", "{ref}", "{name}", "{tenant}", "{model}",
    ];
    let bare = shared
        .iter()
        .fold(route.path.to_owned(), |path, name| path.replace(name, ""));
    bare.contains('{')
}

/// An answer without what differs from request to request, and without the names that were asked for.
fn stable(answer: &Answer, names: &Names) -> (u16, Value) {
    let mut text = answer.text.clone();
    for (name, value) in names {
        // These are words that texts are made of, too.
        if !matches!(
            *name,
            "label" | "ref" | "tenant" | "folder" | "kind" | "part" | "file"
        ) {
            text = text.replace(value.as_str(), &format!("<{name}>"));
        }
    }
    let mut body: Value = serde_json::from_str(&text).unwrap_or_default();
    if let Some(members) = body.as_object_mut() {
        members.remove("request_id");
    }
    (answer.status, body)
}

fn code(answer: &Answer) -> Value {
    answer.json()["code"].clone()
}

/// What the victim can read of its own things by their ids.
async fn things(world: &World, names: &Names) -> BTreeMap<&'static str, Value> {
    let mut things = BTreeMap::new();
    let key = authorization(world, Caller::Own(Role::Admin));
    for route in table().filter(|route| route.method == "GET" && names_an_id(route)) {
        let answer = ask(world, route, names, &key).await;
        assert!(answer.status < 300, "{}: {answer:?}", route.path);
        let mut thing = stable(&answer, &Names::new()).1;
        if let Some(members) = thing.as_object_mut() {
            // They are of the moment that they are asked for.
            for name in ["now_ms", "total_ms", "steps", "spent"] {
                members.remove(name);
            }
        }
        things.insert(route.path, thing);
    }
    assert!(!things.is_empty());
    things
}

async fn check(world: &World, route: &'static Route, names: &Names, caller: Caller) -> Expected {
    let expected = expected(route, caller);
    let key = authorization(world, caller);
    let answer = ask(world, route, names, &key).await;
    let what = format!("{} {} for {caller:?}: {answer:?}", route.method, route.path);
    match expected {
        Expected::Unauthorized => {
            assert_eq!(answer.status, 401, "{what}");
            assert_eq!(code(&answer), "unauthorized", "{what}");
        }
        Expected::RoleMissing => {
            assert_eq!(answer.status, 403, "{what}");
            assert_eq!(code(&answer), "role_missing", "{what}");
        }
        Expected::LetIn => {
            assert!(![401, 403].contains(&answer.status), "{what}");
            assert!(answer.status < 500, "{what}");
        }
        Expected::AsUnknown => {
            let unknown = unknown(names);
            let of_nobody = ask(world, route, &unknown, &key).await;
            if answer.status >= 400 {
                assert_eq!(
                    stable(&answer, names),
                    stable(&of_nobody, &unknown),
                    "{what}"
                );
            }
            assert_eq!(answer.status, of_nobody.status, "{what}: {of_nobody:?}");
            assert!(![401, 403].contains(&answer.status), "{what}");
            if names_an_id(route) {
                assert_eq!(answer.status, 404, "{what}");
            }
        }
        Expected::Same => {
            assert!(![401, 500].contains(&answer.status), "{what}");
            assert_ne!(code(&answer), "role_missing", "{what}");
        }
    }
    expected
}

#[tokio::test]
async fn everybody_gets_from_every_route_what_its_policy_says_and_no_more() {
    let world = World::start().await;
    let names = world.furnish().await;
    let before = things(&world, &names).await;
    let mut counts: BTreeMap<Expected, usize> = BTreeMap::new();
    let routes: Vec<&'static Route> = table().chain(admin_table()).collect();
    for caller in callers() {
        if caller == Caller::Own(Role::ALL[0]) {
            let after = things(&world, &names).await;
            assert_eq!(
                before, after,
                "somebody else has changed what is the victim's"
            );
        }
        for route in &routes {
            // What is an operator's to do is done by `operators_alone`.
            if caller == Caller::Operator && is_admins(route) {
                continue;
            }
            *counts
                .entry(check(&world, route, &names, caller).await)
                .or_default() += 1;
        }
    }
    let all: usize = counts.values().sum();
    println!(
        "{} routes × {} callers: {all} checked, {counts:?}",
        routes.len(),
        callers().len()
    );
    assert!(counts[&Expected::AsUnknown] > 100, "{counts:?}");
    assert!(counts[&Expected::Unauthorized] > 100, "{counts:?}");
}

#[tokio::test]
async fn the_admin_routes_are_the_operators_alone_and_on_their_own_listener() {
    let world = World::start().await;
    let names = world.furnish().await;
    let key = authorization(&world, Caller::Operator);
    let mut count = 0;
    for route in admin_table() {
        let answer = ask(&world, route, &names, &key).await;
        let what = format!("{} {}: {answer:?}", route.method, route.path);
        assert!(
            ![401, 403].contains(&answer.status) && answer.status < 500,
            "{what}"
        );
        let public = table().any(|other| other.path == route.path);
        if !public {
            let url = format!(
                "{}{}",
                world.server.api(),
                crate::asking::target(route, &names)
            );
            let method: reqwest::Method = route.method.as_str().parse().unwrap();
            let asked = world
                .http
                .request(method, url)
                .header("authorization", &key[0]);
            assert_eq!(crate::api::send(asked).await.status, 404, "{what}");
        }
        count += 1;
    }
    println!("{count} admin routes");
}
