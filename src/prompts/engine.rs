//! The template engine as prompts have it: strict, bounded, without files, HTML or debugging.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};

use super::reading::Tool;
use super::variables::MAX_LEVELS;
use super::{At, Flaw, Place};

/// The steps that every rendering may take besides those its size may cost.
const BASE_FUEL: u64 = 50_000;
/// Nesting of blocks and expressions.
const MAX_DEPTH: usize = 64;
/// What the engine counts for one level of includes.
const DEPTH_OF_INCLUDE: usize = 10;

/// What all prompts share; a copy of it shares the engine's tables.
static BASE: LazyLock<Environment<'static>> = LazyLock::new(base);

fn base() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_recursion_limit(MAX_DEPTH + DEPTH_OF_INCLUDE * MAX_LEVELS);
    environment.set_debug(false);
    environment.remove_global("debug");
    environment.set_syntax(syntax());
    environment
}

/// The environment of a prompt that may render `max_bytes` bytes.
pub(super) fn environment(max_bytes: usize) -> Environment<'static> {
    let mut environment = BASE.clone();
    // The engine counts one step for each 64 bytes it writes or works on.
    let size = u64::try_from(max_bytes / 64).unwrap_or(u64::MAX);
    environment.set_fuel(Some(size.saturating_mul(4).saturating_add(BASE_FUEL)));
    environment
}

/// How templates are written: a line that holds only a block leaves no blank line behind.
pub(super) fn syntax() -> SyntaxConfig {
    let blocks = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    blocks.unwrap_or_default()
}

/// The names that the engine itself gives a meaning to.
pub(super) fn globals() -> BTreeSet<String> {
    let globals = BASE.globals();
    globals.map(|(name, _)| name.to_owned()).collect()
}

/// Whether the engine has this filter or test.
pub(super) fn has(tool: &Tool) -> bool {
    // The engine tells only by being asked to run it.
    let Ok(template) = BASE.template_from_str("") else {
        return true;
    };
    let mut state = template.new_state();
    let run = match tool {
        Tool::Filter(name) => state.apply_filter(name, &[]).map(drop),
        Tool::Test(name) => state.perform_test(name, &[]).map(drop),
    };
    let kind = run.err().map(|error| error.kind());
    !matches!(
        kind,
        Some(ErrorKind::UnknownFilter | ErrorKind::UnknownTest)
    )
}

/// A template's own mistake: it holds nothing of any input.
pub(super) fn unparsed(place: &Place, text: &str, error: &minijinja::Error) -> Flaw {
    let detail = error.detail().map_or_else(
        || error.kind().to_string(),
        |detail| format!("{}: {detail}", error.kind()),
    );
    Flaw {
        place: place.clone(),
        at: error.range().map(|range| At::of(text, range.start)),
        message: format!("the template does not parse: {detail}"),
        remedy: "Look at the tag there: each {{ needs its }}, each {% if %} its {% endif %}."
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_says_which_filters_and_tests_it_has() {
        for (tool, there) in [
            (Tool::Filter("upper".into()), true),
            (Tool::Filter("default".into()), true),
            (Tool::Filter("uper".into()), false),
            (Tool::Test("defined".into()), true),
            (Tool::Test("divisibleby".into()), true),
            (Tool::Test("definde".into()), false),
        ] {
            assert_eq!(has(&tool), there, "{tool:?}");
        }
        assert!(globals().contains("range") && !globals().contains("debug"));
    }
}
