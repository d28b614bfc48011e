//! Fuzzing of every parser and decoder that reads what others wrote.
//!
//! Each target stands in the tests of the file that parses. Its corpus is `tests/corpus/<target>/`:
//! examples of what is read there, odd ones among them, and every input that ever broke something.
//! Each is read as it is, and then so are many mutants of them; an input that makes the reading panic
//! is written into the corpus, so that it is a test from then on.
//!
//! `PUNCHCARD_FUZZ_CASES` sets how many mutants of a target are read, `PUNCHCARD_SEED` which.
//! Nothing here is guided by coverage: a fuzzer that is can start from the same corpus.

#[path = "../tests/support/figures.rs"]
mod figures;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::{env, fs};

use figures::{Chance, figure, seed, setting};

/// Mutants of each target where nobody says otherwise.
const CASES: u64 = 1_000;
/// No mutant is larger, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// The most changes that one mutant has.
const MAX_CHANGES: u64 = 6;
/// Bytes that mean something to some parser.
const TELLING: &[u8] =
    b"\0\t\n\r \"#%&'()*+,-./0189:;<=>?@AZ[\\]^_az{|}~\x7f\x80\xc0\xe2\xed\xf0\xff";

/// Has `parse` read the corpus of `target` and mutants of it. `parse` panics when something is wrong.
pub(crate) fn run(target: &str, parse: impl Fn(&[u8])) {
    run_part(target, 1, parse);
}

/// The same for a parser of texts; what is no UTF-8 is made so.
pub(crate) fn run_text(target: &str, parse: impl Fn(&str)) {
    run(target, |input| parse(&String::from_utf8_lossy(input)));
}

/// The same for a parser that is `cost` times as slow as others; it gets so many fewer mutants.
pub(crate) fn run_slow_text(target: &str, cost: u64, parse: impl Fn(&str)) {
    run_part(target, cost, |input| parse(&String::from_utf8_lossy(input)));
}

fn run_part(target: &str, cost: u64, parse: impl Fn(&[u8])) {
    let corpus = corpus(target);
    let seed = seed();
    let mut chance = Chance(seed);
    let cases = setting("PUNCHCARD_FUZZ_CASES").unwrap_or(CASES) / cost;
    for input in &corpus {
        parse(input);
    }
    // What uses up the stack ends the process; this file then holds the input that did.
    let in_flight = env::temp_dir().join(format!("punchcard-fuzz-{target}-{}", std::process::id()));
    for _ in 0..cases {
        let input = mutant(&corpus, &mut chance);
        fs::write(&in_flight, &input).unwrap();
        if catch_unwind(AssertUnwindSafe(|| parse(&input))).is_err() {
            let kept = keep(target, &input);
            panic!("{} breaks {target}; seed {seed}", kept.display());
        }
    }
    fs::remove_file(&in_flight).unwrap();
    figure(
        "fuzz",
        &[
            ("target", &target),
            ("corpus", &corpus.len()),
            ("inputs", &cases),
            ("panics", &0),
            ("seed", &seed),
        ],
    );
}

fn folder(target: &str) -> PathBuf {
    let root = env::var_os("CARGO_MANIFEST_DIR").unwrap();
    PathBuf::from(root).join("tests/corpus").join(target)
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = folder(target);
    let entries = fs::read_dir(&folder);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn keep(target: &str, input: &[u8]) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let path = folder(target).join(format!("found-{:016x}", hasher.finish()));
    fs::write(&path, input).unwrap();
    path
}

fn mutant(corpus: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = pick(corpus, chance).clone();
    for _ in 0..=chance.below(MAX_CHANGES) {
        change(&mut bytes, corpus, chance);
    }
    bytes.truncate(MAX_BYTES);
    bytes
}

fn change(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], chance: &mut Chance) {
    let (from, to) = range(bytes.len(), chance);
    match chance.below(9) {
        0 => bytes.truncate(from),
        1 => drop(bytes.drain(from..to)),
        2 => {
            let again = bytes[from..to].to_vec();
            bytes.splice(to..to, again);
        }
        3 => {
            let times = 1 << chance.below(10);
            let again = bytes[from..to].repeat(times);
            bytes.splice(from..to, again.into_iter().take(MAX_BYTES));
        }
        4 => {
            let other = pick(corpus, chance);
            let (start, end) = range(other.len(), chance);
            bytes.splice(from..to, other[start..end].iter().copied());
        }
        5 => bytes.insert(from, below_256(chance)),
        6 => bytes.insert(from, *pick(TELLING, chance)),
        _ => {
            if let Some(byte) = bytes.get_mut(from) {
                *byte ^= 1 << chance.below(8);
            }
        }
    }
}

fn range(length: usize, chance: &mut Chance) -> (usize, usize) {
    let (a, b) = (index(length + 1, chance), index(length + 1, chance));
    (a.min(b), a.max(b))
}

fn pick<'a, T>(all: &'a [T], chance: &mut Chance) -> &'a T {
    &all[index(all.len(), chance)]
}

fn index(bound: usize, chance: &mut Chance) -> usize {
    usize::try_from(chance.below(bound as u64)).unwrap()
}

fn below_256(chance: &mut Chance) -> u8 {
    u8::try_from(chance.below(256)).unwrap()
}

mod targets {
    use punchcard_events::claim::IdempotencyKeyClaimed;
    use punchcard_events::ticket::{TicketEvent, TicketState, apply};
    use serde_json::Value;

    /// The body of a stored event, as every kind of event.
    #[test]
    fn stored_bodies_are_read_or_refused() {
        super::run_text("event-body", |text| {
            for (kind, newest) in TicketEvent::KINDS {
                for version in 0..=newest + 1 {
                    if let Ok(event) = TicketEvent::decode(kind, version, text) {
                        let again = event.encode().unwrap();
                        assert_eq!(TicketEvent::decode(kind, *newest, &again), Ok(event));
                    }
                }
            }
            let _ = IdempotencyKeyClaimed::decode(IdempotencyKeyClaimed::KIND, 1, text);
        });
    }

    /// Whole histories in any order: each event fits the state or is refused.
    #[test]
    fn any_order_of_events_folds_or_is_refused() {
        super::run_text("history", |text| {
            let Ok(Value::Array(events)) = serde_json::from_str(text) else {
                return;
            };
            let mut state = TicketState::Unrequested;
            for event in &events {
                let kind = event["kind"].as_str().unwrap_or_default();
                let decoded = TicketEvent::decode(kind, 1, &event["data"].to_string());
                if let Some(next) = decoded
                    .ok()
                    .and_then(|event| apply(state.clone(), &event).ok())
                {
                    state = next;
                }
            }
        });
    }

    #[test]
    #[should_panic(expected = "breaks control")]
    fn an_input_that_breaks_a_parser_is_found_and_kept() {
        let removed = RemovedAfter(super::folder("control"));
        std::fs::create_dir_all(&removed.0).unwrap();
        std::fs::write(removed.0.join("seed"), b"{\"a\":1}").unwrap();
        super::run("control", |input| {
            assert!(!input.contains(&b'}') || input.len() > 3)
        });
    }

    struct RemovedAfter(std::path::PathBuf);

    impl Drop for RemovedAfter {
        fn drop(&mut self) {
            let kept = std::fs::read_dir(&self.0).unwrap().count();
            std::fs::remove_dir_all(&self.0).unwrap();
            assert!(
                kept > 1 || !std::thread::panicking(),
                "the input was not kept"
            );
        }
    }
}
