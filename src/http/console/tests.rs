//! That the table and the folder say the same, and that no file needs what the policy forbids.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::asset::media_type;
use super::files::{EMBEDDED, find};

fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => below(&path, found),
            false => found.push(path),
        }
    }
}

#[test]
fn every_file_of_the_folder_is_embedded_and_has_a_type() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("console");
    let mut found = Vec::new();
    below(&root, &mut found);
    let in_folder: BTreeSet<String> = found
        .iter()
        .map(|path| path.strip_prefix(&root).unwrap().display().to_string())
        .collect();
    let in_table: BTreeSet<String> = EMBEDDED.iter().map(|(path, _)| (*path).into()).collect();
    assert_eq!(in_folder, in_table, "src/http/console/files.rs lists them");
    for path in in_table {
        assert!(
            media_type(&path).is_some() && find(&path).is_some(),
            "{path}"
        );
        assert!(
            path.split('/').count() <= 4,
            "{path} is too deep for a route"
        );
    }
}

/// What would run, style or load something that is not a file of the console.
const FORBIDDEN: &[&str] = &[
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "DOMParser",
    "eval(",
    "new Function",
    "javascript:",
    "createContextualFragment",
    "setHTMLUnsafe",
];

fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
    let each = EMBEDDED.iter();
    each.map(|(path, bytes)| (*path, std::str::from_utf8(bytes).unwrap()))
}

#[test]
fn no_file_reaches_elsewhere_or_writes_markup() {
    // The names of SVG's and XHTML's namespaces are names, and nothing is loaded from them.
    const NAMES: [&str; 1] = ["http://www.w3.org/2000/svg"];
    for (path, text) in texts() {
        let text = NAMES
            .iter()
            .fold(text.to_owned(), |text, name| text.replace(name, ""));
        for foreign in [
            "http://", "https://", "//cdn", "url(", "@import", "ws://", "wss://",
        ] {
            let is_said = path.starts_with("texts/");
            assert!(is_said || !text.contains(foreign), "{path} says {foreign}");
        }
        for line in text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
        {
            for word in FORBIDDEN {
                // The one place that refuses it by name.
                let refuses = path == "js/dom.js" && line.contains("name === 'innerHTML'");
                assert!(refuses || !line.contains(word), "{path}: {line}");
            }
        }
    }
}

#[test]
fn the_page_has_no_script_or_style_within_it() {
    let (_, page) = texts().find(|(path, _)| *path == "index.html").unwrap();
    for script in page.split("<script").skip(1) {
        let (tag, rest) = script.split_once('>').unwrap();
        assert!(tag.contains(" src=\"/console/"), "{tag}");
        assert!(rest.starts_with("</script>"), "{rest}");
    }
    assert!(!page.contains("<style") && !page.contains("style="));
    let handlers = page
        .split_whitespace()
        .filter(|word| word.starts_with("on") && word.contains('='));
    assert_eq!(handlers.count(), 0);
}

#[test]
fn both_languages_have_every_text() {
    let keys = |language: &str| -> BTreeSet<String> {
        let files = texts().filter(|(path, _)| path.starts_with(&format!("texts/{language}/")));
        let keys = files.flat_map(|(path, text)| {
            let area = path.rsplit('/').next().unwrap().trim_end_matches(".js");
            let lines = text
                .lines()
                .filter_map(|line| line.strip_prefix("  ")?.split_once(':'));
            lines.map(move |(key, _)| format!("{area}.{}", key.trim_matches('\'')))
        });
        keys.collect()
    };
    let (english, korean) = (keys("en"), keys("ko"));
    assert!(english.len() > 80, "{}", english.len());
    let missing: Vec<_> = english.symmetric_difference(&korean).collect();
    assert!(missing.is_empty(), "in one language only: {missing:?}");
}

#[test]
fn every_text_that_a_page_asks_for_is_there() {
    let all: String = texts()
        .filter(|(path, _)| path.starts_with("texts/en/"))
        .fold(String::new(), |mut all, (path, text)| {
            let area = path.rsplit('/').next().unwrap().trim_end_matches(".js");
            // Several may stand in one line; a word of a text that looks like a key does no harm.
            for word in text.split([' ', ',', '{', '\n']) {
                if let Some(key) = word.strip_suffix(':') {
                    all.push_str(&format!("\n{area}.{}\n", key.trim_matches('\'')));
                }
            }
            all
        });
    let mut count = 0;
    for (path, text) in texts().filter(|(path, _)| path.starts_with("js/")) {
        // Keys that are put together at run time end in `_`, and are the browser tests' to find.
        for asked in text.split("t('").skip(1) {
            let Some((key, _)) = asked.split_once('\'') else {
                continue;
            };
            let is_key = key.contains('.')
                && key
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
            if !is_key || key.ends_with('_') {
                continue;
            }
            count += 1;
            assert!(all.contains(&format!("\n{key}\n")), "{path} asks for {key}");
        }
    }
    assert!(count > 40, "{count}");
}
