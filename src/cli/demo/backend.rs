//! A sample backend: OneHour's side of the callbacks, as a customer would write it with actix-web.
//!
//! It does the three things that every receiver of callbacks must do: verify the signature over the
//! raw body, drop repeats by `webhook-id`, and say 2xx only once the result is saved. What it leaves
//! out is a database: results are kept in memory, where a real backend writes them and the id in one
//! transaction. See `docs/callbacks.md` for the contract.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use punchcard_actors::ports::Clock as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::adapters::clock::SystemClock;
use crate::adapters::webhooks::SigningSecret;
use crate::adapters::webhooks::signature::{
    ID_HEADER, SIGNATURE_HEADER, SignedHeaders, TIMESTAMP_HEADER, TOLERANCE, verify,
};

/// The largest callback that is taken.
const MAX_BODY_BYTES: usize = 2 << 20;
/// Results kept; the oldest go first.
const MAX_RESULTS: usize = 1_000;

/// The backend while it runs.
pub(super) struct Backend {
    addr: SocketAddr,
    desk: Desk,
    handle: ServerHandle,
}

/// What the backend's requests share.
#[derive(Clone)]
struct Desk {
    secret: SigningSecret,
    ledger: Arc<Mutex<Ledger>>,
}

/// What a real backend has in its database.
#[derive(Default)]
struct Ledger {
    results: VecDeque<Saved>,
    /// Callbacks that came again after they were done.
    repeats: u64,
}

/// A saved answer.
#[derive(Debug, Clone, Serialize)]
struct Saved {
    /// The callback's id: unique, so a repeat is known.
    webhook_id: String,
    ticket: String,
    task: String,
    user: Option<String>,
    answer: Value,
}

/// A callback's body. Fields that are not needed, or not known yet, are passed over.
#[derive(Debug, Deserialize)]
struct Callback {
    data: CallbackData,
}

#[derive(Debug, Deserialize)]
struct CallbackData {
    ticket: String,
    task: String,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    input: Map<String, Value>,
    #[serde(default)]
    answer: Value,
}

impl Backend {
    /// Starts it on a free port of the loopback interface. It knows the runtime by `secret`.
    pub(super) fn start(secret: SigningSecret) -> io::Result<Self> {
        let desk = Desk {
            secret,
            ledger: Arc::default(),
        };
        let shared = desk.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(shared.clone()))
                .app_data(web::PayloadConfig::new(MAX_BODY_BYTES))
                .route("/punchcard/{task}/pre-process", web::post().to(pre_process))
                .route(
                    "/punchcard/{task}/post-process",
                    web::post().to(post_process),
                )
                .route("/results", web::get().to(results))
        });
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0")?;
        let bound = server.addrs().first().copied();
        let addr = bound.ok_or_else(|| io::Error::other("the backend has no address"))?;
        let running = server.run();
        let handle = running.handle();
        actix::spawn(running);
        Ok(Self { addr, desk, handle })
    }

    /// Its base URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// How many answers it has saved.
    pub(super) fn saved(&self) -> usize {
        self.desk.ledger().results.len()
    }

    /// Stops it.
    pub(super) async fn stop(self) {
        self.handle.stop(true).await;
    }
}

impl Desk {
    // Nothing that can panic runs under the lock, so its poison says nothing.
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a callback: its id and its body, once its signature holds.
    fn verified(
        &self,
        request: &HttpRequest,
        body: &[u8],
    ) -> Result<(String, CallbackData), StatusCode> {
        let header = |name| {
            let value = request.headers().get(name)?;
            value.to_str().ok()
        };
        let headers = SignedHeaders {
            id: header(ID_HEADER).unwrap_or_default(),
            timestamp: header(TIMESTAMP_HEADER).unwrap_or_default(),
            signature: header(SIGNATURE_HEADER).unwrap_or_default(),
        };
        let secrets = std::slice::from_ref(&self.secret);
        // Over the raw body, before any parser has touched it.
        if verify(secrets, headers, body, SystemClock.now(), TOLERANCE).is_err() {
            return Err(StatusCode::UNAUTHORIZED);
        }
        match serde_json::from_slice::<Callback>(body) {
            Ok(callback) => Ok((headers.id.to_owned(), callback.data)),
            Err(_) => Err(StatusCode::BAD_REQUEST),
        }
    }
}

