//! Ten times the load: the work goes on at its peak, the excess is told so at once, and nothing that
//! was accepted is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use punchcard_events::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use crate::generator::{Order, Sample, offer};
use crate::machine::{self, Control};
use crate::model::{CAPACITY, PERMITS};
use crate::outcome::{refusals, usual_p95};
use crate::watch::{Watched, watch};
use crate::world::{ANSWER_WITHIN, MAX_OPEN, World};

/// How long the load is what the model can bear.
const PEAK: Duration = Duration::from_secs(7);
/// How long it is ten times that, unless the environment says otherwise.
const OVERLOAD: Duration = Duration::from_secs(8);
/// Requests per second then.
const TENFOLD: u32 = CAPACITY * 10;
/// What is not counted at the beginning of a phase.
const WARM_UP: Duration = Duration::from_secs(3);
/// The part of the peak that is kept: nearly all, but on a machine with so much else to do that the two
/// phases cannot be compared that well.
const KEPT: f64 = 0.9;
const KEPT_IF_BUSY: f64 = 0.75;
/// What the control takes there: ten times what it takes on a machine of its own.
const BUSY: Duration = Duration::from_millis(10);
/// Refusals take no longer, on a machine that has time for its processes; else no longer than so many
/// times what anything takes there.
const REFUSED_WITHIN: Duration = Duration::from_millis(50);
const BESIDE_CONTROL: u32 = 4;
/// Memory beyond the base: what a debug build's buffers and arenas take, and per open ticket.
const MEMORY: u64 = 48 << 20;
const MEMORY_PER_TICKET: u64 = 64 << 10;

/// Both phases, as they went.
struct Phases {
    peak: Vec<Sample>,
    at_peak: Watched,
    over: Vec<Sample>,
    overloaded: Watched,
    during: Duration,
    /// What the machine did to anything in the meantime.
    control: Duration,
}

#[tokio::test]
async fn at_ten_times_the_load_the_work_goes_on_at_its_peak_and_the_excess_is_told_so_at_once() {
    let world = World::start().await;
    let base = world.holdings();
    let phases = Phases::run(&world).await;
    let Phases {
        at_peak,
        overloaded,
        control,
        ..
    } = &phases;
    eprintln!("{CAPACITY}/s: {at_peak:.1?}\n{TENFOLD}/s: {overloaded:.1?}, of {PERMITS} calls");

    let part = if *control > BUSY { KEPT_IF_BUSY } else { KEPT };
    assert!(
        overloaded.goodput >= part * at_peak.goodput,
        "the work collapsed under the load"
    );
    let idle = f64::from(PERMITS) - overloaded.busy;
    assert!(
        idle < f64::from(PERMITS) * 0.3,
        "the model had time to spare"
    );
    assert!(overloaded.most_open <= MAX_OPEN as f64);
    let allowed = base.memory + MEMORY + MEMORY_PER_TICKET * MAX_OPEN as u64;
    assert!(overloaded.most_memory <= allowed, "memory is not bounded");

    phases.the_excess_was_told_so_at_once();
    phases.repeats_were_answered();
    all_end_in_time(&world, &phases.accepted()).await;
    retries_were_few(&world, phases.during);
    eprintln!("{} connections", world.wire.connections());
    assert!(world.server.stop().await.success());
}

impl Phases {
    async fn run(world: &World) -> Self {
        let (keys, wire) = (&world.keys, &world.wire);
        let steady = |number: u32| Order {
            key: keys[0].clone(),
            number,
            word: format!("peak-{number}"),
            idempotency: Some(format!("peak-{number}")),
        };
        let (peak, at_peak) = tokio::join!(
            offer(wire, CAPACITY, PEAK, steady),
            watch(world, WARM_UP, PEAK)
        );
        let repeated = words(&peak);

        world.model.begin_to_fail();
        let control = Control::begin();
        let during = overload();
        let (over, overloaded) = tokio::join!(
            offer(wire, TENFOLD, during, |number| mixed(
                number, keys, &repeated
            )),
            watch(world, WARM_UP, during)
        );
        Self {
            control: usual_p95(machine::RATE, (0..).zip(control.end())),
            peak,
            at_peak,
            over,
            overloaded,
            during,
        }
    }

    /// The tickets of all accepted requests.
    fn accepted(&self) -> BTreeSet<String> {
        let all = self.peak.iter().chain(&self.over);
        all.filter_map(|sample| Some(sample.ticket()?.to_owned()))
            .collect()
    }

    fn the_excess_was_told_so_at_once(&self) {
        let refused = refusals(&self.over);
        let p95 = |is_accepted: bool| {
            let of = |sample: &&Sample| sample.ticket().is_some() == is_accepted;
            let latencies = self.over.iter().filter(of);
            usual_p95(TENFOLD, latencies.map(|s| (s.order.number, s.latency)))
        };
        let (accepted, excess, control) = (p95(true), p95(false), self.control);
        eprintln!(
            "{refused:?}; p95: refused {excess:?}, accepted {accepted:?}, control {control:?}"
        );
        for expected in [(429, "too_many_open_tickets"), (503, "overloaded")] {
            let expected = (expected.0, expected.1.to_owned());
            assert!(refused.contains_key(&expected), "nothing was {expected:?}");
        }
        assert!(
            excess < REFUSED_WITHIN.max(BESIDE_CONTROL * control),
            "refusals take {excess:?}, a control that does nothing else {control:?}"
        );
    }

