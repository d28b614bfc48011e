//! Names and ids. Each is a type of its own, checked where it enters.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A ticket's id: a UUID version 7 (RFC 9562), so ids sort by the time they were given.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct TicketId(pub Uuid);

/// An event's id. An append repeated with the same ids is the same append.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct EventId(pub Uuid);

/// A batch's id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct BatchId(pub Uuid);

/// A webhook endpoint's id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct EndpointId(pub Uuid);

impl TicketId {
    /// The name of the stream that holds this ticket's events.
    pub fn stream(self) -> StreamName {
        StreamName(format!("{TICKET_STREAM_PREFIX}{}", self.0).into())
    }
}

macro_rules! uuid_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_text!(TicketId);
uuid_text!(EventId);
uuid_text!(BatchId);
uuid_text!(EndpointId);

const TICKET_STREAM_PREFIX: &str = "ticket-";

/// The category of prompt streams: what stands before the first `-` of their names.
pub const PROMPT_CATEGORY: &str = "prompt";

/// The category of the streams of partials.
pub const PARTIALS_CATEGORY: &str = "partials";

/// The category of tenants' streams.
pub const TENANT_CATEGORY: &str = "tenant";

/// The name of an event stream: a category and an id, such as `ticket-0192…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct StreamName(Arc<str>);

impl StreamName {
    /// The most bytes a stream's name may have.
    pub const MAX_BYTES: usize = 200;

    /// A stream name made of a category and an id within it.
    ///
    /// # Errors
    /// When the name is empty, longer than [`Self::MAX_BYTES`], or has a character other than
    /// ASCII letters, digits and `-_.:`.
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
        if name.is_empty() || name.len() > Self::MAX_BYTES || !name.bytes().all(allowed) {
            return Err(InvalidName {
                what: "stream name",
                value: name.chars().take(80).collect(),
                rule: "1 to 200 ASCII letters, digits or any of -_.:",
            });
        }
        Ok(Self(name.into()))
    }

    /// A stream named by a category and the hexadecimal digits of a hash.
    pub(crate) fn of_hash(category: &str, hash: &[u8]) -> Self {
        use std::fmt::Write as _;
        let mut name = format!("{category}-");
        for byte in hash {
            // Writing to a String cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        Self(name.into())
    }

    /// A stream named by a category and a UUID.
    pub(crate) fn of_uuid(category: &str, id: Uuid) -> Self {
        Self(format!("{category}-{id}").into())
    }

    /// A stream named by a category and checked names. The names may hold `-` but no `.`, which
    /// therefore keeps them apart: the prompt `b-c` of tenant `a` is not the prompt `c` of `a-b`.
    pub(crate) fn of_names(category: &str, names: &[&str]) -> Self {
        Self(format!("{category}-{}", names.join(".")).into())
    }

    /// The stream of the prompt of a tenant's task.
    pub fn of_prompt(tenant: &TenantId, task: &TaskName) -> Self {
        Self::of_names(PROMPT_CATEGORY, &[tenant.as_str(), task.as_str()])
    }

    /// The tenant and task whose prompt's stream this is, or `None` for another stream.
    pub fn prompt(&self) -> Option<(TenantId, TaskName)> {
        let names = self.0.strip_prefix(PROMPT_CATEGORY)?.strip_prefix('-')?;
        let (tenant, task) = names.split_once('.')?;
        Some((TenantId::new(tenant).ok()?, TaskName::new(task).ok()?))
    }

    /// The stream of a tenant.
    pub fn of_tenant(tenant: &TenantId) -> Self {
        Self::of_names(TENANT_CATEGORY, &[tenant.as_str()])
    }

    /// The tenant whose stream this is, or `None` for another stream.
    pub fn tenant(&self) -> Option<TenantId> {
        let name = self.0.strip_prefix(TENANT_CATEGORY)?.strip_prefix('-')?;
        TenantId::new(name).ok()
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The ticket whose stream this is, or `None` for a stream of another category.
    ///
    /// A UUID has several spellings, a ticket has one stream: the one that [`TicketId::stream`]
    /// names.
    pub fn ticket(&self) -> Option<TicketId> {
        let text = self.0.strip_prefix(TICKET_STREAM_PREFIX)?;
        let id = Uuid::parse_str(text).ok()?;
        let mut buffer = Uuid::encode_buffer();
        (id.as_hyphenated().encode_lower(&mut buffer) == text).then_some(TicketId(id))
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name that breaks the rule of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not a valid {what}: use {rule}")]
pub struct InvalidName {
    /// What was being named.
    pub what: &'static str,
    /// The refused text, shortened.
    pub value: String,
    /// What would be accepted.
    pub rule: &'static str,
}

macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and takes the text.
            ///
            /// # Errors
            #[doc = concat!("When it is not ", $rule, ".")]
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                let valid: fn(&str) -> bool = $check;
                if valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName {
                        what: $what,
                        value: text.chars().take(80).collect(),
                        rule: $rule,
                    })
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                Self::new(&text).map_err(D::Error::custom)
            }
        }
    };
}