/// Before the model call: adds what OneHour knows about the student. It changes nothing of its own,
/// so a repeat needs no care.
async fn pre_process(
    request: HttpRequest,
    body: web::Bytes,
    desk: web::Data<Desk>,
) -> HttpResponse {
    let callback = match desk.verified(&request, &body) {
        Ok((_, callback)) => callback,
        Err(status) => return HttpResponse::build(status).finish(),
    };
    let Some(student) = callback.user.as_deref().and_then(student) else {
        return HttpResponse::NoContent().finish();
    };
    let mut input = callback.input;
    input.extend(
        student
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!(value))),
    );
    HttpResponse::Ok().json(json!({ "input": input }))
}

/// After it: saves the answer, once. 2xx is the promise that it is saved.
async fn post_process(
    request: HttpRequest,
    body: web::Bytes,
    desk: web::Data<Desk>,
) -> HttpResponse {
    let (webhook_id, callback) = match desk.verified(&request, &body) {
        Ok(verified) => verified,
        Err(status) => return HttpResponse::build(status).finish(),
    };
    let mut ledger = desk.ledger();
    if ledger
        .results
        .iter()
        .any(|saved| saved.webhook_id == webhook_id)
    {
        // Our first 2xx got lost on its way: the same answer again, and no second effect.
        ledger.repeats += 1;
        return HttpResponse::NoContent().finish();
    }
    if ledger.results.len() == MAX_RESULTS {
        ledger.results.pop_front();
    }
    ledger.results.push_back(Saved {
        webhook_id,
        ticket: callback.ticket,
        task: callback.task,
        user: callback.user,
        answer: callback.answer,
    });
    HttpResponse::NoContent().finish()
}

/// What was saved, for whoever plays with the demo.
async fn results(desk: web::Data<Desk>) -> HttpResponse {
    let ledger = desk.ledger();
    HttpResponse::Ok().json(json!({ "results": ledger.results, "repeats": ledger.repeats }))
}

/// The student's record: what the prompt should know and the frontend does not send.
fn student(user: &str) -> Option<BTreeMap<&'static str, &'static str>> {
    match user {
        "student-17" => Some(BTreeMap::from([("level", "high"), ("language", "English")])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::webhooks::signature::sign;

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    /// Posts a callback signed with `secret`; gives the status and the body.
    async fn post(backend: &Backend, hook: &str, id: &str, secret: &str) -> (u16, String) {
        crate::adapters::tls::install_provider();
        let body = json!({"type": "x", "timestamp": "2026-11-23T10:44:30.123Z", "data": {
            "ticket": "t1", "task": "writing-review", "user": "student-17", "metadata": {},
            "input": {"essay": "My day", "level": "middle"}, "answer": {"score": 4},
        }})
        .to_string();
        let seconds = (SystemClock.now().as_millis() / 1000).to_string();
        let signature = sign(&[secret.parse().unwrap()], id, &seconds, body.as_bytes());
        let url = format!("{}/punchcard/writing-review/{hook}", backend.url());
        let request = reqwest::Client::new().post(url).body(body);
        let request = request
            .header(ID_HEADER, id)
            .header(TIMESTAMP_HEADER, seconds);
        let response = request
            .header(SIGNATURE_HEADER, signature)
            .send()
            .await
            .unwrap();
        let status = response.status().as_u16();
        (status, response.text().await.unwrap())
    }

    fn with_backend(test: impl AsyncFnOnce(&Backend)) {
        actix::System::new().block_on(async {
            let backend = Backend::start(SECRET.parse().unwrap()).unwrap();
            test(&backend).await;
            backend.stop().await;
        });
    }

    #[test]
    fn a_callback_with_a_foreign_signature_is_turned_away() {
        with_backend(async |backend| {
            let foreign = "whsec_cHVuY2hjYXJkLWRlbW8tc2VjcmV0LW5vdC1mb3ItcHJvZHVjdGlvbg==";
            assert_eq!(post(backend, "post-process", "msg_1", foreign).await.0, 401);
            assert_eq!(post(backend, "pre-process", "msg_1", foreign).await.0, 401);
            assert_eq!(backend.saved(), 0);
        });
    }

    #[test]
    fn a_repeated_callback_is_answered_alike_and_saved_once() {
        with_backend(async |backend| {
            for _ in 0..2 {
                assert_eq!(post(backend, "post-process", "msg_1", SECRET).await.0, 204);
            }
            assert_eq!(backend.saved(), 1);
            assert_eq!(backend.desk.ledger().repeats, 1);
        });
    }

    #[test]
    fn pre_process_adds_what_the_student_s_record_knows() {
        with_backend(async |backend| {
            let (status, body) = post(backend, "pre-process", "msg_2", SECRET).await;
            assert_eq!(status, 200);
            let body: Value = serde_json::from_str(&body).unwrap();
            let wanted = json!({"essay": "My day", "level": "high", "language": "English"});
            assert_eq!(body["input"], wanted);
        });
    }
}
