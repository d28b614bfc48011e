//! The texts of a prompt together: which partials its messages include, over how many levels, and
//! which variables each message needs, wherever they stand.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use punchcard_events::PartialName;
use punchcard_events::prompt::MessageTemplate;

use super::nearest::did_you_mean;
use super::reading::{Reading, Spots};
use super::{At, Flaw, Place};

/// The most partials that one prompt may include.
pub(crate) const MAX_PARTIALS: usize = 50;
/// The most levels of partials: a message's partial, its partial, and so on.
pub(crate) const MAX_LEVELS: usize = 4;
/// The most `{% include %}` tags in one text.
const MAX_INCLUDES: usize = 100;

/// A variable that a message needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Use {
    /// Its name.
    pub(crate) name: String,
    /// The text that it stands in: the message, or a partial that the message includes.
    pub(crate) place: Place,
    /// Where in that text.
    pub(crate) spots: Spots,
}

/// What the texts of a prompt come to.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    /// The variables that each message needs.
    pub(crate) uses: Vec<Vec<Use>>,
    /// The partials that are included and exist.
    pub(crate) included: BTreeSet<PartialName>,
    /// What is wrong with the texts.
    pub(crate) flaws: Vec<Flaw>,
}

impl Texts {
    /// Reads the messages, and those of the partials that they include. What does not parse is a
    /// flaw, and counts as if it were empty.
    pub(crate) fn read(
        messages: &[MessageTemplate],
        partials: &BTreeMap<PartialName, String>,
        read: impl Fn(&Place, &str) -> Result<Reading, Flaw>,
    ) -> Self {
        let mut walk = Walk {
            partials,
            readings: BTreeMap::new(),
            known: BTreeMap::new(),
            path: Vec::new(),
            texts: Self::default(),
        };
        let messages: Vec<_> = messages
            .iter()
            .enumerate()
            .map(|(index, message)| (Place::Message(index), message.content.as_str()))
            .map(|(place, text)| walk.take(&read, place, text))
            .collect();
        walk.read_partials(&messages, &read);
        for (index, reading) in messages.iter().enumerate() {
            let place = Place::Message(index);
            let below = walk.follow(&place, reading);
            if below.levels > MAX_LEVELS
                && let Some(first) = reading.includes.first()
            {
                let message = format!("its partials include partials over {} levels", below.levels);
                let remedy = format!("Use at most {MAX_LEVELS} levels: join some of the partials.");
                walk.flaw(place, first.at, message, remedy);
            }
            let uses = below.uses.iter().map(|((name, place), spots)| Use {
                name: name.clone(),
                place: place.clone(),
                spots: *spots,
            });
            walk.texts.uses.push(uses.collect());
        }
        walk.texts
    }

    /// The variables of all messages.
    pub(crate) fn variables(&self) -> BTreeSet<String> {
        let all = self.uses.iter().flatten();
        all.map(|used| used.name.clone()).collect()
    }
}

/// What a text needs with all that it includes.
#[derive(Debug, Default)]
struct Below {
    uses: BTreeMap<(String, Place), Spots>,
    /// How many levels of partials there are below it.
    levels: usize,
}

struct Walk<'a> {
    partials: &'a BTreeMap<PartialName, String>,
    readings: BTreeMap<PartialName, Rc<Reading>>,
    known: BTreeMap<PartialName, Rc<Below>>,
    /// The partials that are being followed, outermost first.
    path: Vec<PartialName>,
    texts: Texts,
}

