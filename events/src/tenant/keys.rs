//! Decisions about keys.

use super::event::{IssuedKey, KeyIssued, KeyRevoked, KeyRotated, TenantEvent};
use super::forms;
use super::limits::{MAX_KEYS, MAX_LIVE_KEYS, MAX_OVERLAP};
use super::rejection::Rejection;
use super::state::{KeyState, TenantState};
use crate::act::{Act, Author};
use crate::time::Timestamp;

type Decided = Result<Vec<TenantEvent>, Rejection>;

pub(super) fn issue(state: &TenantState, key: IssuedKey, act: Act) -> Decided {
    if let Some(known) = state.keys.get(&key.prefix) {
        return issue_again(known, key, act);
    }
    well_formed(&key, act.at)?;
    room(state)?;
    // One that is being replaced has its successor counted.
    let counted = state
        .live_keys(act.at)
        .filter(|key| key.replaced.is_none())
        .count();
    if counted >= MAX_LIVE_KEYS {
        let (what, max) = ("keys that open something", MAX_LIVE_KEYS);
        return Err(Rejection::TooMany { what, max });
    }
    Ok(vec![TenantEvent::KeyIssued(KeyIssued { key, act })])
}

/// The configuration names its keys at every start. It may change what one of them may do; nobody may
/// bring one back.
fn issue_again(known: &KeyState, key: IssuedKey, act: Act) -> Decided {
    let by_configuration =
        act.by == Author::Configuration && known.issued.by == Author::Configuration;
    if !by_configuration || known.key.sha256 != key.sha256 {
        return Err(Rejection::PrefixTaken(key.prefix));
    }
    if known.revoked.is_some() {
        return Err(Rejection::KeyRevoked(key.prefix));
    }
    if known.key == key {
        return Ok(vec![]);
    }
    well_formed(&key, act.at)?;
    Ok(vec![TenantEvent::KeyIssued(KeyIssued { key, act })])
}

pub(super) fn rotate(
    state: &TenantState,
    prefix: String,
    key: IssuedKey,
    until: Timestamp,
    act: Act,
) -> Decided {
    let Some(old) = state.keys.get(&prefix) else {
        return Err(Rejection::NoSuchKey(prefix));
    };
    if old.revoked.is_some() {
        return Err(Rejection::KeyRevoked(prefix));
    }
    if let Some(replaced) = &old.replaced {
        let by = replaced.by.clone();
        return Err(Rejection::KeyReplaced { prefix, by });
    }
    if !old.is_live(act.at) {
        return Err(Rejection::KeyExpired(prefix));
    }
    if until > act.at.plus(MAX_OVERLAP) {
        return Err(Rejection::OverlapTooLong);
    }
    if state.keys.contains_key(&key.prefix) {
        return Err(Rejection::PrefixTaken(key.prefix));
    }
    let key = IssuedKey {
        name: old.key.name.clone(),
        roles: old.key.roles.clone(),
        ..key
    };
    well_formed(&key, act.at)?;
    room(state)?;
    Ok(vec![TenantEvent::KeyRotated(KeyRotated {
        prefix,
        until: until.max(act.at),
        key,
        act,
    })])
}

pub(super) fn revoke(
    state: &TenantState,
    prefix: String,
    reason: Option<String>,
    act: Act,
) -> Decided {
    let Some(key) = state.keys.get(&prefix) else {
        return Err(Rejection::NoSuchKey(prefix));
    };
    if key.revoked.is_some() {
        return Ok(vec![]);
    }
    reason.as_deref().map_or(Ok(()), forms::reason)?;
    Ok(vec![TenantEvent::KeyRevoked(KeyRevoked {
        prefix,
        reason,
        act,
    })])
}

fn well_formed(key: &IssuedKey, now: Timestamp) -> Result<(), Rejection> {
    if !forms::is_key_prefix(&key.prefix) {
        return Err(Rejection::BadKey { what: "the prefix" });
    }
    if !forms::is_sha256(&key.sha256) {
        return Err(Rejection::BadKey { what: "the hash" });
    }
    if key.roles.is_empty() {
        return Err(Rejection::NoRoles);
    }
    if key.expires_at.is_some_and(|expires| expires <= now) {
        return Err(Rejection::BornExpired);
    }
    key.name.as_deref().map_or(Ok(()), forms::name)
}

fn room(state: &TenantState) -> Result<(), Rejection> {
    if state.keys.len() >= MAX_KEYS {
        let (what, max) = ("keys, those that are over included", MAX_KEYS);
        return Err(Rejection::TooMany { what, max });
    }
    Ok(())
}
