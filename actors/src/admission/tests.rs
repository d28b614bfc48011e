use super::*;
use crate::ports::Unlimited;
use crate::testing::limits::SetLimits;

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).expect("a valid tenant")
}

fn admission(open: Places) -> Admission {
    let accepting = Places::new(4, 2);
    let options = AdmissionOptions { open, accepting };
    Admission::new(options, Arc::new(Unlimited))
}

fn admit(admission: &Admission, tenant: &TenantId, line: Option<Line>) -> Result<Place, Refusal> {
    let door = admission.door(tenant, Jitter::MIN)?;
    let task = TaskName::new("review").expect("a valid task");
    let asked = Asked::in_production(tenant, &task);
    let limits = TenantLimits::default();
    let admitted = admission.admit(asked, &limits, line, door, Jitter::MIN);
    admitted.map_err(|(refusal, _door)| refusal)
}

#[test]
fn the_bound_that_is_met_is_the_one_that_is_told() {
    let (a, b, c) = (tenant("a"), tenant("b"), tenant("c"));
    let gate = admission(Places::new(3, 2));
    let mut held: Vec<Place> = vec![];
    for tenant in [&a, &a, &b] {
        let mut place = admit(&gate, tenant, None).expect("room");
        place.accepted();
        held.push(place);
    }
    let bound = |tenant| admit(&gate, tenant, None).expect_err("full").bound;
    assert_eq!(bound(&a), Bound::TenantOpen);
    assert_eq!(bound(&c), Bound::Open);
    let looked = gate.look(&a, Jitter::MIN).expect_err("full");
    assert_eq!(looked.bound, Bound::TenantOpen, "a look says the same");
    held.clear();
    assert!(gate.look(&a, Jitter::MIN).is_ok());
}

#[test]
fn a_tenants_own_limit_has_one_name_in_a_look_and_at_the_admission() {
    let a = tenant("a");
    let mut limits = TenantLimits::default();
    limits.all.concurrent_tickets = Some(0);
    let book = SetLimits::default();
    book.set(&a, limits.clone());
    let places = || Places::new(4, 2);
    let options = AdmissionOptions {
        open: places(),
        accepting: places(),
    };
    let gate = Admission::new(options, Arc::new(book));
    let looked = gate.look(&a, Jitter::MIN).expect_err("full");
    assert_eq!(looked.bound, Bound::TenantConcurrent);
    let door = gate.door(&a, Jitter::MIN).expect("room at the door");
    let task = TaskName::new("review").expect("a valid task");
    let asked = Asked::in_production(&a, &task);
    let refused = gate.admit(asked, &limits, None, door, Jitter::MIN);
    let bound = refused.map_err(|(refusal, _door)| refusal.bound);
    assert_eq!(bound.err(), Some(Bound::TenantConcurrent));
}

#[test]
fn who_stands_at_the_door_is_bounded_until_the_ticket_is_durable() {
    let (a, b) = (tenant("a"), tenant("b"));
    let gate = admission(Places::new(100, 100));
    let mut first = admit(&gate, &a, None).expect("room");
    let _second = admit(&gate, &a, None).expect("room");
    let refused = admit(&gate, &a, None).expect_err("two are being accepted");
    assert_eq!(refused.bound, Bound::TenantAccepting);
    let _others = [admit(&gate, &b, None), admit(&gate, &b, None)];
    let refused = admit(&gate, &tenant("c"), None).expect_err("four are being accepted");
    assert_eq!(refused.bound, Bound::Accepting);
    first.accepted();
    assert!(admit(&gate, &a, None).is_ok());
}

#[test]
fn a_ticket_that_would_wait_too_long_is_refused_for_as_long_as_the_line_takes() {
    let gate = admission(Places::new(10, 10));
    let line = |wait: u64| {
        Some(Line {
            expected_wait: Duration::from_secs(wait),
            max_wait: Duration::from_secs(30),
        })
    };
    let a = tenant("a");
    assert!(admit(&gate, &a, line(30)).is_ok());
    let refused = admit(&gate, &a, line(42)).expect_err("too long");
    assert_eq!(refused.bound, Bound::QueueWait);
    assert_eq!(refused.retry_after, Duration::from_secs(12));
}

#[test]
fn the_time_to_come_back_follows_the_rate_at_which_places_come_free() {
    let a = tenant("a");
    let gate = admission(Places::new(200, 200));
    let now = Instant::now();
    // 128 places within the last 64 seconds: two a second, so 20 places take ten.
    for ended in (1..=128_u32).rev() {
        let ago = Duration::from_millis(500) * ended;
        gate.drain()
            .ended(now.checked_sub(ago).expect("long after the start"));
    }
    let refused = |jitter| {
        gate.refuse(Bound::Open, &a, jitter)
            .retry_after
            .as_secs_f64()
    };
    let (soonest, latest) = (refused(Jitter::MIN), refused(Jitter::MAX));
    assert!((soonest - 10.0).abs() < 0.5, "{soonest}");
    assert!((latest - 2.0 * soonest).abs() < 0.1, "{latest}");
}

#[test]
fn the_time_to_come_back_is_at_least_a_second_and_never_hours() {
    assert_eq!(spread(Duration::ZERO, Jitter::MIN), Duration::from_secs(1));
    assert_eq!(spread(Duration::MAX, Jitter::MAX), Duration::from_secs(120));
}

#[test]
fn a_ticket_that_was_accepted_before_comes_in_over_any_bound() {
    let a = tenant("a");
    let gate = admission(Places::new(1, 1));
    let task = TaskName::new("review").expect("a valid task");
    let places = [gate.readmit(&a, &task), gate.readmit(&a, &task)];
    assert_eq!(gate.shared.open.held(), 2);
    assert!(gate.is_crowded(&a));
    drop(places);
    assert_eq!(gate.shared.open.held(), 0);
    assert!(!gate.is_crowded(&a));
}
