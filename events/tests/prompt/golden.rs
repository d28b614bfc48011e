//! Stored events are for ever: files written by the versions that were shipped, read by this one.
//!
//! `golden/<stream>/<Kind>.v<N>.json` holds a body of schema version N with every field set
//! (`full`) and one with only what is required (`minimal`), for the streams `prompt`, `partial` and
//! `test_run`. `golden/prompt/lives/adopted.json` holds a whole stored history.
//!
//! For a new kind or version add its sample below and run
//!
//! ```text
//! PUNCHCARD_WRITE_GOLDEN=1 cargo test -p punchcard-events --test prompt golden
//! ```
//!
//! once: files that are missing are written, files that exist are never touched. Commit the new
//! file with the change that made it. A golden that fails is not repaired by hand: the code has
//! stopped reading what is stored, so it needs a new schema version and an upcaster.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use punchcard_events::partial::{PartialEvent, PartialRemoved, PartialSaved};
use punchcard_events::prompt::*;
use punchcard_events::recorded::DecodeError;
use punchcard_events::shadow_run::Tally;
use punchcard_events::test_run::{Arm, TestRunEvent};
use punchcard_events::ticket::{AnswerFormat, Parameters, Role};
use punchcard_events::{LabelName, PartialName};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::expectations;
use crate::samples::*;
use crate::test_runs;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bodies {
    full: Value,
    minimal: Value,
}

/// One stream's events, as the golden files need them.
struct Stream<E: 'static> {
    folder: &'static str,
    kinds: &'static [(&'static str, u16)],
    decode: fn(&str, u16, &str) -> Result<E, DecodeError>,
    encode: fn(&E) -> Result<String, serde_json::Error>,
    kind: fn(&E) -> &'static str,
    full: Vec<E>,
    minimal: Vec<E>,
}

fn prompts() -> Stream<PromptEvent> {
    Stream {
        folder: "prompt",
        kinds: PromptEvent::KINDS,
        decode: PromptEvent::decode,
        encode: PromptEvent::encode,
        kind: PromptEvent::kind,
        full: [full_texts(), full_deployments()].concat(),
        minimal: minimal(),
    }
}

fn partials() -> Stream<PartialEvent> {
    let name = PartialName::new("tone").expect("a name");
    let events = vec![
        PartialEvent::PartialSaved(PartialSaved {
            name: name.clone(),
            edit: 2,
            text: "친절하게.\n".to_owned(),
            act: by_mina(1),
        }),
        PartialEvent::PartialRemoved(PartialRemoved {
            name,
            edit: 2,
            act: by_mina(2),
        }),
    ];
    Stream {
        folder: "partial",
        kinds: PartialEvent::KINDS,
        decode: PartialEvent::decode,
        encode: PartialEvent::encode,
        kind: PartialEvent::kind,
        full: events.clone(),
        minimal: events,
    }
}

fn runs() -> Stream<TestRunEvent> {
    let mut started = test_runs::started();
    if let TestRunEvent::TestRunStarted(started) = &mut started {
        started.baseline = None;
        started.tested = Tested::Version(2);
    }
    let mut tried = test_runs::tried("day", Arm::Baseline, &[]);
    if let TestRunEvent::TestCaseFinished(case) = &mut tried {
        (case.answer, case.usage, case.cost_usd) = (None, None, None);
    }
    let ends = [test_runs::finished(0), test_runs::stopped()];
    let full = [
        test_runs::started(),
        test_runs::tried("day", Arm::Candidate, &["It is too long."]),
    ];
    Stream {
        folder: "test_run",
        kinds: TestRunEvent::KINDS,
        decode: TestRunEvent::decode,
        encode: TestRunEvent::encode,
        kind: TestRunEvent::kind,
        full: [full, ends.clone()].concat(),
        minimal: [[started, tried], ends].concat(),
    }
}

#[test]
fn every_version_of_every_kind_is_still_read() {
    still_read(&prompts());
    still_read(&partials());
    still_read(&runs());
}