impl Walk<'_> {
    fn flaw(&mut self, place: Place, at: At, message: String, remedy: String) {
        self.texts.flaws.push(Flaw {
            place,
            at: Some(at),
            message,
            remedy,
        });
    }

    /// Reads one text and keeps its mistakes.
    fn take(
        &mut self,
        read: &impl Fn(&Place, &str) -> Result<Reading, Flaw>,
        place: Place,
        text: &str,
    ) -> Reading {
        let mut reading = match read(&place, text) {
            Ok(reading) => reading,
            Err(flaw) => {
                self.texts.flaws.push(flaw);
                return Reading::default();
            }
        };
        for refused in reading.refused.drain(..) {
            self.flaw(place.clone(), refused.at, refused.message, refused.remedy);
        }
        if let Some(extra) = reading.includes.get(MAX_INCLUDES) {
            let message = format!("this text has more than {MAX_INCLUDES} includes");
            let remedy = "Join some of the partials.".to_owned();
            self.flaw(place, extra.at, message, remedy);
            reading.includes.truncate(MAX_INCLUDES);
        }
        reading
    }

    /// Reads every partial that is included from the messages on.
    fn read_partials(
        &mut self,
        messages: &[Reading],
        read: &impl Fn(&Place, &str) -> Result<Reading, Flaw>,
    ) {
        let names = |reading: &Reading| -> Vec<PartialName> {
            let names = reading.includes.iter().map(|include| include.name.clone());
            names.collect()
        };
        let mut open: Vec<_> = messages.iter().flat_map(names).collect();
        while let Some(name) = open.pop() {
            let Some(text) = self.partials.get(&name) else {
                continue;
            };
            if self.readings.contains_key(&name) {
                continue;
            }
            if self.readings.len() == MAX_PARTIALS {
                self.texts.flaws.push(Flaw {
                    place: Place::Messages,
                    at: None,
                    message: format!("the messages include more than {MAX_PARTIALS} partials"),
                    remedy: "Join some of the partials.".to_owned(),
                });
                return;
            }
            let reading = self.take(read, Place::Partial(name.clone()), text);
            open.extend(names(&reading));
            self.texts.included.insert(name.clone());
            self.readings.insert(name, Rc::new(reading));
        }
    }

    /// What a text needs with what it includes.
    fn follow(&mut self, place: &Place, reading: &Reading) -> Below {
        let own = reading.uses.iter();
        let mut all = Below {
            uses: own
                .map(|(name, spots)| ((name.clone(), place.clone()), *spots))
                .collect(),
            levels: 0,
        };
        for include in &reading.includes {
            let Some(below) = self.partial(place, include.at, &include.name) else {
                continue;
            };
            all.levels = all.levels.max(below.levels + 1);
            for ((name, place), spots) in &below.uses {
                if include.bound.contains(name) {
                    continue;
                }
                let guarded = include.guarded.contains(name);
                let unguarded = spots.unguarded.filter(|_| !guarded);
                let key = (name.clone(), place.clone());
                let kept = all.uses.entry(key).or_insert(Spots {
                    first: spots.first,
                    unguarded,
                });
                kept.unguarded = kept.unguarded.or(unguarded);
            }
        }
        all
    }

    /// What a partial needs, or nothing where it is missing or includes itself.
    fn partial(&mut self, place: &Place, at: At, name: &PartialName) -> Option<Rc<Below>> {
        if self.path.contains(name) {
            let message = format!("the partial `{name}` includes itself in the end");
            let remedy = "Take this include away.".to_owned();
            self.flaw(place.clone(), at, message, remedy);
            return None;
        }
        if let Some(known) = self.known.get(name) {
            return Some(Rc::clone(known));
        }
        let Some(reading) = self.readings.get(name).cloned() else {
            if !self.partials.contains_key(name) {
                let known = self.partials.keys().map(PartialName::as_str);
                let remedy = did_you_mean(name.as_str(), known).unwrap_or_else(|| {
                    "Write this partial first, or take the include away.".to_owned()
                });
                let message = format!("there is no partial `{name}`");
                self.flaw(place.clone(), at, message, remedy);
            }
            return None;
        };
        self.path.push(name.clone());
        let below = Rc::new(self.follow(&Place::Partial(name.clone()), &reading));
        self.path.pop();
        self.known.insert(name.clone(), Rc::clone(&below));
        Some(below)
    }
}
