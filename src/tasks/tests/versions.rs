//! Which version a ticket runs, and what stays with it.

use punchcard_actors::testing::prompts::act;
use punchcard_actors::testing::world::in_paused_time;
use punchcard_events::prompt::{CanaryBounds, Command, Version};
use uuid::Uuid;

use super::*;

const SETTINGS: &str = "max_input_bytes = 1_000";

/// The tasks of one tenant, and the desk where its planner works.
struct Office {
    tasks: Tasks,
    prompts: Prompts,
    tenant: TenantId,
    task: TaskName,
}

impl Office {
    async fn open(configured: &str) -> Self {
        Self::over(MemoryStore::new(), configured).await
    }

    async fn over(store: MemoryStore, configured: &str) -> Self {
        let (tasks, prompts) = opened(&config(configured), store).await;
        Self {
            tasks,
            prompts,
            tenant: TenantId::new("a").unwrap(),
            task: name("t"),
        }
    }

    fn asked<'a>(&'a self, label: Option<&'a LabelName>) -> Asked<'a> {
        Asked {
            tenant: &self.tenant,
            task: &self.task,
            label,
        }
    }

    async fn execute(&self, command: Command) {
        let executed = self.prompts.execute(&self.tenant, &self.task, command);
        executed.await.unwrap();
    }

    /// Publishes a prompt that wants JSON with the key `key`.
    async fn publish(&self, key: &str) -> Version {
        let mut content = Content::clone(&punchcard_actors::testing::prompts::content(key));
        content.model = "m".to_owned();
        content.answer = AnswerFormat::Json;
        content.answer_schema = Some(Arc::new(json!({ "required": [key] })));
        let (tenant, task) = (&self.tenant, &self.task);
        let saved =
            self.prompts
                .save_draft(tenant, task, None, None, content.into(), act("mina", NOW));
        let (draft, _) = saved.await.unwrap();
        let notes = String::new();
        let act = act("mina", NOW);
        let published = self.prompts.publish(tenant, task, draft.edit, notes, act);
        published.await.unwrap()
    }

    async fn deploy(&self, version: u32, label: &str) {
        self.execute(Command::MoveLabel {
            label: LabelName::new(label).unwrap(),
            version,
            expected: None,
            expected_canary: None,
            reason: None,
            override_reason: Some("a test".to_owned()),
            act: act("mina", NOW),
        })
        .await;
    }

    fn prepare(&self, label: Option<&LabelName>, sticky: &str) -> Prepared {
        let prepared = self.tasks.prepare(self.asked(label), sticky, &json!({}));
        prepared.unwrap()
    }

    fn accept(&self, label: Option<&LabelName>) -> Result<Terms, InputRefusal> {
        self.tasks.accept(self.asked(label), &json!({}), NOW)
    }
}

#[test]
fn the_next_ticket_runs_what_was_deployed_and_a_running_one_keeps_its_version() {
    in_paused_time(async {
        let office = Office::open(SETTINGS).await;
        office.publish("old").await;
        office.deploy(1, "production").await;
        let running = office.prepare(None, "student-1");
        office.publish("new").await;
        office.deploy(2, "production").await;
        let next = office.prepare(None, "student-1");
        assert_eq!((running.prompt.version, next.prompt.version), (1, 2));
        for cached in [100, 1] {
            // With room for one version, the old one has to be read again each time.
            let tasks = Tasks {
                compiled: Arc::new(Cache::new(NonZeroUsize::new(cached).unwrap())),
                ..office.tasks.clone()
            };
            for (prompt, fits) in [(&running.prompt, "old"), (&next.prompt, "new")] {
                for answer in ["old", "new"] {
                    let content = format!("{{\"{answer}\": 1}}");
                    let asked = office.asked(None);
                    let checked = tasks.check_answer(asked, prompt, &content).await;
                    assert_eq!(checked.is_ok(), answer == fits, "{checked:?}");
                }
            }
        }
    });
}

