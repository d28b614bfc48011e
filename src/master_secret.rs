//! The secret that other secrets are made of, so that none of them has to be stored.
//!
//! Each signing secret of a webhook endpoint, and of a tenant that was made by the API, is an HMAC of
//! what it is for and its generation. Whoever has the event store alone can sign nothing; whoever
//! loses this secret has to give every receiver a new one. There is no rotation of the master itself
//! here: a new one is a new secret for everybody.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::adapters::webhooks::SigningSecret;
use crate::secret::Secret;

/// The file's name in the data directory.
pub const FILE: &str = "secret.key";

/// The random bytes of a secret that is made here.
const RANDOM_BYTES: usize = 32;

/// The fewest characters of a configured secret: 32 hexadecimal digits would be 128 bits.
pub const MIN_CHARS: usize = 32;

/// The most bytes of the file that are read.
const MAX_FILE_BYTES: u64 = 4_096;

/// What secrets of webhook endpoints are derived for.
pub const WEBHOOK_PURPOSE: &str = "webhook";

/// The master secret.
#[derive(Clone)]
pub struct MasterSecret {
    /// HMAC with the key already worked in, copied for each secret.
    keyed: Hmac<Sha256>,
}

impl fmt::Debug for MasterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Why there is no master secret.
#[derive(Debug, thiserror::Error)]
pub enum MasterSecretError {
    /// Too short to be random.
    #[error("the master secret must have at least {MIN_CHARS} characters")]
    TooShort,
    /// The file cannot be read or made.
    #[error("{path} cannot be used: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others on this machine can read it.
    #[error("{path} can be read by others (mode {mode:03o}): give it mode 600")]
    Readable {
        /// Which.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The operating system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    NoRandomness(getrandom::Error),
}

impl MasterSecret {
    /// A secret from its text, as it stands in the configuration or in the file.
    ///
    /// # Errors
    /// When it is shorter than [`MIN_CHARS`].
    pub fn new(text: &str) -> Result<Self, MasterSecretError> {
        if text.chars().count() < MIN_CHARS {
            return Err(MasterSecretError::TooShort);
        }
        // HMAC takes keys of any length, so this is the only error there is.
        let keyed = Hmac::new_from_slice(text.as_bytes());
        let keyed = keyed.map_err(|_| MasterSecretError::TooShort)?;
        Ok(Self { keyed })
    }

    /// The configured secret, or else that of the data directory, which is made where it is missing.
    ///
    /// # Errors
    /// When it is too short, or its file cannot be used.
    pub fn open(configured: Option<&Secret>, data_dir: &Path) -> Result<Self, MasterSecretError> {
        match configured {
            Some(secret) => Self::new(secret.expose()),
            None => Self::of_file(&data_dir.join(FILE)),
        }
    }

    /// The secret in the file, which is made where it is missing.
    fn of_file(path: &Path) -> Result<Self, MasterSecretError> {
        let failed = |source| MasterSecretError::File {
            path: path.to_owned(),
            source,
        };
        let text = match File::open(path) {
            Ok(file) => read_private(path, file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = random_text()?;
                write_new(path, &text).map_err(failed)?;
                // What is read back is what the next start will read.
                read_private(path, File::open(path).map_err(failed)?)?
            }
            Err(error) => return Err(failed(error)),
        };
        Self::new(text.trim_end())
    }

    /// The secret of `id` for `purpose`, in its `generation`: HMAC-SHA256 over
    /// `purpose ‖ 0 ‖ id ‖ 0 ‖ generation` (big-endian, 4 bytes). Neither text may hold a NUL.
    pub fn derive(&self, purpose: &str, id: &str, generation: u32) -> SigningSecret {
        SigningSecret::of_key(&self.bytes(purpose, id, generation))
    }

    /// The same secret as its receiver enters it: `whsec_` and base64. For the answer that shows it,
    /// never for a log.
    pub fn reveal(&self, purpose: &str, id: &str, generation: u32) -> Secret {
        let encoded = STANDARD.encode(self.bytes(purpose, id, generation));
        Secret::new(format!("whsec_{encoded}"))
    }

