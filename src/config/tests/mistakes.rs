//! Bad configurations as tables: what is written, and the sentence it gets.

use super::*;

/// What is written, and the one mistake that is found.
const SHAPE: &[(&str, &str)] = &[
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
        "my.toml:2: store.engine: unknown key `engine`; the keys here are `data_dir`, `max_batch`, `witness`, `checkpoint_pages`",
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
             letters, digits or -, starting with a letter \
             and not ending with -",
    ),
    (
        "[tenants.acme]\nname = \"x\"\nkeys = [{ prefix = \"pk_live_x\", sha256 = \"12\" }]\n",
        "my.toml:3: tenants.acme.keys[0].sha256: must be the SHA-256 of a key: 64 hexadecimal \
             digits",
    ),
    (
        "[admin]\nkeys = [{ prefix = \"pk_live_x\", sha256 = \"12\" }]\n",
        "my.toml:2: admin.keys[0].sha256: must be the SHA-256 of a key: 64 hexadecimal digits",
    ),
    (
        "[admin]\nkey = []\n",
        "my.toml:2: admin.key: unknown key `key`; did you mean `keys`?",
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
        "[defaults.model]\nmax_concurrency = \"many\"\n",
        "my.toml:2: defaults.model.max_concurrency: invalid value: string \"many\", expected a \
             number of calls above zero, or \"adaptive\"",
    ),
    (
        "[callbacks]\nmax_concurrency = 0\n",
        "my.toml:2: callbacks.max_concurrency: invalid value: integer `0`, expected a number of \
             calls above zero, or \"adaptive\"",
    ),
    (
        "[callbacks]\nmax_concurrency = 1.5\n",
        "my.toml:2: callbacks.max_concurrency: invalid type: floating point `1.5`, expected a \
             number of calls above zero, or \"adaptive\"",
    ),
    (
        "[supervision.model]\nretry_ratio = 1.5\n",
        "my.toml:2: supervision.model.retry_ratio: must be above 0 and at most 1",
    ),
    (
        "[supervision.callback]\nmax_share = nan\n",
        "my.toml:2: supervision.callback.max_share: must be above 0 and at most 1",
    ),
    (
        "[supervision.callback]\nramp_calls_per_second = 0\n",
        "my.toml:2: supervision.callback.ramp_calls_per_second: must be from 0.001 to 1000000000 \
             per second",
    ),
    (
        "[supervision.model]\nbreaker_probs = 1\n",
        "my.toml:2: supervision.model.breaker_probs: unknown key `breaker_probs`; did you mean \
             `breaker_probes`?",
    ),
    (
        "[defaults.modle]\nx = 3\n",
        "my.toml:1: defaults.modle: unknown key `modle`; the keys here are `model`, `task`",
    ),
];

