//! Whether one tenant's flood delays another's tickets, and whether tokens are shared evenly.
//!
//! Nine tenants issue a ticket a second each, in a system that is idle, while a tenth floods it, and
//! while the flood waits in line. Then three tenants with calls of very different sizes ask for more
//! than the model can give, and what it gave them is compared. The model takes a millisecond per token.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;
use tokio::task::JoinSet;

use super::child::{Addresses, UnderTest};
use super::fakes::{Backend, Marker, Metered};
use super::issuers::{INPUT_TEXT, post};
use super::settings::Settings;
use super::setup::{Home, Needs, PLAIN};
use super::stats::{quantile, sorted};
use super::wire::Wire;

/// The time to an answer may grow by this factor.
const TARGET_RATIO: f64 = 1.2;
/// A share of tokens may be off by this part.
const TARGET_SHARE: f64 = 0.05;
/// Model calls at a time, as by default.
const MODEL_CALLS: usize = 32;
/// Those who issue one a second; number 0 floods.
const QUIET: u32 = 9;
/// Tokens of each of their calls, and of the flood's: a second.
const TOKENS: u32 = 1_000;
/// Tokens of a call of each who shares.
const SIZES: [u32; 3] = [250, 500, 1_000];
/// Open tickets of each who shares.
const BACKLOG: u64 = 150;
/// Connections of the flood.
const FLOOD_CONNECTIONS: u32 = 16;
/// The longest wait for the last answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// How fair it was.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Fairness {
    pub(super) flood: u32,
    /// With nothing else going on.
    pub(super) idle: Times,
    /// While the flood was being issued.
    pub(super) arriving: Times,
    /// While it waited in line.
    pub(super) waiting: Times,
    /// The 99th percentile of `waiting` over that of `idle`, of the time to an answer.
    pub(super) ratio: f64,
    pub(super) target_ratio: f64,
    /// Tokens of each of three tenants of one weight, over a third of all.
    pub(super) shares: Vec<f64>,
    /// Whether all three had tickets in line all the time; otherwise the shares say nothing.
    pub(super) kept_up: bool,
    pub(super) target_share: f64,
    pub(super) reached: bool,
}

/// From a ticket's issue, in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Times {
    pub(super) samples: usize,
    /// Until the model was asked, 99th percentile.
    pub(super) asked_p99_ms: f64,
    /// Until it had answered.
    pub(super) answered_median_ms: f64,
    pub(super) answered_p99_ms: f64,
}

/// A running system with ten tenants.
struct Town {
    model: Metered,
    _backend: Backend,
    _home: Home,
    child: UnderTest,
    addresses: Addresses,
    keys: Vec<String>,
    next: Arc<AtomicU32>,
}

/// Measures both.
pub(super) async fn measure(settings: &Settings) -> anyhow::Result<Fairness> {
    let phase = settings.measured * if settings.rounds > 1 { 6 } else { 4 };
    let town = Town::start(settings).await?;
    let idle = town.quiet(phase).await?;
    let flood = tokio::spawn(town.flood(settings.flood));
    let arriving = town.quiet(phase).await?;
    flood.await?.context("the flood was not taken")?;
    let waiting = town.quiet(phase).await?;
    town.child.kill().await?;

    let town = Town::start(settings).await?;
    let (shares, kept_up) = town.shares(phase).await?;
    town.child.kill().await?;

    let ratio = waiting.answered_p99_ms / idle.answered_p99_ms;
    let even = shares
        .iter()
        .all(|share| (share - 1.0).abs() <= TARGET_SHARE);
    Ok(Fairness {
        flood: settings.flood,
        idle,
        arriving,
        waiting,
        ratio,
        target_ratio: TARGET_RATIO,
        shares,
        kept_up,
        target_share: TARGET_SHARE,
        reached: ratio <= TARGET_RATIO && even && kept_up,
    })
}