#[test]
fn a_canary_has_the_same_users_each_time_and_no_others() {
    in_paused_time(async {
        let office = Office::open(SETTINGS).await;
        office.publish("old").await;
        office.deploy(1, "production").await;
        office.publish("new").await;
        let canary = Uuid::from_u128(7);
        office
            .execute(Command::StartCanary {
                canary,
                version: 2,
                percent: 30,
                bounds: CanaryBounds {
                    max_failed_percent: 10,
                    max_schema_violation_percent: 10,
                    min_tickets: 20,
                },
                reason: None,
                override_reason: Some("a test".to_owned()),
                act: act("mina", NOW),
            })
            .await;
        let mut chosen = 0;
        for user in 0..200 {
            let user = format!("student-{user}");
            let first = office.prepare(None, &user).prompt;
            assert_eq!(office.prepare(None, &user).prompt, first);
            let expected = (first.version == 2).then_some(canary);
            assert_eq!(first.canary, expected);
            chosen += first.version - 1;
        }
        assert!((30..=90).contains(&chosen), "{chosen} of 200 users");
        // Whoever names a label gets what it points to.
        office.deploy(1, "staging").await;
        let staging = LabelName::new("staging").unwrap();
        for user in 0..50 {
            let user = format!("student-{user}");
            let prompt = office.prepare(Some(&staging), &user).prompt;
            assert_eq!((prompt.version, prompt.canary), (1, None));
        }
    });
}

#[test]
fn a_label_chooses_its_version_and_one_without_a_version_is_refused() {
    in_paused_time(async {
        let office = Office::open(SETTINGS).await;
        let staging = LabelName::new("staging").unwrap();
        let not_deployed = |label: &LabelName| InputRefusal::NotDeployed {
            task: office.task.clone(),
            label: label.clone(),
        };
        let production = LabelName::production();
        assert_eq!(office.accept(None), Err(not_deployed(&production)));
        office.publish("one").await;
        assert_eq!(office.accept(None), Err(not_deployed(&production)));
        assert_eq!(office.tasks.lane(office.asked(None)), None);
        office.deploy(1, "staging").await;
        assert_eq!(office.accept(None), Err(not_deployed(&production)));
        let terms = office.accept(Some(&staging)).unwrap();
        assert_eq!(terms.answer_format, AnswerFormat::Json);
        let prompt = office.prepare(Some(&staging), "student-1").prompt;
        assert_eq!((prompt.version, prompt.label), (1, Some(staging)));
        office.deploy(1, "production").await;
        let prompt = office.prepare(Some(&production), "student-1").prompt;
        assert_eq!((prompt.version, prompt.label), (1, None));
    });
}

#[test]
fn a_retired_prompt_takes_no_tickets_and_those_taken_before_go_on() {
    in_paused_time(async {
        let office = Office::open(SETTINGS).await;
        office.publish("one").await;
        office.deploy(1, "production").await;
        let (reason, act) = (None, act("mina", NOW));
        office
            .execute(Command::Retire {
                reason,
                act: act.clone(),
            })
            .await;
        let retired = InputRefusal::Retired(office.task.clone());
        assert_eq!(office.accept(None), Err(retired));
        assert_eq!(office.prepare(None, "student-1").prompt.version, 1);
        office.execute(Command::Restore { act }).await;
        assert!(office.accept(None).is_ok());
    });
}

#[test]
fn a_task_that_only_planners_know_has_what_all_tasks_inherit() {
    in_paused_time(async {
        let mut office = Office::open("fallback_models = [\"m\"]").await;
        assert_eq!(
            office.tasks.accept(
                Asked::in_production(&office.tenant, &name("new")),
                &json!({}),
                NOW
            ),
            Err(InputRefusal::UnknownTask(name("new")))
        );
        office.task = name("new");
        office.publish("one").await;
        office.deploy(1, "production").await;
        let terms = office.accept(None).unwrap();
        assert!(!terms.pre_process && !terms.post_process);
        assert_eq!(terms.deadlines.answer_by, Timestamp::from_millis(1_600_000));
        assert_eq!(terms.fallback_models, Vec::<String>::new());
    });
}

#[test]
fn a_configured_prompt_is_taken_over_once_and_then_the_stores_counts() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let configured = |words: &str| {
            format!("model = \"m\"\nmessages = [{{ role = \"user\", content = \"{words}\" }}]")
        };
        let office = Office::over(store.clone(), &configured("first")).await;
        let adopted = office.prepare(None, "student-1");
        assert_eq!(adopted.messages[0].content, "first");
        let events = store.all_events().len();
        let office = Office::over(store.clone(), &configured("first")).await;
        assert_eq!(office.prepare(None, "student-1").prompt, adopted.prompt);
        let office = Office::over(store.clone(), &configured("changed")).await;
        assert_eq!(office.prepare(None, "student-1").prompt, adopted.prompt);
        assert_eq!(store.all_events().len(), events, "nothing was written");
        let office = Office::over(store, SETTINGS).await;
        assert_eq!(office.prepare(None, "student-1").prompt, adopted.prompt);
    });
}

