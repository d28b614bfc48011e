//! What is written as files comes back the same, and what cannot be read is told with its place.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use punchcard_events::prompt::{Expectation, MessageTemplate};
use punchcard_events::ticket::{AnswerFormat, Parameters, Role};
use serde_json::{Value, json};

use super::*;

/// Texts with everything that files and editors like to change.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z {}%.]{0,12}",
        1 => Just("\n".to_owned()),
        1 => Just("\r\n".to_owned()),
        1 => Just("==> 01-user.md\n".to_owned()),
        1 => Just("{{ input.level }}".to_owned()),
        1 => Just("\u{feff}한국어\u{2028}🙂\t".to_owned()),
        1 => any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has only finite numbers", |number| number.is_finite())
            .prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((text(), inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn finite(range: std::ops::Range<f64>) -> impl Strategy<Value = Option<f64>> {
    proptest::option::of(prop_oneof![Just(0.1 + 0.2), Just(1.0), Just(1e-300), range])
}

fn parameters() -> impl Strategy<Value = Parameters> {
    let seed = proptest::option::of(any::<i64>());
    let tokens = proptest::option::of(any::<u32>());
    (
        finite(0.0..2.0),
        finite(0.0..1.0),
        tokens,
        seed,
        any::<bool>(),
    )
        .prop_map(|(temperature, top_p, max_tokens, seed, json)| Parameters {
            temperature,
            top_p,
            max_tokens,
            seed,
            json,
        })
}

fn content() -> impl Strategy<Value = Content> {
    let role = prop_oneof![Just(Role::System), Just(Role::User), Just(Role::Assistant)];
    let message = (role, text()).prop_map(|(role, content)| MessageTemplate { role, content });
    let messages = proptest::collection::vec(message, 1..12);
    let answer = prop_oneof![Just(AnswerFormat::Text), Just(AnswerFormat::Json)];
    let schema = || proptest::option::of(document().prop_map(Arc::new));
    (messages, text(), parameters(), answer, schema(), schema()).prop_map(
        |(messages, model, parameters, answer, input_schema, answer_schema)| Content {
            messages,
            model,
            parameters,
            answer,
            input_schema,
            answer_schema,
            partials: BTreeMap::new(),
        },
    )
}

fn cases() -> impl Strategy<Value = Option<Vec<TestCase>>> {
    let expect = prop_oneof![
        Just(Expectation::FitsSchema),
        text().prop_map(Expectation::Contains),
        document().prop_map(|value| Expectation::JsonEquals {
            path: "$.a".to_owned(),
            value,
        }),
    ];
    let case = (document(), proptest::collection::vec(expect, 0..3));
    let cases = proptest::collection::btree_map("[a-z0-9-]{1,12}", case, 1..4);
    let cases = cases.prop_map(|cases| {
        let case = |(name, (input, expect)): (String, (Value, _))| TestCase {
            name,
            input: Arc::new(input),
            expect,
        };
        cases.into_iter().map(case).collect::<Vec<_>>()
    });
    proptest::option::of(cases.prop_shuffle())
}

fn folder() -> impl Strategy<Value = Folder> {
    let prompts =
        proptest::collection::btree_map("[a-z]{1,3}|partials", (content(), cases()), 0..4);
    let partials = proptest::collection::btree_map("[a-z]{1,3}|prompt", text(), 0..3);
    (prompts, partials).prop_map(|(prompts, partials)| Folder {
        prompts: prompts
            .into_iter()
            .map(|(task, (content, test_set))| Bundle {
                task: task.parse().unwrap(),
                content,
                test_set,
            })
            .collect(),
        partials: partials
            .into_iter()
            .map(|(name, text)| (name.parse().unwrap(), text))
            .collect(),
    })
}

/// Versions as they are exported: each with the texts of partials that it was published with.
fn versions() -> impl Strategy<Value = Folder> {
    let carried = proptest::collection::btree_map("[a-c]|prompt", "[xy]?", 0..4);
    let carried = proptest::collection::vec(carried, 4);
    (folder(), carried).prop_map(|(mut folder, carried)| {
        for (bundle, texts) in folder.prompts.iter_mut().zip(carried) {
            let texts = texts.into_iter();
            let texts = texts.map(|(name, text)| (name.parse().unwrap(), text));
            bundle.content.partials = texts.collect();
        }
        folder
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_text_of_a_partial_comes_back_with_the_prompt_that_carries_it(folder in versions()) {
        let mut back = read(&layout(&folder).unwrap()).unwrap();
        for (one, other) in back.prompts.iter_mut().zip(&folder.prompts) {
            for name in other.content.partials.keys() {
                let shared = back.partials.get(name);
                let text = one.content.partials.get(name).or(shared).cloned();
                one.content.partials.extend(text.map(|text| (name.clone(), text)));
            }
            prop_assert_eq!(one.content.hash(), other.content.hash());
        }
        for (name, text) in &folder.partials {
            prop_assert_eq!(back.partials.get(name), Some(text));
        }
    }

    #[test]
    fn what_is_exported_is_imported_with_the_same_hashes(folder in folder()) {
        let files = layout(&folder).unwrap();
        let back = read(&files).unwrap();
        prop_assert_eq!(&back, &folder);
        for (one, other) in back.prompts.iter().zip(&folder.prompts) {
            prop_assert_eq!(one.content.hash(), other.content.hash());
        }
    }

    #[test]
    fn what_an_editor_was_given_is_read_back_with_the_same_hash(content in content()) {
        let task: TaskName = "explanation".parse().unwrap();
        let whole = one_file::join("help", &content_files(&task, &content));
        let sections = one_file::split("draft", &whole).unwrap();
        let files: Vec<File> = sections.into_iter().map(|section| section.file).collect();
        let back = read_content(&task, &files).unwrap();
        prop_assert_eq!(back.content.hash(), content.hash());
    }
}

fn store(folder: &Path, files: &[File], force: bool) -> Result<store::Stored, disk::DiskError> {
    store::Writing::plan(folder, files, force)?.carry_out()
}

fn sample() -> Folder {
    let message = |role, text: &str| MessageTemplate {
        role,
        content: text.to_owned(),
    };
    let content = Content {
        messages: vec![
            message(Role::System, "You explain.\r\n"),
            message(Role::User, "{{ question }}"),
        ],
        model: "small".to_owned(),
        parameters: Parameters {
            temperature: Some(0.2),
            max_tokens: Some(500),
            ..Parameters::default()
        },
        answer: AnswerFormat::Text,
        input_schema: Some(Arc::new(
            json!({"type": "object", "required": ["question"]}),
        )),
        answer_schema: None,
        partials: BTreeMap::new(),
    };
    let case = |name: &str| TestCase {
        name: name.to_owned(),
        input: Arc::new(json!({"question": "Why?"})),
        expect: vec![Expectation::Contains("because".to_owned())],
    };
    Folder {
        prompts: vec![Bundle {
            task: "explanation".parse().unwrap(),
            content,
            test_set: Some(vec![case("why"), case("how")]),
        }],
        partials: BTreeMap::from([("tone".parse().unwrap(), "Be kind.".to_owned())]),
    }
}

#[test]
fn the_files_read_as_people_would_write_them() {
    let files = layout(&sample()).unwrap();
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "explanation/prompt.toml",
            "explanation/01-system.md",
            "explanation/02-user.md",
            "explanation/input.schema.json",
            "explanation/tests/why.json",
            "explanation/tests/how.json",
            "partials/tone.md",
        ]
    );
    let golden = include_str!("golden/prompt.toml");
    assert_eq!(files[0].text, golden);
    let golden = include_str!("golden/why.json");
    assert_eq!(files[4].text, golden);
}

#[test]
fn a_folder_on_disk_comes_back_and_keeps_comments_and_what_is_not_ours() {
    let dir = tempfile::tempdir().unwrap();
    let files = layout(&sample()).unwrap();
    let stored = store(dir.path(), &files, false).unwrap();
    assert_eq!((stored.written, stored.kept, stored.removed), (7, 0, 0));

    let head = dir.path().join("explanation/prompt.toml");
    let text = fs::read_to_string(&head).unwrap() + "\n# our own note\n";
    fs::write(&head, &text).unwrap();
    fs::write(dir.path().join("README.md"), "ours").unwrap();
    fs::create_dir(dir.path().join(".git")).unwrap();
    fs::write(dir.path().join("explanation/03-user.md"), "left over").unwrap();
    assert_ne!(read(&disk::load(dir.path()).unwrap()), Ok(sample()));

    let stored = store(dir.path(), &files, false).unwrap();
    assert_eq!((stored.written, stored.kept, stored.removed), (0, 7, 1));
    assert_eq!(read(&disk::load(dir.path()).unwrap()), Ok(sample()));
    assert_eq!(fs::read_to_string(&head).unwrap(), text);
    assert!(dir.path().join("README.md").exists());
}

#[test]
fn a_folder_of_something_else_is_not_written_into_unless_forced() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("photos")).unwrap();
    let files = layout(&sample()).unwrap();
    let refused = store(dir.path(), &files, false).unwrap_err();
    assert!(matches!(refused, disk::DiskError::Foreign(_)));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    store(dir.path(), &files, true).unwrap();
    assert!(dir.path().join("photos").exists());
}