#[test]
fn a_mistake_of_shape_is_named_with_its_line_and_key() {
    for (text, expected) in SHAPE {
        assert_eq!(errors(text), [*expected], "{text}");
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

/// What is added to the small valid configuration, and how each mistake's text starts.
const MEANING: &[(&str, &[&str])] = &[
    (
        "[ticket]\npersist_within = \"1m\"\n",
        // The task inherits the contradiction; it is told once, and at the line of this file.
        &[
            "my.toml:10: ticket.persist_within: answer_within = 10m is more than persist_within = 1m",
        ],
    ),
    (
        "[supervision.callback]\nbreaker_open_for = \"5m\"\nbreaker_min_calls = 200\n\
             adaptive_min = 300\n",
        &[
            "my.toml:10: supervision.callback.breaker_open_for: breaker_open_for = 5m is more than \
                 breaker_max_open_for = 2m",
            "my.toml:11: supervision.callback.breaker_min_calls: breaker_min_calls = 200 is more \
                 than breaker_window_calls = 100",
            "my.toml:12: supervision.callback.adaptive_min: adaptive_min = 300 is more than \
                 adaptive_max = 256",
        ],
    ),
    (
        "[models.n]\nprovider = \"offline\"\n[models.n.price]\n\
             input_per_million_usd = -0.1\noutput_per_million_usd = inf\n\
             [prompts]\ntest_case_timeout = \"2h\"\n",
        &[
            "my.toml:12: models.n.price.input_per_million_usd: must be a number of US dollars, 0 or \
                 more",
            "my.toml:13: models.n.price.output_per_million_usd: must be a number of US dollars, 0 or \
                 more",
            "my.toml:15: prompts.test_case_timeout: test_case_timeout = 2h is more than \
                 test_run_timeout = 1h",
        ],
    ),
    (
        "[sessions]\nmax_sessions = 30000\n",
        &[
            "my.toml:10: sessions.max_sessions: sessions.max_sessions = 30000 is more than \
                 server.max_connections = 25000; ",
        ],
    ),
    (
        "[models.n]\nprovider = \"openai\"\ntoken_delay = \"1s\"\n",
        &[
            "my.toml:11: models.n.token_delay: is only for models with provider = \"offline\"",
            "my.toml:9: models.n: provider = \"openai\" needs the key `base_url`",
            "my.toml:9: models.n: provider = \"openai\" needs the key `model`",
        ],
    ),
    (
        "fallback_models = [\n  \"m\",\n  \"n\",\n  \"x\",\n  \"n\",\n]\n\
             [models.n]\nprovider = \"offline\"\nmax_tokens_field = \"max_tokens\"\n",
        &[
            "my.toml:10: tenants.acme.tasks.say.fallback_models[0]: `m` is the task's own model",
            "my.toml:12: tenants.acme.tasks.say.fallback_models[2]: there is no model `x` under \
                 [models]; configured are `m`, `n`",
            "my.toml:13: tenants.acme.tasks.say.fallback_models[3]: `n` is named twice",
            "my.toml:17: models.n.max_tokens_field: is only for models with provider = \"openai\"",
        ],
    ),
    (
        "fallback_models = [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\"]\n\
             [models]\n1 = { provider = \"offline\" }\n2 = { provider = \"offline\" }\n\
             3 = { provider = \"offline\" }\n4 = { provider = \"offline\" }\n\
             5 = { provider = \"offline\" }\n6 = { provider = \"offline\" }\n\
             7 = { provider = \"offline\" }\n8 = { provider = \"offline\" }\n\
             9 = { provider = \"offline\" }\n",
        &["my.toml:9: tenants.acme.tasks.say.fallback_models: names more than 8 models"],
    ),
    (
        "pre_process = \"hook\"\n",
        &[
            "my.toml:9: tenants.acme.tasks.say.pre_process: is a hook, but the tenant has no \
                 `callback` section that says where",
            "my.toml:9: tenants.acme.tasks.say.pre_process: must be a path that starts with / \
                 and is added to the base_url",
        ],
    ),
    (
        "parameters = { temperature = 3.0 }\n",
        &["my.toml:9: tenants.acme.tasks.say.parameters.temperature: must be from 0 to 2"],
    ),
    (
        "answer_schema = '{}'\n",
        &["my.toml:9: tenants.acme.tasks.say.answer_schema: is only for answer = \"json\""],
    ),
    (
        "answer = \"json\"\nanswer_schema = '{ \"type\": \"objekt\" }'\n",
        &["my.toml:10: tenants.acme.tasks.say.answer_schema: this is no JSON Schema: at /type: "],
    ),
    (
        "input_schema = '{ \"type\": }'\n",
        &["my.toml:9: tenants.acme.tasks.say.input_schema: is not JSON: "],
    ),
    (
        "input_schema = { properties = { wort = {} } }\n",
        &[
            "my.toml:8: tenants.acme.tasks.say.messages[0].content: the variable `word` is not in \
                 input_schema (line 1, column 8 of the text). Did you mean `wort`?",
        ],
    ),
    (
        "input_schema = { properties = { word = {} } }\n",
        &[
            "my.toml:8: tenants.acme.tasks.say.messages[0].content: the variable `word` may be missing: \
                 input_schema does not require it (line 1, column 8 of the text). Require it",
        ],
    ),
    (
        "[log]\nlevel = \"info,=,\"\n",
        &["my.toml:10: log.level: is no log level or list of directives: "],
    ),
    (
        "[tenants.b]\nname = \"\"\nallowed_origins = [\n  \"https://ok.example\",\n  \
             \"https://no.example/\",\n  \"*\",\n]\n",
        &[
            "my.toml:10: tenants.b.name: must not be empty",
            "my.toml:13: tenants.b.allowed_origins[1]: is no origin; ",
            "my.toml:14: tenants.b.allowed_origins[2]: is no origin; ",
        ],
    ),
    (
        "[tenants.b]\nname = \"B\"\n[tenants.b.callback]\nbase_url = \"http://169.254.169.254/\"\n\
             secrets = [\"whsec_short\"]\n",
        &[
            "my.toml:12: tenants.b.callback.base_url: 169.254.169.254 is never called: ",
            "my.toml:13: tenants.b.callback.secrets[0]: is no Standard Webhooks secret: ",
        ],
    ),
];

#[test]
fn a_mistake_of_meaning_is_named_with_its_line_and_key() {
    for (more, expected) in MEANING {
        assert_starts(&errors(&base_and(more)), expected);
    }
}

#[test]
fn a_task_that_cannot_run_is_named_with_its_line_and_key() {
    let task = "tenants.acme.tasks.say";
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
fn an_operators_key_is_nobody_elses_and_looks_like_a_key() {
    let hash = "ab".repeat(32);
    let key = |prefix: &str, more: &str| {
        format!("keys = [{{ prefix = \"{prefix}\", sha256 = \"{hash}\"{more} }}]\n")
    };
    let (operator, tenant) = (key("sk-1", ""), key("pk_live_x", ""));
    let found = errors(&format!(
        "[admin]\n{operator}[tenants.a]\nname = \"A\"\n{tenant}"
    ));
    assert_eq!(
        found,
        [
            "my.toml:2: admin.keys[0].prefix: is no key's prefix; `punchcard key new --operator` \
             prints the whole line",
            "my.toml:5: tenants.a.keys[0].sha256: the same key hash as admin.keys[0].sha256; \
             every key has one owner",
        ]
    );
    let roles = key("pk_live_x", ", roles = [\"admin\"]");
    let found = errors(&format!("[admin]\n{roles}"));
    assert_starts(
        &found,
        &["my.toml:2: admin.keys[0].roles: unknown key `roles`"],
    );
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

#[test]
fn no_override_makes_the_loader_panic() {
    use proptest::prelude::*;
    let name = "PUNCHCARD__[A-Z_]{0,24}|PUNCHCARD__(SERVER|MODELS__M|TENANTS__ACME)__[A-Z_]{0,12}";
    let value = "[\\[{\"']?[a-z0-9=,{}\\[\\]\"' ]{0,12}";
    proptest!(ProptestConfig::with_cases(64), |(name in name, value in value)| {
        if let Err(ConfigErrors(errors)) = load_with(BASE, &[(&name, &value)]) {
            prop_assert!(!errors.is_empty());
        }
    });
}

#[test]
fn a_task_cannot_have_the_name_of_a_route() {
    for name in ["import", "export"] {
        let text = format!(
            "[models.m]\nprovider = \"offline\"\n[tenants.acme]\nname = \"A\"\n\
             [tenants.acme.tasks.{name}]\nmodel = \"m\"\n"
        );
        let refused = load(&text).unwrap_err().to_string();
        assert!(
            refused.contains("is a route of the prompt API"),
            "{refused}"
        );
    }
}
