//! API keys: made here, shown once, kept only as a hash.
//!
//! A key is `pk_live_` + 41 random characters + 6 characters of checksum, all of the 62 ASCII
//! letters and digits. The first 8 random characters are the readable prefix that names the key
//! in configuration and listings; the other 33 (196 bits) are known to its holder alone. The
//! checksum lets a mistyped key be refused without a look at any store.

mod operators;
mod ring;
mod role;

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::secret::Secret;

pub use operators::{Operator, Operators};
pub use ring::{KeyOwner, KeyRing};
pub use role::{InvalidKeyName, InvalidRole, KeyName, Role, Roles};

const START: &str = "pk_live_";
const PREFIX_CHARS: usize = 8;
const RANDOM_CHARS: usize = 41;
const CHECKSUM_CHARS: usize = 6;
const KEY_CHARS: usize = START.len() + RANDOM_CHARS + CHECKSUM_CHARS;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// An API key in the hands of its holder.
#[derive(Debug, Clone)]
pub struct ApiKey(Secret);

/// A text that is no API key: mistyped, cut short, or something else altogether.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a Punchcard API key")]
pub struct InvalidKey;

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system gave no random bytes: {0}")]
pub struct NoRandomness(getrandom::Error);

impl ApiKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut text = String::with_capacity(KEY_CHARS);
        text.push_str(START);
        while text.len() < START.len() + RANDOM_CHARS {
            let mut bytes = [0_u8; 64];
            getrandom::fill(&mut bytes).map_err(NoRandomness)?;
            // Six bits choose among 64; the two numbers without a character are drawn again, so
            // that every character is equally likely.
            let drawn = bytes
                .iter()
                .filter_map(|b| ALPHABET.get(usize::from(b & 63)));
            let missing = START.len() + RANDOM_CHARS - text.len();
            text.extend(drawn.take(missing).copied().map(char::from));
        }
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Ok(Self(Secret::new(text)))
    }

    /// Reads a key as its holder sent it.
    ///
    /// # Errors
    /// When it is not of a key's form or its checksum is wrong. No store is asked.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let random = text.strip_prefix(START).ok_or(InvalidKey)?;
        if text.len() != KEY_CHARS || !random.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(InvalidKey);
        }
        let (body, given) = text.split_at(KEY_CHARS - CHECKSUM_CHARS);
        if checksum(body) != given {
            return Err(InvalidKey);
        }
        Ok(Self(Secret::new(text)))
    }

    /// The key itself: for the one time that it is shown.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The readable start of the key, which names it.
    pub fn prefix(&self) -> &str {
        let text = self.0.expose();
        text.get(..START.len() + PREFIX_CHARS).unwrap_or(text)
    }

    /// What is kept of the key.
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.0.expose()).into())
    }

    /// The line that lets this key in as an operator's, to be pasted into `[admin] keys = [...]`.
    pub fn operator_line(&self, name: Option<&KeyName>) -> String {
        format!("{{ {} }}", self.fields(name))
    }

    /// What every line says of a key: its prefix, its hash, and who holds it.
    fn fields(&self, name: Option<&KeyName>) -> String {
        let (prefix, hash) = (self.prefix(), self.hash());
        let mut fields = format!("prefix = \"{prefix}\", sha256 = \"{hash}\"");
        if let Some(name) = name {
            // TOML's own quoting: a name may hold quotes.
            let name = toml::Value::String(name.as_str().to_owned());
            fields.push_str(&format!(", name = {name}"));
        }
        fields
    }

    /// The line that lets this key in as an issuer's, to be pasted into a tenant's `keys = [...]`.
    pub fn config_line(&self) -> String {
        self.config_line_of(None, Roles::default())
    }

    /// The line that lets this key in, held by `name` and with `roles`.
    pub fn config_line_of(&self, name: Option<&KeyName>, roles: Roles) -> String {
        let mut line = format!("{{ {}", self.fields(name));
        if name.is_some() || roles != Roles::default() {
            let words: Vec<String> = roles.iter().map(|role| format!("\"{role}\"")).collect();
            line.push_str(&format!(", roles = [{}]", words.join(", ")));
        }
        line.push_str(" }");
        line
    }
}

