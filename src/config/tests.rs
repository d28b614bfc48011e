//! Configurations good and bad, and what each gets.

use super::*;

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
    let tenant = config.tenants.values().next().unwrap();
    assert!(!tenant.keys.is_empty() && !tenant.allowed_origins.is_empty());
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
fn a_mistake_of_shape_is_named_with_its_line_and_key() {
    for (text, expected) in [
        (
            "[server]\nlisten = \"127.0.0.1:80\"\nlissten = 1\n",
            "my.toml:3: server.lissten: unknown key `lissten`; did you mean `listen`?",
        ),
        (
            "[surfer]\nx = 1\n",
            "my.toml:1: surfer: unknown key `surfer`; did you mean `server`?",
        ),
        (
            "[store]\nengine = \"x\"\n",
            "my.toml:2: store.engine: unknown key `engine`; the keys here are `data_dir`, `max_batch`",
        ),
        (
            "[server]\n\nworkers = \"many\"\n",
            "my.toml:3: server.workers: invalid type: string \"many\", expected usize",
        ),
        (
            "[server]\nmax_body_bytes = 0\n",
            "my.toml:2: server.max_body_bytes: invalid value: integer `0`, expected a nonzero usize",
        ),
        (
            "[server]\nlisten = \"somewhere\"\n",
            "my.toml:2: server.listen: invalid socket address syntax",
        ),
        (
            "ticket.answer_within = 30\n",
            "my.toml:1: ticket.answer_within: invalid type: integer `30`, expected a duration with \
             a unit, such as \"250ms\", \"30s\" or \"24h\"",
        ),
        (
            "[ticket]\nanswer_within = \"soon\"\n",
            "my.toml:2: ticket.answer_within: invalid value: string \"soon\", expected a duration \
             with a unit, such as \"250ms\", \"30s\" or \"24h\"",
        ),
        (
            "[ticket]\nanswer_within = \"0s\"\n",
            "my.toml:2: ticket.answer_within: must be longer than zero",
        ),
        (
            "[ticket]\ndeliver_within = \"90000y\"\n",
            "my.toml:2: ticket.deliver_within: `90000y` is longer than ten years",
        ),
        (
            "[log]\nformat = \"xml\"\n",
            "my.toml:2: log.format: unknown variant `xml`, expected `pretty` or `json`",
        ),
        (
            "[tenants.acme]\n",
            "my.toml:1: tenants.acme: the key `name` is missing here",
        ),
        (
            "[tenants.Acme]\nname = \"x\"\n",
            "my.toml:1: tenants.Acme: `Acme` is not a valid tenant: use 1 to 64 lowercase ASCII \
             letters, digits or -, starting with a letter",
        ),
        (
            "[tenants.acme]\nname = \"x\"\nkeys = [{ prefix = \"pk_live_x\", sha256 = \"12\" }]\n",
            "my.toml:3: tenants.acme.keys[0].sha256: must be the SHA-256 of a key: 64 hexadecimal \
             digits",
        ),
        (
            "[models.m]\nprovider = \"openai\"\nmodel = \"x\"\nbase_url = \"nowhere\"\n",
            "my.toml:4: models.m.base_url: `nowhere` is not a URL: relative URL without a base",
        ),
        (
            "[models.m]\nprovider = \"openai\"\nmodel = \"x\"\nbase_url = \"ftp://x/\"\n",
            "my.toml:4: models.m.base_url: must start with http:// or https://",
        ),
        (
            "[defaults.model]\nmax_concurency = 3\n",
            "my.toml:2: defaults.model.max_concurency: unknown key `max_concurency`; did you mean \
             `max_concurrency`?",
        ),
        (
            "[defaults.modle]\nx = 3\n",
            "my.toml:1: defaults.modle: unknown key `modle`; the keys here are `model`, `task`",
        ),
    ] {
        assert_eq!(errors(text), [expected], "{text}");
    }
}

#[test]
fn a_syntax_error_is_named_with_its_line() {
    let found = errors("[server]\nworkers = 1\nlisten = \n");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("my.toml:3: "), "{found:?}");
    let found = errors("[log]\nlevel = \"info\"\nlevel = \"warn\"\n");
    assert!(found[0].starts_with("my.toml:3: "), "{found:?}");
    assert!(found[0].contains("duplicate key"), "{found:?}");
}

#[test]
fn several_mistakes_of_shape_are_named_at_once() {
    let found = errors("[server]\nworkers = \"x\"\nfoo = 1\n[log]\nformat = \"xml\"\nbar = 2\n");
    assert_eq!(found.len(), 4, "{found:#?}");
    for line in [2, 3, 5, 6] {
        let start = format!("my.toml:{line}: ");
        assert!(
            found.iter().any(|error| error.starts_with(&start)),
            "{found:#?}"
        );
    }
}

