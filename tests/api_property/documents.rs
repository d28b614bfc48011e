//! The document as it is served and printed: what a validator of others says of it, and how the page
//! is guarded.

use std::path::PathBuf;

use punchcard::http::{admin_document, document};
use serde_json::Value;

use crate::property::python;
use crate::world::World;

#[tokio::test]
async fn the_served_documents_are_those_of_the_code_and_valid() {
    let world = World::start().await;
    for (base, path, expected) in [
        (world.server.api(), "/v1/openapi.json", document()),
        (
            world.server.admin(),
            "/admin/v1/openapi.json",
            admin_document(),
        ),
    ] {
        let answer = world
            .http
            .get(format!("{base}{path}"))
            .send()
            .await
            .unwrap();
        let tag = answer.headers()["etag"].clone();
        let served: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(&served, expected);
        let again = world
            .http
            .get(format!("{base}{path}"))
            .header("if-none-match", tag);
        let again = again.send().await.unwrap();
        assert_eq!(again.status(), 304);
        assert_eq!(again.text().await.unwrap(), "");

        let file = world.dir.path().join("document.json");
        std::fs::write(&file, served.to_string()).unwrap();
        let judged = python(&["-m", "openapi_spec_validator", file.to_str().unwrap()]).await;
        assert!(judged.contains("OK"), "{judged}");
    }
    let printed = crate::punchcard::run(&["openapi"]).await;
    let printed: Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(&printed, document());
}

#[tokio::test]
async fn the_page_is_whole_without_scripts_and_asks_nobody_else() {
    let world = World::start().await;
    for base in [world.server.api(), world.server.admin()] {
        let answer = world.http.get(format!("{base}/docs")).send().await.unwrap();
        let policy = answer.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let page = answer.text().await.unwrap();
        for (name, text) in [("src=", "src=\"/docs/"), ("<link", "href=\"/docs/")] {
            let lines = page.lines().filter(|line| line.contains(name));
            assert!(lines.clone().count() > 0);
            assert!(
                lines.into_iter().all(|line| line.contains(text)),
                "{name} leads elsewhere"
            );
        }
        assert!(
            !page.contains("<style") && !page.contains(" style=") && !page.contains(" onclick")
        );
        for asset in ["style.css", "script.js"] {
            let asset = world
                .http
                .get(format!("{base}/docs/{asset}"))
                .send()
                .await
                .unwrap();
            assert_eq!(asset.status(), 200);
        }
    }
    let page = world
        .http
        .get(format!("{}/docs", world.server.api()))
        .send()
        .await
        .unwrap();
    let page = page.text().await.unwrap();
    for (_, item) in document()["paths"].as_object().unwrap() {
        for (_, said) in item.as_object().unwrap() {
            let summary = said["summary"].as_str().unwrap().replace('\'', "&#39;");
            assert!(page.contains(&summary), "{summary} is not on the page");
        }
    }
    let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/http/openapi/page/script.js");
    assert!(
        !std::fs::read_to_string(sample)
            .unwrap()
            .contains("innerHTML")
    );
}
