//! Secrets and schemas that stand somewhere else.

use super::*;

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
fn an_override_may_hold_the_secret_itself() {
    let text =
        "[models.m]\nprovider = \"openai\"\nmodel = \"x\"\nbase_url = \"https://x.example\"\n";
    let override_ = ("PUNCHCARD__MODELS__M__API_KEY", "sk-env");
    let config = load_with(text, &[override_]).unwrap();
    let key = config.models["m"].api_key.as_ref().unwrap();
    assert_eq!((config.mode, key.expose()), (Mode::Production, "sk-env"));
    assert!(!config.show().contains("sk-env"));
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
