//! Which names mean something at a place in a template.

use std::collections::{BTreeSet, HashSet};

/// The names around a place. The outermost scope is always there.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    /// What the template gave a meaning to, outermost first.
    outer: HashSet<&'a str>,
    inner: Vec<Frame<'a>>,
}

#[derive(Debug, Default)]
struct Frame<'a> {
    bound: HashSet<&'a str>,
    guarded: HashSet<&'a str>,
}

impl<'a> Scope<'a> {
    /// Begins a scope.
    pub(super) fn enter(&mut self) {
        self.inner.push(Frame::default());
    }

    /// Ends the innermost scope and gives the names that were bound in it.
    pub(super) fn leave(&mut self) -> HashSet<&'a str> {
        self.inner.pop().unwrap_or_default().bound
    }

    /// Gives a name a meaning of the template's own.
    pub(super) fn bind(&mut self, name: &'a str) {
        let bound = match self.inner.last_mut() {
            Some(frame) => &mut frame.bound,
            None => &mut self.outer,
        };
        bound.insert(name);
    }

    /// These variables are known to be there in the innermost scope.
    pub(super) fn guard(&mut self, names: Vec<&'a str>) {
        if let Some(frame) = self.inner.last_mut() {
            frame.guarded.extend(names);
        }
    }

    pub(super) fn is_bound(&self, name: &str) -> bool {
        self.outer.contains(name) || self.inner.iter().any(|frame| frame.bound.contains(name))
    }

    pub(super) fn is_guarded(&self, name: &str) -> bool {
        self.inner.iter().any(|frame| frame.guarded.contains(name))
    }

    /// Every name that is bound here.
    pub(super) fn bound(&self) -> BTreeSet<String> {
        let inner = self.inner.iter().flat_map(|frame| &frame.bound);
        inner.chain(&self.outer).map(ToString::to_string).collect()
    }

    /// Every variable that is known to be there here.
    pub(super) fn guarded(&self) -> BTreeSet<String> {
        let inner = self.inner.iter().flat_map(|frame| &frame.guarded);
        inner.map(ToString::to_string).collect()
    }
}
