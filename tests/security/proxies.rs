//! Proxies of the environment: a call of the program goes where its configuration says, and nowhere else.

use crate::api::http;
use crate::pair::Pair;
use crate::trap::Trap;

/// Every variable that some HTTP library takes for a proxy.
const VARIABLES: [&str; 6] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
];

#[tokio::test]
async fn no_call_goes_to_a_proxy_of_the_environment() {
    let trap = Trap::start().await;
    let mut variables: Vec<_> = VARIABLES.map(|name| (name, trap.url.as_str())).into();
    // Loopback is not excepted.
    variables.extend([("NO_PROXY", ""), ("no_proxy", "")]);
    let pair = Pair::start(&variables).await;
    for tenant in &pair.tenants {
        let ticket = tenant.issue("review", "proxied").await;
        tenant.api.until_event(&ticket, "TicketPersisted").await;
        assert_eq!(tenant.model.calls_count(), 1, "the model was asked itself");
        assert_eq!(
            tenant.backend.deliveries().len(),
            2,
            "and so was the backend"
        );
    }
    assert_eq!(trap.caught(), 0);
}

/// The control: a client that does take proxies ends in the trap.
#[tokio::test]
async fn the_trap_catches_a_client_that_takes_a_proxy() {
    let trap = Trap::start().await;
    drop(http()); // installs the provider of TLS
    let proxied = reqwest::Client::builder()
        .proxy(reqwest::Proxy::all(&trap.url).unwrap())
        .tls_certs_only([])
        .build()
        .unwrap();
    let answer = proxied.get("http://127.0.0.1:9/").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), trap.caught()), (418, 1));
}