    fn bytes(&self, purpose: &str, id: &str, generation: u32) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        for part in [
            purpose.as_bytes(),
            &[0],
            id.as_bytes(),
            &[0],
            &generation.to_be_bytes(),
        ] {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

fn random_text() -> Result<String, MasterSecretError> {
    let mut bytes = [0_u8; RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(MasterSecretError::NoRandomness)?;
    Ok(STANDARD.encode(bytes))
}

/// Makes the file whole or not at all, for this user only, durable when this returns. One that is
/// there by now stays.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let parent = path.parent().filter(|path| !path.as_os_str().is_empty());
    let directory = parent.unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(directory)?;
    // Made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    writeln!(file, "{text}")?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => File::open(directory)?.sync_all(),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
    }
}

fn read_private(path: &Path, file: File) -> Result<String, MasterSecretError> {
    let failed = |source| MasterSecretError::File {
        path: path.to_owned(),
        source,
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let path = path.to_owned();
            return Err(MasterSecretError::Readable { path, mode });
        }
    }
    let mut text = String::new();
    let mut file = file.take(MAX_FILE_BYTES);
    file.read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn secrets_are_the_same_for_ever() {
        let master = MasterSecret::new(MASTER).unwrap();
        let reveal = |purpose, id, generation| {
            let secret = master.reveal(purpose, id, generation);
            secret.expose().to_owned()
        };
        // From another implementation (Python's hmac): changing one of these breaks every receiver.
        assert_eq!(
            reveal("webhook", "0192d3a4-0000-7000-8000-000000000001", 1),
            "whsec_QjsrLX/qu0nLk66cY17FkkZiQVasUidsgbpx7iDavYs="
        );
        assert_eq!(
            reveal("webhook", "0192d3a4-0000-7000-8000-000000000001", 2),
            "whsec_RR6d9LgfZuay9W4hENMhOrSyDOwCju8byg22nfbkDOc="
        );
        assert_eq!(
            reveal("callback", "onehour", 1),
            "whsec_+XRS04Wns9TvyFeSXGTt3wh9fq16DhuwGULZd7djtmI="
        );
    }

    #[test]
    fn what_is_shown_signs_as_what_is_derived() {
        let master = MasterSecret::new(MASTER).unwrap();
        let shown: SigningSecret = master.reveal("webhook", "a", 1).expose().parse().unwrap();
        let sign = |secret| crate::adapters::webhooks::signature::sign(&[secret], "m", "1", b"{}");
        assert_eq!(sign(master.derive("webhook", "a", 1)), sign(shown));
        assert_ne!(
            sign(master.derive("webhook", "a", 1)),
            sign(master.derive("webhook", "a", 2))
        );
    }

    #[test]
    fn a_missing_file_is_made_for_this_user_only_and_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let text = |master: MasterSecret| master.reveal("p", "i", 1).expose().to_owned();
        let first = text(MasterSecret::open(None, &data).unwrap());
        assert_eq!(text(MasterSecret::open(None, &data).unwrap()), first);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let path = data.join(FILE);
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            let refused = MasterSecret::open(None, &data).unwrap_err();
            assert!(refused.to_string().contains("give it mode 600"));
        }
        // The file's text, configured, is the same secret.
        let file = fs::read_to_string(data.join(FILE)).unwrap();
        let configured = Secret::new(file.trim_end());
        assert_eq!(
            text(MasterSecret::open(Some(&configured), &data).unwrap()),
            first
        );
        assert_eq!(
            fs::read_dir(&data).unwrap().count(),
            1,
            "nothing else is left"
        );
    }

    #[test]
    fn an_empty_or_short_secret_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        write_new(&directory.path().join(FILE), "").unwrap();
        for configured in [None, Some(Secret::new("too-short"))] {
            let refused = MasterSecret::open(configured.as_ref(), directory.path());
            assert!(matches!(refused, Err(MasterSecretError::TooShort)));
        }
    }

    #[test]
    fn the_debug_form_hides_it() {
        let master = MasterSecret::new(MASTER).unwrap();
        assert_eq!(format!("{master:?}"), "[redacted]");
    }
}
