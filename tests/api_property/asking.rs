//! Requests made of the document: a route's example body, and the headers that it must have.

use punchcard::http::routes::{Route, admin_table};
use punchcard::http::{admin_document, document};
use reqwest::Method;
use serde_json::Value;

use crate::api::{Answer, send};
use crate::world::{Names, World, filled};

/// Whether a route is on the admin listener.
pub(crate) fn is_admins(route: &'static Route) -> bool {
    admin_table().any(|other| std::ptr::eq(other, route))
}

/// What is said of a route.
pub(crate) fn said(route: &'static Route) -> &'static Value {
    let document = match is_admins(route) {
        true => admin_document(),
        false => document(),
    };
    &document["paths"][route.path][route.method.as_str().to_ascii_lowercase()]
}

/// The body that a route takes, as an example; `None` where it takes none, or nothing says how it
/// would look like.
pub(crate) fn body(route: &'static Route) -> Option<(String, String)> {
    let content = said(route)["requestBody"]["content"].as_object()?;
    let (media_type, content) = content.iter().next()?;
    let text = match &content["example"] {
        Value::Null => "{}".to_owned(),
        Value::String(text) if media_type != "application/json" => text.clone(),
        example => example.to_string(),
    };
    Some((media_type.clone(), text))
}

/// Headers that the route's handler looks at before its body.
pub(crate) fn headers(route: &'static Route) -> Vec<(&'static str, &'static str)> {
    let parameters = said(route)["parameters"].as_array();
    let mut named = parameters.into_iter().flatten().map(|p| &p["name"]);
    match named.any(|name| name == "If-Match") {
        true => vec![("if-match", "\"1\"")],
        false => vec![],
    }
}

/// Query parameters that it cannot do without.
fn query(route: &'static Route) -> String {
    let parameters = said(route)["parameters"].as_array();
    let needed = parameters
        .into_iter()
        .flatten()
        .filter(|p| p["in"] == "query" && p["required"] == true);
    let pairs: Vec<String> = needed
        .map(|p| match p["name"].as_str().unwrap() {
            "time" => "time=2026-11-23T10:44:30Z".to_owned(),
            // A ticket beside itself.
            "with" => "with={id}".to_owned(),
            name => format!("{name}=1"),
        })
        .collect();
    match pairs.is_empty() {
        true => String::new(),
        false => format!("?{}", pairs.join("&")),
    }
}

/// The route's path and query.
pub(crate) fn target(route: &'static Route, names: &Names) -> String {
    filled(&(route.path.to_owned() + &query(route)), names)
}

/// Asks a route as its document says, with these `authorization` headers.
pub(crate) async fn ask(
    world: &World,
    route: &'static Route,
    names: &Names,
    authorization: &[String],
) -> Answer {
    let base = match is_admins(route) {
        true => world.server.admin(),
        false => world.server.api(),
    };
    let method: Method = route.method.as_str().parse().unwrap();
    let mut request = world
        .http
        .request(method, format!("{base}{}", target(route, names)));
    for value in authorization {
        request = request.header("authorization", value);
    }
    for (name, value) in headers(route) {
        request = request.header(name, value);
    }
    if let Some((media_type, text)) = body(route) {
        request = request.header("content-type", media_type).body(text);
    }
    send(request).await
}
