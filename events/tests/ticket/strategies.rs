//! Random but reproducible: requests, events of every type, and whole lives.
//!
//! A life is a list of steps, resolved against the state they meet, so dropping any step leaves a
//! life: proptest shrinks to the few steps that matter.

use std::sync::Arc;
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use punchcard_events::retry::{Jitter, RetryPolicy};
use punchcard_events::ticket::*;
use punchcard_events::{LabelName, Revision, TaskName, TenantId, TicketId, Timestamp, UserId};
use serde_json::Value;
use uuid::Uuid;

use crate::samples;

/// A life so far: its events and the state they were folded to while they were decided.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) events: Vec<TicketEvent>,
    pub(crate) state: TicketState,
}

/// One step: some time passes, then something is asked.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    after: Duration,
    jitter: Jitter,
    /// How many models are passed over because their breakers are open.
    skip: usize,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// What the ticket owes is done and succeeds.
    DoWhatIsOwed(TicketAnswered, Option<Arc<Value>>, TicketPreProcessed),
    /// What the ticket owes is done and fails.
    FailAtWhatIsOwed(AttemptError, CallbackError),
    /// A command that need not fit.
    Ask(Command),
    /// A redrive with deadlines this long from now; whether it has the ticket prepared anew.
    Redrive(u64, bool),
    /// The clock passes the present deadline.
    Expire,
    Resume,
}

/// Whole lives, the request included.
pub(crate) fn lives() -> impl Strategy<Value = Life> {
    (requests(), vec(steps(), 0..24)).prop_map(|(request, steps)| live(request, steps))
}

fn live(request: TicketRequested, steps: Vec<Step>) -> Life {
    let mut now = request.requested_at;
    let mut life = Life {
        events: vec![],
        state: TicketState::Unrequested,
    };
    take(&mut life, Command::Request(request));
    for step in steps {
        now = now.plus(step.after);
        if let Some(command) = resolve(&life.state, step, &mut now) {
            take(&mut life, command);
        }
    }
    life
}

/// Decides and folds. A rejection leaves the life as it is; a decided event that cannot happen is
/// the fault these tests look for.
fn take(life: &mut Life, command: Command) {
    for event in decide(&life.state, command).unwrap_or_default() {
        life.state = apply(life.state.clone(), &event).expect("what is decided can happen");
        life.events.push(event);
    }
}

fn resolve(state: &TicketState, step: Step, now: &mut Timestamp) -> Option<Command> {
    Some(match step.what {
        What::Ask(command) => command,
        What::Resume => Command::Resume { now: *now },
        What::Expire => {
            *now = state.deadline().unwrap_or(*now).max(*now);
            Command::Expire { now: *now }
        }
        What::Redrive(seconds, anew) => {
            let deadlines = Deadlines {
                answer_by: now.plus(Duration::from_secs(seconds)),
                persist_by: now.plus(Duration::from_secs(2 * seconds)),
                deliver_by: now.plus(Duration::from_secs(3 * seconds)),
            };
            if anew {
                samples::redrive_from_requested(deadlines, *now)
            } else {
                samples::redrive(deadlines, *now)
            }
        }
        What::DoWhatIsOwed(answer, replaced, prepared) => match next_effect(state)? {
            Effect::PreProcess { .. } => Command::RecordPreProcessed(prepared),
            Effect::Send { attempt, .. } => send(state, attempt, step.skip)?,
            Effect::CallModel { attempt } => {
                Command::RecordAnswer(TicketAnswered { attempt, ..answer })
            }
            Effect::PostProcess { .. } => Command::RecordPersisted {
                answer: replaced,
                call: prepared.call,
            },
            Effect::Deliver => samples::acknowledge(),
        },
        What::FailAtWhatIsOwed(error, callback_error) => {
            let (callback, tries) = match (next_effect(state)?, state) {
                (Effect::Send { attempt, .. }, _) => return send(state, attempt, step.skip),
                (Effect::CallModel { attempt }, _) => {
                    return Some(Command::RecordAttemptFailure {
                        attempt,
                        error,
                        spent: Spent::default(),
                        now: *now,
                        jitter: step.jitter,
                    });
                }
                (_, TicketState::Requested(s)) => (CallbackKind::PreProcess, &s.callback),
                (_, TicketState::Answered(s)) => (CallbackKind::PostProcess, &s.callback),
                (_, _) => return None,
            };
            Command::RecordCallbackFailure {
                callback,
                try_number: tries.failed + 1,
                error: callback_error,
                call: None,
                now: *now,
                jitter: step.jitter,
            }
        }
    })
}

