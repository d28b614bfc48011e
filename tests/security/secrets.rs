//! What a secret prints of itself.

use std::sync::Arc;

use punchcard::adapters::webhooks::SigningSecret;
use punchcard::keys::ApiKey;
use punchcard::secret::Secret;
use punchcard_actors::sessions::{Grant, SessionLimits, SessionSupervisor};
use punchcard_actors::testing::vouched::Vouched;
use punchcard_events::{TenantId, UserId};

#[test]
fn the_debug_form_of_every_type_that_holds_a_secret_is_redacted() {
    let key = ApiKey::generate().unwrap();
    let signing = "C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let secret: SigningSecret = format!("whsec_{signing}").parse().unwrap();
    let token = actix::System::new().block_on(async {
        let sessions =
            SessionSupervisor::launch(SessionLimits::default(), Arc::new(Vouched::default()));
        let grant = Grant {
            tenant: TenantId::new("acme").unwrap(),
            user: UserId::new("u1").unwrap(),
            key_prefix: "pk_live_0".to_owned(),
        };
        sessions.mint(grant).await.unwrap()
    });
    for (shown, hidden) in [
        (format!("{:?}", Secret::new("canary")), "canary"),
        (format!("{key:?}"), key.expose()),
        (format!("{secret:?}"), signing),
        (format!("{token:?}"), token.expose()),
    ] {
        assert!(shown.contains("[redacted]"), "{shown}");
        assert!(!shown.contains(hidden), "{shown}");
    }
}
