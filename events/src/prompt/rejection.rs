//! Why a command was refused, and what to do about it. Planners read both sentences.

use uuid::Uuid;

use super::content::ContentHash;
use super::limits;
use crate::ids::LabelName;

/// Why a command was refused. Each is a fact about the prompt or the command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Nothing was ever saved for this task.
    #[error("this task has no prompt yet")]
    NoPrompt,
    /// The configuration's text came after a planner's.
    #[error("planners have begun this prompt already, so the configured text is not taken over")]
    NotEmpty,
    /// There is nothing being edited.
    #[error("there is no draft")]
    NoDraft,
    /// The author did not see the newest draft.
    #[error("you started from {}, but now there is {}", draft(.seen), draft(.now))]
    DraftConflict {
        /// The edit the author started from.
        seen: Option<u32>,
        /// The newest edit.
        now: Option<u32>,
    },
    /// A draft uses the tenant's partials as they are.
    #[error("a draft cannot bring its own partials")]
    DraftWithPartials,
    /// What was checked is not what is being edited.
    #[error("the content that was checked is not that of the draft")]
    NotTheDraft,
    /// Nothing changed since a version.
    #[error("the draft says the same as version {version}")]
    SameAsVersion {
        /// That version.
        version: u32,
    },
    /// The version was never published.
    #[error("there is no version {version}; {}", published(*.newest))]
    NoSuchVersion {
        /// The version named.
        version: u32,
        /// The newest version; 0: none was published.
        newest: u32,
    },
    /// The label points nowhere.
    #[error("there is no label `{0}`")]
    NoSuchLabel(LabelName),
    /// The author did not see where the label points now.
    #[error("`{label}` was moved in the meantime: you saw {}, now it is {}", place(.seen), place(.now))]
    LabelConflict {
        /// The label.
        label: LabelName,
        /// The version the author saw.
        seen: Option<u32>,
        /// The version it points to.
        now: Option<u32>,
    },
    /// The author did not see the canary as it is now.
    #[error("{}, and `production` is {}", canaries(*.saw_one, .now), place(.production))]
    CanaryConflict {
        /// Whether the author saw one running.
        saw_one: bool,
        /// What `production` points to.
        production: Option<u32>,
        /// The version of the canary that is running now.
        now: Option<u32>,
    },
    /// There is nothing to test with.
    #[error("version {version} cannot be tested, because the task has no test cases")]
    NoTestCases {
        /// The version that was to reach users.
        version: u32,
    },
    /// The content was not tested under the present test set.
    #[error("version {version} has not been tested with the present test set (number {test_set})")]
    NotTested {
        /// The version that was to reach users.
        version: u32,
        /// The present test set.
        test_set: u32,
    },
    /// The newest test run of the content failed.
    #[error("version {version} failed {failed} of {cases} test cases")]
    TestFailed {
        /// The version that was to reach users.
        version: u32,
        /// The run.
        run: Uuid,
        /// How many cases failed.
        failed: u32,
        /// How many there were.
        cases: u32,
    },
    /// The content was not tried on enough past tickets.
    #[error(
        "version {version} has not been tried on past tickets: this prompt's deployment policy asks for a finished shadow run of at least {min_cases} cases"
    )]
    NotShadowed {
        /// The version that was to reach users.
        version: u32,
        /// How many cases the policy asks for.
        min_cases: u32,
    },
    /// Too many past tickets had no answer.
    #[error(
        "version {version} gave no usable answer to {failed} of {cases} past tickets: this prompt's deployment policy allows {max_failed_percent} percent"
    )]
    ShadowFailed {
        /// The version that was to reach users.
        version: u32,
        /// The shadow run.
        run: Uuid,
        /// How many cases had no answer.
        failed: u32,
        /// How many there were.
        cases: u32,
        /// How many of a hundred the policy allows.
        max_failed_percent: u8,
    },
    /// A shadow run of no cases, or more than one can have.
    #[error("a deployment policy asks for a shadow run of 1 to {max} cases, not {min_cases}")]
    MinCasesOutOfRange {
        /// How many were asked for.
        min_cases: u32,
        /// The most that a run can have.
        max: u32,
    },
    /// An override without a reason.
    #[error("the tests can only be overridden with a reason")]
    ReasonMissing,
    /// The label never pointed anywhere else.
    #[error("`{label}` has always pointed to version {version}: there is nothing to roll back to")]
    NothingBefore {
        /// The label.
        label: LabelName,
        /// Where it points to.
        version: u32,
    },
    /// Tickets run `production`.
    #[error("the label `production` cannot be removed, because tickets run it")]
    ProductionStays,
    /// A canary stands beside a version in production.
    #[error("nothing is in production that a canary could stand beside")]
    NoProduction,
    /// Everybody gets the version already.
    #[error("version {version} is in production already")]
    AlreadyInProduction {
        /// That version.
        version: u32,
    },
    /// A share of the users is some, and not all.
    #[error("a canary gets 1 to 99 percent of the users, not {0}")]
    PercentOutOfRange(u8),
    /// More than all.
    #[error("a bound is at most 100 percent, not {0}")]
    BoundOutOfRange(u8),
    /// A share of no tickets is no share.
    #[error("a bound needs at least one ticket before it counts")]
    NoMinimum,
    /// One at a time.
    #[error("a canary of version {version} is running with {percent} percent of the users")]
    CanaryRunning {
        /// Its version.
        version: u32,
        /// Its share.
        percent: u8,
    },
    /// The canary is over, or never was.
    #[error("this canary is not running")]
    NotRunning(Uuid),
    /// The task takes no new tickets.
    #[error("the prompt is retired")]
    Retired,
    /// The author did not see the newest test set.
    #[error("you started from {}, but now there is {}", set(.seen), set(.now))]
    TestSetConflict {
        /// The number the author started from.
        seen: Option<u32>,
        /// The present number.
        now: Option<u32>,
    },
    /// A case's name names a file.
    #[error("`{0}` cannot be the name of a test case")]
    BadCaseName(String),
    /// A case that every answer passes tests nothing.
    #[error("the test case `{case}` expects nothing of its answer, so every answer passes it")]
    ExpectsNothing {
        /// The case.
        case: String,
    },
    /// Names tell cases apart.
    #[error("two test cases are named `{0}`")]
    CaseTwice(String),
    /// A result of a test set that never was.
    #[error("there is no test set number {number}")]
    NoSuchTestSet {
        /// The number named.
        number: u32,
    },
    /// More cases failed than there were, or there were none or not that many.
    #[error("a result of {failed} failed of {cases} cases does not fit the test set")]
    ResultMisfit {
        /// How many cases are said to have failed.
        failed: u32,
        /// How many there are said to have been.
        cases: u32,
    },
    /// A result of another content than the version's.
    #[error("the tested content {hash} is not that of version {version}")]
    HashMisfit {
        /// The version named.
        version: u32,
        /// The content that was tested.
        hash: ContentHash,
    },
    /// A limit in number.
    #[error("a prompt has at most {max} {what}")]
    TooMany {
        /// What there would be too many of.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// A limit in size.
    #[error("{what} may have at most {max} bytes, but this one has {bytes}")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        max: usize,
    },
    /// A number that cannot be stored.
    #[error("{what} holds a number that is not finite")]
    NotFinite {
        /// What holds it.
        what: &'static str,
    },
}

