//! A command line for each operation: made of what is said of it, so it cannot name what is not there.

use super::common::names_in;
use super::operation::{Operation, Place};
use crate::http::routes::Route;

/// `curl` for an operation. `$BASE` stands for the server and `$KEY` for a key.
pub(super) fn curl(route: &Route, operation: &Operation) -> String {
    let mut words = vec!["curl".to_owned()];
    if operation.method != "GET" {
        words.push(format!("-X {}", operation.method));
    }
    words.push(format!(
        "\"$BASE{}{}\"",
        filled(operation.path),
        query(operation)
    ));
    if route.roles().is_some() {
        words.push("-H \"Authorization: Bearer $KEY\"".to_owned());
    }
    let headers = operation.parameters.iter();
    for header in headers.filter(|p| p.place == Place::Header && p.required) {
        words.push(format!("-H '{}: …'", header.name));
    }
    if let Some(body) = &operation.body {
        words.push(format!("-H 'Content-Type: {}'", body.media_type));
        let text = match &body.example {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(example) => example.to_string(),
            None => "{…}".to_owned(),
        };
        words.push(format!("-d '{}'", text.replace('\'', "'\\''")));
    }
    words.join(" \\\n  ")
}

fn filled(path: &str) -> String {
    let mut filled = path.to_owned();
    for name in names_in(path) {
        let value = match name {
            "task" => "writing-review".to_owned(),
            "label" => "staging".to_owned(),
            "ref" => "draft".to_owned(),
            "tenant" => "onehour".to_owned(),
            other => format!("${}", other.to_ascii_uppercase()),
        };
        filled = filled.replace(&format!("{{{name}}}"), &value);
    }
    filled
}

fn query(operation: &Operation) -> String {
    let queries = operation.parameters.iter();
    let needed = queries.filter(|p| p.place == Place::Query && p.required);
    let pairs: Vec<_> = needed.map(|p| format!("{}=…", p.name)).collect();
    if pairs.is_empty() {
        return String::new();
    }
    format!("?{}", pairs.join("&"))
}