#[test]
fn links_are_followed_neither_in_nor_out() {
    let dir = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    fs::write(&secret, "mine").unwrap();
    let files = layout(&sample()).unwrap();
    store(dir.path(), &files, false).unwrap();

    let message = dir.path().join("explanation/02-user.md");
    fs::remove_file(&message).unwrap();
    symlink(&secret, &message).unwrap();
    let disk::DiskError::Mistakes(mistakes) = disk::load(dir.path()).unwrap_err() else {
        panic!("a link was read");
    };
    assert_eq!(mistakes[0].file, "explanation/02-user.md");
    let refused = store(dir.path(), &files, true).unwrap_err();
    assert!(matches!(refused, disk::DiskError::Link(_)));
    assert_eq!(fs::read_to_string(&secret).unwrap(), "mine");

    let other = tempfile::tempdir().unwrap();
    symlink(outside.path(), other.path().join("explanation")).unwrap();
    let refused = store(other.path(), &files, true).unwrap_err();
    assert!(matches!(refused, disk::DiskError::Link(_)));
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_is_no_text_is_told_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), &layout(&sample()).unwrap(), false).unwrap();
    fs::write(dir.path().join("explanation/02-user.md"), b"a\nb\xff").unwrap();
    let disk::DiskError::Mistakes(mistakes) = disk::load(dir.path()).unwrap_err() else {
        panic!("it was read");
    };
    assert_eq!((mistakes[0].line, mistakes[0].column), (Some(2), Some(2)));
}

