//! What is said of the prompt routes in the OpenAPI document.

mod deploying;
mod past;
mod sharing;
mod testing;
mod writing;

use punchcard_events::TaskName;

use super::view::{PromptPage, PromptView};
use crate::http::openapi::common::PageLimit;
use crate::http::openapi::{Area, Operation, get};

/// Every operation on prompts.
pub(in crate::http) fn area() -> Area {
    let mut all = vec![list(), read()];
    all.extend(writing::operations());
    all.extend(testing::operations());
    all.extend(deploying::operations());
    all.extend(past::operations());
    all.extend(sharing::operations());
    Area::new(
        "Prompts",
        "What planners do: a task has one prompt, with a draft that is edited, numbered versions \
         that never change, and labels that point to versions. Tickets run what `production` \
         points to.",
        all,
    )
}

fn list() -> Operation {
    get("/v1/prompts", "listPrompts", "List prompts")
        .query::<PageLimit>("limit", "How many.")
        .query::<TaskName>("after", "The `next_cursor` of the page before.")
        .gives::<PromptPage>(200, "A page, by name.")
}

fn read() -> Operation {
    get("/v1/prompts/{task}", "readPrompt", "Read a prompt")
        .gives::<PromptView>(200, "The prompt without its texts.")
}
