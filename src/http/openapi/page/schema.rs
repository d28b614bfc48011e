//! Types on the page: a name, and a table of fields.

use std::fmt::Write as _;

use serde_json::Value;

use super::{anchor, escaped, items, prose, text};

/// Every named type.
pub(super) fn render_all(page: &mut String, document: &Value) {
    page.push_str("<section id=\"types\"><h2>Types</h2>\n");
    for (name, schema) in document["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let _ = write!(
            page,
            "<article id=\"type-{}\"><h3>{}</h3>\n<p>{}</p>\n",
            anchor(name),
            escaped(name),
            prose(&schema["description"])
        );
        fields(page, schema);
        page.push_str("</article>\n");
    }
    page.push_str("</section>\n");
}

/// What a schema refers to.
pub(super) fn resolved<'a>(schema: &'a Value, document: &'a Value) -> &'a Value {
    let place = schema["$ref"]
        .as_str()
        .and_then(|place| place.strip_prefix('#'));
    place
        .and_then(|place| document.pointer(place))
        .unwrap_or(schema)
}

/// The fields of an object, or what else it may be.
pub(super) fn fields(page: &mut String, schema: &Value) {
    let Some(properties) = schema["properties"].as_object() else {
        let _ = writeln!(page, "<p>{}</p>", name(schema));
        return;
    };
    page.push_str("<table>\n");
    for (field, of) in properties {
        let needed = items(&schema["required"]).any(|name| name == field);
        let _ = writeln!(
            page,
            "<tr><th><code>{}</code></th><td>{}{}</td><td>{}</td></tr>",
            escaped(field),
            name(of),
            if needed { " <em>required</em>" } else { "" },
            prose(&of["description"])
        );
    }
    page.push_str("</table>\n");
}

/// A type in a few words, with a link where it has a page of its own.
pub(super) fn name(schema: &Value) -> String {
    if let Some(place) = schema["$ref"].as_str() {
        let name = place.rsplit('/').next().unwrap_or_default();
        return format!("<a href=\"#type-{}\">{}</a>", anchor(name), escaped(name));
    }
    if let Some(value) = schema.get("const") {
        return format!("<code>{}</code>", escaped(&value.to_string()));
    }
    for (key, between) in [("anyOf", " or "), ("oneOf", " or "), ("allOf", " and ")] {
        let parts: Vec<_> = items(&schema[key]).map(name).collect();
        if !parts.is_empty() {
            return parts.join(between);
        }
    }
    let words: Vec<_> = items(&schema["enum"])
        .map(|word| format!("<code>{}</code>", escaped(&word.to_string())))
        .collect();
    if !words.is_empty() {
        return words.join(" or ");
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        kind => text(kind),
    };
    match (
        kinds.as_str(),
        schema.get("items"),
        schema["properties"].as_object(),
    ) {
        ("", _, _) => "any JSON".to_owned(),
        ("array", Some(items), _) => format!("list of {}", name(items)),
        ("object", _, Some(properties)) => {
            let each: Vec<_> = properties
                .iter()
                .map(|(field, of)| format!("<code>{}</code>: {}", escaped(field), name(of)))
                .collect();
            format!("object of {}", each.join(", "))
        }
        ("object", _, None) => match &schema["additionalProperties"] {
            Value::Object(_) => format!(
                "object of names and {}",
                name(&schema["additionalProperties"])
            ),
            _ => kinds,
        },
        (_, _, _) => format!("{kinds}{}", bounds(schema)),
    }
}

fn bounds(schema: &Value) -> String {
    let mut bounds = String::new();
    for (key, word) in [
        ("format", ""),
        ("minimum", "from "),
        ("maximum", "to "),
        ("minLength", "from "),
        ("maxLength", "to "),
        ("default", "else "),
    ] {
        let value = match &schema[key] {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let _ = write!(bounds, " {word}{}", escaped(&value));
    }
    bounds
}
