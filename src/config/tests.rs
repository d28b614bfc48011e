//! Configurations good and bad, and what each gets.

use punchcard_events::TaskName;

use super::*;

mod mistakes;
mod references;

/// A small valid configuration, to be made worse.
const BASE: &str = r#"mode = "development"
[models.m]
provider = "offline"
[tenants.acme]
name = "Acme"
[tenants.acme.tasks.say]
model = "m"
messages = [{ role = "user", content = "Say {{ word }}" }]
"#;

fn load(text: &str) -> Result<Config, ConfigErrors> {
    load_with(text, &[])
}

fn load_with(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let layers = [("my.toml".to_owned(), text.to_owned())];
    let environment = environment.iter().map(|(k, v)| ((*k).into(), (*v).into()));
    Config::from_layers(&layers, environment)
}

fn errors(text: &str) -> Vec<String> {
    let ConfigErrors(errors) = load(text).expect_err(text);
    errors.iter().map(ToString::to_string).collect()
}

fn assert_starts(found: &[String], expected: &[&str]) {
    let starts = expected
        .iter()
        .all(|start| found.iter().any(|error| error.starts_with(start)));
    assert!(starts, "expected {expected:#?}\nfound {found:#?}");
    let known = |error: &String| expected.iter().any(|start| error.starts_with(start));
    assert!(
        found.iter().all(known),
        "expected {expected:#?}\nfound {found:#?}"
    );
}

/// [`BASE`] with lines added; they start at line 9.
fn base_and(more: &str) -> String {
    format!("{BASE}{more}")
}

#[test]
fn the_defaults_alone_are_a_configuration() {
    let config = load("").unwrap();
    assert_eq!(config.mode, Mode::Production);
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.ticket.answer_within.as_secs(), 600);
    assert!(config.tenants.is_empty() && config.models.is_empty());
    assert_eq!(config.retry.model.policy().max_delay_ms, 30_000);
}

#[test]
fn every_key_without_a_default_stands_in_the_default_file_as_a_comment() {
    let uncommented: String = DEFAULT
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.is_empty() && !key.starts_with(' ') => key,
            _ => line,
        })
        .fold(String::new(), |text, line| text + line + "\n");
    let secret = "whsec_cHVuY2hjYXJkLWRlbW8tc2VjcmV0LW5vdC1mb3ItcHJvZHVjdGlvbg==";
    let environment = [
        ("OPENAI_API_KEY", "sk-1"),
        ("ONEHOUR_WEBHOOK_SECRET", secret),
    ];
    let config = load_with(&uncommented, &environment).unwrap();
    // Every optional field is set, so a key added to the types and forgotten here shows.
    let model = &config.models["gpt"];
    assert!(model.base_url.is_some() && model.api_key.is_some() && model.model.is_some());
    assert!(model.max_tokens_field.is_some() && model.price.is_some());
    assert!(config.admin.keys[0].name.is_some());
    let tenant = config.tenants.values().next().unwrap();
    assert!(!tenant.keys.is_empty() && !tenant.allowed_origins.is_empty());
    assert!(tenant.keys[0].name.is_some());
    assert!(tenant.callback.is_some());
    let task = tenant.tasks.values().next().unwrap();
    assert!(task.input_schema.is_some() && task.answer_schema.is_some());
    assert!(task.pre_process.is_some() && task.post_process.is_some());
    assert!(!task.description.is_empty() && task.parameters.json);
}

#[test]
fn no_default_can_be_left_out() {
    let defaults = Node::parse("default.toml", DEFAULT).unwrap();
    let mut keys = 0;
    for (section, node) in defaults.as_table().unwrap() {
        for key in node.as_table().into_iter().flatten().map(|(key, _)| key) {
            let mut tree = defaults.clone();
            let at = KeyPath::of(&[section]);
            tree.get_mut(&at)
                .and_then(Node::as_table_mut)
                .unwrap()
                .remove(key);
            let loaded = Config::from_tree(tree, &defaults, &BTreeMap::new());
            assert!(
                loaded.is_err() || section == "defaults",
                "{section}.{key} has two defaults"
            );
            keys += 1;
        }
    }
    assert!(keys > 35, "only {keys} keys were tried");
}

