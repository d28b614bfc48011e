//! What a client may send: whole messages of bounded size, at a bounded rate. Pure.

use std::time::{Duration, Instant};

use actix_http::ws::{Item, Message};
use bytes::{Bytes, BytesMut};

use super::protocol::Close;

/// The most fragments of one message: enough for any client, too few to keep a server busy.
const MAX_FRAGMENTS: usize = 64;
const SECOND: Duration = Duration::from_secs(1);

/// One connection's incoming frames.
pub(super) struct Intake {
    max_bytes: usize,
    max_frames: u32,
    window: Instant,
    frames: u32,
    /// Frames over the rate that the client was asked for.
    awaited: u32,
    fragments: usize,
    message: BytesMut,
}

/// What an incoming frame comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// A whole text message.
    Text(Bytes),
    /// A ping to answer.
    Ping(Bytes),
    /// Nothing to do, or not yet.
    Nothing,
    /// The client is leaving.
    Closing,
}

impl Intake {
    pub(super) fn new(max_bytes: usize, max_frames: u32, now: Instant) -> Self {
        Self {
            max_bytes,
            max_frames,
            window: now,
            frames: 0,
            awaited: 0,
            fragments: 0,
            message: BytesMut::new(),
        }
    }

    /// Lets one more frame in above the rate: the client was sent something to acknowledge. Without
    /// it, a user who comes back to many answers would be closed for taking them.
    pub(super) fn await_one(&mut self) {
        self.awaited = self.awaited.saturating_add(1);
    }

    /// Takes one frame in. Every frame counts against the rate, empty and control frames too.
    pub(super) fn take(&mut self, frame: Message, now: Instant) -> Result<Received, Close> {
        self.count(now)?;
        match frame {
            Message::Text(text) => Ok(Received::Text(text.into_bytes())),
            Message::Ping(payload) => Ok(Received::Ping(payload)),
            Message::Pong(_) | Message::Nop => Ok(Received::Nothing),
            Message::Close(_) => Ok(Received::Closing),
            Message::Binary(_) => Err(Close::BadFrame),
            Message::Continuation(item) => self.fragment(item),
        }
    }

    fn count(&mut self, now: Instant) -> Result<(), Close> {
        if now.duration_since(self.window) >= SECOND {
            self.window = now;
            self.frames = 0;
        }
        self.frames = self.frames.saturating_add(1);
        if self.frames > self.max_frames {
            let awaited = self.awaited.checked_sub(1);
            self.awaited = awaited.ok_or(Close::TooManyMessages)?;
        }
        Ok(())
    }

    fn fragment(&mut self, item: Item) -> Result<Received, Close> {
        let (bytes, last) = match item {
            Item::FirstBinary(_) => return Err(Close::BadFrame),
            Item::FirstText(bytes) | Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
        };
        self.fragments += 1;
        if self.fragments > MAX_FRAGMENTS || self.message.len() + bytes.len() > self.max_bytes {
            return Err(Close::TooBig);
        }
        self.message.extend_from_slice(&bytes);
        if !last {
            return Ok(Received::Nothing);
        }
        self.fragments = 0;
        Ok(Received::Text(self.message.split().freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fragment(item: fn(Bytes) -> Item, text: &'static [u8]) -> Message {
        Message::Continuation(item(Bytes::from_static(text)))
    }

    #[test]
    fn fragments_become_one_message_within_the_limit() {
        let now = Instant::now();
        let mut intake = Intake::new(5, 100, now);
        let mut take = |frame| intake.take(frame, now);
        assert_eq!(
            take(fragment(Item::FirstText, b"ab")),
            Ok(Received::Nothing)
        );
        assert_eq!(take(Message::Pong(Bytes::new())), Ok(Received::Nothing));
        assert_eq!(take(fragment(Item::Continue, b"c")), Ok(Received::Nothing));
        assert_eq!(
            take(fragment(Item::Last, b"de")),
            Ok(Received::Text(Bytes::from_static(b"abcde")))
        );
        assert_eq!(
            take(fragment(Item::FirstText, b"abc")),
            Ok(Received::Nothing)
        );
        assert_eq!(take(fragment(Item::Last, b"def")), Err(Close::TooBig));
    }

    #[test]
    fn endless_fragments_are_too_big_even_when_empty() {
        let now = Instant::now();
        let mut intake = Intake::new(5, u32::MAX, now);
        let _ = intake.take(fragment(Item::FirstText, b""), now);
        let closed =
            (0..MAX_FRAGMENTS).find_map(|_| intake.take(fragment(Item::Continue, b""), now).err());
        assert_eq!(closed, Some(Close::TooBig));
    }

    #[test]
    fn the_rate_counts_every_frame_and_starts_again_each_second() {
        let now = Instant::now();
        let mut intake = Intake::new(5, 2, now);
        let ping = || Message::Ping(Bytes::new());
        assert!(intake.take(ping(), now).is_ok());
        assert!(intake.take(ping(), now).is_ok());
        assert_eq!(intake.take(ping(), now), Err(Close::TooManyMessages));
        assert!(intake.take(ping(), now + SECOND).is_ok());
    }

    #[test]
    fn what_the_client_was_asked_for_does_not_count_against_the_rate() {
        let now = Instant::now();
        let mut intake = Intake::new(5, 1, now);
        intake.await_one();
        let ping = || Message::Ping(Bytes::new());
        assert!(intake.take(ping(), now).is_ok());
        assert!(intake.take(ping(), now).is_ok());
        assert_eq!(intake.take(ping(), now), Err(Close::TooManyMessages));
    }

    proptest! {
        #[test]
        fn no_sequence_of_fragments_holds_more_than_the_limit(sizes in proptest::collection::vec(0_usize..40, 1..80)) {
            let now = Instant::now();
            let mut intake = Intake::new(100, u32::MAX, now);
            for size in sizes {
                let item = Item::Continue(Bytes::from(vec![b'x'; size]));
                let _ = intake.take(Message::Continuation(item), now);
                prop_assert!(intake.message.len() <= 100);
            }
        }
    }
}
