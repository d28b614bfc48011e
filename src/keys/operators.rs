//! The keys of those who operate this Punchcard.

use subtle::ConstantTimeEq as _;

use super::{ApiKey, KeyHash, KeyName};

/// Every operator's key.
#[derive(Debug, Clone, Default)]
pub struct Operators(Vec<(KeyHash, Operator)>);

/// Somebody who operates this Punchcard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The key's readable prefix, for events and logs.
    pub prefix: String,
    /// Who holds it, where the configuration says so.
    pub name: Option<KeyName>,
}

impl Operators {
    /// The holders of these keys.
    pub fn new(keys: impl IntoIterator<Item = (KeyHash, Operator)>) -> Self {
        Self(keys.into_iter().collect())
    }

    /// Whose `key` is. Hashes are compared in constant time, and all of them.
    pub fn find(&self, key: &str) -> Option<&Operator> {
        let hash = ApiKey::parse(key).ok()?.hash();
        let mut found = None;
        for (known, operator) in &self.0 {
            if bool::from(known.0.ct_eq(&hash.0)) {
                found = Some(operator);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_found_by_the_whole_key_and_by_nothing_else() {
        let (key, other) = (ApiKey::generate().unwrap(), ApiKey::generate().unwrap());
        let operator = Operator {
            prefix: key.prefix().to_owned(),
            name: Some("ada".parse().unwrap()),
        };
        let operators = Operators::new([(key.hash(), operator.clone())]);
        assert_eq!(operators.find(key.expose()), Some(&operator));
        for wrong in [other.expose(), key.prefix(), "", &key.hash().to_string()] {
            assert_eq!(operators.find(wrong), None, "{wrong}");
        }
        assert_eq!(Operators::default().find(key.expose()), None);
    }
}
