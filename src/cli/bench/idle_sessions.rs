//! What an idle session costs in memory.

use std::time::Duration;

use anyhow::bail;
use serde::Serialize;

use super::child::UnderTest;
use super::fakes::{Backend, FakeModel, Script};
use super::issuers::Orders;
use super::sessions::{Sessions, Watcher};
use super::settings::Settings;
use super::setup::{HOOKED, Home, Needs};

const TARGET_BYTES: f64 = 25.0 * 1024.0;

/// Sessions opened and closed before the first look at the memory.
const FIRST: usize = 200;

/// Sessions opened at the same time.
const AT_ONCE: usize = 64;

/// Memory of idle sessions.
#[derive(Debug, Clone, Serialize)]
pub(super) struct IdleSessions {
    pub(super) sessions: usize,
    pub(super) rss_before_bytes: u64,
    pub(super) rss_after_bytes: u64,
    pub(super) bytes_per_session: f64,
    pub(super) target_bytes: f64,
    pub(super) reached: bool,
}

/// Opens the sessions and measures.
pub(super) async fn measure(settings: &Settings) -> anyhow::Result<IdleSessions> {
    let model = FakeModel::start(Script::Whole(Duration::ZERO))?;
    let backend = Backend::start(None)?;
    let needs = Needs {
        model: model.addr(),
        backend: backend.addr(),
        model_calls: 1,
    };
    let home = Home::new(&settings.directory, needs)?;
    let (child, addresses) = UnderTest::punchcard(&home.config()).await?;
    let mut orders = Orders {
        addr: addresses.listen,
        key: home.key().expose().to_owned(),
        task: HOOKED,
        users: FIRST,
    };
    drop(Sessions::open(&orders, AT_ONCE, &Watcher::default()).await?);
    tokio::time::sleep(settings.warm_up).await;
    let before = child.usage()?.rss_bytes;
    orders.users = settings.idle_sessions;
    let mut sessions = Sessions::open(&orders, AT_ONCE, &Watcher::default()).await?;
    tokio::time::sleep(settings.warm_up).await;
    let after = child.usage()?.rss_bytes;
    let open = sessions.count();
    if open != settings.idle_sessions {
        bail!(
            "only {open} of {} sessions stayed open",
            settings.idle_sessions
        );
    }
    child.kill().await?;
    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
    let bytes_per_session = after.saturating_sub(before) as f64 / open as f64;
    Ok(IdleSessions {
        sessions: open,
        rss_before_bytes: before,
        rss_after_bytes: after,
        bytes_per_session,
        target_bytes: TARGET_BYTES,
        reached: bytes_per_session < TARGET_BYTES,
    })
}
