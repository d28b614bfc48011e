//! The way out of a connection that lives long: in slices, so that a slow reader shows its progress
//! and a stopped one holds little.
//!
//! The HTTP server pulls a response's body while it has room. Whatever is pulled at once, a session's
//! frames or a stream's events, leaves here in small slices, and nothing new is made before the last
//! slice is out. So the memory of a connection that takes nothing is one portion and the server's
//! write buffer, and [`Lease::asked`] knows when it last took anything.

use std::cell::{Cell, OnceCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use punchcard_actors::sessions::Lease;

/// The most bytes that leave at once.
const SLICE: usize = 4 * 1024;
/// With this many bytes made and not yet pulled, nothing more is made.
const PORTION: usize = 16 * 1024;

/// What the maker of a connection's frames and its outlet share.
#[derive(Clone, Default)]
pub(super) struct Flow(Rc<State>);

#[derive(Default)]
struct State {
    /// Set once a watcher is let in; before that there is nothing to watch over.
    lease: OnceCell<Arc<Lease>>,
    /// How many bytes were made since the outlet last asked for more.
    made: Cell<usize>,
}

impl Flow {
    /// Tells `lease` from now on when the connection asks for more.
    pub(super) fn watched_by(&self, lease: &Arc<Lease>) {
        // A connection is let in once.
        let _ = self.0.lease.set(Arc::clone(lease));
    }

    /// Notes that so many bytes were made.
    pub(super) fn made(&self, bytes: usize) {
        self.0.made.set(self.0.made.get().saturating_add(bytes));
    }

    /// Waits until there is room for more.
    pub(super) async fn room(&self) {
        // Nobody needs to be woken: where something was made, the outlet has just pulled it, and asks
        // again as soon as it is gone.
        poll_fn(|_| match self.0.made.get() {
            0..PORTION => Poll::Ready(()),
            PORTION.. => Poll::Pending,
        })
        .await;
    }

    fn asked(&self, given: bool) {
        if let Some(lease) = self.0.lease.get() {
            lease.asked(given);
        }
    }

    /// What lay here was taken, so somebody is there.
    fn went_on(&self) {
        if let Some(lease) = self.0.lease.get() {
            lease.hear();
        }
    }
}

/// A response's body in slices.
pub(super) struct Outlet<S> {
    inner: S,
    rest: Bytes,
    flow: Flow,
}

impl<S> Outlet<S> {
    pub(super) fn new(inner: S, flow: Flow) -> Self {
        let rest = Bytes::new();
        Self { inner, rest, flow }
    }
}

impl<S, E> Stream for Outlet<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    type Item = Result<Bytes, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.rest.is_empty() {
            this.flow.0.made.set(0);
            match Pin::new(&mut this.inner).poll_next(cx) {
                Poll::Ready(Some(Ok(bytes))) => this.rest = bytes,
                Poll::Pending => {
                    this.flow.asked(false);
                    return Poll::Pending;
                }
                end @ Poll::Ready(None | Some(Err(_))) => return end,
            }
        } else {
            this.flow.went_on();
        }
        let slice = this.rest.split_to(this.rest.len().min(SLICE));
        this.flow.asked(true);
        Poll::Ready(Some(Ok(slice)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{FutureExt as _, StreamExt as _, stream};

    #[test]
    fn what_goes_in_comes_out_in_small_slices() {
        let whole: Vec<u8> = (0..=250).cycle().take(3 * SLICE + 1).collect();
        let parts = [Bytes::from(whole.clone()), Bytes::from_static(b"end")];
        let inner = stream::iter(parts.map(Ok::<_, ()>));
        let outlet = Outlet::new(inner, Flow::default());
        let slices = outlet.map(Result::unwrap_or_default).collect::<Vec<_>>();
        let slices = slices.now_or_never().unwrap_or_default();
        let lengths: Vec<usize> = slices.iter().map(Bytes::len).collect();
        assert_eq!(lengths, [SLICE, SLICE, SLICE, 1, 3]);
        assert_eq!(slices.concat(), [whole, b"end".to_vec()].concat());
    }

    #[test]
    fn nothing_is_made_before_what_was_made_is_out() {
        let flow = Flow::default();
        let maker = flow.clone();
        let inner = stream::poll_fn(move |cx| {
            let mut made = 0;
            // An actor goes on as long as there is room.
            while std::pin::pin!(maker.room()).poll(cx).is_ready() {
                maker.made(1_000);
                made += 1_000;
            }
            Poll::Ready(Some(Ok::<_, ()>(Bytes::from(vec![b'x'; made]))))
        });
        let mut outlet = Outlet::new(inner, flow);
        let mut out = 0;
        for _ in 0..20 {
            let slice = outlet.next().now_or_never().flatten();
            out += slice.and_then(Result::ok).map_or(0, |slice| slice.len());
            assert!(out + outlet.rest.len() < out + PORTION + 1_000);
        }
        assert!(out > 3 * PORTION, "it goes on: {out}");
    }
}
