//! What can be wrong with a command: a sentence that says the fact, a code that never changes, and what
//! to do about it. Operators and tenants' admins read both sentences.

use super::limits::{MAX_OVERLAP_DAYS, MAX_RETENTION_DAYS, MAX_WEIGHT};

/// Why a command was refused. Each is a fact about the tenant or the command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It never came.
    #[error("there is no such tenant")]
    NoTenant,
    /// Its id is taken.
    #[error("there is a tenant of this id already")]
    TenantExists,
    /// A text that people are to read says nothing, or cannot be read.
    #[error("{what} is empty or has characters that cannot be shown")]
    BadText {
        /// Which text.
        what: &'static str,
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
    /// A limit in number.
    #[error("a tenant has at most {max} {what}")]
    TooMany {
        /// What there would be too many of.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// A prefix names one key for ever.
    #[error("a key with the prefix `{0}` was issued before")]
    PrefixTaken(String),
    /// The tenant never had it.
    #[error("the tenant has no key with the prefix `{0}`")]
    NoSuchKey(String),
    /// It was taken back.
    #[error("the key `{0}` is revoked")]
    KeyRevoked(String),
    /// It opens nothing any more.
    #[error("the key `{0}` has expired")]
    KeyExpired(String),
    /// Another has its place already.
    #[error("the key `{prefix}` was replaced by `{by}` already")]
    KeyReplaced {
        /// The key.
        prefix: String,
        /// The one in its place.
        by: String,
    },
    /// Two keys that open the same thing do so for a while.
    #[error("the old key may go on for at most {MAX_OVERLAP_DAYS} days beside the new one")]
    OverlapTooLong,
    /// A key that opens nothing from its first moment.
    #[error("the key would expire before it was issued")]
    BornExpired,
    /// A key that opens nothing.
    #[error("a key without a role opens nothing")]
    NoRoles,
    /// The prefix or the hash is of no key.
    #[error("{what} is not that of an API key")]
    BadKey {
        /// Which of the two.
        what: &'static str,
    },
    /// A browser would never send it.
    #[error("`{0}` is not a web origin")]
    BadOrigin(String),
    /// Nothing can be added to it.
    #[error("the callback base URL {problem}")]
    BadCallback {
        /// What is wrong.
        problem: &'static str,
    },
    /// It leads somewhere else.
    #[error("the hook path `{path}` {problem}")]
    BadHook {
        /// The path, shortened.
        path: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A hook is called somewhere.
    #[error("the tenant has no callback base URL that a hook's path could be added to")]
    NoCallback,
    /// Hooks would be called nowhere.
    #[error("{tasks} of the tenant's tasks have hooks, which need the callback base URL")]
    HooksRemain {
        /// How many.
        tasks: usize,
    },
    /// A limit of nothing.
    #[error("the limit `{limit}` is zero")]
    ZeroLimit {
        /// Which.
        limit: &'static str,
    },
    /// A part of a model.
    #[error("a weight is 1 to {MAX_WEIGHT}, not {0}")]
    WeightOutOfRange(u16),
    /// Texts are kept for days.
    #[error("texts are kept for 1 to {MAX_RETENTION_DAYS} days, not {0}")]
    RetentionOutOfRange(u32),
}

impl Rejection {
    /// A short name that never changes, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoTenant => "no_such_tenant",
            Self::TenantExists => "tenant_exists",
            Self::BadText { .. } => "bad_text",
            Self::TooLong { .. } => "too_long",
            Self::TooMany { .. } => "too_many",
            Self::PrefixTaken(_) => "prefix_taken",
            Self::NoSuchKey(_) => "no_such_key",
            Self::KeyRevoked(_) => "key_revoked",
            Self::KeyExpired(_) => "key_expired",
            Self::KeyReplaced { .. } => "key_replaced",
            Self::OverlapTooLong => "overlap_too_long",
            Self::BornExpired => "born_expired",
            Self::NoRoles => "no_roles",
            Self::BadKey { .. } => "bad_key",
            Self::BadOrigin(_) => "bad_origin",
            Self::BadCallback { .. } => "bad_callback",
            Self::BadHook { .. } => "bad_hook",
            Self::NoCallback => "no_callback",
            Self::HooksRemain { .. } => "hooks_remain",
            Self::ZeroLimit { .. } => "zero_limit",
            Self::WeightOutOfRange(_) => "weight_out_of_range",
            Self::RetentionOutOfRange(_) => "retention_out_of_range",
        }
    }

    /// What to do about it, as a sentence.
    pub fn remedy(&self) -> String {
        match self {
            Self::TooLong { max, .. } => format!("Shorten it to {max} bytes."),
            Self::TooMany { max, .. } => format!("Keep to {max}; remove what is not needed."),
            Self::KeyReplaced { by, .. } => format!("Rotate `{by}` instead."),
            other => other.standing_remedy().to_owned(),
        }
    }

    /// The remedies that name nothing.
    const fn standing_remedy(&self) -> &'static str {
        match self {
            Self::NoTenant => "Create the tenant first, or look at the list of tenants.",
            Self::TenantExists => "Choose another id, or change the tenant that is there.",
            Self::BadText { .. } => "Write it in printable characters, with no space at its ends.",
            Self::PrefixTaken(_) => "Make another key, and issue that.",
            Self::NoSuchKey(_) => "Look at the list of the tenant's keys.",
            Self::KeyRevoked(_) | Self::KeyExpired(_) => "Issue a new key instead.",
            Self::OverlapTooLong => {
                "Choose an earlier end for the old key, or issue a second key beside it."
            }
            Self::BornExpired => "Choose a later time, or leave it out.",
            Self::NoRoles => {
                "Give it at least one role: issuer, viewer, planner, publisher or admin."
            }
            Self::BadKey { .. } => "Use a key as `punchcard key new` makes it.",
            Self::BadOrigin(_) => {
                "Write scheme, host and port alone, such as `https://app.example.com`, or `none` for \
                 clients that are no browsers."
            }
            Self::BadCallback { .. } => {
                "Give scheme, host and path, such as `https://api.example.com/v2`."
            }
            Self::BadHook { .. } => "Give a path such as `/hooks/prepare`.",
            Self::NoCallback => "Set the callback base URL first.",
            Self::HooksRemain { .. } => "Take the hooks away first.",
            Self::ZeroLimit { .. } => {
                "Leave the limit out if there is none; suspend the tenant if it may use nothing."
            }
            Self::WeightOutOfRange(_) => "Choose 1 for an ordinary part.",
            Self::RetentionOutOfRange(_) => "Leave it out if the texts are kept for ever.",
            // Those that name something, in `remedy`.
            Self::TooLong { .. } | Self::TooMany { .. } | Self::KeyReplaced { .. } => "",
        }
    }
}
