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