/// The sample's files with one changed, and what is said of them.
fn mistakes_with(path: &str, text: &str) -> Vec<String> {
    let mut files = layout(&sample()).unwrap();
    files.retain(|file| file.path != path);
    files.push(File {
        path: path.to_owned(),
        text: text.to_owned(),
    });
    let told = read(&files).unwrap_err();
    told.iter().map(ToString::to_string).collect()
}

#[test]
fn every_broken_file_is_told_with_its_place() {
    for (path, text, begins) in [
        (
            "explanation/prompt.toml",
            "task = \"explanation\"\nmodel = \n",
            "explanation/prompt.toml:2:",
        ),
        (
            "explanation/prompt.toml",
            "task = \"explanation\"\nmodel = \"m\"\ntemprature = 1\n",
            "explanation/prompt.toml:3:1: unknown field `temprature`",
        ),
        (
            "explanation/prompt.toml",
            "\ntask = \"other\"\nmodel = \"m\"\n",
            "explanation/prompt.toml:2:1: this says the task `other`",
        ),
        (
            "explanation/prompt.toml",
            "task = \"explanation\"\nmodel = \"m\"\ntests = [\"gone\"]\n",
            "explanation/prompt.toml:3:1: there is no tests/gone.json",
        ),
        (
            "explanation/input.schema.json",
            "{\n  \"a\": }",
            "explanation/input.schema.json:2:8",
        ),
        (
            "explanation/tests/why.json",
            "{\"input\": {},\n \"expect\": [{\"containz\": \"x\"}]}",
            "explanation/tests/why.json:2:",
        ),
        (
            "explanation/02-system.md",
            "x",
            "explanation/02-user.md: explanation/02-system.md has the same number",
        ),
        (
            "explanation/input.shema.json",
            "{}",
            "explanation/input.shema.json: this name says nothing",
        ),
        ("other/01-user.md", "x", "other: there is no prompt.toml"),
    ] {
        let told = mistakes_with(path, text);
        let found = told.iter().any(|mistake| mistake.starts_with(begins))
            || told
                .iter()
                .any(|mistake| begins.contains("same number") && mistake.contains("same number"));
        assert!(found, "{path}: {told:?}");
    }
}

