//! Connections: how text comes over them, how they are used again, and when they close.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use punchcard_actors::ports::{AnswerPart, LanguageModel as _};
use punchcard_events::ticket::AttemptErrorKind as Kind;

use super::fake_model::{Behaviour, Ending, FakeModel, Gate, Step};
use super::{MORE, WHOLE, adapter, call, complete, outcome, whole};

fn text(text: &str) -> AnswerPart {
    AnswerPart::Text(text.to_owned())
}

#[tokio::test]
async fn text_is_handed_on_while_its_server_waits() {
    let gates = [Gate::closed(), Gate::closed()];
    // Each piece must come out before the gate that follows it opens, the first one included, and
    // also where it arrives with the beginning of an event that is still on its way.
    let steps = vec![
        Step::chunk([MORE, "data: {\"choi"].concat()),
        Step::Wait(gates[0].clone()),
        Step::chunk(["ces\":[{\"delta\":{\"content\":\"b\"}}]}\n\n", MORE].concat()),
        Step::Wait(gates[1].clone()),
        Step::chunk(WHOLE),
    ];
    let server = FakeModel::playing([Behaviour::Stream(steps, Ending::Clean)]).await;
    let mut stream = adapter(&server).answer(call()).await.unwrap();
    let [first, second] = gates;

    assert_eq!(stream.next().await, Some(Ok(text("more"))));
    assert_eq!(server.counts().played, 0);
    first.open();
    // What was read together is one part.
    assert_eq!(stream.next().await, Some(Ok(text("bmore"))));
    assert_eq!(server.counts().played, 0);
    second.open();
    assert_eq!(stream.next().await, Some(Ok(text("canary-answer"))));
    assert_eq!(stream.next().await, complete().end.map(Ok).ok());
    assert_eq!(stream.next().await, None);
}

/// What lies between two calls: an append at least, so that the runtime's other tasks, among them
/// the connection's, have had their turns.
async fn meanwhile() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn calls_one_after_another_share_a_connection() {
    let tail = Gate::closed();
    let tail_later = vec![
        Step::chunk(WHOLE),
        Step::Wait(tail.clone()),
        Step::chunk(": bye\n\n"),
    ];
    let without_done = WHOLE.replace("data: [DONE]\n\n", "");
    let server = FakeModel::playing([
        whole(),
        Behaviour::status(429, "{\"error\":{}}"),
        Behaviour::bytes(without_done, Ending::Clean),
        Behaviour::Stream(tail_later, Ending::Clean),
        whole(),
    ])
    .await;
    let adapter = adapter(&server);
    for call in 1..=5 {
        let outcome = outcome(&adapter).await;
        if call == 2 {
            assert_eq!(outcome.error().kind, Kind::RateLimited);
        } else {
            assert_eq!(outcome, complete(), "call {call}");
        }
        if call == 4 {
            // The answer is there before its response has ended.
            assert_eq!(server.counts().played, 3);
            tail.open();
        }
        server.until(|counts| counts.played == call).await;
        meanwhile().await;
    }
    assert_eq!(server.counts().connections, 1);
}

#[tokio::test]
async fn an_answer_does_not_wait_for_the_connection_to_come_free() {
    let server = FakeModel::playing([Behaviour::stall_after(WHOLE), whole()]).await;
    let adapter = adapter(&server);
    let start = Instant::now();
    assert_eq!(outcome(&adapter).await, complete());
    assert_eq!(outcome(&adapter).await, complete());
    assert!(start.elapsed() < Duration::from_secs(5));
    // Nor is a connection that does not come free kept.
    server.until(|counts| counts.abandoned == 1).await;
    assert_eq!(server.counts().connections, 2);
}

#[tokio::test]
async fn a_connection_closed_between_calls_is_not_used_again() {
    let closing = Behaviour::Raw(
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{WHOLE}",
            WHOLE.len()
        )
        .into_bytes(),
        Ending::Fin,
    );
    let server = FakeModel::start(move |_, _| closing.clone()).await;
    let adapter = adapter(&server);
    for call in 1..=5 {
        assert_eq!(outcome(&adapter).await, complete());
        server.until(|counts| counts.closed == call).await;
        // The adapter's side must notice: without this the next call may be written into the void.
        meanwhile().await;
    }
    assert_eq!(server.counts().connections, 5);
}

#[tokio::test]
async fn dropping_an_answer_closes_its_connection() {
    let server = FakeModel::playing([Behaviour::stall_after(MORE)]).await;
    let mut stream = adapter(&server).answer(call()).await.unwrap();
    assert_eq!(stream.next().await, Some(Ok(text("more"))));
    assert_eq!(server.counts().closed, 0);
    drop(stream);
    server
        .until(|counts| counts.abandoned == 1 && counts.closed == 1)
        .await;
}

#[tokio::test]
async fn dropping_a_call_that_waits_closes_its_connection() {
    let server = FakeModel::playing([Behaviour::stall_before_headers()]).await;
    let adapter = adapter(&server);
    {
        let answer = std::pin::pin!(adapter.answer(call()));
        tokio::select! {
            _ = answer => unreachable!("the server does not answer"),
            () = server.until(|counts| counts.requests == 1) => {}
        }
    }
    server
        .until(|counts| counts.abandoned == 1 && counts.closed == 1)
        .await;
}

#[tokio::test]
async fn nobody_listening_is_a_lost_connection() {
    let server = FakeModel::playing([whole()]).await;
    let adapter = adapter(&server);
    assert_eq!(outcome(&adapter).await, complete());
    drop(server);
    assert_eq!(outcome(&adapter).await.error().kind, Kind::Connection);
}

#[tokio::test]
async fn each_thread_has_its_own_connections_and_outlives_the_others() {
    // Of known length, so that the response ends with the last byte of the answer.
    let event_stream = vec![("content-type", "text/event-stream".to_owned())];
    let whole = Behaviour::Status(200, event_stream, WHOLE.into());
    let server = FakeModel::start(move |_, _| whole.clone()).await;
    let adapter = Arc::new(adapter(&server));
    let turns = |adapter: Arc<super::OpenAi>| {
        std::thread::spawn(move || {
            // A runtime that stops takes its connections with it; the next one must not miss them.
            for _ in 0..2 {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    for _ in 0..3 {
                        assert_eq!(outcome(&adapter).await, complete());
                        meanwhile().await;
                    }
                });
            }
        })
    };
    let threads = [turns(Arc::clone(&adapter)), turns(Arc::clone(&adapter))];
    let joined = tokio::task::spawn_blocking(|| threads.map(|thread| thread.join().is_ok()));
    assert_eq!(joined.await.unwrap(), [true, true]);

    let requests = server.requests();
    assert_eq!(requests.len(), 12);
    let connections = server.counts().connections;
    assert_eq!(connections, 4, "one for each runtime");
}