/// The first 32 bits of the text's SHA-256, as 6 characters.
fn checksum(text: &str) -> String {
    let digest = Sha256::digest(text);
    let mut rest = digest
        .iter()
        .take(4)
        .fold(0, |sum, b| sum << 8 | usize::from(*b));
    let mut chars = ['0'; CHECKSUM_CHARS];
    for place in chars.iter_mut().rev() {
        *place = char::from(ALPHABET[rest % ALPHABET.len()]);
        rest /= ALPHABET.len();
    }
    chars.iter().collect()
}

/// The SHA-256 of a key. The key's own randomness is what makes a plain hash enough.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash([u8; 32]);

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({self})")
    }
}

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the SHA-256 of a key: 64 hexadecimal digits")]
pub struct InvalidKeyHash;

impl FromStr for KeyHash {
    type Err = InvalidKeyHash;

    fn from_str(text: &str) -> Result<Self, InvalidKeyHash> {
        let digits: Vec<u8> = text
            .chars()
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()
            .ok_or(InvalidKeyHash)?;
        let bytes: Vec<u8> = digits
            .chunks_exact(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect();
        if digits.len() != 64 {
            return Err(InvalidKeyHash);
        }
        bytes.try_into().map(Self).map_err(|_| InvalidKeyHash)
    }
}

impl Serialize for KeyHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_long_random_and_read_back() {
        let key = ApiKey::generate().unwrap();
        let other = ApiKey::generate().unwrap();
        assert_eq!(key.expose().len(), KEY_CHARS);
        assert_ne!(key.expose(), other.expose());
        let read = ApiKey::parse(key.expose()).unwrap();
        assert_eq!(read.hash(), key.hash());
        let secret_bits = (RANDOM_CHARS - PREFIX_CHARS) as f64 * 62_f64.log2();
        assert!(secret_bits >= 192.0, "{secret_bits}");
    }

    #[test]
    fn a_known_key_keeps_its_form_hash_and_checksum_for_ever() {
        let body = "pk_live_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcde";
        let key = ApiKey::parse(&format!("{body}{}", checksum(body))).unwrap();
        assert_eq!(key.prefix(), "pk_live_01234567");
        assert_eq!(
            (key.expose(), key.hash().to_string().as_str()),
            (GOLDEN_KEY, GOLDEN_HASH)
        );
    }

    const GOLDEN_KEY: &str = "pk_live_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcde2RbGmM";
    const GOLDEN_HASH: &str = "b9a8a6e4481bfdaf492207d11b3cc9d2ddde98e4d982eef450b2829db28423e6";

    #[test]
    fn one_changed_character_anywhere_is_noticed_by_the_checksum() {
        let key = ApiKey::generate().unwrap();
        for place in 0..KEY_CHARS {
            let mut text = key.expose().as_bytes().to_vec();
            text[place] = if text[place] == b'a' { b'b' } else { b'a' };
            let text = String::from_utf8(text).unwrap();
            assert_eq!(ApiKey::parse(&text).err(), Some(InvalidKey), "{place}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_a_panic() {
        let long = format!("{START}{}", "x".repeat(10_000));
        for text in [
            "",
            "pk_live_",
            "Bearer x",
            "pk_live_한글",
            &long,
            "pk_test_0",
        ] {
            assert_eq!(ApiKey::parse(text).err(), Some(InvalidKey), "{text:?}");
        }
        // As many bytes as a key has, but not on character borders.
        let odd = format!("{START}{}", "한".repeat(15)) + "ab";
        assert_eq!(odd.len(), KEY_CHARS);
        assert_eq!(ApiKey::parse(&odd).err(), Some(InvalidKey));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(pk_live_)?[a-zA-Z0-9가-힣]{0,60}") {
            proptest::prop_assert!(ApiKey::parse(&text).is_err());
        }
    }

    #[test]
    fn no_debug_form_shows_a_key() {
        let key = ApiKey::generate().unwrap();
        assert!(!format!("{key:?}").contains(key.expose()));
    }

    #[test]
    fn a_hash_is_written_in_hexadecimal_and_read_back() {
        let hash = ApiKey::generate().unwrap().hash();
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for text in ["", "00", &"g".repeat(64), &"0".repeat(63), &"0".repeat(66)] {
            assert_eq!(text.parse::<KeyHash>(), Err(InvalidKeyHash), "{text}");
        }
    }

    #[test]
    fn no_mutant_is_a_key() {
        crate::fuzz::run_text("api-key", |text| assert!(ApiKey::parse(text).is_err()));
    }
}
