//! Connections: which are made, which are not, and how they are used again.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use punchcard::adapters::outbound::Lookup;
use punchcard::adapters::webhooks::{BuildError, Options, Webhooks};
use punchcard_actors::ports::{Callbacks as _, PreProcessCall, PreProcessReply};
use punchcard_events::ticket::CallbackErrorKind;
use url::Url;

use super::fake_backend::{Behaviour, Gate};
use super::{Bench, OLD_SECRET, PRE, TestClock, hooks, kind, options, pre_call, request, ticket};

/// Resolves every name to the same addresses.
struct Fixed(Vec<SocketAddr>);

impl Lookup for Fixed {
    fn lookup(
        &self,
        _: String,
    ) -> futures_util::future::BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

#[tokio::test]
async fn a_connection_that_breaks_or_cannot_be_made_is_a_connection_failure() {
    let bench = Bench::new().await;
    for behaviour in [Behaviour::Reset, Behaviour::CutBody] {
        let broken = bench.pre_given(behaviour).await;
        assert_eq!(kind(broken), CallbackErrorKind::Connection);
    }
    assert_eq!(bench.backend.deliveries().len(), 2);

    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let hooks = hooks(url.parse().unwrap(), &[OLD_SECRET]);
    let webhooks = Webhooks::new(options(), hooks, bench.clock.clone()).unwrap();
    let error = webhooks.pre_process(pre_call()).await.outcome.unwrap_err();
    assert_eq!(error.kind, CallbackErrorKind::Connection);
    assert!(error.message.contains("refused"), "{}", error.message);
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_never_dialled() {
    let bench = Bench::new().await;
    let address = SocketAddr::new([127, 0, 0, 1].into(), 0);
    let port = bench.backend.url().port().unwrap();
    let url: Url = format!("https://rebind.example:{port}").parse().unwrap();
    let call = async |allow_private_networks| {
        let options = Options {
            allow_private_networks,
            ..options()
        };
        let hooks = hooks(url.clone(), &[OLD_SECRET]);
        let lookup = Fixed(vec![address]);
        let webhooks = Webhooks::with_lookup(options, hooks, bench.clock.clone(), lookup).unwrap();
        webhooks.pre_process(pre_call()).await.outcome.unwrap_err()
    };
    let error = call(false).await;
    assert_eq!(error.kind, CallbackErrorKind::Forbidden, "{error:?}");
    assert!(!error.message.contains("127.0.0.1"), "{}", error.message);
    assert_eq!(bench.backend.connections(), 0);

    // The control: the same call is dialled once private networks are let in. (The backend speaks
    // no TLS, so it fails there.)
    assert_eq!(call(true).await.kind, CallbackErrorKind::Connection);
    assert_eq!(bench.backend.connections(), 1);
}

/// Gives one answer after the other, as a name server does that rebinds a name.
struct Changing(Mutex<VecDeque<[u8; 4]>>);

impl Lookup for Changing {
    fn lookup(
        &self,
        _: String,
    ) -> futures_util::future::BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
        let answer = self.0.lock().unwrap().pop_front().unwrap();
        Box::pin(std::future::ready(Ok(vec![(answer, 0).into()])))
    }
}

/// As far as this machine can: loopback stands for an address that is let in, by development's
/// permission, and a metadata service for one that never is.
#[tokio::test]
async fn a_name_that_changes_its_answer_is_judged_at_every_connection() {
    let bench = Bench::new().await;
    // Every answer ends its connection, so that every call looks the name up again.
    let closed = b"HTTP/1.1 204 Done\r\nconnection: close\r\n\r\n";
    bench.backend.otherwise(
        PRE,
        Behaviour::Raw {
            bytes: closed.to_vec(),
            keep: false,
        },
    );
    let port = bench.backend.url().port().unwrap();
    let hooks = hooks(
        format!("http://rebind.example:{port}").parse().unwrap(),
        &[OLD_SECRET],
    );
    let (here, metadata) = ([127, 0, 0, 1], [169, 254, 169, 254]);
    let lookup = Changing(Mutex::new([here, metadata, here].into()));
    let webhooks = Webhooks::with_lookup(options(), hooks, bench.clock.clone(), lookup).unwrap();
    assert!(webhooks.pre_process(pre_call()).await.outcome.is_ok());
    let turned = webhooks.pre_process(pre_call()).await.outcome.unwrap_err();
    assert_eq!(turned.kind, CallbackErrorKind::Forbidden, "{turned:?}");
    assert!(!turned.message.contains("169.254"), "{}", turned.message);
    assert_eq!(bench.backend.connections(), 1, "nothing was dialled");
    assert!(webhooks.pre_process(pre_call()).await.outcome.is_ok());
    assert_eq!(bench.backend.connections(), 2);
}

#[tokio::test]
async fn a_literal_private_address_is_refused_before_any_call() {
    let clock = Arc::new(TestClock(AtomicU64::new(0)));
    for host in [
        "127.0.0.1",
        "2130706433",
        "[::ffff:10.0.0.1]",
        "localhost",
        "169.254.169.254",
    ] {
        let url = format!("https://{host}").parse().unwrap();
        let options = Options {
            allow_private_networks: false,
            ..options()
        };
        let refused = Webhooks::new(options, hooks(url, &[OLD_SECRET]), clock.clone());
        let error = refused.unwrap_err();
        assert!(matches!(error, BuildError::Url { .. }), "{host}: {error}");
        assert!(error.to_string().contains("onehour"), "{error}");
    }
}

#[tokio::test]
async fn a_hook_that_is_no_longer_configured_waits_for_an_operator() {
    let bench = Bench::new().await;
    let call = PreProcessCall {
        ticket: ticket(),
        request: request("retired-task"),
        prepared_again: 0,
    };
    let error = bench.webhooks.pre_process(call).await.outcome.unwrap_err();
    assert!(error.kind.is_transient());
    assert!(error.message.contains("retired-task") && error.message.contains("pre_process"));
    assert_eq!(bench.backend.connections(), 0);
}

#[tokio::test]
async fn calls_in_turn_share_a_connection_and_calls_at_once_do_not_wait() {
    let bench = Bench::new().await;
    for _ in 0..5 {
        bench.pre().await.unwrap();
    }
    assert_eq!(bench.backend.connections(), 1);

    let gate = Gate::closed();
    bench
        .backend
        .otherwise(PRE, Behaviour::status(204).behind(&gate));
    let both_arrive = async {
        gate.reached_by(2).await;
        gate.open();
    };
    let (first, second, ()) = tokio::join!(bench.pre(), bench.pre(), both_arrive);
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(bench.backend.connections(), 2);
}

#[tokio::test]
async fn each_thread_has_its_own_connections_and_they_outlive_no_runtime() {
    let bench = Bench::new().await;
    let webhooks = Arc::new(bench.webhooks);
    bench.backend.deliveries_reach(0).await;
    for round in 1..=2 {
        let webhooks = Arc::clone(&webhooks);
        // A thread with two runtimes, one after the other, as after an arbiter is replaced.
        tokio::task::spawn_blocking(move || {
            for _ in 0..2 {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                let reply = runtime.block_on(webhooks.pre_process(pre_call()));
                assert_eq!(reply.outcome, Ok(PreProcessReply::Unchanged));
                assert_eq!(reply.status, Some(204));
            }
        })
        .await
        .unwrap();
        bench.backend.deliveries_reach(2 * round).await;
    }
    assert_eq!(bench.backend.deliveries().len(), 4);
}
