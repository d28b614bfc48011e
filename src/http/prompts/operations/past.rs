//! What was, and when.

use punchcard_events::{LabelName, Timestamp};

use crate::http::openapi::common::PageLimit;
use crate::http::openapi::{Operation, get};
use crate::http::prompts::at::AtView;
use crate::http::prompts::history::HistoryPage;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        get(
            "/v1/prompts/{task}/history",
            "readPromptHistory",
            "Read a prompt's history",
        )
        .query::<PageLimit>("limit", "How many.")
        .query::<u64>("after", "The `next_cursor` of the page before.")
        .gives::<HistoryPage>(200, "A page, the oldest first; `sentence` is for people."),
        get(
            "/v1/prompts/{task}/at",
            "readPromptAt",
            "What was in effect at a time",
        )
        .query::<Timestamp>("time", "The time.")
        .required()
        .query::<LabelName>("label", "The label; `production` unless you say otherwise.")
        .gives::<AtView>(200, "What the label pointed to then."),
    ]
}
