//! The issuers: backends that issue tickets, hang up, and ask again with the same key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::tickets::{Issue, IssueError, Issued, Tickets};
use punchcard_events::TicketId;
use punchcard_events::ticket::Idempotency;
use serde_json::json;

use crate::plan::IssueDeed;
use crate::stage::{Inner, Stage};
use crate::world::{task_name, tenant, user};

/// What the issuers know.
#[derive(Debug, Default)]
pub(crate) struct Issuers {
    /// The tickets they were told of, in that order.
    pub(crate) accepted: Vec<TicketId>,
    /// What each key came to stand for: the ticket and the request's fingerprint.
    keys: BTreeMap<Key, (TicketId, String)>,
    /// The fingerprints that each key was used with.
    used: BTreeMap<Key, BTreeSet<String>>,
    /// Requests with a key of which it is not known what became of them.
    pub(crate) unsettled: Vec<IssueDeed>,
}

/// The tenant, and its key.
type Key = (u8, u8);

fn fingerprint(deed: &IssueDeed) -> String {
    format!("{:?}-{:?}-{}", deed.task, deed.user, deed.body)
}

fn request(deed: &IssueDeed) -> Issue {
    let idempotency = deed.key.map(|key| Idempotency {
        key: format!("key-{key}"),
        fingerprint: fingerprint(deed),
    });
    Issue {
        tenant: tenant(deed.tenant),
        task: task_name(deed.task),
        label: None,
        user: deed.user.map(user),
        input: Arc::new(json!({ "essay": deed.body, "canary": deed.tenant })),
        metadata: BTreeMap::new(),
        priority: punchcard_events::ticket::Priority::Normal,
        not_before: None,
        deadline: None,
        batch: None,
        conversation: None,
        idempotency,
        traceparent: None,
    }
}

/// Issues once, or hangs up. Whether it is known what became of it.
pub(crate) async fn issue(stage: &Stage, tickets: &Tickets, deed: &IssueDeed) -> bool {
    stage.lock().issuing(deed);
    let issuing = tickets.issue(request(deed));
    let outcome = match deed.hang_up_after_ms {
        None => issuing.await,
        Some(ms) => {
            let patience = Duration::from_millis(ms);
            let Ok(outcome) = tokio::time::timeout(patience, issuing).await else {
                stage.lock().hung_up(deed);
                return false;
            };
            outcome
        }
    };
    stage.lock().issued(deed, outcome)
}

/// Asks again with every key of which it is not known what it stands for.
pub(crate) async fn settle(stage: &Stage, tickets: &Tickets) {
    const TRIES: usize = 300;
    let unsettled = std::mem::take(&mut stage.lock().issuers.unsettled);
    for mut deed in unsettled {
        deed.hang_up_after_ms = None;
        let mut tries = 0;
        while !issue(stage, tickets, &deed).await {
            tokio::time::sleep(Duration::from_secs(1)).await;
            tries += 1;
            if tries == TRIES {
                let mut inner = stage.lock();
                return inner.violate("8 keys", format_args!("{deed:?} is never settled"));
            }
        }
    }
    stage.lock().issuers.unsettled.clear();
}

impl Inner {
    fn issuing(&mut self, deed: &IssueDeed) {
        if let Some(key) = deed.key {
            let key = (deed.tenant, key);
            let used = self.issuers.used.entry(key).or_default();
            used.insert(fingerprint(deed));
            // Until an answer says otherwise, as when the process dies.
            if !self.issuers.unsettled.contains(deed) {
                self.issuers.unsettled.push(deed.clone());
            }
        }
    }

    fn hung_up(&mut self, deed: &IssueDeed) {
        self.fired.count("issuer: hangs up");
        self.note(format_args!("issuer: hangs up on {deed:?}"));
    }

    fn issued(&mut self, deed: &IssueDeed, outcome: Result<Issued, IssueError>) -> bool {
        let settled = match outcome {
            Ok(issued) => {
                self.accepted(deed, &issued);
                true
            }
            Err(IssueError::KeyReused) => {
                self.note(format_args!("issuer: the key was used before"));
                self.check_reused(deed);
                true
            }
            Err(error) => {
                self.fired.count(match error {
                    IssueError::Overloaded { .. } => "issuer: refused, too many",
                    IssueError::KeyInFlight => "issuer: key in flight",
                    IssueError::Stopping => "issuer: refused, stopping",
                    _ => "issuer: refused, unavailable",
                });
                self.note(format_args!("issuer: {error}"));
                false
            }
        };
        if settled {
            self.issuers.unsettled.retain(|other| other != deed);
        }
        settled
    }

    /// Promises 1 and 8: what was accepted is durable, is what was asked, and is the key's one ticket.
    fn accepted(&mut self, deed: &IssueDeed, issued: &Issued) {
        let (name, repeated) = (self.oracle.name(issued.ticket), issued.repeated);
        self.note(format_args!("issuer: has {name}, repeated: {repeated}"));
        if !self.issuers.accepted.contains(&issued.ticket) {
            self.issuers.accepted.push(issued.ticket);
        }
        let asked = request(deed);
        let stored = self.oracle.record(issued.ticket).and_then(|r| r.request());
        let kept = stored.is_some_and(|stored| {
            stored.input == asked.input
                && stored.tenant == asked.tenant
                && stored.user == asked.user
                && stored.task == asked.task
        });
        if !kept {
            self.violate(
                "1 accepted",
                format_args!("{name} is not what was accepted"),
            );
        }
        let Some(key) = deed.key else { return };
        if repeated {
            self.fired
                .count("issuer: repeat answered with the first ticket");
        }
        let stands_for = (issued.ticket, fingerprint(deed));
        let known = self.issuers.keys.entry((deed.tenant, key));
        let known = known.or_insert_with(|| stands_for.clone()).clone();
        if known != stands_for {
            self.violate(
                "8 keys",
                format_args!("one key, {known:?} and {stands_for:?}"),
            );
        }
    }

    /// A key is refused only if it was used for something else.
    fn check_reused(&mut self, deed: &IssueDeed) {
        self.fired.count("issuer: refused, key reused");
        let key = deed.key.map(|key| (deed.tenant, key));
        let used = key.and_then(|key| self.issuers.used.get(&key));
        let mine = key.and_then(|key| self.issuers.keys.get(&key));
        if used.is_none_or(|used| used.len() < 2)
            || mine.is_some_and(|(_, stands_for)| *stands_for == fingerprint(deed))
        {
            self.violate(
                "8 keys",
                format_args!("{deed:?} was refused and is no reuse"),
            );
        }
    }

    /// Promise 1 at the end.
    pub(crate) fn check_accepted(&mut self) {
        for ticket in self.issuers.accepted.clone() {
            if self.oracle.record(ticket).is_none() {
                self.violate(
                    "1 accepted",
                    format_args!("{ticket} was accepted and is not there"),
                );
            }
        }
    }
}