#[test]
fn the_environment_overrides_files_and_files_override_each_other() {
    let layers = [
        (
            "a.toml".to_owned(),
            "[server]\nworkers = 1\nlisten = \"127.0.0.1:1\"".to_owned(),
        ),
        ("b.toml".to_owned(), base_and("[server]\nworkers = 2\n")),
    ];
    let environment = [
        ("PUNCHCARD__SERVER__MAX_BODY_BYTES", "77"),
        ("PUNCHCARD__LOG__LEVEL", "17"),
        ("PUNCHCARD__TENANTS__ACME__NAME", "true"),
        (
            "PUNCHCARD__TENANTS__ACME__ALLOWED_ORIGINS",
            "[\"https://a.example\"]",
        ),
        ("PUNCHCARD__CALLBACKS__ALLOW_PRIVATE_NETWORKS", "true"),
        ("PUNCHCARD_SERVER_WORKERS", "not ours"),
    ];
    let environment = environment.map(|(k, v)| (k.to_owned(), v.to_owned()));
    let config = Config::from_layers(&layers, environment).unwrap();
    assert_eq!((config.server.workers, config.server.listen.port()), (2, 1));
    assert_eq!(config.server.max_body_bytes.get(), 77);
    assert_eq!(config.log.level, "17");
    let tenant = &config.tenants[&TenantId::new("acme").unwrap()];
    assert_eq!(tenant.name, "true");
    assert_eq!(tenant.allowed_origins, ["https://a.example"]);
    assert!(config.callbacks.allow_private_networks);
}

#[test]
fn names_with_dashes_can_be_overridden() {
    let text = BASE.replace("tasks.say", "tasks.say-it");
    let name = "PUNCHCARD__TENANTS__ACME__TASKS__SAY_IT__DESCRIPTION";
    let config = load_with(&text, &[(name, "Says it")]).unwrap();
    let tenant = config.tenants.values().next().unwrap();
    let task = &tenant.tasks[&TaskName::new("say-it").unwrap()];
    assert_eq!(task.description, "Says it");
}

#[test]
fn the_demo_loads_and_can_be_overridden() {
    let secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5";
    let hash = "cd".repeat(32);
    let overrides = [
        ("PUNCHCARD__SERVER__LISTEN", "127.0.0.1:0".to_owned()),
        (
            "PUNCHCARD__TENANTS__ONEHOUR__CALLBACK__BASE_URL",
            "http://127.0.0.1:4711".to_owned(),
        ),
        (
            "PUNCHCARD__TENANTS__ONEHOUR__CALLBACK__SECRETS",
            format!("[\"{secret}\"]"),
        ),
        (
            "PUNCHCARD__TENANTS__ONEHOUR__KEYS",
            format!("[{{ prefix = \"pk_live_x\", sha256 = \"{hash}\" }}]"),
        ),
        ("PUNCHCARD__MODELS__DEMO__TOKEN_DELAY", "1ms".to_owned()),
    ];
    let config = Config::demo(overrides.map(|(k, v)| (k.to_owned(), v))).unwrap();
    let tenant = &config.tenants[&TenantId::new("onehour").unwrap()];
    let target = tenant.callback.as_ref().unwrap();
    assert_eq!(target.base_url.port(), Some(4711));
    assert_eq!(target.secrets[0].expose(), secret);
    assert_eq!(tenant.keys[0].sha256.to_string(), hash);
    assert_eq!(config.models["demo"].token_delay.as_millis(), 1);
    assert!(Config::demo([]).is_ok());
}