/// The attempt goes to the model whose turn it is, or to one after it.
fn send(state: &TicketState, attempt: u32, skip: usize) -> Option<Command> {
    let models = state.models_in_turn();
    let model = models.get(skip).or_else(|| models.last())?;
    Some(samples::send_to(model, attempt))
}

fn steps() -> impl Strategy<Value = Step> {
    let what = prop_oneof![
        8 => (answers(), of(json()), preparations())
            .prop_map(|(a, r, p)| What::DoWhatIsOwed(a, r.map(Arc::new), p)),
        5 => (attempt_errors(), callback_errors())
            .prop_map(|(a, c)| What::FailAtWhatIsOwed(a, c)),
        2 => (1_u64..100, any::<bool>()).prop_map(|(seconds, anew)| What::Redrive(seconds, anew)),
        1 => Just(What::Expire),
        1 => Just(What::Resume),
        2 => stray_commands().prop_map(What::Ask),
    ];
    let jitter = any::<u64>().prop_map(Jitter::from_bits);
    let skip = prop_oneof![4 => Just(0), 1 => 1_usize..3];
    (0_u64..4_000, jitter, skip, what).prop_map(|(ms, jitter, skip, what)| Step {
        after: Duration::from_millis(ms),
        jitter,
        skip,
        what,
    })
}

fn stray_commands() -> impl Strategy<Value = Command> {
    prop_oneof![
        requests().prop_map(Command::Request),
        preparations().prop_map(Command::RecordPreProcessed),
        (0_u32..5, models()).prop_map(|(attempt, model)| Command::Send { attempt, model }),
        answers().prop_map(Command::RecordAnswer),
        (0_u32..5, attempt_errors(), times()).prop_map(|(a, e, t)| samples::fail_attempt(a, e, t)),
        (callback_kinds(), 0_u32..5, callback_errors(), times())
            .prop_map(|(k, n, e, t)| samples::fail_callback(k, n, e, t)),
        of(json()).prop_map(|answer| Command::RecordPersisted {
            answer: answer.map(Arc::new),
            call: None,
        }),
        Just(samples::acknowledge()),
        (cancel_modes(), of(".{0,8}")).prop_map(|(m, t)| samples::cancel(m, t.as_deref())),
        failures().prop_map(Command::Fail),
        (deadlines(), times()).prop_map(|(d, t)| samples::redrive(d, t)),
    ]
}

/// Events of every type, legal one by one and in no order.
pub(crate) fn events() -> impl Strategy<Value = TicketEvent> {
    use TicketEvent as E;
    prop_oneof![
        requests().prop_map(E::TicketRequested),
        preparations().prop_map(E::TicketPreProcessed),
        (0_u32..5, models(), of(fallbacks())).prop_map(|(attempt, model, fallback)| {
            E::TicketSent(TicketSent {
                attempt,
                model,
                fallback,
            })
        }),
        (
            0_u32..5,
            attempt_errors(),
            of(times()),
            of(models()),
            of(usages()),
            any::<u64>()
        )
            .prop_map(
                |(attempt, error, retry_at, next_model, usage, answer_bytes)| {
                    E::AttemptFailed(AttemptFailed {
                        attempt,
                        error,
                        retry_at,
                        next_model,
                        usage,
                        answer_bytes,
                    })
                }
            ),
        answers().prop_map(E::TicketAnswered),
        (
            callback_kinds(),
            any::<u32>(),
            callback_errors(),
            of(times())
        )
            .prop_map(|(callback, try_number, error, retry_at)| {
                E::CallbackFailed(CallbackFailed {
                    callback,
                    try_number,
                    error,
                    retry_at,
                    call: None,
                })
            }),
        of(json()).prop_map(|answer| {
            let answer = answer.map(Arc::new);
            E::TicketPersisted(TicketPersisted { answer, call: None })
        }),
        (
            select(vec![Channel::Session, Channel::Fetch, Channel::Kept]),
            ".{0,8}"
        )
            .prop_map(|(channel, by)| {
                E::TicketDelivered(TicketDelivered {
                    channel,
                    acknowledged_by: by,
                })
            }),
        failures().prop_map(|failure| E::TicketFailed(TicketFailed { failure })),
        (cancel_modes(), of(".{0,8}")).prop_map(|(m, t)| samples::cancelled(m, t.as_deref())),
        deadlines().prop_map(samples::redriven),
        deadlines().prop_map(samples::redriven_from_requested),
    ]
}