    /// Repeats of accepted requests got the first ticket, in the middle of the overload.
    fn repeats_were_answered(&self) {
        let accepted = self.peak.iter().filter(|sample| sample.ticket().is_some());
        let first: BTreeMap<&str, &Sample> = accepted
            .map(|sample| (sample.order.word.as_str(), sample))
            .collect();
        let mut repeats = 0;
        for sample in &self.over {
            if let Some(earlier) = first.get(sample.order.word.as_str()) {
                assert_eq!(sample.ticket(), earlier.ticket(), "{sample:?}");
                repeats += 1;
            }
        }
        assert!(repeats > 0, "nothing was repeated");
    }
}

/// The words of the accepted requests.
fn words(samples: &[Sample]) -> Vec<String> {
    let accepted = samples.iter().filter(|sample| sample.ticket().is_some());
    accepted.map(|sample| sample.order.word.clone()).collect()
}

/// The order with this number: some from the tenant that is too loud, some repeats of accepted
/// requests, of the others half with keys of their own.
fn mixed(number: u32, keys: &[String; 2], repeated: &[String]) -> Order {
    let word = format!("over-{number}");
    let (key, word, is_keyed) = match number % 20 {
        0 => {
            let word = &repeated[number as usize / 20 % repeated.len()];
            (&keys[0], word.clone(), true)
        }
        1..4 => (&keys[1], word, false),
        4..12 => (&keys[0], word, true),
        _ => (&keys[0], word, false),
    };
    Order {
        number,
        key: key.clone(),
        idempotency: is_keyed.then(|| word.clone()),
        word,
    }
}

/// Every accepted ticket ends, and none is answered after its deadline.
async fn all_end_in_time(world: &World, accepted: &BTreeSet<String>) {
    let patience = Instant::now() + ANSWER_WITHIN + Duration::from_secs(5);
    let open = "/v1/tickets?state=requested,pre_processed,sent,answered&limit=200";
    loop {
        let listed = world.steady.get(open).await.expect(200);
        let left = listed["tickets"].as_array().unwrap().len();
        if left == 0 {
            break;
        }
        assert!(Instant::now() < patience, "still open: {listed:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let loud = world.steady.with_key(&world.keys[1]);
    let mut failed = 0;
    for id in accepted {
        let path = format!("/v1/tickets/{id}/events");
        let mut found = world.steady.get(&path).await;
        if found.status == 404 {
            found = loud.get(&path).await;
        }
        let history = found.expect(200)["events"].take();
        let history = history.as_array().unwrap();
        let last = history.last().unwrap();
        match last["type"].as_str().unwrap() {
            "TicketPersisted" => answered_in_time(history),
            "TicketFailed" => failed += 1,
            other => panic!("{id} is left with {other}: {history:#?}"),
        }
    }
    eprintln!("{} accepted, {failed} of them failed", accepted.len());
    assert!(
        failed * 20 <= accepted.len(),
        "{failed} accepted tickets failed"
    );
}

fn answered_in_time(history: &[Value]) {
    let time = |value: &Value| serde_json::from_value::<Timestamp>(value.clone()).unwrap();
    let due = time(&history[0]["data"]["terms"]["deadlines"]["answer_by"]);
    let answered = history
        .iter()
        .find(|event| event["type"] == "TicketAnswered");
    assert!(
        time(&answered.unwrap()["recorded_at"]) <= due,
        "{history:#?}"
    );
}

/// Retries are at most a tenth of the calls, beyond a floor of one a second and what was saved up.
fn retries_were_few(world: &World, during: Duration) {
    let calls = world.model.calls();
    let retries: usize = calls.values().map(|calls| calls - 1).sum();
    let faults = world.model.faults();
    let floor = (PEAK + during + ANSWER_WITHIN).as_secs() + 10;
    eprintln!(
        "{faults} faults, {retries} retries, {} first calls",
        calls.len()
    );
    assert!(faults > 0, "no call failed");
    assert!(retries > 0, "nothing was tried again");
    assert!(
        retries as u64 <= calls.len() as u64 / 10 + floor,
        "{retries} retries for {} tickets",
        calls.len()
    );
}

fn overload() -> Duration {
    let seconds = std::env::var("PUNCHCARD_OVERLOAD_SECONDS").ok();
    let seconds = seconds.map(|text| text.parse().expect("PUNCHCARD_OVERLOAD_SECONDS: seconds"));
    seconds.map_or(OVERLOAD, |seconds: u64| Duration::from_secs(seconds.max(3)))
}