#[test]
fn what_is_shown_is_valid_names_origins_and_loads_again() {
    let config = load_with(
        &base_and("max_input_bytes = 99\n"),
        &[("PUNCHCARD__STORE__MAX_BATCH", "5")],
    )
    .unwrap();
    let text = config.show();
    for line in [
        "max_batch = 5  # environment variable PUNCHCARD__STORE__MAX_BATCH",
        "max_input_bytes = 99  # my.toml:9",
        "[tenants.acme.tasks.say.retry.model]",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(
        text.contains("idle_timeout = \"30s\"  # default.toml (built in):"),
        "{text}"
    );
    let again = load(&text).unwrap();
    assert_eq!(again.tenants, config.tenants);
    assert_eq!(again.models, config.models);
    let json = config.show_json();
    assert_eq!(json["values"]["store"]["max_batch"], 5);
    assert_eq!(json["origins"]["tenants.acme.name"], "my.toml:5");
}

#[test]
fn a_task_can_have_fallback_models() {
    let text = base_and(
        "fallback_models = [\"n\", \"o\"]\n[models.n]\nprovider = \"offline\"\n\
         [models.o]\nprovider = \"offline\"\n",
    );
    let config = load(&text).unwrap();
    let shown = config.show();
    let line = "fallback_models = [\"n\", \"o\"]  # my.toml:9";
    assert!(shown.contains(line), "{shown}");
    let task = config.tenants.values().flat_map(|tenant| &tenant.tasks);
    let named: Vec<_> = task.flat_map(|(_, task)| &task.fallback_models).collect();
    assert_eq!(named, ["n", "o"]);
}

#[test]
fn the_name_of_the_token_limit_follows_the_server_unless_it_is_written() {
    let field = |base_url: &str, more: &str| {
        let text = format!(
            "[models.m]\nprovider = \"openai\"\nmodel = \"x\"\nbase_url = \"{base_url}\"\n{more}"
        );
        load(&text).unwrap().models["m"].max_tokens_field()
    };
    let openai = "https://api.openai.com/v1";
    let own = "https://llm.example/v1";
    let old = "max_tokens_field = \"max_tokens\"";
    let new = "max_tokens_field = \"max_completion_tokens\"";
    assert_eq!(field(openai, ""), MaxTokensField::MaxCompletionTokens);
    assert_eq!(field(openai, old), MaxTokensField::MaxTokens);
    assert_eq!(field(own, ""), MaxTokensField::MaxTokens);
    assert_eq!(field(own, new), MaxTokensField::MaxCompletionTokens);
}

#[test]
fn a_task_can_have_deadlines_and_retries_of_its_own() {
    let config = load(&base_and(
        "retry.model.max_tries = 9\nticket.answer_within = \"5s\"\n[ticket]\ndeliver_within = \"30d\"\n",
    ))
    .unwrap();
    let task = config
        .tenants
        .values()
        .flat_map(|tenant| tenant.tasks.values())
        .next()
        .unwrap();
    assert_eq!(task.retry.model.max_tries.get(), 9);
    assert_eq!(task.retry.model.max_delay, config.retry.model.max_delay);
    assert_eq!(task.ticket.answer_within.as_secs(), 5);
    assert_eq!(task.ticket.deliver_within.as_secs(), 30 * 86_400);
    assert_eq!(config.ticket.answer_within.as_secs(), 600);
}

#[test]
fn mutants_of_configurations_load_or_say_what_is_wrong() {
    crate::fuzz::run_slow_text("configuration", 10, |text| {
        if let Err(ConfigErrors(errors)) = load(text) {
            assert!(!errors.is_empty());
        }
    });
}

#[test]
fn a_concurrency_is_a_number_or_adaptive_and_an_override_may_be_either() {
    use punchcard_actors::guards::Concurrency;
    let text = base_and("[defaults.model]\nmax_concurrency = \"adaptive\"\n");
    let model = |config: &Config| config.models["m"].max_concurrency;
    assert_eq!(model(&load(&text).unwrap()), Concurrency::Adaptive);
    let key = "PUNCHCARD__DEFAULTS__MODEL__MAX_CONCURRENCY";
    let number = load_with(&text, &[(key, "7")]).unwrap();
    assert_eq!(model(&number), Concurrency::fixed(7));
    let word = load_with(BASE, &[(key, "adaptive")]).unwrap();
    assert_eq!(model(&word), Concurrency::Adaptive);
}

#[test]
fn the_defaults_of_the_guards_are_the_runtimes_own() {
    use punchcard_actors::guards::GuardOptions;
    let supervision = load("").unwrap().supervision;
    let own = GuardOptions::default();
    assert_eq!(supervision.model.options(None), own);
    // A tenant's API serves that tenant alone.
    let callback = supervision.callback.options(None);
    assert_eq!(
        callback,
        GuardOptions {
            max_share: 1.0,
            ..own
        }
    );
}

#[test]
fn a_key_without_roles_is_an_issuers_and_a_wrong_role_is_told_with_its_place() {
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let key = |more: &str| {
        let tenant = format!("prefix = \"pk_live_0\", sha256 = \"{hash}\"{more}");
        BASE.replace(
            "name = \"Acme\"",
            &format!("name = \"Acme\"\nkeys = [{{ {tenant} }}]"),
        )
    };
    let config = load(&key("")).unwrap();
    let tenant = config.tenants.values().next().unwrap();
    assert_eq!(tenant.keys[0].roles, crate::keys::Roles::default());
    for (more, start) in [
        (
            ", roles = []",
            "my.toml:6: tenants.acme.keys[0].roles: a key without a role",
        ),
        (
            ", roles = [\"root\"]",
            "my.toml:6: tenants.acme.keys[0].roles[0]: unknown variant `root`",
        ),
        (
            ", name = \"\"",
            "my.toml:6: tenants.acme.keys[0].name: a key's name has 1 to 64",
        ),
    ] {
        assert_starts(&errors(&key(more)), &[start]);
    }
}
