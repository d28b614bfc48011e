//! What a client's bytes pass before they are read as frames: a frame that says it is larger than a
//! message may be is refused by its first bytes.
//!
//! The WebSocket codec looks at a frame's size only when all of it is there, so one header would make
//! it collect whatever a client sends, before hello even. This reads the lengths (RFC 6455, section
//! 5.2) and nothing else; what is a good frame is the codec's business.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::Stream;

/// The first two bytes and the longest extended length.
const HEAD: usize = 10;
const MASK: u64 = 4;

/// The lengths of a client's frames, as their heads come by.
struct Lengths {
    max: u64,
    head: [u8; HEAD],
    /// How many bytes of the head are there.
    known: usize,
    /// How many bytes of the frame are still to come after its head.
    rest: u64,
}

impl Lengths {
    const fn new(max: u64) -> Self {
        Self {
            max,
            head: [0; HEAD],
            known: 0,
            rest: 0,
        }
    }

    /// Whether all frames that begin in `bytes` are small enough.
    fn pass(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let skipped = usize::try_from(self.rest).map_or(bytes.len(), |n| n.min(bytes.len()));
            bytes = &bytes[skipped..];
            self.rest -= skipped as u64;
            let Some((byte, after)) = bytes.split_first() else {
                break;
            };
            bytes = after;
            self.head[self.known] = *byte;
            self.known += 1;
            let Some(length) = self.length() else {
                continue;
            };
            if length > self.max {
                return false;
            }
            let masked = self.head[1] & 0x80 != 0;
            self.rest = length + if masked { MASK } else { 0 };
            self.known = 0;
        }
        true
    }

    /// The payload's length, once its bytes are there.
    fn length(&self) -> Option<u64> {
        let (start, end) = match self.head[1] & 0x7F {
            _ if self.known < 2 => return None,
            126 => (2, 4),
            127 => (2, 10),
            short => return Some(short.into()),
        };
        let bytes = self.head[..self.known].get(start..end)?.iter();
        Some(bytes.fold(0, |all, byte| all << 8 | u64::from(*byte)))
    }
}

/// A client's bytes up to the first frame that is too large.
pub(super) struct Gate<S> {
    inner: S,
    lengths: Lengths,
    shut: Shut,
}

/// Whether a gate has shut.
#[derive(Clone, Default)]
pub(super) struct Shut(Rc<Cell<bool>>);

impl Shut {
    pub(super) fn is_shut(&self) -> bool {
        self.0.get()
    }
}

impl<S> Gate<S> {
    pub(super) fn new(inner: S, max_bytes: usize, shut: Shut) -> Self {
        let lengths = Lengths::new(max_bytes as u64);
        Self {
            inner,
            lengths,
            shut,
        }
    }
}

impl<S> Stream for Gate<S>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.shut.is_shut() {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut this.inner).poll_next(cx);
        if let Poll::Ready(Some(Ok(bytes))) = &polled
            && !this.lengths.pass(bytes)
        {
            this.shut.0.set(true);
            return Poll::Ready(Some(Err(PayloadError::Overflow)));
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_http::ws::{OpCode, Parser};
    use bytes::BytesMut;
    use proptest::prelude::*;

    #[test]
    fn a_length_over_the_limit_is_refused_as_soon_as_it_is_known() {
        for (head, passes) in [
            (&[0x81, 0x80 | 125][..], true),
            (&[0x81, 0x80 | 126, 0x03, 0xE8], true),
            (&[0x81, 0x80 | 126, 0x03, 0xE9], false),
            (&[0x81, 126, 0xFF, 0xFF], false),
            (&[0x81, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0x03, 0xE8], true),
            (&[0x81, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0x03, 0xE9], false),
            (
                &[0x81, 0x80 | 127, 255, 255, 255, 255, 255, 255, 255, 255],
                false,
            ),
        ] {
            let mut lengths = Lengths::new(1_000);
            let (last, before) = head.split_last().unwrap_or((&0, &[]));
            assert!(before.iter().all(|byte| lengths.pass(&[*byte])));
            assert_eq!(lengths.pass(&[*last]), passes, "{head:?}");
        }
    }

    proptest! {
        #[test]
        fn good_frames_pass_however_they_are_cut_and_a_large_one_after_them_does_not(
            sizes in proptest::collection::vec(0_usize..70_000, 0..6),
            cut in 1_usize..5_000,
        ) {
            let mut bytes = BytesMut::new();
            for size in &sizes {
                let payload = vec![0xFF; *size];
                Parser::write_message(&mut bytes, payload, OpCode::Binary, true, true);
            }
            let mut lengths = Lengths::new(70_000);
            prop_assert!(bytes.chunks(cut).all(|piece| lengths.pass(piece)));
            prop_assert_eq!((lengths.known, lengths.rest), (0, 0));
            prop_assert!(!lengths.pass(&[0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0x11, 0x71]));
            // And the codec reads the same frames.
            let mut read = 0;
            while let Ok(Some(_)) = Parser::parse(&mut bytes, true, 70_000) {
                read += 1;
            }
            prop_assert_eq!(read, sizes.len());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 1_usize..9) {
            let mut lengths = Lengths::new(100);
            let _ = bytes.chunks(cut).all(|piece| lengths.pass(piece));
        }
    }
}