#[test]
fn a_mistake_of_meaning_is_named_with_its_line_and_key() {
    let task = "tenants.acme.tasks.say";
    for (more, expected) in [
        (
            "[ticket]\npersist_within = \"1m\"\n",
            // The task inherits the contradiction; it is told once, and at the line of this file.
            vec![
                "my.toml:10: ticket.persist_within: answer_within = 10m is more than persist_within = 1m",
            ],
        ),
        (
            "[sessions]\nmax_sessions = 30000\n",
            vec![
                "my.toml:10: sessions.max_sessions: sessions.max_sessions = 30000 is more than \
                 server.max_connections = 25000; ",
            ],
        ),
        (
            "[models.n]\nprovider = \"openai\"\ntoken_delay = \"1s\"\n",
            vec![
                "my.toml:11: models.n.token_delay: is only for models with provider = \"offline\"",
                "my.toml:9: models.n: provider = \"openai\" needs the key `base_url`",
                "my.toml:9: models.n: provider = \"openai\" needs the key `model`",
            ],
        ),
        (
            "pre_process = \"hook\"\n",
            vec![
                "my.toml:9: tenants.acme.tasks.say.pre_process: is a hook, but the tenant has no \
                 `callback` section that says where",
                "my.toml:9: tenants.acme.tasks.say.pre_process: must be a path that starts with / \
                 and is added to the base_url",
            ],
        ),
        (
            "parameters = { temperature = 3.0 }\n",
            vec!["my.toml:9: tenants.acme.tasks.say.parameters.temperature: must be from 0 to 2"],
        ),
        (
            "answer_schema = '{}'\n",
            vec!["my.toml:9: tenants.acme.tasks.say.answer_schema: is only for answer = \"json\""],
        ),
        (
            "answer = \"json\"\nanswer_schema = '{ \"type\": \"objekt\" }'\n",
            vec!["my.toml:10: tenants.acme.tasks.say.answer_schema: is no JSON Schema: at /type: "],
        ),
        (
            "input_schema = '{ \"type\": }'\n",
            vec!["my.toml:9: tenants.acme.tasks.say.input_schema: is not JSON: "],
        ),
        (
            "input_schema = { properties = { wort = {} } }\n",
            vec![
                "my.toml:8: tenants.acme.tasks.say.messages[0].content: uses the variable `word`, \
                 which is not in input_schema; it has `wort`",
            ],
        ),
        (
            "input_schema = { properties = { word = {} } }\n",
            vec![
                "my.toml:8: tenants.acme.tasks.say.messages[0].content: uses the variable `word`, \
                 which input_schema does not require; ",
            ],
        ),
        (
            "[log]\nlevel = \"info,=,\"\n",
            vec!["my.toml:10: log.level: is no log level or list of directives: "],
        ),
        (
            "[tenants.b]\nname = \"\"\nallowed_origins = [\n  \"https://ok.example\",\n  \
             \"https://no.example/\",\n  \"*\",\n]\n",
            vec![
                "my.toml:10: tenants.b.name: must not be empty",
                "my.toml:13: tenants.b.allowed_origins[1]: is no origin; ",
                "my.toml:14: tenants.b.allowed_origins[2]: is no origin; ",
            ],
        ),
        (
            "[tenants.b]\nname = \"B\"\n[tenants.b.callback]\nbase_url = \"http://10.0.0.7/\"\n\
             secrets = [\"whsec_short\"]\n",
            vec![
                "my.toml:12: tenants.b.callback.base_url: is a private or loopback address; ",
                "my.toml:13: tenants.b.callback.secrets[0]: is no Standard Webhooks secret: ",
            ],
        ),
    ] {
        let found = errors(&base_and(more));
        assert_starts(&found, &expected);
    }
    let text = BASE.replace("model = \"m\"", "model = \"n\"");
    let found = errors(&text.replace("{{ word }}", "{{ word"));
    assert_starts(
        &found,
        &[
            &format!(
                "my.toml:7: {task}.model: there is no model `n` under [models]; configured are `m`"
            ),
            &format!(
                "my.toml:8: {task}.messages[0].content: the template does not parse: syntax error"
            ),
        ],
    );
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

#[test]
fn one_key_cannot_open_two_doors() {
    let hash = "ab".repeat(32);
    let key = format!("keys = [{{ prefix = \"pk_live_x\", sha256 = \"{hash}\" }}]\n");
    let found = errors(&format!(
        "[tenants.a]\nname = \"A\"\n{key}[tenants.b]\nname = \"B\"\n{key}"
    ));
    assert_eq!(
        found,
        ["my.toml:6: tenants.b.keys[0].sha256: the same key hash as \
          tenants.a.keys[0].sha256; every key has one owner"]
    );
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
fn a_mistake_in_the_environment_names_its_variable() {
    for (name, value, expected) in [
        (
            "PUNCHCARD__SERVER__WORKERS",
            "many",
            "server.workers: invalid type: string \"many\"",
        ),
        (
            "PUNCHCARD__SERVER__WORKRES",
            "1",
            "server.workres: unknown key `workres`",
        ),
        (
            "PUNCHCARD__LOG__LEVEL__X",
            "1",
            "log.level: invalid type: map",
        ),
        (
            "PUNCHCARD__LOG__LEVEL",
            "\"open",
            "log.level: the value starts like TOML but is none",
        ),
        (
            "PUNCHCARD__LOG____LEVEL",
            "info",
            "the name has an empty part",
        ),
    ] {
        let ConfigErrors(errors) = load_with("", &[(name, value)]).expect_err(name);
        let text = errors[0].to_string();
        let start = format!("environment variable {name}: ");
        assert!(
            text.starts_with(&start) && text.contains(expected),
            "{text}"
        );
    }
}

#[test]
fn a_secret_comes_from_the_environment_or_a_file() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("key"), "sk-file\n").unwrap();
    let file = directory.path().join("my.toml");
    let model = |name: &str, key: &str| {
        format!(
            "[models.{name}]\nprovider = \"openai\"\nbase_url = \"https://x.example\"\n\
             model = \"x\"\napi_key = {key}\n"
        )
    };
    let text = model("a", "{ env = \"KEY\" }") + &model("b", "{ file = \"key\" }");
    std::fs::write(&file, text).unwrap();
    let config = Config::load(&[file], [("KEY".to_owned(), "sk-env".to_owned())]).unwrap();
    let key = |name: &str| {
        config.models[name]
            .api_key
            .as_ref()
            .unwrap()
            .expose()
            .to_owned()
    };
    assert_eq!(
        (key("a").as_str(), key("b").as_str()),
        ("sk-env", "sk-file")
    );
    for text in [
        config.show(),
        config.show_json().to_string(),
        format!("{config:?}"),
    ] {
        assert!(!text.contains("sk-"), "{text}");
    }
}

