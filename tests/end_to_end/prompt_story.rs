//! The story of one prompt, told by planners at the command line of the real program against the real
//! server: from the first draft to production, through a canary that does badly, and back.

use std::time::Duration;

use punchcard::keys::ApiKey;
use serde_json::{Value, json};

use crate::api::Api;
use crate::punchcard::{Env, run_with};
use crate::scripted_model::{Call, Turn, saying};
use crate::world::World;

const TASK: &str = "sky";
/// How long a ticket may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A tenant without a task, whose keys have one role each.
struct School {
    world: World,
    issuer: Api,
    planner: String,
    publisher: String,
}

/// The model does as it is told: it speaks of light only when asked to. Asked for JSON it gives some
/// for the question of the test case, and chatter for all others.
fn model(call: &Call) -> Turn {
    let asked = call.prompt();
    match (asked.contains("as JSON"), asked.contains("with light")) {
        (true, _) if asked.contains("Why is the sky blue?") => {
            saying(&[&json!({"text": "Because of the light."}).to_string()])
        }
        (true, _) => saying(&["Here is your JSON: none."]),
        (false, true) => saying(&["Because of the light."]),
        (false, false) => saying(&["It just is."]),
    }
}

impl School {
    async fn open() -> Self {
        let [issuer, planner, publisher] = [(); 3].map(|()| ApiKey::generate().unwrap());
        let line = |key: &ApiKey, name: &str, role: &str| {
            let line = key.config_line();
            let line = line.trim_end_matches([' ', '}']);
            format!("{line}, name = \"{name}\", roles = [\"{role}\"] }}")
        };
        let keys = [
            line(&issuer, "backend", "issuer"),
            line(&planner, "mina", "planner"),
            line(&publisher, "ben", "publisher"),
        ];
        let more = format!(
            "[tenants.school]\nname = \"School\"\nkeys = [{}]\nallowed_origins = [\"http://school.test\"]\n",
            keys.join(", ")
        );
        let mut world = World::stopped(&more, model).await;
        world.start_again().await;
        Self {
            issuer: world.api.with_key(issuer.expose()),
            planner: planner.expose().to_owned(),
            publisher: publisher.expose().to_owned(),
            world,
        }
    }

    /// `punchcard prompt LINE` by mina, who may plan.
    async fn mina(&self, line: &[&str]) -> Ran {
        self.prompt(&self.planner, line).await
    }

    /// `punchcard prompt LINE` by ben, who may publish.
    async fn ben(&self, line: &[&str]) -> Ran {
        self.prompt(&self.publisher, line).await
    }

    async fn prompt(&self, key: &str, line: &[&str]) -> Ran {
        let env = Env::from([
            ("PUNCHCARD_URL", self.world.api.base().into()),
            ("PUNCHCARD_KEY", key.into()),
            // A text that was not saved without mistakes is kept; not beyond this test.
            ("TMPDIR", self.world.dir().into()),
        ]);
        let line: Vec<&str> = ["prompt"].iter().chain(line).copied().collect();
        let ended = run_with(&line, &env).await;
        Ran {
            line: line.join(" "),
            code: ended.status.code(),
            stdout: String::from_utf8(ended.stdout).unwrap(),
            stderr: String::from_utf8(ended.stderr).unwrap(),
        }
    }

    /// Edits the draft: `script` is what sed does to it.
    async fn edit(&self, script: &str) -> Ran {
        let editor = format!("sed -i -e '{script}'");
        self.mina(&["edit", TASK, "--editor", &editor]).await
    }

    /// The prompt as the server shows it.
    async fn shown(&self) -> Value {
        self.mina(&["show", TASK, "--json"]).await.exits(0).json()
    }