#[test]
fn two_texts_of_one_partial_are_both_in_the_folder() {
    let mut folder = sample();
    folder.partials.clear();
    let tone = |text: &str| BTreeMap::from([("tone".parse().unwrap(), text.to_owned())]);
    let carrying = |task: &str, text: &str| Bundle {
        task: task.parse().unwrap(),
        content: Content {
            partials: tone(text),
            ..sample().prompts[0].content.clone()
        },
        test_set: None,
    };
    let texts = [("a", "Be strict."), ("b", "Be kind."), ("c", "Be kind.")];
    folder.prompts = texts.map(|(task, text)| carrying(task, text)).into();
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), &layout(&folder).unwrap(), false).unwrap();
    let text = |path| fs::read_to_string(dir.path().join(path)).ok();
    let shared = text("partials/tone.md");
    assert_eq!(shared.as_deref(), Some("Be kind."), "most carry this one");
    assert_eq!(text("a/partials/tone.md").as_deref(), Some("Be strict."));
    assert_eq!(text("b/partials/tone.md"), None);
    // When all say the same again, nothing stays behind.
    folder.prompts[0] = carrying("a", "Be kind.");
    let stored = store(dir.path(), &layout(&folder).unwrap(), false).unwrap();
    assert_eq!((stored.written, stored.removed), (0, 1));
    let back = read(&disk::load(dir.path()).unwrap()).unwrap();
    assert!(back.prompts[0].content.partials.is_empty());
    assert_eq!(back.partials, tone("Be kind."));
}

#[test]
fn writing_is_planned_before_anything_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("prompts");
    let files = layout(&sample()).unwrap();
    let new = store::Writing::plan(&folder, &files, false).unwrap();
    assert!(new.replaced().is_empty() && new.removed().next().is_none());
    assert!(!folder.exists());
    new.carry_out().unwrap();
    let (edited, added) = ("explanation/02-user.md", "explanation/03-user.md");
    for path in [edited, added] {
        fs::write(folder.join(path), "hours of work").unwrap();
    }
    let again = store::Writing::plan(&folder, &files, false).unwrap();
    assert_eq!(again.replaced(), [edited]);
    assert_eq!(again.removed().collect::<Vec<_>>(), [added]);
    for path in [edited, added] {
        assert_eq!(
            fs::read_to_string(folder.join(path)).unwrap(),
            "hours of work"
        );
    }
}

#[test]
fn git_is_told_to_leave_the_texts_alone_where_there_is_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let files = layout(&sample()).unwrap();
    let attributes = dir.path().join(".gitattributes");
    fs::create_dir(dir.path().join("photos")).unwrap();
    store(dir.path(), &files, true).unwrap();
    assert!(!attributes.exists(), "it would count for the photos too");
    fs::remove_dir(dir.path().join("photos")).unwrap();
    store(dir.path(), &files, false).unwrap();
    assert_eq!(fs::read_to_string(&attributes).unwrap(), "* -text\n");
    fs::write(&attributes, "*.md -text\n").unwrap();
    store(dir.path(), &files, false).unwrap();
    assert_eq!(fs::read_to_string(&attributes).unwrap(), "*.md -text\n");
    assert_eq!(read(&disk::load(dir.path()).unwrap()), Ok(sample()));
}

#[test]
fn a_name_that_would_leave_the_folder_is_refused() {
    let mut folder = sample();
    folder.prompts[0].test_set.as_mut().unwrap()[0].name = "../../etc/passwd".to_owned();
    assert!(matches!(layout(&folder), Err(Conflict::CaseName(_))));
}