#[test]
fn a_secret_that_cannot_be_had_is_a_mistake_and_is_not_repeated() {
    for (mode, key, expected) in [
        (
            "production",
            "\"sk-canary\"",
            "a literal secret is only accepted with mode = ",
        ),
        (
            "development",
            "{ env = \"NO\" }",
            "the environment variable NO is not set",
        ),
        ("development", "{ env = \"EMPTY\" }", "the secret is empty"),
        ("development", "\"\"", "is not a reference to a secret"),
        (
            "development",
            "{ file = \"/no/such\" }",
            "cannot read /no/such: ",
        ),
        (
            "development",
            "{ vault = \"sk-canary\" }",
            "is not a reference to a secret",
        ),
        (
            "development",
            "{ env = \"A\", file = \"sk-canary\" }",
            "is not a reference",
        ),
        ("development", "7", "is not a reference to a secret"),
    ] {
        let text = format!(
            "mode = \"{mode}\"\n[models.m]\nprovider = \"openai\"\nmodel = \"x\"\n\
             base_url = \"https://x.example\"\napi_key = {key}\n"
        );
        let ConfigErrors(errors) = load_with(&text, &[("EMPTY", "\n")]).expect_err(key);
        let found: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_starts(
            &found,
            &[&format!("my.toml:6: models.m.api_key: {expected}")],
        );
        assert!(!found[0].contains("canary"));
    }
}

#[test]
fn a_schema_can_stand_in_a_file_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("my.toml");
    std::fs::write(&file, base_and("input_schema = \"in.json\"\n")).unwrap();
    let schema = directory.path().join("in.json");
    let load = || Config::load(std::slice::from_ref(&file), []);

    std::fs::write(
        &schema,
        r#"{ "required": ["word"], "properties": { "word": {} } }"#,
    )
    .unwrap();
    let config = load().unwrap();
    let task = config
        .tenants
        .values()
        .flat_map(|tenant| tenant.tasks.values())
        .next()
        .unwrap();
    assert_eq!(task.input_schema.as_ref().unwrap()["required"][0], "word");

    std::fs::write(&schema, "{\n\n \"required\": oops\n}").unwrap();
    let error = load().unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("{}:3: ", schema.display())),
        "{error}"
    );

    std::fs::remove_file(&schema).unwrap();
    let error = load().unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("{}:9: ", file.display())),
        "{error}"
    );
}

#[test]
fn a_file_that_is_not_there_is_a_sentence() {
    let error = Config::load(&["no/such.toml".into()], []).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("no/such.toml:1: cannot be read: "),
        "{error}"
    );
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
fn no_text_makes_the_loader_panic() {
    use proptest::prelude::*;
    let piece = prop::sample::select(vec![
        "[server]\n",
        "[tenants.a]\n",
        "[models.m]\n",
        "provider = \"openai\"\n",
        "keys = [",
        "{",
        "}",
        "]",
        "=",
        "\"",
        "'''",
        "\n",
        "api_key = ",
        "tasks.x.messages = ",
        "1",
        "é",
        "[[",
        "secrets",
        "[defaults]\n",
        "defaults = 1\n",
        "models = []\n",
        "tenants = 3\n",
        "retry = \"x\"\n",
    ]);
    proptest!(|(pieces in prop::collection::vec(piece, 0..12))| {
        if let Err(ConfigErrors(errors)) = load(&pieces.concat()) {
            prop_assert!(!errors.is_empty());
        }
    });
}
