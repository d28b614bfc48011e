//! The readable page: HTML made of the document here, so that it needs no script to be read, and
//! nothing from anywhere else.
//!
//! Everything that comes from the document is escaped where it is written, and the page's policy
//! allows no script but its own file.

mod schema;

use std::fmt::Write as _;

use serde_json::Value;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The page of a document.
pub(super) fn render(document: &Value) -> String {
    let mut page = String::new();
    let info = &document["info"];
    let (title, version) = (text(&info["title"]), text(&info["version"]));
    let source = match document["paths"].get("/admin/v1/openapi.json") {
        Some(_) => "/admin/v1/openapi.json",
        None => "/v1/openapi.json",
    };
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}: the API</title>\n\
         <link rel=\"stylesheet\" href=\"/docs/style.css\">\n\
         <script src=\"/docs/script.js\" defer></script>\n</head>\n<body>\n\
         <header><h1>{title} <small>{version}</small></h1>\n<p>{about}</p>\n\
         <p><a href=\"{source}\">OpenAPI document</a></p>\n\
         <input id=\"search\" type=\"search\" placeholder=\"Search\" aria-label=\"Search\" hidden>\n\
         </header>\n",
        about = prose(&info["description"]),
    );
    contents(&mut page, document);
    page.push_str("<main>\n");
    for tag in items(&document["tags"]) {
        let name = tag["name"].as_str().unwrap_or_default();
        let _ = write!(
            page,
            "<section id=\"{}\"><h2>{}</h2>\n<p>{}</p>\n",
            anchor(name),
            escaped(name),
            prose(&tag["description"])
        );
        for (path, method, operation) in operations(document, name) {
            render_operation(&mut page, path, method, operation, document);
        }
        page.push_str("</section>\n");
    }
    schema::render_all(&mut page, document);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn contents(page: &mut String, document: &Value) {
    page.push_str("<nav aria-label=\"Contents\">\n");
    for tag in items(&document["tags"]) {
        let name = tag["name"].as_str().unwrap_or_default();
        let _ = write!(
            page,
            "<h2><a href=\"#{}\">{}</a></h2>\n<ul>\n",
            anchor(name),
            escaped(name)
        );
        for (_, method, operation) in operations(document, name) {
            let (id, summary) = (text(&operation["operationId"]), text(&operation["summary"]));
            let _ = writeln!(
                page,
                "<li><a href=\"#{id}\"><b class=\"{method}\">{method}</b> {summary}</a></li>"
            );
        }
        page.push_str("</ul>\n");
    }
    page.push_str("<h2><a href=\"#types\">Types</a></h2>\n</nav>\n");
}

/// The operations under a name: path, method and what is said.
fn operations<'a>(
    document: &'a Value,
    tag: &'a str,
) -> impl Iterator<Item = (&'a str, &'static str, &'a Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let each = paths.flat_map(|(path, item)| {
        let of =
            move |method: &'static str| item.get(method).map(|said| (path.as_str(), method, said));
        METHODS.into_iter().filter_map(of)
    });
    each.filter(move |(_, _, said)| said["tags"][0] == tag)
}

fn render_operation(page: &mut String, path: &str, method: &str, said: &Value, document: &Value) {
    let _ = write!(
        page,
        "<article id=\"{id}\">\n<h3><b class=\"{method}\">{method}</b> <code>{path}</code></h3>\n\
         <p><strong>{summary}.</strong> {about}</p>\n<p class=\"who\">{who}</p>\n",
        id = text(&said["operationId"]),
        path = escaped(path),
        summary = text(&said["summary"]),
        about = prose(&said["description"]),
        who = who(said),
    );
    parameters(page, said);
    request_body(page, said, document);
    page.push_str("<h4>Answers</h4>\n<table>\n");
    for (status, answer) in said["responses"].as_object().into_iter().flatten() {
        let kinds = answer["content"].as_object().into_iter().flatten();
        let kinds: Vec<String> = kinds
            .filter(|(media_type, _)| *media_type != "application/problem+json")
            .map(|(media_type, content)| match media_type.as_str() {
                "application/json" => schema::name(&content["schema"]),
                other => escaped(other),
            })
            .collect();
        let _ = writeln!(
            page,
            "<tr><th>{status}</th><td>{}</td><td>{}</td></tr>",
            prose(&answer["description"]),
            kinds.join(", ")
        );
    }
    page.push_str("</table>\n");
    for sample in items(&said["x-codeSamples"]) {
        let _ = writeln!(
            page,
            "<h4>Example</h4>\n<pre><code>{}</code></pre>",
            text(&sample["source"])
        );
    }
    page.push_str("</article>\n");
}

