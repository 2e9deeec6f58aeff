//! The body of a request that may not leave after a time. The connection asks for it when it is about
//! to send, which is later than a look at the clock before: a connection may have to be made first, and
//! the process may stand still.
//!
//! A request whose head has left without its body is none: its length says that more is to come.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use fluxcascade_core::Clock;
use fluxcascade_core::model::Timestamp;
use http_body::{Body, Frame, SizeHint};

/// A body that is given to the connection until a time, and not later.
pub(super) struct Timed {
    left: Option<Bytes>,
    not_after: Timestamp,
    clock: Arc<dyn Clock>,
}

impl Timed {
    pub(super) fn new(body: Vec<u8>, not_after: Timestamp, clock: Arc<dyn Clock>) -> Self {
        Self { left: Some(Bytes::from(body)), not_after, clock }
    }
}

impl Body for Timed {
    type Data = Bytes;
    type Error = TooLate;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TooLate>>> {
        let timed = self.get_mut();
        let Some(body) = timed.left.take() else { return Poll::Ready(None) };
        if timed.clock.now() > timed.not_after {
            return Poll::Ready(Some(Err(TooLate)));
        }
        Poll::Ready(Some(Ok(Frame::data(body))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.as_ref().map_or(0, |body| body.len() as u64))
    }
}

/// The time was over when the connection asked for the body.
#[derive(Debug)]
pub(super) struct TooLate;

impl fmt::Display for TooLate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time to leave was over")
    }
}

impl Error for TooLate {}

impl TooLate {
    /// Whether this is why a request failed.
    pub(super) fn is_cause_of(error: &(dyn Error + 'static)) -> bool {
        let mut next = Some(error);
        while let Some(error) = next {
            if error.is::<TooLate>() {
                return true;
            }
            next = error.source();
        }
        false
    }
}