impl Rejection {
    /// A short name that never changes, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoPrompt => "no_prompt",
            Self::NotEmpty => "not_empty",
            Self::NoDraft => "no_draft",
            Self::DraftConflict { .. } => "draft_conflict",
            Self::DraftWithPartials => "draft_with_partials",
            Self::NotTheDraft => "not_the_draft",
            Self::SameAsVersion { .. } => "same_as_version",
            Self::NoSuchVersion { .. } => "no_such_version",
            Self::NoSuchLabel(_) => "no_such_label",
            Self::LabelConflict { .. } => "label_conflict",
            Self::CanaryConflict { .. } => "canary_conflict",
            Self::NoTestCases { .. } => "no_test_cases",
            Self::NotTested { .. } => "not_tested",
            Self::TestFailed { .. } => "test_failed",
            Self::NotShadowed { .. } => "not_shadowed",
            Self::ShadowFailed { .. } => "shadow_failed",
            Self::MinCasesOutOfRange { .. } => "min_cases_out_of_range",
            Self::ReasonMissing => "reason_missing",
            Self::NothingBefore { .. } => "nothing_before",
            Self::ProductionStays => "production_stays",
            Self::NoProduction => "no_production",
            Self::AlreadyInProduction { .. } => "already_in_production",
            Self::PercentOutOfRange(_) => "percent_out_of_range",
            Self::BoundOutOfRange(_) => "bound_out_of_range",
            Self::NoMinimum => "no_minimum",
            Self::CanaryRunning { .. } => "canary_running",
            Self::NotRunning(_) => "canary_not_running",
            Self::Retired => "prompt_retired",
            Self::TestSetConflict { .. } => "test_set_conflict",
            Self::BadCaseName(_) => "bad_case_name",
            Self::CaseTwice(_) => "case_twice",
            Self::ExpectsNothing { .. } => "expects_nothing",
            Self::NoSuchTestSet { .. } => "no_such_test_set",
            Self::ResultMisfit { .. } => "result_misfit",
            Self::HashMisfit { .. } => "hash_misfit",
            Self::TooMany { .. } => "too_many",
            Self::TooLong { .. } => "too_long",
            Self::NotFinite { .. } => "not_finite",
        }
    }

    /// What to do about it, as a sentence.
    pub fn remedy(&self) -> String {
        match self {
            Self::TestFailed { run, .. } => format!(
                "Look at the failed cases of test run {run}, change the draft, and publish and test it again."
            ),
            Self::NotTested { version, .. } => {
                format!("Test version {version}, and deploy it once all cases pass.")
            }
            Self::NotShadowed { version, min_cases } => format!(
                "Start a shadow run of version {version} with at least {min_cases} cases, and deploy the version once it is finished; or have an admin override the policy with a reason."
            ),
            Self::ShadowFailed { run, .. } => format!(
                "Look at the worst cases of shadow run {run}, change the draft, and publish, test and try it again; or have an admin override the policy with a reason."
            ),
            Self::SameAsVersion { version } => {
                format!("Use version {version}; change the draft if it should say something else.")
            }
            Self::CanaryRunning { version, .. } => {
                format!("Stop the canary first, or promote it by deploying version {version}.")
            }
            Self::NoSuchVersion { newest: 0, .. } => "Publish the draft first.".to_owned(),
            Self::NoSuchVersion { newest, .. } => {
                format!("Name one of the versions 1 to {newest}.")
            }
            Self::BadCaseName(_) => format!(
                "Use 1 to {} lowercase letters, digits or -, with no - at the start or end.",
                limits::CASE_NAME_BYTES
            ),
            Self::TooMany { max, .. } => format!("Keep to {max}; remove what is not needed."),
            Self::TooLong { max, .. } => format!("Shorten it to {max} bytes."),
            other => other.standing_remedy().to_owned(),
        }
    }

    /// The remedies that name nothing.
    const fn standing_remedy(&self) -> &'static str {
        match self {
            Self::NoPrompt | Self::NoDraft => "Save a draft first.",
            Self::NotEmpty => {
                "Leave messages and model out of the configuration: the planners' prompt is used."
            }
            Self::DraftConflict { .. } => {
                "Look at the draft as it is now, put your changes into it, and save it again."
            }
            Self::DraftWithPartials => {
                "Save the partials by themselves, and include them by name in the draft."
            }
            Self::NotTheDraft => "Check the draft as it is now, and publish it again.",
            Self::NoSuchLabel(_) => "Deploy a version to the label first.",
            Self::LabelConflict { .. } | Self::CanaryConflict { .. } => {
                "Look at what users get now, and ask again if you still want to."
            }
            Self::NoTestCases { .. } => {
                "Write at least one test case, and test the version; or have an admin override the tests."
            }
            Self::ReasonMissing => "Say in a sentence why this is right without the tests.",
            Self::NothingBefore { .. } => "Deploy the version you want instead.",
            Self::ProductionStays => "Retire the prompt if the task should take no new tickets.",
            Self::NoProduction => "Deploy a version to production first.",
            Self::AlreadyInProduction { .. } => {
                "Name the version that should be tried beside the one in production."
            }
            Self::PercentOutOfRange(_) => {
                "Choose 1 to 99 percent; deploy the version to give it to everybody."
            }
            Self::BoundOutOfRange(_) => "Choose 0 to 100 percent.",
            Self::MinCasesOutOfRange { .. } => {
                "Choose how many past tickets are enough: 50 is a start."
            }
            Self::NoMinimum => {
                "Ask for at least 1 ticket; 20 or more keep one bad ticket from deciding."
            }
            Self::NotRunning(_) => "Look at the prompt's canary as it is now.",
            Self::Retired => "Restore the prompt first.",
            Self::TestSetConflict { .. } => {
                "Look at the test set as it is now, put your changes into it, and save it again."
            }
            Self::ExpectsNothing { .. } => {
                "Say what must hold of the answer, for example a word that it contains."
            }
            Self::CaseTwice(_) => "Give each case a name of its own.",
            Self::NoSuchTestSet { .. } | Self::ResultMisfit { .. } | Self::HashMisfit { .. } => {
                "Run the test again."
            }
            Self::NotFinite { .. } => "Use a number that JSON can hold.",
            // Those that name something, in `remedy`.
            Self::TestFailed { .. }
            | Self::NotTested { .. }
            | Self::NotShadowed { .. }
            | Self::ShadowFailed { .. }
            | Self::SameAsVersion { .. }
            | Self::CanaryRunning { .. }
            | Self::NoSuchVersion { .. }
            | Self::BadCaseName(_)
            | Self::TooMany { .. }
            | Self::TooLong { .. } => "",
        }
    }
}

fn draft(edit: &Option<u32>) -> String {
    edit.map_or_else(
        || "no draft".to_owned(),
        |edit| format!("edit {edit} of the draft"),
    )
}

fn set(number: &Option<u32>) -> String {
    number.map_or_else(
        || "no test set".to_owned(),
        |number| format!("test set number {number}"),
    )
}

fn place(version: &Option<u32>) -> String {
    version.map_or_else(
        || "no version".to_owned(),
        |version| format!("version {version}"),
    )
}

fn canaries(saw_one: bool, now: &Option<u32>) -> String {
    match (saw_one, now) {
        (true, None) => "the canary that you saw is not running any more".to_owned(),
        (true, Some(now)) => {
            format!("another canary than you saw is running now, of version {now}")
        }
        (false, now) => format!("a canary of {} was started in the meantime", place(now)),
    }
}

fn published(newest: u32) -> String {
    match newest {
        0 => "none was published yet".to_owned(),
        newest => format!("the newest is version {newest}"),
    }
}