fn requests() -> impl Strategy<Value = TicketRequested> {
    let retry = || {
        (1_u32..5, 0_u64..3_000, 0_u64..20_000).prop_map(|(tries, first, most)| RetryPolicy {
            max_tries: tries,
            initial_delay_ms: first,
            max_delay_ms: most,
        })
    };
    // Also with a fallback that is named twice, and one that is the prompt's own model.
    let fallbacks = prop_oneof![2 => Just(vec![]), 3 => vec(models(), 0..4)];
    let retries = (retry(), retry());
    let terms =
        (any::<[bool; 3]>(), retries, 1_u64..200, fallbacks).prop_map(|(on, (m, c), s, f)| Terms {
            pre_process: on[0],
            post_process: on[1],
            answer_format: if on[2] {
                AnswerFormat::Json
            } else {
                AnswerFormat::Text
            },
            model_retry: m,
            callback_retry: c,
            deadlines: Deadlines {
                answer_by: samples::at(s),
                persist_by: samples::at(2 * s),
                deliver_by: samples::at(3 * s),
            },
            fallback_models: f,
        });
    let labels = btree_map(".{0,4}", ".{0,4}", 0..3);
    let key =
        of((".{1,8}", ".{0,8}").prop_map(|(key, fingerprint)| Idempotency { key, fingerprint }));
    let who = (
        of("[a-z0-9가-힣]{1,8}"),
        "[a-z][a-z0-9]{0,8}",
        of("[0-9a-f-]{55}"),
        of(label_names()),
    );
    let priority = select(vec![Priority::Low, Priority::Normal, Priority::High]);
    let times = (of(0_u64..90), priority);
    let times = (times, forks());
    (who, json(), labels, key, terms, times).prop_map(
        |(who, input, metadata, idempotency, terms, (times, fork))| TicketRequested {
            tenant: TenantId::new(&who.1).expect("a slug"),
            task: TaskName::new(&who.1).expect("a slug"),
            label: who.3,
            user: who.0.map(|user| UserId::new(&user).expect("a user")),
            input: Arc::new(input),
            metadata,
            idempotency,
            traceparent: who.2,
            requested_at: samples::at(0),
            priority: times.1,
            not_before: times.0.map(samples::at),
            batch: None,
            conversation: None,
            fork: fork.map(Arc::new),
            terms,
        },
    )
}

/// Every fifth ticket is a fork, some with terms that ask for callbacks.
fn forks() -> impl Strategy<Value = Option<Fork>> {
    let from = select(vec![ForkFrom::Requested, ForkFrom::PreProcessed]);
    let case = of((any::<u128>(), 1_u32..9));
    let fork = (preparations(), from, any::<u128>(), any::<u64>(), case).prop_map(
        |(prepared, from, parent, revision, case)| Fork {
            parent: TicketId(Uuid::from_u128(parent)),
            parent_revision: Revision(revision),
            from,
            by: "planner".to_owned(),
            prepared,
            shadow: case.map(|(run, case)| ShadowCase {
                run: Uuid::from_u128(run),
                case,
            }),
        },
    );
    prop_oneof![4 => Just(None), 1 => fork.prop_map(Some)]
}

fn preparations() -> impl Strategy<Value = TicketPreProcessed> {
    let message = (
        select(vec![Role::System, Role::User, Role::Assistant]),
        ".{0,8}",
    )
        .prop_map(|(role, content)| Message { role, content });
    let parameters = (
        of(floats()),
        of(floats()),
        of(any::<u32>()),
        of(any::<i64>()),
        any::<bool>(),
    )
        .prop_map(|(temperature, top_p, max_tokens, seed, json)| Parameters {
            temperature,
            top_p,
            max_tokens,
            seed,
            json,
        });
    let input = of(json());
    (
        input,
        any::<u32>(),
        vec(message, 0..3),
        (".{0,8}", models(), of(label_names()), of(any::<u128>())),
        (parameters, of(answer_formats()), of(calls())),
    )
        .prop_map(
            |(
                input,
                version,
                messages,
                (hash, model, label, canary),
                (parameters, format, call),
            )| {
                TicketPreProcessed {
                    input: input.map(Arc::new),
                    prompt: PromptRef {
                        version,
                        hash,
                        label,
                        canary: canary.map(Uuid::from_u128),
                    },
                    messages: messages.into(),
                    model,
                    parameters: Arc::new(parameters),
                    answer_format: format,
                    call,
                }
            },
        )
}

fn label_names() -> impl Strategy<Value = LabelName> {
    select(vec!["production", "staging"]).prop_map(|name| LabelName::new(name).expect("a label"))
}