#[test]
fn a_prompt_whose_model_left_the_configuration_takes_no_tickets() {
    in_paused_time(async {
        let office = Office::open(SETTINGS).await;
        office.publish("one").await;
        office.deploy(1, "production").await;
        assert!(office.accept(None).is_ok());
        let mut without = config(SETTINGS);
        without.models.clear();
        let directory = crate::tenants::as_configured(&without).unwrap();
        let tasks = Tasks::new(&without, office.prompts.clone(), directory);
        let refused = tasks.accept(office.asked(None), &json!({}), NOW);
        assert_eq!(refused, Err(InputRefusal::Broken(office.task.clone())));
    });
}

#[test]
fn the_prompts_own_model_has_one_turn() {
    in_paused_time(async {
        let office = Office::open("fallback_models = [\"m\"]").await;
        office.publish("one").await;
        office.deploy(1, "production").await;
        let lane = office.tasks.lane(office.asked(None)).unwrap();
        assert_eq!(lane.models, ["m"]);
    });
}

#[test]
fn a_configured_prompt_that_breaks_a_limit_stops_the_start_and_is_named() {
    in_paused_time(async {
        // Each is short enough for a template, all of them together are too long.
        let words = "x".repeat(60_000);
        let message = format!("{{ role = \"user\", content = \"{words}\" }}");
        let count = punchcard_events::prompt::limits::CONTENT_BYTES / words.len() + 1;
        let messages = vec![message; count].join(", ");
        let long = format!("model = \"m\"\nmessages = [{messages}]");
        let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(TestClock::new()));
        let opened = Prompts::open(store, clock, Arc::new(PlainCheck)).await;
        let (prompts, _following) = opened.unwrap();
        let refused = adopt(&config(&long), &prompts)
            .await
            .unwrap_err()
            .to_string();
        assert!(refused.contains("task `t` of tenant `a`"), "{refused}");
        assert!(refused.contains("Shorten it"), "{refused}");
    });
}

#[test]
fn an_answer_is_checked_by_a_version_that_this_nodes_book_does_not_have_yet() {
    in_paused_time(async {
        let store = MemoryStore::new();
        // Its book follows nothing any more, so it stays behind.
        let behind = Office::over(store.clone(), SETTINGS).await;
        let ahead = Office::over(store, SETTINGS).await;
        for (version, key) in [(1, "old"), (2, "new")] {
            ahead.publish(key).await;
            ahead.deploy(version, "production").await;
            let prompt = ahead.prepare(None, "student-1").prompt;
            assert_eq!(prompt.version, version);
            let check = |answer: &str| {
                let content = format!("{{\"{answer}\": 1}}");
                let (behind, prompt) = (&behind, &prompt);
                async move {
                    let asked = behind.asked(None);
                    behind.tasks.check_answer(asked, prompt, &content).await
                }
            };
            assert_eq!(check(key).await, Ok(()));
            let refused = check("other").await;
            assert!(
                matches!(refused, Err(AnswerError::Misfit(_))),
                "{refused:?}"
            );
        }
    });
}

#[test]
fn an_answer_whose_version_cannot_be_had_is_never_taken_and_one_from_before_prompts_is() {
    in_paused_time(async {
        let mut office = Office::open(SETTINGS).await;
        office.publish("old").await;
        office.deploy(1, "production").await;
        let of_another = PromptRef {
            hash: "0".repeat(64),
            ..office.prepare(None, "student-1").prompt
        };
        let no_hash = PromptRef {
            hash: "none".to_owned(),
            ..of_another.clone()
        };
        for prompt in [&of_another, &no_hash] {
            let checked = office.tasks.check_answer(office.asked(None), prompt, "{}");
            let checked = checked.await;
            assert!(
                matches!(checked, Err(AnswerError::Unavailable(_))),
                "{checked:?}"
            );
        }
        office.task = name("never-a-prompt");
        let checked = office
            .tasks
            .check_answer(office.asked(None), &of_another, "{}");
        assert_eq!(checked.await, Ok(()));
    });
}
