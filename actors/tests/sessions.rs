//! The session supervisor on a paused clock.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use punchcard_actors::sessions::{
    Admission, Connection, Goodbye, Grant, Lease, SessionError, SessionLimits, SessionSupervisor,
    Sessions,
};
use punchcard_actors::testing::vouched::Vouched;
use punchcard_events::{TenantId, UserId};
use tokio::task::LocalSet;

const TWO: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// A connection that counts how often it was cut.
#[derive(Clone, Default)]
struct Wire(Arc<AtomicU32>);

impl Connection for Wire {
    fn cut(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wire {
    fn cuts(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

fn limits() -> SessionLimits {
    SessionLimits {
        tokens_per_tenant: TWO,
        sessions: TWO.saturating_add(1),
        sessions_per_user: TWO,
        ..SessionLimits::default()
    }
}

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).expect("a name")
}

fn user(name: &str) -> UserId {
    UserId::new(name).expect("a name")
}

fn grant(of: &str) -> Grant {
    Grant {
        tenant: tenant(of),
        user: user("min"),
        key_prefix: "pk".into(),
    }
}

fn admission(name: &str, wire: &Wire) -> Admission {
    Admission {
        tenant: tenant("onehour"),
        user: Some(user(name)),
        key_prefix: "pk".into(),
        connection: Box::new(wire.clone()),
    }
}

async fn supervised<F: Future<Output = ()>>(test: impl FnOnce(Sessions) -> F) {
    let local = LocalSet::new();
    local
        .run_until(async {
            test(SessionSupervisor::launch(
                limits(),
                Arc::new(Vouched::default()),
            ))
            .await
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_token_opens_once_and_not_after_its_time() {
    supervised(|sessions| async move {
        let token = sessions.mint(grant("onehour")).await.expect("a token");
        assert_eq!(
            sessions.redeem("pst_wrong").await,
            Err(SessionError::BadToken)
        );
        assert_eq!(sessions.redeem(token.expose()).await, Ok(grant("onehour")));
        assert_eq!(
            sessions.redeem(token.expose()).await,
            Err(SessionError::BadToken)
        );
        let late = sessions.mint(grant("onehour")).await.expect("a token");
        assert_ne!(late.expose(), token.expose());
        assert!(!format!("{late:?}").contains(late.expose()));
        tokio::time::advance(sessions.token_ttl()).await;
        assert_eq!(
            sessions.redeem(late.expose()).await,
            Err(SessionError::BadToken)
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_tenants_unused_tokens_are_bounded_and_leave_room_for_others() {
    supervised(|sessions| async move {
        let used = sessions.mint(grant("onehour")).await.expect("a token");
        sessions.mint(grant("onehour")).await.expect("a token");
        let refused = sessions.mint(grant("onehour")).await.map(drop);
        assert_eq!(refused, Err(SessionError::TooManyTokens));
        sessions
            .mint(grant("another"))
            .await
            .expect("another tenant's token");
        sessions
            .redeem(used.expose())
            .await
            .expect("a use makes room");
        sessions.mint(grant("onehour")).await.expect("a token");
        tokio::time::advance(sessions.token_ttl()).await;
        sessions
            .mint(grant("onehour"))
            .await
            .expect("time makes room");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_takes_nothing_is_cut_and_one_that_takes_slowly_or_waits_is_not() {
    supervised(|sessions| async move {
        let [frozen, slow, idle] = [(); 3].map(|()| Wire::default());
        let admit = |name: &str, wire: &Wire| sessions.admit(admission(name, wire));
        let a = admit("min", &frozen).await.expect("room");
        let b = admit("lee", &slow).await.expect("room");
        let c = admit("kim", &idle).await.expect("room");
        a.asked(true);
        // It has room, so whatever is late for it is not its fault.
        c.asked(false);
        let deadline = limits().slow_consumer_deadline;
        for second in 1..=deadline.as_secs() + 3 {
            b.asked(true);
            tokio::time::sleep(Duration::from_secs(1)).await;
            if second < deadline.as_secs() {
                assert_eq!(frozen.cuts(), 0, "its deadline has not passed");
            }
        }
        assert_eq!(frozen.cuts(), 1, "once is enough");
        assert_eq!((slow.cuts(), idle.cuts()), (0, 0));
        drop((a, b, c));
        assert_eq!(sessions.count().await, Ok(0), "leaving takes no message");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_tenants_crowd_leaves_room_for_others_and_streams_do_not_take_it_from_sessions() {
    let limits = SessionLimits {
        sessions_per_tenant: TWO,
        streams_per_tenant: TWO,
        ..SessionLimits::default()
    };
    let local = LocalSet::new();
    let test = async {
        let sessions = SessionSupervisor::launch(limits, Arc::new(Vouched::default()));
        let wire = Wire::default();
        let of = |tenant_name: &str, user_name: Option<&str>| {
            sessions.admit(Admission {
                tenant: tenant(tenant_name),
                user: user_name.map(user),
                ..admission("x", &wire)
            })
        };
        let mut crowd = Vec::new();
        for name in ["a", "b"] {
            crowd.push(of("onehour", Some(name)).await.expect("room"));
        }
        let refused = of("onehour", Some("c")).await.map(drop);
        assert_eq!(refused, Err(SessionError::TooManySessions));
        for _ in 0..2 {
            crowd.push(of("onehour", None).await.expect("room for streams"));
        }
        let refused = of("onehour", None).await.map(drop);
        assert_eq!(refused, Err(SessionError::TooManySessions));
        crowd.push(of("another", Some("a")).await.expect("room"));
        drop(crowd.swap_remove(0));
        of("onehour", Some("c")).await.expect("one left");
    };
    local.run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_grows_no_older_than_allowed_and_not_all_end_together() {
    supervised(|sessions| async move {
        let wire = Wire::default();
        let first = sessions.admit(admission("min", &wire)).await.expect("room");
        let second = sessions.admit(admission("lee", &wire)).await.expect("room");
        let oldest = limits().max_age;
        let begun = tokio::time::Instant::now();
        let ends = async |lease: &Lease| {
            assert_eq!(lease.goodbye().await, Goodbye::Renew);
            begun.elapsed()
        };
        let alive = async {
            let mut tick = tokio::time::interval(Duration::from_secs(10));
            loop {
                tick.tick().await;
                first.hear();
                second.hear();
            }
        };
        let ended = async { tokio::join!(ends(&first), ends(&second)) };
        let (a, b) = tokio::select! {
            ended = ended => ended,
            () = alive => unreachable!("it never ends"),
        };
        for age in [a, b] {
            assert!(age >= oldest.mul_f64(0.9) && age <= oldest + Duration::from_secs(2));
        }
        assert_ne!(a, b);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_cut_and_one_that_is_heard_is_not() {
    supervised(|sessions| async move {
        let (silent, heard) = (Wire::default(), Wire::default());
        let _silent = sessions
            .admit(admission("min", &silent))
            .await
            .expect("room");
        let alive = sessions
            .admit(admission("lee", &heard))
            .await
            .expect("room");
        for _ in 0..7 {
            tokio::time::sleep(Duration::from_secs(10)).await;
            alive.hear();
        }
        assert!(silent.cuts() > 0);
        assert_eq!(heard.cuts(), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_users_oldest_session_makes_room_and_a_full_house_refuses() {
    supervised(|sessions| async move {
        let wire = Wire::default();
        let admit = |name: &str| sessions.admit(admission(name, &wire));
        let first = admit("min").await.expect("room");
        let second = admit("min").await.expect("room");
        let third = admit("min").await.expect("room");
        assert_eq!(first.goodbye().await, Goodbye::SessionLimit);
        let refused = admit("lee").await.map(drop);
        assert_eq!(refused, Err(SessionError::TooManySessions));
        drop(first);
        let fourth = admit("lee").await.expect("the one that left made room");
        tokio::time::sleep(limits().close_grace + Duration::from_secs(2)).await;
        assert_eq!(wire.cuts(), 0, "those that leave in time are not cut");
        drop((second, third, fourth));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_tells_each_its_own_time_and_cuts_those_that_stay() {
    supervised(|sessions| async move {
        let stays = Wire::default();
        let first = sessions
            .admit(admission("min", &stays))
            .await
            .expect("room");
        let second = sessions
            .admit(admission("lee", &stays))
            .await
            .expect("room");
        sessions.close_all().await.expect("a supervisor");
        assert_ne!(first.goodbye().await, second.goodbye().await);
        let late = sessions.admit(admission("min", &stays)).await.map(drop);
        assert_eq!(late, Err(SessionError::Stopping));
        tokio::time::sleep(limits().close_grace + Duration::from_secs(2)).await;
        assert!(stays.cuts() > 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_revoked_key_loses_its_sessions_and_its_tokens() {
    let vouched = Vouched::default();
    let test = async {
        let sessions = SessionSupervisor::launch(limits(), Arc::new(vouched.clone()));
        let wire = Wire::default();
        let session = sessions.admit(admission("min", &wire)).await.expect("room");
        let other = Admission {
            key_prefix: "pk_other".into(),
            ..admission("lee", &wire)
        };
        let other = sessions.admit(other).await.expect("room");
        let token = sessions.mint(grant("onehour")).await.expect("a token");
        vouched.revoke(&tenant("onehour"), "pk");
        let begun = tokio::time::Instant::now();
        assert_eq!(session.goodbye().await, Goodbye::Revoked);
        assert!(begun.elapsed() <= Duration::from_secs(1));
        assert_eq!(
            sessions.redeem(token.expose()).await,
            Err(SessionError::BadToken)
        );
        let stays = tokio::time::timeout(Duration::from_secs(5), other.goodbye());
        assert!(stays.await.is_err(), "another key's session stays");
    };
    LocalSet::new().run_until(test).await;
}
