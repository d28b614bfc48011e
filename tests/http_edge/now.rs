//! Who asks, and what goes on now: each sees what is their own.

use serde_json::{Value, json};

use crate::edge::{Edge, KEY, OTHER_KEY, working_as};

#[tokio::test]
async fn a_key_is_told_its_tenant_its_name_and_its_roles() {
    let edge = Edge::start();
    let reply = edge
        .get(&working_as(OTHER_KEY, "publisher+issuer"), "/v1/whoami")
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let expected = json!({
        "tenant": "another",
        "name": "another",
        "key": {"prefix": "pk_another"},
        "roles": ["issuer", "publisher"],
    });
    assert_eq!(reply.json(), expected);
    let asked = edge.get(KEY, "/v1/whoami?tenant=another").await;
    assert_eq!(
        (asked.status, asked.code().as_str()),
        (400, "invalid_parameter")
    );
}

#[tokio::test]
async fn an_operator_is_told_so_and_is_no_tenant() {
    let edge = Edge::start();
    let reply = edge
        .operate("GET", "/admin/v1/whoami", "", &Value::Null)
        .await;
    let prefix = edge.operator.prefix();
    let expected = json!({"operator": {"prefix": prefix, "name": "ada"}});
    assert_eq!((reply.status, reply.json()), (200, expected));
    let as_a_tenant = edge.operate("GET", "/v1/whoami", "", &Value::Null).await;
    assert_eq!(as_a_tenant.status, 401, "{as_a_tenant:?}");
}

fn sum(counts: &Value) -> u64 {
    let counts = counts.as_array().expect("a list");
    assert_eq!(counts.len(), 60);
    counts.iter().filter_map(Value::as_u64).sum()
}

/// What goes on, once one ticket is counted and calls the model: figures follow the events.
async fn counted(edge: &Edge, key: &str) -> Value {
    for _ in 0..200 {
        let reply = edge.get(key, "/v1/now").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let now = reply.json();
        if sum(&now["tickets"]["issued"]) == 1 && now["models"][0]["in_flight"] == 1 {
            return now;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the ticket is not counted");
}

#[tokio::test]
async fn a_tenant_sees_what_goes_on_with_its_own_tickets_and_nothing_of_anothers() {
    let edge = Edge::start();
    let held = edge.model.script();
    edge.issue(Some("u1")).await;
    let now = counted(&edge, KEY).await;
    assert_eq!(sum(&now["tickets"]["issued"]), 1);
    let model = &now["models"][0];
    assert_eq!(
        (&model["model"], &model["breaker"]),
        (&json!("scripted"), &json!("closed"))
    );
    assert_eq!(
        (&model["in_flight"], &model["limit"]),
        (&json!(1), &json!(100))
    );
    drop(held);

    let other = edge.get(OTHER_KEY, "/v1/now").await.json();
    assert_eq!(sum(&other["tickets"]["issued"]), 0);
    assert_eq!(other["tickets"]["open"], json!({}));
    assert_eq!(
        (&other["models"], &other["sessions"]),
        (&json!([]), &json!(0))
    );
    assert_eq!(other["callbacks"], Value::Null);
    assert!(!other.to_string().contains("onehour"), "{other}");
}

#[tokio::test]
async fn an_operator_sees_all_tenants_together_and_each_in_a_line() {
    let edge = Edge::start();
    let _held = edge.model.script();
    edge.issue(Some("u1")).await;
    let _session = edge.session("u1", json!([])).await;
    counted(&edge, KEY).await;
    // A count of open tickets is a second old at most.
    let mut now = Value::Null;
    for _ in 0..100 {
        let reply = edge.operate("GET", "/admin/v1/now", "", &Value::Null).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        now = reply.json();
        if now["tenants"][0]["sessions"] == 1 && now["tenants"][0]["open"] == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let expected = json!([{"tenant": "onehour", "open": 1, "waiting": 0, "sessions": 1}]);
    assert_eq!(now["tenants"], expected);
    assert_eq!(now["tickets"]["open"], json!({"sent": 1}));
    assert!(now["store"]["position"].as_u64() > Some(1), "{now}");
    assert_eq!(sum(&now["tickets"]["issued"]), 1);
    let refused = edge.operate("GET", "/admin/v1/now?tenant=x", "", &Value::Null);
    assert_eq!(refused.await.code(), "invalid_parameter");
}