    /// Issues a ticket and gives it as it ended.
    async fn ticket(&self, user: &str, label: Option<&str>) -> Value {
        let mut body = json!({
            "task": TASK,
            "input": { "question": "Why is grass green?", "level": "middle" },
            "user": user,
        });
        if let Some(label) = label {
            body["label"] = json!(label);
        }
        let issued = self.issuer.post("/v1/tickets", &body).await.expect(202);
        let id = issued["id"].as_str().unwrap();
        let ended = async {
            loop {
                let kinds = self.issuer.event_types(id).await;
                let ends = |kind: &String| kind == "TicketPersisted" || kind == "TicketFailed";
                if kinds.iter().any(ends) {
                    return;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let ended = tokio::time::timeout(PATIENCE, ended).await;
        assert!(ended.is_ok(), "{id} has not ended");
        self.issuer.ticket(id).await
    }

    /// Which version a ticket ran.
    fn version(ticket: &Value) -> u64 {
        let version = ticket["prompt"]["version"].as_u64();
        version.unwrap_or_else(|| panic!("no version: {ticket}"))
    }
}

/// What a command did.
#[derive(Debug)]
struct Ran {
    line: String,
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    /// Checks the exit code.
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        let Self {
            line,
            stdout,
            stderr,
            ..
        } = &self;
        assert_eq!(self.code, Some(code), "{line}\n{stdout}\n{stderr}");
        self
    }

    /// Checks what the planner reads.
    #[track_caller]
    fn says(&self, words: &str) -> &Self {
        let Self {
            line,
            stdout,
            stderr,
            ..
        } = &self;
        let said = stdout.contains(words) || stderr.contains(words);
        assert!(said, "{line} does not say {words:?}\n{stdout}\n{stderr}");
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

#[tokio::test]
async fn a_prompt_goes_from_its_first_draft_to_users_and_a_worse_one_comes_back_by_itself() {
    let school = School::open().await;
    draft_and_test(&school).await;
    let first_since = first_deployment(&school).await;
    better_version(&school).await;
    worse_version(&school).await;
    looking_back(&school, &first_since).await;
    through_a_folder(&school).await;
}

/// A new task, a draft, a failing test, an edit, a passing test.
async fn draft_and_test(school: &School) {
    let editor = |script: &str| format!("sed -i -e '{script}'");
    let new = [
        "new",
        TASK,
        "--model",
        "scripted",
        "--editor",
        &editor("s/two or three/two/"),
    ];
    let drafted = school.mina(&new).await.exits(0);
    drafted.says("The draft of sky is saved (edit 1), with no mistakes");
    let cases = editor("s/first-case/blue/");
    let edited = school
        .mina(&["test-set", "edit", TASK, "--editor", &cases])
        .await;
    edited.exits(0).says("1 case, with no mistakes");
    school
        .mina(&["test", TASK])
        .await
        .exits(6)
        .says("1 of 1 cases failed");
    // There is no version yet.
    school
        .mina(&["deploy", TASK, "1", "--label", "staging"])
        .await
        .exits(4);
    let broken = school
        .edit("s/{{ question }}/{{ qestion }}/")
        .await
        .exits(1);
    broken.says("qestion").says(".prompt.md:");
    school
        .mina(&["publish", TASK])
        .await
        .exits(1)
        .says("qestion");
    let mended = "s/{{ qestion }}/{{ question }}/; s/The question:/The question, with light:/";
    school.edit(mended).await.exits(0);
    school
        .mina(&["test", TASK])
        .await
        .exits(0)
        .says("All cases passed");
}

/// Published, on staging, in production; gives since when.
async fn first_deployment(school: &School) -> String {
    school
        .mina(&["publish", TASK, "--notes", "The first."])
        .await
        .exits(0);
    let staged = school
        .mina(&["deploy", TASK, "1", "--label", "staging"])
        .await;
    staged.exits(0).says("staging of sky is now version 1");
    let tried = school.ticket("u1", Some("staging")).await;
    assert_eq!(tried["answer"], "Because of the light.", "{tried}");

    let refused = school.mina(&["deploy", TASK, "1", "--yes"]).await;
    refused.exits(7).says("role_missing");
    let unasked = school.ben(&["deploy", TASK, "1"]).await;
    unasked.exits(2).says("--yes");
    let deployed = school
        .ben(&["deploy", TASK, "1", "--yes", "--reason", "Go."])
        .await;
    deployed.exits(0).says("production of sky is now version 1");
    let answered = school.ticket("u1", None).await;
    assert_eq!(School::version(&answered), 1);
    school.shown().await["labels"][0]["since"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// A second version: tried, compared, shown, deployed.
async fn better_version(school: &School) {
    school
        .edit("s/with light:/kindly, with light:/")
        .await
        .exits(0);
    school
        .mina(&["publish", TASK])
        .await
        .exits(0)
        .says("new version: 2");
    let untested = school.ben(&["deploy", TASK, "2", "--yes"]).await;
    untested.exits(7).says("test");
    school
        .mina(&["test", TASK, "2"])
        .await
        .exits(0)
        .says("0 better, 0 worse, 1 the same");
    school
        .mina(&["deploy", TASK, "2", "--label", "staging"])
        .await
        .exits(0);
    let diff = school
        .mina(&["diff", TASK, "production", "staging"])
        .await
        .exits(0);
    diff.says("+The question, kindly, with light:");
    let deployed = school.ben(&["deploy", TASK, "2", "--yes"]).await.exits(0);
    deployed
        .says("+The question, kindly")
        .says("production of sky is now version 2 (it was 1)");
    let answered = school.ticket("u1", None).await;
    assert_eq!(answered["answer"], "Because of the light.");
    assert_eq!(School::version(&answered), 2);
}

/// A third that passes its test case and fails with users: a canary that returns by itself.
async fn worse_version(school: &School) {
    let json = "s/^answer = .*/answer = \"json\"/; s/with light:/with light, as JSON:/; \
                $a ==> answer.schema.json\\n{\"type\": \"object\"}";
    school.edit(json).await.exits(0);
    school
        .mina(&["publish", TASK])
        .await
        .exits(0)
        .says("new version: 3");
    school.mina(&["test", TASK, "3"]).await.exits(0);
    let canary = [
        "deploy",
        TASK,
        "3",
        "--canary",
        "50",
        "--max-failed",
        "20",
        "--max-violations",
        "20",
        "--min-tickets",
        "20",
        "--yes",
    ];
    school
        .ben(&canary)
        .await
        .exits(0)
        .says("50 of 100 users of sky get version 3 now");
    let mut versions = Vec::new();
    for user in 0..200 {
        let ticket = school.ticket(&format!("student-{user}"), None).await;
        let version = School::version(&ticket);
        let wanted = if version == 3 { "failed" } else { "persisted" };
        assert_eq!(ticket["state"], wanted, "{ticket}");
        versions.push(version);
        if school.shown().await["canary"].is_null() {
            break;
        }
    }
    assert!(versions.contains(&3), "{versions:?}");
    assert!(
        school.shown().await["canary"].is_null(),
        "it came back by itself: {versions:?}"
    );
    let answered = school.ticket("student-0", None).await;
    assert_eq!(
        School::version(&answered),
        2,
        "all users get production again"
    );
}

/// Back to the first version, and what was when.
async fn looking_back(school: &School, first_since: &str) {
    let back = school
        .ben(&["rollback", TASK, "--reason", "Too kind."])
        .await
        .exits(0);
    back.says("production of sky is version 1");
    assert_eq!(School::version(&school.ticket("u1", None).await), 1);
    let further = school.ben(&["rollback", TASK]).await;
    further.exits(7);

    let history = school
        .mina(&["history", TASK, "--json"])
        .await
        .exits(0)
        .json();
    let kinds: Vec<&str> = history["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap())
        .collect();
    for kind in [
        "PromptDrafted",
        "PromptPublished",
        "CanaryStarted",
        "CanaryEnded",
        "LabelMoved",
    ] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    school.mina(&["history", TASK]).await.exits(0).says("mina");
    let at = |time: String| async move { school.mina(&["at", TASK, &time]).await.exits(0) };
    at(first_since.to_owned()).await.says("was version 1");
    at("now".to_owned()).await.says("was version 1");
    at("2020-01-01".to_owned()).await.says("was nothing");
}

/// What is in production, as files and back, is the same.
async fn through_a_folder(school: &School) {
    let dir = school.world.dir().join("prompts");
    let dir = dir.to_str().unwrap();
    let exported = school.mina(&["export", "--dir", dir]).await;
    exported.exits(0).says("holds 1 prompt now");
    let unchanged = school.mina(&["import", dir]).await.exits(0);
    unchanged.says("the server has all of it already");
    let message = school.world.dir().join("prompts/sky/01-system.md");
    let text = std::fs::read_to_string(&message).unwrap();
    std::fs::write(&message, format!("{text}Be brief.")).unwrap();
    let saved = school.mina(&["import", dir]).await.exits(0);
    saved.says("Saved as drafts: 1 prompt");
    let diff = school.mina(&["diff", TASK]).await.exits(0);
    diff.says("+Be brief.\n\\ no line break at the end");
}
