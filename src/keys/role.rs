//! What the holder of a key may do.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::invisible;

/// What somebody works as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The tenant's backend: issues, reads and cancels tickets, opens sessions for its users.
    Issuer,
    /// Reads tickets and prompts.
    Viewer,
    /// Writes, tests and publishes prompts, and moves every label but `production`.
    Planner,
    /// Decides what reaches users: deploys to `production`, runs canaries, rolls back, retires.
    Publisher,
    /// May do everything, a deployment without a passing test run included.
    Admin,
}

impl Role {
    /// Every role, from the least to the most that it may.
    pub const ALL: [Self; 5] = [
        Self::Issuer,
        Self::Viewer,
        Self::Planner,
        Self::Publisher,
        Self::Admin,
    ];

    /// The role as it is written in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Viewer => "viewer",
            Self::Planner => "planner",
            Self::Publisher => "publisher",
            Self::Admin => "admin",
        }
    }

    /// Every role whose work this one may do, itself among them.
    const fn covers(self) -> Roles {
        match self {
            Self::Issuer | Self::Viewer => Roles::of(&[self]),
            Self::Planner => Roles::of(&[Self::Viewer, self]),
            Self::Publisher => Roles::of(&[Self::Viewer, Self::Planner, self]),
            Self::Admin => Roles::of(&Self::ALL),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use issuer, viewer, planner, publisher or admin")]
pub struct InvalidRole;

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or(InvalidRole)
    }
}

/// A set of roles: those that a key has, or any one of which a route asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Roles(u8);

impl Roles {
    /// These roles.
    pub const fn of(roles: &[Role]) -> Self {
        let mut set = 0;
        let mut rest = roles;
        while let [first, others @ ..] = rest {
            set |= 1 << *first as u8;
            rest = others;
        }
        Self(set)
    }

    /// Whether `role` itself is among them.
    pub const fn contains(self, role: Role) -> bool {
        self.0 & Self::of(&[role]).0 != 0
    }

    /// Whether the holder of these may do what asks for any one of `needed`.
    pub fn allow(self, needed: Self) -> bool {
        self.iter().any(|role| role.covers().0 & needed.0 != 0)
    }

    /// Every single role that would be let in where any one of these is asked for.
    pub fn sufficient(self) -> Self {
        let enough = |role: &Role| Self::of(&[*role]).allow(self);
        Role::ALL.into_iter().filter(enough).collect()
    }

    /// The roles, from the least.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL
            .into_iter()
            .filter(move |role| self.contains(*role))
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// A key whose configuration names no role is a backend's, as every key was before there were roles.
impl Default for Roles {
    fn default() -> Self {
        Self::of(&[Role::Issuer])
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        let union = |set, role| set | Self::of(&[role]).0;
        Self(roles.into_iter().fold(0, union))
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for Roles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let roles: Self = Vec::<Role>::deserialize(deserializer)?
            .into_iter()
            .collect();
        if roles.is_empty() {
            let rule = "a key without a role opens nothing; give it one, or take the key away";
            return Err(D::Error::custom(rule));
        }
        Ok(roles)
    }
}

/// Who holds a key, for the people who read what was done with it: 1 to 64 printable characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct KeyName(String);

/// A text that names no holder of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key's name has 1 to 64 printable characters, and no space at its ends")]
pub struct InvalidKeyName;

impl KeyName {
    /// The most characters of a name.
    pub const MAX_CHARS: usize = 64;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl JsonSchema for KeyName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "KeyName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "minLength": 1, "maxLength": Self::MAX_CHARS,
            "description": "Who holds a key: printable characters, and no space at the ends.",
        })
    }
}

impl FromStr for KeyName {
    type Err = InvalidKeyName;

    fn from_str(text: &str) -> Result<Self, InvalidKeyName> {
        let length = text.chars().take(Self::MAX_CHARS + 1).count();
        let good = (1..=Self::MAX_CHARS).contains(&length)
            && text.trim() == text
            && !text.chars().any(char::is_control)
            // With those, one holder's name could be made to look like another's.
            && invisible::hidden(text).next().is_none();
        good.then(|| Self(text.to_owned())).ok_or(InvalidKeyName)
    }
}

impl<'de> Deserialize<'de> for KeyName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publisher_may_what_a_planner_may_and_an_admin_may_everything() {
        let allowed = |role: Role| -> Vec<&str> {
            let covered = Role::ALL.into_iter().filter(|other| {
                let held = Roles::of(&[role]);
                held.allow(Roles::of(&[*other]))
            });
            covered.map(Role::as_str).collect()
        };
        for (role, may) in [
            (Role::Issuer, &["issuer"][..]),
            (Role::Viewer, &["viewer"]),
            (Role::Planner, &["viewer", "planner"]),
            (Role::Publisher, &["viewer", "planner", "publisher"]),
            (
                Role::Admin,
                &["issuer", "viewer", "planner", "publisher", "admin"],
            ),
        ] {
            assert_eq!(allowed(role), may, "{role}");
        }
    }

    #[test]
    fn one_of_several_roles_is_enough_and_none_opens_nothing() {
        let needed = Roles::of(&[Role::Issuer, Role::Viewer]);
        assert!(Roles::of(&[Role::Planner]).allow(needed));
        assert!(!Roles::of(&[]).allow(needed));
        assert!(!Roles::of(&[Role::Admin]).allow(Roles::of(&[])));
        let would_do = Roles::of(&[Role::Planner]).sufficient();
        let expected = [Role::Planner, Role::Publisher, Role::Admin];
        assert_eq!(would_do, Roles::of(&expected));
    }

    #[test]
    fn roles_are_read_from_words_and_no_word_is_no_set() {
        let read = |text: &str| serde_json::from_str::<Roles>(text);
        let both = Roles::of(&[Role::Issuer, Role::Admin]);
        assert_eq!(read(r#"["admin","issuer","admin"]"#).unwrap(), both);
        assert_eq!(
            serde_json::to_string(&both).unwrap(),
            r#"["issuer","admin"]"#
        );
        assert!(read("[]").is_err());
        assert!(read(r#"["root"]"#).is_err());
        assert_eq!("root".parse::<Role>(), Err(InvalidRole));
    }

    #[test]
    fn a_name_is_short_printable_and_cannot_pose_as_another() {
        for good in ["mina", "김미나 (기획)", &"x".repeat(64)] {
            assert!(good.parse::<KeyName>().is_ok(), "{good}");
        }
        let long = "x".repeat(65);
        for bad in [
            "",
            " ",
            " a",
            "a\n",
            "a\u{7}b",
            "mi\u{200b}na",
            "\u{202e}anim",
            "mina\u{3164}",
            "mi\u{e0041}na",
            &long,
        ] {
            assert_eq!(bad.parse::<KeyName>(), Err(InvalidKeyName), "{bad:?}");
        }
    }
}