impl Town {
    async fn start(settings: &Settings) -> anyhow::Result<Self> {
        let (model, backend) = (Metered::start()?, Backend::start(None)?);
        let needs = Needs {
            model: model.addr(),
            backend: backend.addr(),
            model_calls: MODEL_CALLS,
        };
        let names: Vec<_> = (0..=QUIET).map(|n| format!("tenant-{n}")).collect();
        let (home, keys) = Home::with_tenants(&settings.directory, needs, &names)?;
        let (child, addresses) = UnderTest::punchcard(&home.config()).await?;
        Ok(Self {
            model,
            _backend: backend,
            _home: home,
            child,
            addresses,
            keys: keys.iter().map(|key| key.expose().to_owned()).collect(),
            next: Arc::default(),
        })
    }

    /// One who issues for a tenant.
    fn issuer(&self, tenant: u32, tokens: u32) -> Issuer {
        let key = self.keys.get(tenant as usize).cloned().unwrap_or_default();
        Issuer {
            addresses: self.addresses,
            key,
            tenant,
            tokens,
            next: Arc::clone(&self.next),
        }
    }

    /// The nine issue one a second each, spread over the second.
    async fn quiet(&self, phase: Duration) -> anyhow::Result<Times> {
        let mut issuing = JoinSet::new();
        for tenant in 1..=QUIET {
            let issuer = self.issuer(tenant, TOKENS);
            issuing.spawn(issuer.one_a_second(phase));
        }
        let mut issued = vec![];
        while let Some(of_one) = issuing.join_next().await {
            issued.extend(of_one??);
        }
        let deadline = Instant::now() + PATIENCE;
        let (mut asked, mut answered) = (vec![], vec![]);
        for (number, at) in issued {
            let times = loop {
                if let Some(times) = self.model.times(number) {
                    break times;
                }
                if Instant::now() > deadline {
                    bail!("ticket {number} was not answered in time");
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            };
            asked.push(millis(times.0 - at));
            answered.push(millis(times.1 - at));
        }
        let (asked, answered) = (sorted(&asked), sorted(&answered));
        let at = |samples: &[f64], q| quantile(samples, q).context("no tickets were issued");
        Ok(Times {
            samples: answered.len(),
            asked_p99_ms: at(&asked, 0.99)?,
            answered_median_ms: at(&answered, 0.5)?,
            answered_p99_ms: at(&answered, 0.99)?,
        })
    }

    /// The first tenant issues that many, as fast as it can.
    fn flood(&self, count: u32) -> impl Future<Output = anyhow::Result<()>> + use<> {
        let issuer = self.issuer(0, TOKENS);
        async move {
            let mut issuing = JoinSet::new();
            for n in 0..FLOOD_CONNECTIONS {
                let share = count / FLOOD_CONNECTIONS + u32::from(n < count % FLOOD_CONNECTIONS);
                issuing.spawn(issuer.clone().many(share));
            }
            while let Some(issued) = issuing.join_next().await {
                issued??;
            }
            Ok(())
        }
    }

    /// Three tenants keep more open than the model can take; what each was given, over its part.
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    async fn shares(&self, phase: Duration) -> anyhow::Result<(Vec<f64>, bool)> {
        let mut wires = vec![];
        for (tenant, tokens) in (0..).zip(SIZES) {
            let wire = Wire::connect(self.addresses.listen).await?;
            wires.push((tenant, self.issuer(tenant, tokens), wire, 0_u64));
        }
        let begun = Instant::now();
        let (mut before, mut kept_up) = (None, true);
        while begun.elapsed() < phase * 2 {
            for (tenant, issuer, wire, issued) in &mut wires {
                let open = *issued - self.model.served(*tenant).0;
                // One who has fewer open than there are permits does not wait all the time.
                kept_up &= before.is_none() || open >= MODEL_CALLS as u64;
                for _ in open..BACKLOG {
                    issuer.issue(wire).await?;
                    *issued += 1;
                }
            }
            if before.is_none() && begun.elapsed() > phase {
                before = Some(self.tokens());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let before = before.context("it took too long to issue anything")?;
        let after = self.tokens();
        let given: Vec<_> = after
            .iter()
            .zip(&before)
            .map(|(after, before)| after - before)
            .collect();
        let part = given.iter().sum::<u64>() as f64 / given.len() as f64;
        let shares = given.iter().map(|given| *given as f64 / part).collect();
        Ok((shares, kept_up))
    }

    fn tokens(&self) -> Vec<u64> {
        let tenants = (0..).zip(SIZES);
        tenants
            .map(|(tenant, _)| self.model.served(tenant).1)
            .collect()
    }
}

#[derive(Clone)]
struct Issuer {
    addresses: Addresses,
    key: String,
    tenant: u32,
    tokens: u32,
    next: Arc<AtomicU32>,
}

impl Issuer {
    /// Issues a ticket; gives its number and when that was begun.
    async fn issue(&self, wire: &mut Wire) -> anyhow::Result<(u32, Instant)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let marker = Marker {
            number,
            tenant: self.tenant,
            tokens: self.tokens,
        };
        let text = format!("{} {INPUT_TEXT}", marker.text());
        let body = serde_json::json!({ "task": PLAIN, "input": { "text": text } }).to_string();
        let request = post(self.addresses.listen, &self.key, "/v1/tickets", &body);
        let begun = Instant::now();
        let response = wire.ask(&request).await?;
        if response.status != 202 {
            let said = String::from_utf8_lossy(&response.body);
            bail!("a ticket was refused with {}: {said}", response.status);
        }
        Ok((number, begun))
    }

    async fn one_a_second(self, phase: Duration) -> anyhow::Result<Vec<(u32, Instant)>> {
        let mut wire = Wire::connect(self.addresses.listen).await?;
        let offset = Duration::from_secs(1) * self.tenant / QUIET;
        let mut ticks =
            tokio::time::interval_at(tokio::time::Instant::now() + offset, Duration::from_secs(1));
        let mut issued = vec![];
        for _ in 0..phase.as_secs() {
            ticks.tick().await;
            issued.push(self.issue(&mut wire).await?);
        }
        Ok(issued)
    }

    async fn many(self, count: u32) -> anyhow::Result<()> {
        let mut wire = Wire::connect(self.addresses.listen).await?;
        for _ in 0..count {
            self.issue(&mut wire).await?;
        }
        Ok(())
    }
}

impl Fairness {
    /// In lines for people.
    pub(super) fn lines(&self) -> Vec<String> {
        let verdict = if self.reached {
            "reached"
        } else {
            "NOT reached"
        };
        let times = |name: &str, times: &Times| {
            format!(
                "  {name:<22} median {:>7.1} ms  p99 {:>7.1} ms to the answer; p99 {:>7.1} ms to the model; of {}",
                times.answered_median_ms, times.answered_p99_ms, times.asked_p99_ms, times.samples
            )
        };
        let shares: Vec<_> = self
            .shares
            .iter()
            .map(|share| format!("{share:.3}"))
            .collect();
        vec![
            format!(
                "fairness: nine tenants issue one a second, the tenth {} at once; every call takes 1 s",
                self.flood
            ),
            times("idle", &self.idle),
            times("while the flood comes", &self.arriving),
            times("while the flood waits", &self.waiting),
            format!(
                "  p99 to the answer, flood waiting / idle: {:.3}; target {:.2}",
                self.ratio, self.target_ratio
            ),
            format!(
                "  tokens of three equal tenants with calls of {SIZES:?}, over a third of all: {}; target within {:.0} %",
                shares.join(" "),
                self.target_share * 100.0
            ),
            if self.kept_up {
                format!("  both: {verdict}")
            } else {
                "  the shares say nothing: the load generator did not keep up".to_owned()
            },
        ]
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
