//! Who watches what in this process.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use punchcard_events::{TenantId, TicketId, UserId};

use super::News;
use super::inbox::Inbox;

/// Locks are spread over this many tables, so publishers on different cores rarely meet.
const TABLES: usize = 32;

/// Connects publishers of news with the inboxes of those who watch.
#[derive(Debug, Clone)]
pub struct Switchboard {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    hasher: RandomState,
    tables: [Mutex<HashMap<Subject, Vec<Arc<Inbox>>>>; TABLES],
}

/// What can be watched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    Ticket(TicketId),
    User(TenantId, UserId),
}

/// One watcher's connection to the switchboard; dropping it disconnects.
#[derive(Debug)]
pub struct Watch {
    inbox: Arc<Inbox>,
    subject: Subject,
    switchboard: Switchboard,
}

impl Default for Switchboard {
    fn default() -> Self {
        Self {
            shared: Arc::new(Shared {
                hasher: RandomState::new(),
                tables: std::array::from_fn(|_| Mutex::default()),
            }),
        }
    }
}

impl Switchboard {
    /// Watches one ticket. News from now on; ask the ticket for what was before.
    pub fn watch_ticket(&self, ticket: TicketId) -> Watch {
        self.watch(Subject::Ticket(ticket))
    }

    /// Watches all tickets of one user. News from now on.
    pub fn watch_user(&self, tenant: TenantId, user: UserId) -> Watch {
        self.watch(Subject::User(tenant, user))
    }

    /// Puts `news` into the inbox of everybody who watches its ticket or its user.
    pub fn publish(&self, news: &News) {
        self.send(&Subject::Ticket(news.ticket), news);
        let Some(request) = news.state.request() else {
            return;
        };
        if let Some(user) = &request.user {
            self.send(&Subject::User(request.tenant.clone(), user.clone()), news);
        }
    }

    fn send(&self, subject: &Subject, news: &News) {
        let table = self.table(subject);
        for inbox in table.get(subject).into_iter().flatten() {
            inbox.put(news.clone());
        }
    }

    fn watch(&self, subject: Subject) -> Watch {
        let inbox = Inbox::new();
        self.table(&subject)
            .entry(subject.clone())
            .or_default()
            .push(Arc::clone(&inbox));
        Watch {
            inbox,
            subject,
            switchboard: self.clone(),
        }
    }

    fn table(&self, subject: &Subject) -> MutexGuard<'_, HashMap<Subject, Vec<Arc<Inbox>>>> {
        let hash = self.shared.hasher.hash_one(subject);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a remainder of 32 fits anything"
        )]
        let index = (hash % TABLES as u64) as usize;
        // No code that can panic runs under the lock, so its poison says nothing.
        self.shared.tables[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// Where the news arrive.
    pub fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut table = self.switchboard.table(&self.subject);
        if let Some(inboxes) = table.get_mut(&self.subject) {
            inboxes.retain(|inbox| !Arc::ptr_eq(inbox, &self.inbox));
            if inboxes.is_empty() {
                table.remove(&self.subject);
            }
        }
    }
}
