//! Session tokens: opaque, single-use, short-lived. Plain data; the supervisor owns it.

use std::collections::{HashMap, VecDeque};
use std::fmt::{self, Write as _};

use punchcard_events::TenantId;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::{Grant, SessionError, SessionLimits};

/// What every token starts with, so that people and secret scanners know it.
const PREFIX: &str = "pst_";

/// SHA-256 of a token; tokens themselves are not kept.
pub(super) type Digest = [u8; 32];

/// A fresh token: 256 random bits. It is shown once and its `Debug` shows nothing.
pub struct SessionToken(String);

impl SessionToken {
    fn random() -> Result<Self, SessionError> {
        let mut bits = [0_u8; 32];
        getrandom::fill(&mut bits).map_err(|_| SessionError::NoRandomness)?;
        let mut text = PREFIX.to_owned();
        for byte in bits {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Ok(Self(text))
    }

    /// The token as the client sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken([redacted])")
    }
}

/// The digest a token is kept under. Looking up by digest leaks nothing about a token by timing.
pub(super) fn digest(token: &str) -> Digest {
    Sha256::digest(token).into()
}

/// The tokens that may still be used.
#[derive(Default)]
pub(super) struct TokenBook {
    grants: HashMap<Digest, (Grant, Instant)>,
    per_tenant: HashMap<TenantId, usize>,
    /// In the order they expire, used ones included until their time.
    by_expiry: VecDeque<(Instant, Digest)>,
}

impl TokenBook {
    /// Makes a token, unless too many are unused.
    pub(super) fn mint(
        &mut self,
        grant: Grant,
        limits: &SessionLimits,
    ) -> Result<SessionToken, SessionError> {
        self.sweep();
        let of_tenant = self.per_tenant.get(&grant.tenant).copied().unwrap_or(0);
        // Used tokens stay in the queue until they expire, so the queue has a limit of its own.
        if self.grants.len() >= limits.tokens.get()
            || of_tenant >= limits.tokens_per_tenant.get()
            || self.by_expiry.len() >= limits.tokens.get().saturating_mul(4)
        {
            return Err(SessionError::TooManyTokens);
        }
        let token = SessionToken::random()?;
        let (key, expires) = (digest(token.expose()), Instant::now() + limits.token_ttl);
        *self.per_tenant.entry(grant.tenant.clone()).or_default() += 1;
        self.grants.insert(key, (grant, expires));
        self.by_expiry.push_back((expires, key));
        Ok(token)
    }

    /// Takes a token out.
    pub(super) fn redeem(&mut self, key: &Digest) -> Result<Grant, SessionError> {
        self.sweep();
        self.take(key).ok_or(SessionError::BadToken)
    }

    /// Drops what has expired.
    pub(super) fn sweep(&mut self) {
        let now = Instant::now();
        while let Some((expires, key)) = self.by_expiry.front().copied() {
            if expires > now {
                break;
            }
            self.by_expiry.pop_front();
            self.take(&key);
        }
    }

    fn take(&mut self, key: &Digest) -> Option<Grant> {
        let (grant, _) = self.grants.remove(key)?;
        if let Some(count) = self.per_tenant.get_mut(&grant.tenant) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.per_tenant.remove(&grant.tenant);
            }
        }
        Some(grant)
    }
}