/// Who may call it.
fn who(said: &Value) -> String {
    let roles: Vec<String> = items(&said["security"])
        .flat_map(|requirement| items(&requirement["apiKey"]))
        .map(|role| format!("<code>{}</code>", text(role)))
        .collect();
    match (items(&said["security"]).next(), roles.is_empty()) {
        (None, _) => "Open: no key is needed.".to_owned(),
        (Some(_), true) => "Needs a key.".to_owned(),
        (Some(_), false) => format!("Needs a key with one of the roles {}.", roles.join(", ")),
    }
}

fn parameters(page: &mut String, said: &Value) {
    let mut all = items(&said["parameters"]).peekable();
    if all.peek().is_none() {
        return;
    }
    page.push_str("<h4>Parameters</h4>\n<table>\n");
    for parameter in all {
        let needed = match parameter["required"] == true {
            true => " <em>required</em>",
            false => "",
        };
        let _ = writeln!(
            page,
            "<tr><th><code>{}</code></th><td>{}{needed}</td><td>{}</td><td>{}</td></tr>",
            text(&parameter["name"]),
            text(&parameter["in"]),
            schema::name(&parameter["schema"]),
            prose(&parameter["description"])
        );
    }
    page.push_str("</table>\n");
}

fn request_body(page: &mut String, said: &Value, document: &Value) {
    for (media_type, content) in said["requestBody"]["content"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let needed = match said["requestBody"]["required"] == true {
            true => "",
            false => ", or none",
        };
        let _ = writeln!(
            page,
            "<h4>Body: {} <small>{}{needed}</small></h4>",
            schema::name(&content["schema"]),
            escaped(media_type)
        );
        schema::fields(page, schema::resolved(&content["schema"], document));
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A text of the document, escaped.
fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

/// The same, where words between backquotes are code.
fn prose(value: &Value) -> String {
    let escaped = text(value);
    let mut prose = String::with_capacity(escaped.len());
    for (index, piece) in escaped.split('`').enumerate() {
        match index % 2 {
            0 => prose.push_str(piece),
            _ => {
                let _ = write!(prose, "<code>{piece}</code>");
            }
        }
    }
    prose
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn anchor(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    name.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_document_says_is_text_and_never_markup() {
        let hostile = "</code><script>alert('x')</script>\"&";
        let page = render(&json!({
            "info": { "title": hostile, "version": hostile, "description": hostile },
            "tags": [{ "name": hostile, "description": hostile }],
            "paths": { (hostile): { "get": {
                "tags": [hostile], "operationId": hostile, "summary": hostile,
                "description": hostile, "security": [{ "apiKey": [hostile] }],
                "parameters": [{ "name": hostile, "in": hostile, "description": hostile,
                                 "schema": { "type": hostile, "pattern": hostile } }],
                "requestBody": { "content": { (hostile): { "schema": { "properties": {
                    (hostile): { "description": hostile, "$ref": hostile } } } } } },
                "responses": { "200": { "description": hostile,
                                         "content": { (hostile): { "schema": {} } } } },
                "x-codeSamples": [{ "source": hostile }],
            } } },
            "components": { "schemas": { (hostile): { "enum": [hostile], "description": hostile } } },
        }));
        assert_eq!(page.matches("<script").count(), 1, "{page}");
        assert!(!page.contains("alert('x')"), "{page}");
        assert!(page.contains("&lt;script&gt;"));
    }
}
