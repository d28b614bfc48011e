//! Query strings of the prompt routes. Every parameter may be given once, and unknown ones are
//! refused.

use std::borrow::Cow;
use std::str::FromStr;

use actix_web::HttpRequest;
use url::form_urlencoded;

use crate::http::dispatch::Call;
use crate::http::errors::{Code, Problem};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// The parameters of one request.
#[derive(Debug)]
pub(in crate::http) struct Params<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Params<'a> {
    /// Reads a query string that may have the parameters `known`.
    pub(in crate::http) fn of(query: &'a str, known: &[&str]) -> Result<Self, Problem> {
        Self::with_lists(query, known, &[])
    }

    /// The same, where those of `lists` may be given several times.
    pub(in crate::http) fn with_lists(
        query: &'a str,
        known: &[&str],
        lists: &[&str],
    ) -> Result<Self, Problem> {
        let mut pairs: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let listed = lists.contains(&name.as_ref());
            if !listed && !known.contains(&name.as_ref()) {
                return Err(invalid(&name, &taken(known, lists)));
            }
            if !listed && pairs.iter().any(|(other, _)| *other == name) {
                return Err(invalid(&name, "Give this parameter once."));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// A parameter, if it is given. `rule` says what it may be.
    pub(in crate::http) fn get<T: FromStr>(
        &self,
        name: &str,
        rule: &str,
    ) -> Result<Option<T>, Problem> {
        self.all(name, rule).map(|all| all.into_iter().next())
    }

    /// A parameter that must be given.
    pub(in crate::http) fn need<T: FromStr>(&self, name: &str, rule: &str) -> Result<T, Problem> {
        self.get(name, rule)?.ok_or_else(|| invalid(name, rule))
    }

    /// Every value of a parameter.
    pub(in crate::http) fn all<T: FromStr>(
        &self,
        name: &str,
        rule: &str,
    ) -> Result<Vec<T>, Problem> {
        let given = self.0.iter().filter(|(other, _)| other == name);
        given
            .map(|(_, value)| value.parse().map_err(|_| invalid(name, rule)))
            .collect()
    }

    /// How many entries a page has.
    pub(in crate::http) fn limit(&self) -> Result<usize, Problem> {
        let rule = "Use a number from 1 to 200.";
        let limit = self.get("limit", rule)?.unwrap_or(DEFAULT_LIMIT);
        if (1..=MAX_LIMIT).contains(&limit) {
            return Ok(limit);
        }
        Err(invalid("limit", rule))
    }
}

fn taken(known: &[&str], lists: &[&str]) -> String {
    let all: Vec<_> = known
        .iter()
        .chain(lists)
        .map(|name| format!("`{name}`"))
        .collect();
    match all.as_slice() {
        [] => "Leave it out: this route has no parameters.".to_owned(),
        all => format!("Use one of {}, or leave it out.", all.join(", ")),
    }
}

/// The rule of a parameter that names a content.
pub(in crate::http) const REFERENCE: &str =
    "Use `draft`, a version such as `3` or `v3`, or a label such as `production`.";

/// That a route takes no parameters: one that is passed over is a wish that is not met.
pub(in crate::http) fn none(call: &Call) -> Result<(), Problem> {
    none_in(&call.request)
}

/// The same of any request.
pub(in crate::http) fn none_in(request: &HttpRequest) -> Result<(), Problem> {
    Params::of(request.query_string(), &[]).map(|_| ())
}

/// A parameter that breaks its rule, which is what to do about it.
pub(in crate::http) fn invalid(name: &str, rule: &str) -> Problem {
    let name: String = name.chars().take(64).collect();
    Problem::new(
        Code::InvalidParameter,
        format!("`{name}` is not what this route takes."),
    )
    .remedy(rule)
    .field(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_parameter_is_known_given_once_and_read_by_its_rule() {
        let params = Params::of("limit=2&after=x%20y", &["limit", "after"]).expect("both known");
        assert_eq!(params.limit(), Ok(2));
        assert_eq!(params.need::<String>("after", ""), Ok("x y".to_owned()));
        assert_eq!(params.get::<u32>("before", ""), Ok(None));
        for query in ["limit=0", "limit=201", "limit=x", "limit=-1"] {
            let params = Params::of(query, &["limit"]).expect("known");
            assert!(params.limit().is_err(), "{query}");
        }
        assert!(Params::of("tenant=x", &["limit"]).is_err());
        assert!(Params::of("limit=1&limit=2", &["limit"]).is_err());
        let lists = Params::with_lists("task=a&task=b", &[], &["task"]).expect("a list");
        assert_eq!(lists.all::<String>("task", "").map(|all| all.len()), Ok(2));
    }

    proptest! {
        #[test]
        fn no_query_makes_it_panic(query in ".{0,80}") {
            let _ = Params::of(&query, &["limit"]).and_then(|params| params.limit());
        }
    }
}
