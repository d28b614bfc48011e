//! "Did you mean": the name that somebody probably meant.

/// Names that are less alike than this (Jaro-Winkler, 0 to 1) are no suggestion.
const ALIKE: f64 = 0.75;
/// The most names that a suggestion lists.
const MAX_LISTED: usize = 12;

/// The known name that is most like `name`, if any is.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.map(|known| (strsim::jaro_winkler(name, known), known));
    let (score, nearest) = scored.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (score >= ALIKE).then_some(nearest)
}

/// A question for the reader, if there is a name to ask about.
pub(super) fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    nearest(name, known).map(|nearest| format!("Did you mean `{nearest}`?"))
}

/// Names in a row: `` `a`, `b` ``; the first of them where there are many.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.len() > MAX_LISTED {
        let more = names.len() - MAX_LISTED;
        names.truncate(MAX_LISTED);
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["essay", "level", "topic"];
        let asked = |name| did_you_mean(name, known.into_iter());
        assert_eq!(asked("esay").as_deref(), Some("Did you mean `essay`?"));
        assert_eq!(asked("zzz"), None);
        assert_eq!(listed(known.into_iter()), "`essay`, `level`, `topic`");
        let many: Vec<_> = (0..20).map(|number| number.to_string()).collect();
        assert!(listed(many.iter().map(String::as_str)).ends_with("`11`, 8 more"));
    }
}
