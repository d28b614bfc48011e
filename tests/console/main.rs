//! The console in a real browser, against the whole program: what admins and planners do on a day, told
//! as stories in `stories/*.mjs`, one file each.
//!
//! A story drives Chromium with Playwright and looks at what it sees as people do, by roles and names.
//! What a browser cannot do is asked of the world here, over the story's standard input and output
//! (`asks.rs`): the model's words, the student's session, the tenant's ledger, a restart. The browser and
//! Playwright come by `tests/console/setup`; where they cannot be had these tests fail: skipped, they
//! would say nothing. What they have seen is left under `target/console/screenshots`.
//!
//! Not here: what the routes answer, which the tests of each route say.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and shows why"
)]

#[path = "../support/api.rs"]
mod api;
#[path = "../support/fake_backend.rs"]
mod fake_backend;
#[path = "../support/punchcard.rs"]
mod punchcard;
#[path = "../support/scripted_model.rs"]
mod scripted_model;
#[path = "../support/session.rs"]
mod session;

mod asks;
mod model;
mod program;
mod world;

/// Tells the story `stories/NAME.mjs` in a world of its own.
macro_rules! story {
    ($name:ident, $file:literal) => {
        #[tokio::test]
        async fn $name() {
            program::tell($file).await;
        }
    };
}

story!(both_languages_are_complete, "languages");
story!(the_frame_lets_in_shows_and_lets_go, "frame");
story!(every_page_is_for_everybody, "pages");
story!(a_planner_changes_what_the_model_is_told, "planner");
story!(a_day_from_a_failed_ticket_to_its_delivery, "day");
story!(what_strangers_write_is_shown_as_text, "hostile");
story!(what_is_to_stay_out_stays_out, "guard");
