//! Who issues the tickets: a few kept-alive connections that post requests rendered beforehand.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use super::flight::Flight;
use super::wire::Wire;

/// The input of every ticket.
pub(super) const INPUT_TEXT: &str = "She go to school every day and like to study English, because \
    it is very useful for travel and for work in other country. In the weekend she meet her friends \
    and they speaks English together for one hour, and after that they watches a film without \
    subtitles, and writes down every word that they does not know, and learn it until next time.";

/// How long an issuer rests after a refusal.
const REST: Duration = Duration::from_millis(10);

/// What the issuers send.
#[derive(Clone)]
pub(super) struct Orders {
    /// The server.
    pub(super) addr: SocketAddr,
    /// The API key.
    pub(super) key: String,
    /// The task.
    pub(super) task: &'static str,
    /// How many users the tickets are spread over.
    pub(super) users: usize,
}

/// Running issuers. They stop when this is dropped.
pub(super) struct Issuers {
    _tasks: JoinSet<io::Result<()>>,
    complaint: Arc<Mutex<Option<String>>>,
}

impl Orders {
    /// The name of a user.
    pub(super) fn user(number: usize) -> String {
        format!("user-{number:05}")
    }

    fn render(&self, user: usize) -> Vec<u8> {
        let body = serde_json::json!({
            "task": self.task,
            "input": { "text": INPUT_TEXT },
            "user": Self::user(user),
        })
        .to_string();
        post(self.addr, &self.key, "/v1/tickets", &body)
    }
}

/// A POST request with a JSON body.
pub(super) fn post(addr: SocketAddr, key: &str, path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: {addr}\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

impl Issuers {
    /// Starts issuing over `connections`: as many tickets at a time as `flight` has room for, and no
    /// more than `total`.
    pub(super) fn start(
        orders: &Orders,
        flight: &Arc<Flight>,
        connections: usize,
        total: u64,
    ) -> Self {
        let requests: Vec<_> = (0..orders.users).map(|user| orders.render(user)).collect();
        let requests: Arc<[Vec<u8>]> = requests.into();
        let complaint = Arc::new(Mutex::new(None));
        let mut tasks = JoinSet::new();
        for number in 0..connections {
            let issuer = Issuer {
                addr: orders.addr,
                requests: Arc::clone(&requests),
                flight: Arc::clone(flight),
                complaint: Arc::clone(&complaint),
                total,
            };
            tasks.spawn(issuer.run(number));
        }
        Self {
            _tasks: tasks,
            complaint,
        }
    }

    /// What the server said when it last refused a ticket.
    pub(super) fn complaint(&self) -> Option<String> {
        let complaint = self.complaint.lock();
        complaint.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Issuer {
    addr: SocketAddr,
    requests: Arc<[Vec<u8>]>,
    flight: Arc<Flight>,
    complaint: Arc<Mutex<Option<String>>>,
    total: u64,
}

impl Issuer {
    async fn run(self, number: usize) -> io::Result<()> {
        let mut wire = Wire::connect(self.addr).await?;
        for request in self.requests.iter().cycle().skip(number) {
            self.flight.take_off().await;
            if self.flight.count_accepted() >= self.total {
                break;
            }
            loop {
                let response = wire.ask(request).await.inspect_err(|e| self.complain(e))?;
                if response.status == 202 {
                    self.flight.accepted();
                    break;
                }
                self.flight.refused();
                let body = String::from_utf8_lossy(&response.body);
                self.complain(format_args!("{}: {body}", response.status));
                tokio::time::sleep(REST).await;
            }
        }
        Ok(())
    }

    fn complain(&self, what: impl ToString) {
        let mut complaint = self
            .complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *complaint = Some(what.to_string());
    }
}