fn calls() -> impl Strategy<Value = CallMade> {
    (1_u32..5, any::<[u64; 2]>(), of(100_u16..600)).prop_map(|(try_number, ms, status)| CallMade {
        try_number,
        waited_ms: ms[0],
        took_ms: ms[1],
        status,
    })
}

fn answer_formats() -> impl Strategy<Value = AnswerFormat> {
    select(vec![AnswerFormat::Text, AnswerFormat::Json])
}

fn usages() -> impl Strategy<Value = Usage> {
    any::<[u64; 2]>().prop_map(|n| Usage {
        prompt_tokens: n[0],
        completion_tokens: n[1],
    })
}

fn answers() -> impl Strategy<Value = TicketAnswered> {
    let usage = of(usages());
    let content = prop_oneof![
        ".{0,16}".boxed(),
        json().prop_map(|v| v.to_string()).boxed()
    ];
    (0_u32..5, content, "[a-z]{0,6}", usage, any::<[u64; 2]>()).prop_map(
        |(attempt, content, finish_reason, usage, ms)| TicketAnswered {
            attempt,
            content: content.into(),
            finish_reason,
            usage,
            timings: Timings {
                first_token_ms: ms[0],
                total_ms: ms[1],
            },
        },
    )
}

fn attempt_errors() -> impl Strategy<Value = AttemptError> {
    use AttemptErrorKind as K;
    // The transient kinds come first and often, so that lives reach their limits.
    let kinds = prop_oneof![
        6 => select(vec![K::Connection, K::Timeout, K::RateLimited, K::Server, K::Incomplete]),
        3 => select(vec![K::SchemaViolation, K::Interrupted, K::Protocol]),
        1 => select(vec![K::TooLarge, K::QuotaExceeded, K::Unauthorized, K::InvalidRequest]),
        1 => Just(K::ContentFiltered),
    ];
    (kinds, ".{0,8}", waits()).prop_map(|(kind, message, retry_after_ms)| AttemptError {
        kind,
        message,
        retry_after_ms,
    })
}

fn callback_errors() -> impl Strategy<Value = CallbackError> {
    use CallbackErrorKind as K;
    let kinds = prop_oneof![
        6 => select(vec![K::Connection, K::Timeout, K::Status, K::Body, K::TooLarge]),
        1 => select(vec![K::Refused, K::Gone, K::Forbidden]),
    ];
    (kinds, ".{0,8}", waits()).prop_map(|(kind, message, retry_after_ms)| CallbackError {
        kind,
        message,
        retry_after_ms,
        blame: punchcard_events::ticket::Blame::default(),
    })
}

/// What a server may ask to wait: mostly nothing, sometimes seconds, rarely for ever.
fn waits() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![8 => Just(None), 3 => (0_u64..9_000).prop_map(Some), 1 => Just(Some(u64::MAX))]
}

fn failures() -> impl Strategy<Value = Failure> {
    let stages = vec![
        Stage::PreProcess,
        Stage::Model,
        Stage::Persist,
        Stage::Deliver,
    ];
    (select(stages), "[a-z_]{1,8}", ".{0,8}").prop_map(|(stage, code, message)| Failure {
        stage,
        code,
        message,
    })
}

fn deadlines() -> impl Strategy<Value = Deadlines> {
    (times(), times(), times()).prop_map(|(answer_by, persist_by, deliver_by)| Deadlines {
        answer_by,
        persist_by,
        deliver_by,
    })
}

/// Few enough that they meet each other.
fn models() -> impl Strategy<Value = String> {
    select(vec!["", "gpt-x", "gpt-y", "gpt-z"]).prop_map(str::to_owned)
}

fn fallbacks() -> impl Strategy<Value = Fallback> {
    let reasons = vec![FallbackReason::BreakerOpen, FallbackReason::Failed];
    (models(), select(reasons)).prop_map(|(from, reason)| Fallback { from, reason })
}

fn cancel_modes() -> impl Strategy<Value = CancelMode> {
    select(vec![CancelMode::Stop, CancelMode::Void])
}

fn callback_kinds() -> impl Strategy<Value = CallbackKind> {
    select(vec![CallbackKind::PreProcess, CallbackKind::PostProcess])
}

fn times() -> impl Strategy<Value = Timestamp> {
    any::<u64>().prop_map(|ms| Timestamp::from_millis(ms >> 14))
}

/// Every number JSON can hold, with the everyday ones among them.
fn floats() -> impl Strategy<Value = f64> {
    use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    prop_oneof![0.0..2.0, POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        floats().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(".{0,4}", inner, 0..4).prop_map(|m| m.into_iter().collect::<Value>()),
        ]
    })
}
