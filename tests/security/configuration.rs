//! What a configuration may not say, and what it does not show.

use punchcard::config::Config;

use crate::punchcard::run;

/// Every kind of address that must not be called, in the spellings that have fooled others.
const FORBIDDEN: [&str; 44] = [
    // Loopback.
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "%31%32%37.0.0.1",
    "１２７.0.0.1",
    "127。0。0。1",
    "127.255.255.254",
    "localhost",
    "LOCALHOST.",
    "a.localhost",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    // This host and network.
    "0",
    "0.0.0.0",
    "[::]",
    // Private.
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "[fc00::1]",
    "[fd00::1]",
    // Link-local and metadata services.
    "169.254.0.1",
    "169.254.169.254",
    "0xA9FEA9FE",
    "2852039166",
    "0251.0376.0251.0376",
    "[fe80::1]",
    "[fd00:ec2::254]",
    // Carrier-grade NAT.
    "100.64.0.1",
    "100.127.255.255",
    // IPv4 inside IPv6: mapped, compatible, NAT64, 6to4, Teredo.
    "[::ffff:127.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[::127.0.0.1]",
    "[64:ff9b::10.0.0.1]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    // Multicast and broadcast.
    "224.0.0.1",
    "255.255.255.255",
];

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const MODEL_KEY: &str = "canary-of-the-model-key";

/// A production configuration whose tenant is called at `base_url`.
fn calling(base_url: &str) -> String {
    format!(
        "[models.m]\nprovider = \"openai\"\nmodel = \"x\"\nbase_url = \"https://x.example\"\n\
         api_key = {{ env = \"MODEL_KEY\" }}\n\
         [tenants.acme]\nname = \"Acme\"\n\
         [tenants.acme.callback]\nbase_url = \"{base_url}\"\nsecrets = [{{ env = \"SECRET\" }}]\n"
    )
}

fn load(text: &str) -> Result<Config, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("my.toml");
    std::fs::write(&file, text).unwrap();
    let environment = [("SECRET", SECRET), ("MODEL_KEY", MODEL_KEY)];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Config::load(&[file], environment).map_err(|errors| errors.to_string())
}

#[test]
fn no_spelling_of_an_address_that_is_not_public_is_taken_for_a_callback() {
    load(&calling("https://api.acme.example")).expect("the control: a public name is taken");
    for host in FORBIDDEN {
        for url in [
            format!("https://{host}/hooks"),
            format!("https://{host}:8443"),
        ] {
            let refused = load(&calling(&url)).expect_err(&url);
            let named = refused.contains("tenants.acme.callback.base_url");
            assert!(named, "{url} is refused for something else: {refused}");
        }
    }
    for url in ["http://api.acme.example", "https://u:p@api.acme.example"] {
        let refused = load(&calling(url)).expect_err(url);
        assert!(refused.contains("callback.base_url"), "{url}: {refused}");
    }
}

#[test]
fn the_defaults_listen_on_loopback_only_and_are_for_production() {
    let config = Config::load(&[], []).unwrap();
    assert!(config.server.listen.ip().is_loopback());
    assert!(config.server.admin_listen.ip().is_loopback());
    assert!(!config.callbacks.allow_private_networks);
    let shown = config.show();
    assert!(shown.contains("mode = \"production\""), "{shown}");
    assert!(config.tenants.is_empty(), "nobody has a key by default");
}

#[test]
fn no_form_of_a_configuration_shows_a_secret() {
    let config = load(&calling("https://api.acme.example")).unwrap();
    let forms = [
        ("show", config.show()),
        ("show --json", config.show_json().to_string()),
        ("Debug", format!("{config:?}")),
    ];
    for (what, form) in forms {
        assert!(form.contains("[redacted]"), "{what}: {form}");
        for secret in [SECRET, SECRET.trim_start_matches("whsec_"), MODEL_KEY] {
            assert!(!form.contains(secret), "{secret} is in {what}");
        }
    }
}

#[test]
fn no_complaint_about_a_configuration_quotes_a_secret() {
    let development = "mode = \"development\"\n[models.m]\nprovider = \"openai\"\nmodel = \"x\"\n";
    for mistake in [
        // Cut off, of a wrong type, twice, misplaced, under a wrong name, or not wanted in production.
        "api_key = \"canary",
        "api_key = canary",
        "api_key = [\"canary\"]",
        "api_key = \"canary\"\napi_key = \"canary\"",
        "api_key = \"canary\" base_url = \"x\"",
        "api_keys = \"canary\"",
        "api_key.literal = \"canary\"",
        "base_url = \"https://user:canary@x.example\"\nprovider = \"none\"",
        "[tenants.acme]\nname = \"A\"\ncallback = { base_url = \"https://a.example\", secrets = [\"canary\"] }",
        "[tenants.acme]\nname = \"A\"\ncallback = { base_url = \"https://a.example\", secrets = \"canary\" }",
        "[tenants.acme]\nname = \"A\"\nkeys = [{ prefix = \"pk_live_0\", sha256 = \"canary\" }]",
    ] {
        let refused = load(&format!("{development}{mistake}\n")).expect_err(mistake);
        assert!(!refused.contains("canary"), "{mistake}\n{refused}");
    }
    let lone =
        calling("https://a.example").replace("[{ env = \"SECRET\" }]", "{ env = \"SECRET\" }");
    let refused = load(&lone).unwrap_err();
    assert!(
        refused.contains("callback.secrets: is not a list"),
        "{refused}"
    );
    assert!(!refused.contains("whsec_"), "{refused}");
}

#[tokio::test]
async fn the_program_shows_its_configuration_without_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("my.toml");
    let text = calling("https://api.acme.example")
        .replace("{ env = \"SECRET\" }", &format!("\"{SECRET}\""))
        .replace("{ env = \"MODEL_KEY\" }", &format!("\"{MODEL_KEY}\""));
    std::fs::write(&file, format!("mode = \"development\"\n{text}")).unwrap();
    let file = file.to_str().unwrap();
    for args in [
        &["config", "show", "--config", file][..],
        &["--json", "config", "show", "--config", file],
    ] {
        let shown = run(args).await;
        assert!(shown.status.success(), "{shown:?}");
        let text = String::from_utf8([shown.stdout, shown.stderr].concat()).unwrap();
        assert!(text.contains("[redacted]"), "{text}");
        assert!(!text.contains(SECRET) && !text.contains(MODEL_KEY));
    }
}
