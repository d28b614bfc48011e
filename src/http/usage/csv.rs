//! Usage as comma-separated values (RFC 4180), safe to open in a spreadsheet.

use std::fmt::Write as _;

use punchcard_actors::ports::{UsageGroup, UsageQuery, UsageRow};

const COUNTS: &str =
    "tickets,attempts,prompt_tokens,completion_tokens,estimated_tokens,cost_micro_usd";

/// The rows under a line of names.
pub(super) fn write(query: &UsageQuery, rows: &[UsageRow]) -> String {
    let mut text = String::new();
    for group in &query.by {
        text.push_str(match group {
            UsageGroup::Day => "day,",
            UsageGroup::Tenant => "tenant,",
            UsageGroup::Task => "task,",
            UsageGroup::Version => "version,",
            UsageGroup::Model => "model,",
        });
    }
    text.push_str(COUNTS);
    text.push_str("\r\n");
    for row in rows {
        for group in &query.by {
            let value = match group {
                UsageGroup::Day => row.day.map(|day| day.to_string()),
                UsageGroup::Tenant => row.tenant.clone(),
                UsageGroup::Task => row.task.clone(),
                UsageGroup::Version => row.version.map(|version| version.to_string()),
                UsageGroup::Model => row.model.clone(),
            };
            text.push_str(&cell(&value.unwrap_or_default()));
            text.push(',');
        }
        let counts = &row.counts;
        // Writing into a String cannot fail.
        let _ = write!(
            text,
            "{},{},{},{},{},{}\r\n",
            counts.tickets,
            counts.attempts,
            counts.prompt_tokens,
            counts.completion_tokens,
            counts.estimated_tokens,
            counts.cost_micro_usd.0
        );
    }
    text
}

/// A text as one cell. A spreadsheet takes what begins with one of these signs for a formula, so an
/// apostrophe stands before it (OWASP, CSV Injection).
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if formula || text.contains([',', '"', '\r', '\n']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_none_breaks_its_line() {
        for (text, wanted) in [
            ("gpt-x", "gpt-x"),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("+1", "\"'+1\""),
            ("-a", "\"'-a\""),
            ("@a", "\"'@a\""),
            ("a,b", "\"a,b\""),
            ("a\r\nb", "\"a\r\nb\""),
            ("\t=1", "\"'\t=1\""),
        ] {
            assert_eq!(cell(text), wanted);
        }
    }
}
