//! Refusals of prompts as problems. What is wrong is the problem's `detail`, what to do about it its
//! `remedy`; where mistakes were found in texts, they are its `findings`.

use std::time::Duration;

use punchcard_actors::ports::Finding;
use punchcard_actors::prompts::{ContentName, PromptError};
use punchcard_events::partial::PartialRejection;
use punchcard_events::prompt::Rejection;
use serde_json::json;

use crate::http::errors::{Code, Problem, store_unavailable};

impl Problem {
    /// A problem of mistakes that were found.
    pub(in crate::http) fn found(self, findings: &[Finding]) -> Self {
        self.with("findings", json!(findings))
    }
}

/// A fact, as the aggregate words it, as a sentence.
pub(in crate::http) fn sentence(fact: &impl ToString) -> String {
    let fact = fact.to_string();
    let mut chars = fact.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    let rest = chars.as_str();
    let end = if rest.ends_with('.') { "" } else { "." };
    format!("{}{rest}{end}", first.unwrap_or_default())
}

impl From<PromptError> for Problem {
    fn from(error: PromptError) -> Self {
        let told = sentence(&error);
        match error {
            PromptError::NoSuchPrompt(_) => Self::new(Code::NoPrompt, told).remedy(
                "Choose one of the prompts in the list, or save a draft to begin this one.",
            ),
            PromptError::NoSuchContent { name, .. } => no_such_content(&name, told),
            PromptError::Rejected(rejection) => rejection.into(),
            PromptError::PartialRejected(rejection) => rejection.into(),
            PromptError::Broken { findings } => {
                let detail = "The prompt has mistakes that keep it from being used.";
                Self::new(Code::BrokenPrompt, detail)
                    .remedy("Mend what is listed as an error, and save the draft again.")
                    .found(&findings)
            }
            PromptError::BrokenVersion { version, findings } => {
                let detail = format!(
                    "Version {version} has mistakes by today's configuration that keep it from being used."
                );
                Self::new(Code::BrokenPrompt, detail)
                    .remedy(
                        "Use another version; or begin a draft from this one, mend what is listed \
                         as an error, and publish it.",
                    )
                    .found(&findings)
            }
            PromptError::TooManyPrompts { .. } => Self::new(Code::TooManyPrompts, told)
                .remedy("Use one of the prompts in the list for this; they cannot be removed."),
            PromptError::Conflict => Self::later(
                Code::PromptBusy,
                "Others changed the prompt at the same time, so nothing was done.",
                Duration::from_secs(1),
                String::new(),
            )
            .remedy("Look at the prompt as it is now, and ask again if you still want to."),
            PromptError::Unavailable(cause) => store_unavailable(cause),
            PromptError::OutcomeUnknown(cause) => Self::later(
                Code::OutcomeUnknown,
                "The event store did not say whether this was done.",
                Duration::from_secs(2),
                cause,
            )
            .remedy("Look at the prompt as it is now before you ask again."),
            PromptError::Damaged(cause) => {
                let detail =
                    "What is stored of this prompt cannot be read, so it is out of service.";
                Self::new(Code::PromptDamaged, detail).caused_by(cause).remedy(
                    "Tell whoever runs the server: its log names the place, and a backup has the \
                     prompt as it was. Other prompts are not affected.",
                )
            }
        }
    }
}

fn no_such_content(name: &ContentName, detail: String) -> Problem {
    match name {
        ContentName::Draft => {
            Problem::new(Code::NoDraft, detail).remedy("Save a draft first, or name a version.")
        }
        ContentName::Version(_) => Problem::new(Code::NoSuchVersion, detail)
            .remedy("Choose one of the versions in the list of versions."),
        ContentName::Label(_) => Problem::new(Code::NoSuchLabel, detail)
            .remedy("Deploy a version to the label first, or name a version."),
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let problem = Self::new(code(&rejection), sentence(&rejection));
        let problem = problem.remedy(rejection.remedy());
        match &rejection {
            Rejection::LabelConflict { now, .. } => {
                problem.with("current", json!({ "version": now }))
            }
            Rejection::CanaryConflict {
                production, now, ..
            } => {
                let current = json!({ "version": production, "canary_version": now });
                problem.with("current", current)
            }
            _ => problem,
        }
    }
}

