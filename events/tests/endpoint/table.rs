//! Every state with every command.

use punchcard_events::endpoint::{EndpointState, decide};

use crate::samples::*;

#[test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn every_state_answers_every_command_as_decided() {
    let states = [
        ("unregistered", vec![]),
        ("enabled", vec![registered()]),
        ("disabled", vec![registered(), disabled()]),
        ("removed", vec![registered(), removed()]),
    ];
    // What happens, or why not, for each of the commands in the order of the samples.
    let decided: [(&str, [&str; 8]); 4] = [
        (
            "unregistered",
            [
                "EndpointRegistered",
                "not_found",
                "not_found",
                "not_found",
                "not_found",
                "not_found",
                "not_found",
                "not_found",
            ],
        ),
        (
            "enabled",
            [
                "already_registered",
                "EndpointChanged",
                "SecretRotated",
                "EndpointDisabled",
                "",
                "EndpointTested",
                "DeliveriesResent",
                "EndpointRemoved",
            ],
        ),
        (
            "disabled",
            [
                "already_registered",
                "EndpointChanged",
                "SecretRotated",
                "",
                "EndpointEnabled",
                "endpoint_disabled",
                "endpoint_disabled",
                "EndpointRemoved",
            ],
        ),
        (
            "removed",
            [
                "already_registered",
                "not_found",
                "not_found",
                "not_found",
                "not_found",
                "not_found",
                "not_found",
                "",
            ],
        ),
    ];
    for ((state, history), (name, row)) in states.iter().zip(decided) {
        assert_eq!(*state, name);
        let folded = EndpointState::replay(history);
        for ((command, asked), expected) in commands().into_iter().zip(row) {
            let found = match decide(&folded, asked) {
                Ok(events) => events
                    .iter()
                    .map(|event| event.kind())
                    .collect::<Vec<_>>()
                    .join(" "),
                Err(rejection) => rejection.code().to_owned(),
            };
            assert_eq!(found, expected, "{command} when {state}");
        }
    }
}