fn still_read<E>(stream: &Stream<E>) {
    for (kind, newest) in stream.kinds {
        for version in 1..=*newest {
            let path = folder(stream.folder).join(format!("{kind}.v{version}.json"));
            let bodies: Bodies = golden(&path, || stream.bodies(kind));
            for body in [bodies.full, bodies.minimal] {
                let event = (stream.decode)(kind, version, &body.to_string());
                let event = event.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                assert_eq!((stream.kind)(&event), *kind);
                // A body that was lifted comes out in the newest shape, so only that is compared.
                if version == *newest {
                    assert_eq!(stream.body(&event), body, "{}", path.display());
                }
            }
        }
    }
    let lives = ["lives".to_owned()];
    let known = stream.kinds.iter().flat_map(|(kind, newest)| {
        (1..=*newest).map(move |version| format!("{kind}.v{version}.json"))
    });
    let known: Vec<_> = known.chain(lives).collect();
    for name in names(&folder(stream.folder)) {
        assert!(known.contains(&name), "{name} is not read");
    }
}

#[test]
fn a_full_golden_has_more_fields_than_the_minimal_one_where_fields_are_optional() {
    let stream = prompts();
    for kind in [
        "PromptDrafted",
        "PromptPublished",
        "LabelMoved",
        "CanaryStarted",
        "CanaryEnded",
        "PromptRetired",
    ] {
        let bodies = stream.bodies(kind);
        let fields = |body: &Value| body.as_object().expect("an object").len();
        assert!(fields(&bodies.full) > fields(&bodies.minimal), "{kind}");
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredLife {
    production: u32,
    versions: Vec<ContentHash>,
    events: Vec<StoredEvent>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredEvent {
    kind: String,
    schema_version: u16,
    data: Value,
}

#[test]
fn a_stored_life_still_folds_to_the_same_state() {
    let path = folder("prompt").join("lives/adopted.json");
    let life: StoredLife = golden(&path, stored);
    let events: Result<Vec<_>, _> = life
        .events
        .iter()
        .map(|stored| {
            let data = stored.data.to_string();
            PromptEvent::decode(&stored.kind, stored.schema_version, &data)
        })
        .collect();
    let state = replay(&events.expect("a stored life is read")).expect("a stored life is legal");
    assert_eq!(state.production(), Some(life.production));
    let hashes: Vec<_> = state.versions.iter().map(|v| v.content.hash()).collect();
    assert_eq!(hashes, life.versions);
    assert_eq!(
        state.last_canary.map(|canary| canary.end),
        Some(CanaryEnd::Promoted)
    );
}

/// A configured prompt is adopted, edited, tested, given to a few and then to all.
fn stored() -> StoredLife {
    let mut record = record(1, 2, 0);
    if let Command::RecordTest { hash, .. } = &mut record {
        *hash = words(2).hash();
    }
    let commands = [
        adopt(words(1)),
        save(None, words(2)),
        save_set(None, vec![case("day")]),
        publish(1, words(2)),
        record,
        deploy(staging(), 2),
        start_canary(2),
        deploy(production(), 2),
    ];
    let mut state = PromptState::default();
    let mut events = vec![];
    for command in commands {
        for event in decide(&state, command).expect("it is taken") {
            state = evolve(state, &event);
            events.push(StoredEvent {
                kind: event.kind().to_owned(),
                schema_version: event.schema_version(),
                data: prompts().body(&event),
            });
        }
    }
    StoredLife {
        production: state.production().expect("it is deployed"),
        versions: state.versions.iter().map(|version| version.hash).collect(),
        events,
    }
}

/// The golden file of `LabelMoved` is older than deployment policies.
#[test]
fn a_deployment_that_a_shadow_run_cleared_is_stored_beside_those_that_needed_none() {
    let moved = moved(
        production(),
        Some(1),
        2,
        MoveCause::Deployed,
        Clearance::Tested {
            run: RUN,
            shadow_run: Some(CANARY),
        },
    );
    let body = prompts().body(&moved);
    assert_eq!(
        body["clearance"],
        json!({ "tested": { "run": RUN, "shadow_run": CANARY } })
    );
    let read = PromptEvent::decode("LabelMoved", 1, &body.to_string());
    assert_eq!(read, Ok(moved));
}

#[test]
fn a_decode_error_never_quotes_the_body() {
    let body = r#"{"edit":"the planner's words","content":{},"act":{}}"#;
    let error = PromptEvent::decode("PromptDrafted", 1, body).expect_err("a broken body");
    assert!(!error.to_string().contains("words"), "{error}");
    let newer = PromptEvent::decode("PromptDrafted", 2, "\u{0}");
    assert!(matches!(newer, Err(DecodeError::NewerSchema { .. })));
    let unknown = PromptEvent::decode("TicketSent", 1, "{}");
    assert!(matches!(unknown, Err(DecodeError::UnknownKind(_))));
}

impl<E> Stream<E> {
    fn body(&self, event: &E) -> Value {
        let text = (self.encode)(event).expect("finite numbers");
        serde_json::from_str(&text).expect("JSON")
    }

    fn bodies(&self, kind: &str) -> Bodies {
        let find = |events: &[E]| {
            let event = events.iter().find(|event| (self.kind)(event) == kind);
            self.body(event.unwrap_or_else(|| panic!("{kind} has no sample: add one")))
        };
        Bodies {
            full: find(&self.full),
            minimal: find(&self.minimal),
        }
    }
}

fn folder(stream: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(stream)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("a UTF-8 name");
    entries
        .map(|entry| name(entry.expect("an entry")))
        .collect()
}

/// The golden file, which is first written from `sample` where it is missing and this was asked for.
fn golden<T: Serialize + for<'de> Deserialize<'de>>(path: &Path, sample: impl FnOnce() -> T) -> T {
    if !path.exists() {
        assert!(
            std::env::var_os("PUNCHCARD_WRITE_GOLDEN").is_some(),
            "{} is missing: see the module's documentation for how to write it",
            path.display()
        );
        let text = serde_json::to_string_pretty(&sample()).expect("JSON");
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        let mut file = fs::File::create_new(path).expect("a new file");
        writeln!(file, "{text}").expect("it is written");
    }
    let text = fs::read_to_string(path).expect("the file is read");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A content with every field set.
fn full_content() -> Arc<Content> {
    let message = |role, content: &str| MessageTemplate {
        role,
        content: content.to_owned(),
    };
    let tone = PartialName::new("tone").expect("a name");
    Arc::new(Content {
        messages: vec![
            message(Role::System, "{% include \"tone\" %}"),
            message(Role::User, "Review \"{{ essay }}\".\n"),
            message(Role::Assistant, "{"),
        ],
        model: "gpt-x".to_owned(),
        parameters: Parameters {
            temperature: Some(0.7),
            top_p: Some(0.95),
            max_tokens: Some(800),
            seed: Some(-42),
            json: true,
        },
        answer: AnswerFormat::Json,
        input_schema: Some(Arc::new(json!({ "required": ["essay"] }))),
        answer_schema: Some(Arc::new(json!({ "required": ["score"] }))),
        partials: [(tone, "친절하게.".to_owned())].into(),
    })
}

/// Of drafts, versions, test sets and results, one event of every kind with every field set.
fn full_texts() -> Vec<PromptEvent> {
    let expect = expectations::all()
        .into_iter()
        .map(|(_, expectation)| expectation);
    let case = TestCase {
        expect: expect.collect(),
        ..case("short-essay")
    };
    vec![
        PromptEvent::PromptDrafted(PromptDrafted {
            edit: 5,
            based_on: Some(2),
            content: full_content(),
            act: by_mina(1),
        }),
        PromptEvent::DraftDiscarded(DraftDiscarded {
            edit: 5,
            act: by_mina(2),
        }),
        PromptEvent::PromptPublished(PromptPublished {
            version: 3,
            hash: full_content().hash(),
            content: full_content(),
            notes: "Kinder.".to_owned(),
            act: by_mina(3),
        }),
        set_saved(4, vec![case]),
        PromptEvent::PromptTested(PromptTested {
            run: RUN,
            tested: Tested::Draft(5),
            hash: hash(2),
            test_set: 4,
            cases: 12,
            failed: 1,
            act: by_mina(4),
        }),
        PromptEvent::PromptShadowed(PromptShadowed {
            run: RUN,
            version: 3,
            hash: hash(3),
            tally: Tally {
                cases: 100,
                same: 40,
                changed: 55,
                schema_failed: 3,
                failed: 2,
            },
            act: by_mina(4),
        }),
        policy_set(50, 5),
    ]
}

/// Of deployments, one event of every kind with every field set.
fn full_deployments() -> Vec<PromptEvent> {
    let reason = || Some("The answers were too long.".to_owned());
    vec![
        PromptEvent::LabelMoved(LabelMoved {
            label: LabelName::production(),
            from: Some(1),
            to: 2,
            hash: hash(2),
            cause: MoveCause::Promoted,
            reason: reason(),
            clearance: Clearance::Tested {
                run: RUN,
                shadow_run: None,
            },
            act: by_mina(5),
        }),
        PromptEvent::LabelRemoved(LabelRemoved {
            label: staging(),
            from: 2,
            act: by_mina(6),
        }),
        PromptEvent::CanaryStarted(CanaryStarted {
            canary: CANARY,
            version: 2,
            hash: hash(2),
            beside: 1,
            percent: 10,
            bounds: BOUNDS,
            reason: reason(),
            clearance: Clearance::Overridden {
                reason: "The case is wrong.".to_owned(),
            },
            act: by_mina(7),
        }),
        PromptEvent::CanaryEnded(CanaryEnded {
            canary: CANARY,
            version: 2,
            end: CanaryEnd::Returned,
            tally: Some(TALLY),
            reason: reason(),
            act: Act {
                at: at(8),
                by: Author::Runtime,
            },
        }),
        PromptEvent::PromptRetired(PromptRetired {
            reason: reason(),
            act: by_mina(9),
        }),
        PromptEvent::PromptRestored(PromptRestored { act: by_mina(10) }),
    ]
}

/// One event of every kind with only what is required.
fn minimal() -> Vec<PromptEvent> {
    let nameless = Act {
        at: at(0),
        by: Author::Key {
            prefix: "pk_1".to_owned(),
            name: None,
        },
    };
    vec![
        drafted(1, words(1)),
        PromptEvent::DraftDiscarded(DraftDiscarded {
            edit: 1,
            act: nameless,
        }),
        PromptEvent::PromptPublished(PromptPublished {
            version: 1,
            hash: hash(1),
            content: words(1),
            notes: String::new(),
            act: by_configuration(),
        }),
        set_saved(1, vec![]),
        PromptEvent::PromptTested(PromptTested {
            run: Uuid::nil(),
            tested: Tested::Version(1),
            hash: hash(1),
            test_set: 1,
            cases: 1,
            failed: 0,
            act: by_mina(1),
        }),
        shadowed(7, 1, 1, 0),
        PromptEvent::DeploymentPolicySet(DeploymentPolicySet {
            policy: DeploymentPolicy { shadow_run: None },
            act: by_mina(1),
        }),
        moved(
            production(),
            None,
            1,
            MoveCause::RolledBack,
            Clearance::NotNeeded,
        ),
        PromptEvent::LabelRemoved(LabelRemoved {
            label: staging(),
            from: 1,
            act: by_mina(2),
        }),
        canary_started(2, passed(1)),
        canary_ended(CanaryEnd::Stopped, None),
        PromptEvent::PromptRetired(PromptRetired {
            reason: None,
            act: by_mina(3),
        }),
        PromptEvent::PromptRestored(PromptRestored { act: by_mina(4) }),
    ]
}