fn is_slug(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&text.len())
        && text.bytes().all(inner)
        && text
            .as_bytes()
            .first()
            .is_some_and(|b| b.is_ascii_lowercase())
        && !text.ends_with('-')
}

/// `draft` and `v3` name contents of a prompt where a label may stand too.
fn is_label(text: &str) -> bool {
    let version = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_slug(text) && text != "draft" && !text.strip_prefix('v').is_some_and(version)
}

impl LabelName {
    /// The label that tickets run.
    pub fn production() -> Self {
        Self("production".into())
    }

    /// Whether this is the label that tickets run.
    pub fn is_production(&self) -> bool {
        &*self.0 == "production"
    }
}

fn is_user(text: &str) -> bool {
    (1..=128).contains(&text.len()) && !text.chars().any(char::is_control)
}

checked_name!(
    /// A company that issues tickets.
    TenantId,
    "tenant",
    "1 to 64 lowercase ASCII letters, digits or -, starting with a letter and not ending with -",
    is_slug
);
checked_name!(
    /// A named AI function of a tenant, such as `writing-review`.
    TaskName,
    "task",
    "1 to 64 lowercase ASCII letters, digits or -, starting with a letter and not ending with -",
    is_slug
);
checked_name!(
    /// A movable pointer to a version of a prompt, such as `production`.
    LabelName,
    "label",
    "1 to 64 lowercase ASCII letters, digits or -, starting with a letter and not ending with -; \
     not `draft`, nor `v` and digits",
    is_label
);
checked_name!(
    /// A piece of prompt text that a tenant's prompts share, such as `tone`.
    PartialName,
    "partial",
    "1 to 64 lowercase ASCII letters, digits or -, starting with a letter and not ending with -",
    is_slug
);
checked_name!(
    /// A tenant's end user, by the tenant's own id for them.
    UserId,
    "user",
    "1 to 128 bytes without control characters",
    is_user
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_found_again_from_its_stream() {
        let id = TicketId(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001));
        assert_eq!(id.stream().ticket(), Some(id));
        assert_eq!(
            StreamName::new("prompt-onehour-x").map(|s| s.ticket()),
            Ok(None)
        );
    }

    #[test]
    fn another_spelling_of_a_ticket_id_names_no_ticket_stream() {
        for other in [
            "ticket-01920000000070008000000000000001",
            "ticket-01920000-0000-7000-8000-00000000000A",
            "ticket-urn:uuid:01920000-0000-7000-8000-000000000001",
        ] {
            assert_eq!(StreamName::new(other).map(|s| s.ticket()), Ok(None));
        }
    }

    #[test]
    fn a_prompts_stream_names_one_tenant_and_one_task() -> Result<(), InvalidName> {
        let of = |tenant: &str, task: &str| -> Result<_, InvalidName> {
            Ok((TenantId::new(tenant)?, TaskName::new(task)?))
        };
        let (one, other) = (of("a", "b-c")?, of("a-b", "c")?);
        let stream = StreamName::of_prompt(&one.0, &one.1);
        assert_eq!(stream.as_str(), "prompt-a.b-c");
        assert_ne!(stream, StreamName::of_prompt(&other.0, &other.1));
        assert_eq!(stream.prompt(), Some(one));
        Ok(())
    }

    #[test]
    fn a_label_is_not_taken_for_a_version_or_the_draft() {
        for good in ["production", "staging", "v", "v2-exam"] {
            assert!(LabelName::new(good).is_ok(), "{good}");
        }
        for bad in ["draft", "v1", "v20", "3", ""] {
            assert!(LabelName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_checked_where_they_enter() {
        assert!(TaskName::new("writing-review").is_ok());
        for bad in ["", "Writing", "-x", "x-", "a b", "한글", &"x".repeat(65)] {
            assert!(TaskName::new(bad).is_err(), "{bad:?} was taken");
        }
        assert!(UserId::new("학생-17@onehour").is_ok());
        assert!(UserId::new("a\nb").is_err());
        assert!(serde_json::from_str::<TenantId>("\"Not A Slug\"").is_err());
        assert!(StreamName::new("a/b").is_err());
    }
}
