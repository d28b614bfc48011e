//! Who calls: API keys with their roles, and the origins of browsers.

use actix_web::http::header::{self, HeaderMap};
use punchcard_events::TenantId;
use punchcard_events::prompt::Author;

use super::errors::Problem;
use crate::keys::{Operator, Operators, Role, Roles};

/// Somebody who showed a valid key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whose key it is.
    pub tenant: TenantId,
    /// The key's readable prefix: names the key in events and logs, opens nothing.
    pub key_prefix: String,
    /// Who holds the key, where the configuration says so.
    pub name: Option<String>,
    /// What the holder may do.
    pub roles: Roles,
}

impl Caller {
    /// Refuses a caller that has none of the roles `needed`.
    pub(super) fn must_be(&self, needed: Roles) -> Result<(), Problem> {
        if self.roles.allow(needed) {
            return Ok(());
        }
        Err(Problem::role_missing(needed, self.roles))
    }

    /// The caller as prompts record it.
    pub(super) fn author(&self) -> Author {
        Author::Key {
            prefix: self.key_prefix.clone(),
            name: self.name.clone(),
        }
    }

    /// Who takes an answer by reading it: the tenant's backend. Others only look at it, admins too.
    pub(super) fn taker(&self) -> Option<String> {
        let takes = self.roles.contains(Role::Issuer);
        takes.then(|| self.key_prefix.clone())
    }
}

/// Knows which keys are valid.
pub trait Authenticator: Send + Sync {
    /// The owner of `key`, or `None` for anything that is not a valid key. Compares in constant time.
    fn authenticate(&self, key: &str) -> Option<Caller>;
}

/// Knows from which origins browsers may open sessions. Origins are compared as they stand, in lower
/// case; [`NO_ORIGIN`] stands for a request without the header.
pub trait Origins: Send + Sync {
    /// Whether any tenant allows `origin`: asked before the upgrade, when the tenant is not known.
    fn any_allows(&self, origin: &str) -> bool;

    /// Whether `tenant` allows `origin`: asked when the session's token is known.
    fn tenant_allows(&self, tenant: &TenantId, origin: &str) -> bool;
}

/// How a list of allowed origins spells "no `Origin` header", as native clients have it. Browsers
/// always send the header.
pub const NO_ORIGIN: &str = "none";

/// The longest key that is looked at.
const MAX_KEY_BYTES: usize = 512;

/// The caller, from exactly one `Authorization: Bearer` header. Whatever is wrong, the answer is the
/// same.
pub(super) fn authenticate(
    headers: &HeaderMap,
    keys: &dyn Authenticator,
) -> Result<Caller, Problem> {
    bearer(headers)
        .and_then(|key| keys.authenticate(key))
        .ok_or_else(Problem::unauthorized)
}

/// The operator, from such a header. Whatever is wrong, the answer is the same.
pub(super) fn operator(headers: &HeaderMap, operators: &Operators) -> Result<Operator, Problem> {
    bearer(headers)
        .and_then(|key| operators.find(key))
        .cloned()
        .ok_or_else(Problem::unauthorized)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION);
    let (first, second) = (all.next()?, all.next());
    let (scheme, key) = first.to_str().ok()?.split_once(' ')?;
    let usable = second.is_none()
        && scheme.eq_ignore_ascii_case("bearer")
        && (1..=MAX_KEY_BYTES).contains(&key.len())
        && key.bytes().all(|b| b.is_ascii_graphic());
    usable.then_some(key)
}

/// The request's origin in the form that [`Origins`] compares; `None` when it cannot be one.
pub(super) fn origin(headers: &HeaderMap) -> Option<String> {
    let mut all = headers.get_all(header::ORIGIN);
    let Some(first) = all.next() else {
        return Some(NO_ORIGIN.to_owned());
    };
    let text = first.to_str().ok()?.to_ascii_lowercase();
    // A header that spells our word for "no header" is not an origin either.
    let usable = all.next().is_none() && text != NO_ORIGIN && !text.is_empty();
    usable.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn headers(name: header::HeaderName, values: &[&'static str]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for value in values {
            map.append(name.clone(), HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn only_a_single_bearer_header_is_a_key() {
        let key = |values: &[&'static str]| {
            bearer(&headers(header::AUTHORIZATION, values)).map(str::to_owned)
        };
        assert_eq!(key(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(key(&["bearer abc"]).as_deref(), Some("abc"));
        for bad in [
            &[][..],
            &[""],
            &["Bearer"],
            &["Bearer "],
            &["Basic abc"],
            &["abc"],
            &["Bearer a b"],
            &["Bearer  abc"],
            &["Bearer abc", "Bearer abc"],
        ] {
            assert_eq!(key(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_absent_origin_and_a_header_that_says_none_are_not_the_same() {
        let of = |values: &[&'static str]| origin(&headers(header::ORIGIN, values));
        assert_eq!(of(&[]).as_deref(), Some("none"));
        assert_eq!(of(&["none"]), None);
        assert_eq!(of(&["null"]).as_deref(), Some("null"));
        assert_eq!(
            of(&["https://App.example.com"]).as_deref(),
            Some("https://app.example.com")
        );
        assert_eq!(of(&["https://a.test", "https://b.test"]), None);
    }
}
