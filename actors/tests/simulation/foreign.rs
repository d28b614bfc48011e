//! Another node that writes to the same store.

use std::borrow::Cow;
use std::time::Duration;

use futures_util::FutureExt as _;
use punchcard_actors::ports::{EventStore as _, ExpectedRevision};
use punchcard_actors::testing::clock::seeded_id;
use punchcard_events::ticket::{
    CancelMode, Channel, Command, Deadlines, Effect, Failure, Stage, decide, next_effect,
};
use punchcard_events::{EventId, NewEvent, Revision, TicketId, Timestamp};

use crate::plan::ForeignDeed;
use crate::stage::Inner;
use crate::world;

/// Writes to `ticket`, if its state allows that; whether it did.
pub(crate) fn write(inner: &mut Inner, ticket: TicketId, deed: ForeignDeed) -> bool {
    let now = inner.time.now();
    let Some(record) = inner.oracle.record(ticket) else {
        return false;
    };
    let (state, revision) = (record.state.clone(), Revision(record.revision()));
    let Some(tenant) = record.request().map(|request| request.tenant.clone()) else {
        return false;
    };
    let mut cause = record.last_event();
    let command = command(deed, next_effect(&state), now);
    let Some(Ok(events)) = command.map(|command| decide(&state, command)) else {
        return false;
    };
    let mut envelopes = vec![];
    for event in &events {
        inner.ids += 1;
        let id = EventId(seeded_id(now, inner.ids, 1));
        envelopes.push(NewEvent {
            id,
            kind: Cow::Borrowed(event.kind()),
            schema_version: event.schema_version(),
            tenant: tenant.clone(),
            correlation_id: ticket.0,
            causation_id: cause.replace(id),
            recorded_at: now,
            data: event.encode().expect("an event of ours is JSON"),
        });
    }
    let expected = ExpectedRevision::Exact(revision);
    let stream = ticket.stream();
    let appended = inner.memory.append(&stream, expected, &envelopes);
    let written = matches!(appended.now_or_never(), Some(Ok(_)));
    inner.examine(true);
    inner.foreign |= written;
    written
}

fn command(deed: ForeignDeed, owed: Option<Effect>, now: Timestamp) -> Option<Command> {
    let by = "another node".to_owned();
    Some(match deed {
        ForeignDeed::Cancel => Command::Cancel {
            mode: CancelMode::Void,
            by,
            text: None,
        },
        ForeignDeed::Send => {
            let Some(Effect::Send { attempt, model, .. }) = owed else {
                return None;
            };
            Command::Send { attempt, model }
        }
        ForeignDeed::Acknowledge => Command::Acknowledge {
            channel: Channel::Fetch,
            by,
        },
        ForeignDeed::Fail => Command::Fail(Failure {
            stage: Stage::Model,
            code: "foreign".to_owned(),
            message: "another node gave it up".to_owned(),
        }),
        ForeignDeed::Redrive => Command::Redrive {
            by,
            now,
            redrive: None,
            from: None,
            deadlines: Deadlines {
                answer_by: now.plus(world::ANSWER_WITHIN),
                persist_by: now.plus(world::PERSIST_WITHIN),
                deliver_by: now.plus(world::DELIVER_WITHIN + Duration::from_secs(5)),
            },
        },
    })
}
