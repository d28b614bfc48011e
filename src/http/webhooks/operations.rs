//! What is said of the routes of webhooks.

use actix_web::http::Method;
use punchcard_actors::ports::DeliveryState;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;

use super::endpoints::{ChangeBody, CreateBody};
use super::resend::RangeBody;
use super::secrets::RotateBody;
use super::view::{
    DeliveryDetail, DeliveryPage, EndpointList, EndpointView, RemovedView, ResendView, SecretsView,
    TestSent,
};
use crate::http::errors::Code;
use crate::http::openapi::common::PageLimit;
use crate::http::openapi::{Area, Operation, Text, delete, get, post};

/// The name of a message's state.
struct StateOfMessage;

impl JsonSchema for StateOfMessage {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StateOfMessage".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": DeliveryState::ALL.map(DeliveryState::as_str) })
    }
}

/// The area of the document.
pub(in crate::http) fn area() -> Area {
    Area::new(
        "Webhooks",
        "Endpoints are told what became of tickets, by signed Standard Webhooks messages.",
        [
            list(),
            create(),
            read(),
            change(),
            remove(),
            reveal(),
            rotate(),
            enable(),
            disable(),
            test(),
            resend(),
            log(),
            one(),
            resend_one(),
        ],
    )
}

fn list() -> Operation {
    get("/v1/webhooks", "listWebhooks", "List the endpoints")
        .gives::<EndpointList>(200, "All of them, without their secrets.")
}

fn create() -> Operation {
    post("/v1/webhooks", "createWebhook", "Register an endpoint")
        .about("The URL must be https to a public address.")
        .body::<CreateBody>()
        .example(json!({
            "url": "https://example.com/punchcard", "event_types": ["ticket.persisted"],
        }))
        .gives::<EndpointView>(
            201,
            "The endpoint, with the secret that its messages are signed with.",
        )
        .with_header::<Text>("Location", "Where the endpoint is.")
        .changes()
        .refuses(&[Code::ForbiddenUrl, Code::TooManyWebhooks])
}

fn read() -> Operation {
    get("/v1/webhooks/{endpoint}", "readWebhook", "Read an endpoint")
        .gives::<EndpointView>(200, "The endpoint, and how it does.")
        .of_an_endpoint()
}

fn change() -> Operation {
    Operation::new(
        Method::PATCH,
        "/v1/webhooks/{endpoint}",
        "changeWebhook",
        "Change an endpoint",
    )
    .about("What is left out stays. An empty description takes it away.")
    .body::<ChangeBody>()
    .example(json!({ "event_types": ["ticket.persisted", "ticket.failed"] }))
    .gives::<EndpointView>(200, "The endpoint as it is now.")
    .of_an_endpoint()
    .changes()
    .refuses(&[Code::ForbiddenUrl])
}

fn remove() -> Operation {
    delete(
        "/v1/webhooks/{endpoint}",
        "removeWebhook",
        "Remove an endpoint",
    )
    .about("What waits for it is not sent.")
    .gives::<RemovedView>(200, "It is gone.")
    .of_an_endpoint()
    .changes()
}

fn reveal() -> Operation {
    get(
        "/v1/webhooks/{endpoint}/secret",
        "readWebhookSecret",
        "Show an endpoint's secrets",
    )
    .gives::<SecretsView>(200, "Those that messages are signed with now.")
    .of_an_endpoint()
}

fn rotate() -> Operation {
    post(
        "/v1/webhooks/{endpoint}/rotate-secret",
        "rotateWebhookSecret",
        "Make a new secret",
    )
    .about("While both hold, messages carry a signature by each. Without a body the old one holds for a day.")
    .optional_body::<RotateBody>()
    .example(json!({ "overlap_seconds": 86_400 }))
    .gives::<EndpointView>(200, "The endpoint, with its new secret.")
    .of_an_endpoint()
    .changes()
    .refuses(&[Code::RotationUnderWay])
}

fn enable() -> Operation {
    post(
        "/v1/webhooks/{endpoint}/enable",
        "enableWebhook",
        "Send to an endpoint again",
    )
    .gives::<EndpointView>(200, "The endpoint as it is now.")
    .of_an_endpoint()
    .changes()
}

fn disable() -> Operation {
    post(
        "/v1/webhooks/{endpoint}/disable",
        "disableWebhook",
        "Send nothing to an endpoint for now",
    )
    .gives::<EndpointView>(200, "The endpoint as it is now.")
    .of_an_endpoint()
    .changes()
}

fn test() -> Operation {
    post(
        "/v1/webhooks/{endpoint}/test",
        "testWebhook",
        "Send a test message",
    )
    .gives::<TestSent>(202, "It is on its way.")
    .of_an_endpoint()
    .changes()
    .refuses(&[Code::WebhookDisabled])
}

fn resend() -> Operation {
    post(
        "/v1/webhooks/{endpoint}/resend",
        "resendWebhookRange",
        "Send the messages of a time range again",
    )
    .about(
        "Those that were not taken, the oldest first and paced; with `dry_run` they are counted.",
    )
    .body::<RangeBody>()
    .example(json!({
        "from": "2026-11-23T00:00:00Z", "until": "2026-11-24T00:00:00Z", "dry_run": true,
    }))
    .gives::<ResendView>(200, "How many there are; only with `dry_run`.")
    .gives::<ResendView>(202, "How many are sent again.")
    .of_an_endpoint()
    .changes()
    .refuses(&[Code::WebhookDisabled])
}

fn log() -> Operation {
    get(
        "/v1/webhooks/{endpoint}/deliveries",
        "listWebhookDeliveries",
        "List the messages of an endpoint",
    )
    .about("The newest first.")
    .query::<StateOfMessage>("state", "Only messages in this state.")
    .query::<PageLimit>("limit", "How many.")
    .query::<Text>("cursor", "Where the page before ended.")
    .gives::<DeliveryPage>(200, "A page of the log.")
    .of_an_endpoint()
    .refuses(&[Code::InvalidCursor])
}

fn one() -> Operation {
    get(
        "/v1/webhooks/{endpoint}/deliveries/{delivery}",
        "readWebhookDelivery",
        "Read a message with its attempts",
    )
    .gives::<DeliveryDetail>(200, "The message, its newest attempt first.")
    .of_an_endpoint()
}

fn resend_one() -> Operation {
    post(
        "/v1/webhooks/{endpoint}/deliveries/{delivery}/resend",
        "resendWebhookDelivery",
        "Send a message again",
    )
    .gives::<ResendView>(202, "It is sent again, under the same id.")
    .of_an_endpoint()
    .changes()
    .refuses(&[Code::WebhookDisabled])
}

impl Operation {
    /// What an operation about an endpoint refuses.
    fn of_an_endpoint(self) -> Self {
        self.refuses(&[Code::NotFound, Code::InvalidParameter])
    }

    /// What a change of an endpoint can come to.
    fn changes(self) -> Self {
        self.refuses(&[Code::WebhookBusy, Code::OutcomeUnknown])
    }
}
