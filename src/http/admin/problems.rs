//! Refusals about tenants and keys as problems. What is wrong is the problem's `detail`, what to do
//! about it its `remedy`.

use std::time::Duration;

use punchcard_actors::tenants::TenantError;
use punchcard_events::tenant::Rejection;

use crate::http::errors::{Code, Problem, store_unavailable};
use crate::http::prompts::problems::sentence;

impl Problem {
    /// The one answer for a tenant that is not there, whatever its name is like.
    pub(super) fn no_such_tenant() -> Self {
        Rejection::NoTenant.into()
    }
}

impl From<TenantError> for Problem {
    fn from(error: TenantError) -> Self {
        match error {
            TenantError::Rejected(rejection) => rejection.into(),
            TenantError::TooManyTenants { .. } => Self::new(Code::TooManyTenants, sentence(&error))
                .remedy("Use one of the tenants that are there; they cannot be removed."),
            TenantError::Conflict | TenantError::Changed => Self::later(
                Code::TenantBusy,
                "Others changed the tenant at the same time, so nothing was done.",
                Duration::from_secs(1),
                String::new(),
            )
            .remedy("Look at the tenant as it is now, and ask again if you still want to."),
            TenantError::Unavailable(cause) => store_unavailable(cause),
            TenantError::OutcomeUnknown(cause) => Self::later(
                Code::OutcomeUnknown,
                "The event store did not say whether this was done.",
                Duration::from_secs(2),
                cause,
            )
            .remedy("Look at the tenant as it is now before you ask again."),
            TenantError::Damaged(cause) => {
                let detail = "What is stored of this tenant cannot be read.";
                Self::new(Code::TenantDamaged, detail)
                    .caused_by(cause)
                    .remedy("Look into the server's log, which names the place.")
            }
        }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        Self::new(code(&rejection), sentence(&rejection)).remedy(rejection.remedy())
    }
}

/// The code of a refusal: the word that the aggregate gives it, with a status.
const fn code(rejection: &Rejection) -> Code {
    match rejection {
        Rejection::NoTenant => Code::NoSuchTenant,
        Rejection::TenantExists => Code::TenantExists,
        Rejection::BadText { .. } => Code::BadText,
        Rejection::TooLong { .. } => Code::TooLong,
        Rejection::TooMany { .. } => Code::TooMany,
        Rejection::PrefixTaken(_) => Code::PrefixTaken,
        Rejection::NoSuchKey(_) => Code::NoSuchKey,
        Rejection::KeyRevoked(_) => Code::KeyRevoked,
        Rejection::KeyExpired(_) => Code::KeyExpired,
        Rejection::KeyReplaced { .. } => Code::KeyReplaced,
        Rejection::OverlapTooLong => Code::OverlapTooLong,
        Rejection::BornExpired => Code::BornExpired,
        Rejection::NoRoles => Code::NoRoles,
        Rejection::BadKey { .. } => Code::BadKey,
        Rejection::BadOrigin(_) => Code::BadOrigin,
        Rejection::BadCallback { .. } => Code::BadCallback,
        Rejection::BadHook { .. } => Code::BadHook,
        Rejection::NoCallback => Code::NoCallback,
        Rejection::HooksRemain { .. } => Code::HooksRemain,
        Rejection::ZeroLimit { .. } => Code::ZeroLimit,
        Rejection::WeightOutOfRange(_) => Code::WeightOutOfRange,
        Rejection::RetentionOutOfRange(_) => Code::RetentionOutOfRange,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_the_aggregates_word_and_says_what_to_do() {
        let text = String::new;
        for rejection in [
            Rejection::NoTenant,
            Rejection::TenantExists,
            Rejection::BadText { what: "the name" },
            Rejection::PrefixTaken(text()),
            Rejection::NoSuchKey(text()),
            Rejection::KeyRevoked(text()),
            Rejection::KeyExpired(text()),
            Rejection::OverlapTooLong,
            Rejection::BornExpired,
            Rejection::NoRoles,
            Rejection::BadKey { what: "the hash" },
            Rejection::BadOrigin(text()),
            Rejection::BadCallback { problem: "is odd" },
            Rejection::NoCallback,
            Rejection::HooksRemain { tasks: 2 },
            Rejection::ZeroLimit { limit: "tokens" },
            Rejection::WeightOutOfRange(0),
            Rejection::RetentionOutOfRange(0),
            Rejection::TooMany {
                what: "keys",
                max: 1,
            },
        ] {
            let word = rejection.code();
            let problem = Problem::from(rejection);
            assert_eq!(problem.code().as_str(), word);
            assert!(
                problem.remedy_text().is_some_and(|text| text.len() > 10),
                "{word}"
            );
        }
    }
}