impl From<PartialRejection> for Problem {
    fn from(rejection: PartialRejection) -> Self {
        let code = match &rejection {
            PartialRejection::Conflict { .. } => Code::PartialConflict,
            PartialRejection::TooMany { .. } => Code::TooMany,
            PartialRejection::TooLong { .. } => Code::TooLong,
        };
        Self::new(code, sentence(&rejection)).remedy(rejection.remedy())
    }
}

/// The same word with its status.
const fn code(rejection: &Rejection) -> Code {
    match rejection {
        Rejection::NoPrompt => Code::NoPrompt,
        Rejection::NotEmpty => Code::NotEmpty,
        Rejection::NoDraft => Code::NoDraft,
        Rejection::DraftConflict { .. } => Code::DraftConflict,
        Rejection::DraftWithPartials => Code::DraftWithPartials,
        Rejection::NotTheDraft => Code::NotTheDraft,
        Rejection::SameAsVersion { .. } => Code::SameAsVersion,
        Rejection::NoSuchVersion { .. } => Code::NoSuchVersion,
        Rejection::NoSuchLabel(_) => Code::NoSuchLabel,
        Rejection::LabelConflict { .. } => Code::LabelConflict,
        Rejection::CanaryConflict { .. } => Code::CanaryConflict,
        Rejection::NoTestCases { .. } => Code::NoTestCases,
        Rejection::NotTested { .. } => Code::NotTested,
        Rejection::TestFailed { .. } => Code::TestFailed,
        Rejection::NotShadowed { .. } => Code::NotShadowed,
        Rejection::ShadowFailed { .. } => Code::ShadowFailed,
        Rejection::MinCasesOutOfRange { .. } => Code::MinCasesOutOfRange,
        Rejection::ReasonMissing => Code::ReasonMissing,
        Rejection::NothingBefore { .. } => Code::NothingBefore,
        Rejection::ProductionStays => Code::ProductionStays,
        Rejection::NoProduction => Code::NoProduction,
        Rejection::AlreadyInProduction { .. } => Code::AlreadyInProduction,
        Rejection::PercentOutOfRange(_) => Code::PercentOutOfRange,
        Rejection::BoundOutOfRange(_) => Code::BoundOutOfRange,
        Rejection::NoMinimum => Code::NoMinimum,
        Rejection::CanaryRunning { .. } => Code::CanaryRunning,
        Rejection::NotRunning(_) => Code::CanaryNotRunning,
        Rejection::Retired => Code::PromptRetired,
        Rejection::TestSetConflict { .. } => Code::TestSetConflict,
        Rejection::BadCaseName(_) => Code::BadCaseName,
        Rejection::ExpectsNothing { .. } => Code::ExpectsNothing,
        Rejection::CaseTwice(_) => Code::CaseTwice,
        Rejection::NoSuchTestSet { .. } => Code::NoSuchTestSet,
        Rejection::ResultMisfit { .. } => Code::ResultMisfit,
        Rejection::HashMisfit { .. } => Code::HashMisfit,
        Rejection::TooMany { .. } => Code::TooMany,
        Rejection::TooLong { .. } => Code::TooLong,
        Rejection::NotFinite { .. } => Code::NotFinite,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use punchcard_events::LabelName;
    use uuid::Uuid;

    #[track_caller]
    fn assert_refused(rejection: Rejection, status: u16) {
        let (word, remedy) = (rejection.code(), rejection.remedy());
        let problem = Problem::from(rejection);
        assert_eq!(problem.code().as_str(), word);
        assert_eq!(problem.response("x").status().as_u16(), status, "{word}");
        let shown = format!("{problem:?}");
        let told = shown.contains(&remedy) && !remedy.is_empty();
        assert!(told, "{word}: {shown}");
    }

    #[test]
    fn what_is_not_there_is_refused_with_404_and_the_aggregates_words() {
        for rejection in [
            Rejection::NoPrompt,
            Rejection::NoDraft,
            Rejection::NoSuchVersion {
                version: 3,
                newest: 2,
            },
            Rejection::NoSuchLabel(LabelName::production()),
            Rejection::NotRunning(Uuid::nil()),
        ] {
            assert_refused(rejection, 404);
        }
    }

    #[test]
    fn a_damaged_prompt_is_said_to_be_there_and_broken_and_what_is_stored_is_not_shown() {
        let problem = Problem::from(PromptError::Damaged("secret words".to_owned()));
        assert_eq!(problem.code().as_str(), "prompt_damaged");
        assert_eq!(problem.response("x").status().as_u16(), 500);
        assert_eq!(problem.cause(), Some("secret words"));
        assert!(
            problem
                .remedy_text()
                .is_some_and(|text| text.contains("log"))
        );
        assert!(!problem.detail().contains("secret"));
    }

    #[test]
    fn what_asks_for_patience_says_what_to_do_too() {
        for error in [
            PromptError::Conflict,
            PromptError::TooManyPrompts { max: 3 },
            PromptError::OutcomeUnknown(String::new()),
        ] {
            let problem = Problem::from(error);
            assert!(problem.remedy_text().is_some(), "{problem:?}");
        }
    }

    #[test]
    fn what_does_not_fit_the_prompt_as_it_is_is_a_conflict() {
        let label = LabelName::production;
        let (version, run, seen, now) = (3, Uuid::nil(), None, Some(2));
        for rejection in [
            Rejection::DraftConflict { seen, now },
            Rejection::SameAsVersion { version },
            Rejection::LabelConflict {
                label: label(),
                seen,
                now,
            },
            Rejection::NoTestCases { version },
            Rejection::NotTested {
                version,
                test_set: 1,
            },
            Rejection::TestFailed {
                version,
                run,
                failed: 2,
                cases: 9,
            },
            Rejection::NotShadowed {
                version,
                min_cases: 50,
            },
            Rejection::ShadowFailed {
                version,
                run,
                failed: 7,
                cases: 50,
                max_failed_percent: 5,
            },
            Rejection::NothingBefore {
                label: label(),
                version,
            },
            Rejection::ProductionStays,
            Rejection::NoProduction,
            Rejection::AlreadyInProduction { version },
            Rejection::CanaryRunning {
                version,
                percent: 5,
            },
            Rejection::Retired,
            Rejection::TestSetConflict { seen, now },
        ] {
            assert_refused(rejection, 409);
        }
    }

    #[test]
    fn what_no_prompt_could_take_is_unprocessable() {
        let what = "a reason";
        for rejection in [
            Rejection::DraftWithPartials,
            Rejection::ReasonMissing,
            Rejection::PercentOutOfRange(0),
            Rejection::BoundOutOfRange(101),
            Rejection::NoMinimum,
            Rejection::MinCasesOutOfRange {
                min_cases: 0,
                max: 1_000,
            },
            Rejection::BadCaseName("A".to_owned()),
            Rejection::CaseTwice("a".to_owned()),
            Rejection::TooMany { what, max: 8 },
            Rejection::TooLong {
                what,
                bytes: 9,
                max: 8,
            },
            Rejection::NotFinite { what },
        ] {
            assert_refused(rejection, 422);
        }
    }

    #[test]
    fn a_fact_becomes_a_sentence() {
        assert_eq!(sentence(&Rejection::Retired), "The prompt is retired.");
        let at_start = Rejection::CaseTwice("a".to_owned());
        assert_eq!(sentence(&at_start), "Two test cases are named `a`.");
    }
}
