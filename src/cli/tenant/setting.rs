//! A value on the command line that can also be taken away: a number, or `none`.

use std::str::FromStr;

use serde_json::{Map, Value};

/// What to do with a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Setting {
    /// There is none any more.
    None,
    /// It is this.
    Is(Value),
}

/// Reads `none`, or what `read` reads.
fn or_none<T: Into<Value>>(
    text: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Setting, String> {
    if text == "none" {
        return Ok(Setting::None);
    }
    read(text).map(|value| Setting::Is(value.into()))
}

/// Reads a number, with `_` between its digits or without, or `none`.
pub(super) fn number(text: &str) -> Result<Setting, String> {
    or_none(text, |text| {
        let plain = text.replace('_', "");
        u64::from_str(&plain).map_err(|_| format!("`{text}` is no number; use one, or `none`"))
    })
}

/// Reads US dollars, or `none`.
pub(super) fn dollars(text: &str) -> Result<Setting, String> {
    or_none(text, super::money::parse)
}

/// Reads the path of a hook, or `none`.
pub(super) fn path(text: &str) -> Result<Setting, String> {
    or_none(text, |text| Ok(text.to_owned()))
}

/// Reads names separated by commas, or `none`.
pub(super) fn names(text: &str) -> Result<Setting, String> {
    or_none(text, |text| {
        let names = text.split(',').map(|name| name.trim().to_owned());
        Ok(names.filter(|name| !name.is_empty()).collect::<Vec<_>>())
    })
}

impl Setting {
    /// Makes it so at `place`, given as the names that lead there. What is empty after that is taken
    /// away as well.
    pub(super) fn put(&self, document: &mut Value, place: &[&str]) {
        let Some((name, rest)) = place.split_first() else {
            return;
        };
        if !document.is_object() {
            *document = Value::Object(Map::new());
        }
        let Some(object) = document.as_object_mut() else {
            return;
        };
        match (rest, self) {
            ([], Self::None) => {
                object.remove(*name);
            }
            ([], Self::Is(value)) => {
                object.insert((*name).to_owned(), value.clone());
            }
            (rest, _) => {
                let inner = object.entry(*name).or_insert(Value::Null);
                self.put(inner, rest);
                if inner.as_object().is_some_and(Map::is_empty) {
                    object.remove(*name);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_setting_is_a_value_or_none() {
        assert_eq!(number("1_000"), Ok(Setting::Is(json!(1000))));
        assert_eq!(number("none"), Ok(Setting::None));
        assert!(number("many").is_err() && number("-1").is_err());
        assert_eq!(dollars("1.5"), Ok(Setting::Is(json!(1_500_000))));
        assert_eq!(path("/p"), Ok(Setting::Is(json!("/p"))));
    }

    #[test]
    fn a_setting_leaves_the_others_and_nothing_empty() {
        let mut limits = json!({ "all": { "daily": { "tokens": 5 } }, "newer": 1 });
        let place = ["all", "daily", "tokens"];
        Setting::Is(json!(9)).put(&mut limits, &["tasks", "say", "concurrent_tickets"]);
        Setting::None.put(&mut limits, &place);
        let expected = json!({ "tasks": { "say": { "concurrent_tickets": 9 } }, "newer": 1 });
        assert_eq!(limits, expected);
        Setting::Is(json!(7)).put(&mut limits, &place);
        assert_eq!(limits["all"], json!({ "daily": { "tokens": 7 } }));
    }
}
