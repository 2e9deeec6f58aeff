//! Wakes those who wait for something to be due, within this process.
//!
//! A ring is counted, so that one that came between a look and the wait is not missed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::channel::oneshot;

/// A bell that any number wait for.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rings: u64,
    /// The rings that are known to have been looked after.
    answered: u64,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Bell {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes all who wait, and the next who does so before it was answered.
    pub(crate) fn ring(&self) {
        let mut state = self.state();
        state.rings += 1;
        for waiting in state.waiting.drain(..) {
            // Whoever waited may be gone.
            let _ = waiting.send(());
        }
    }

    /// How often it rang.
    pub(crate) fn rings(&self) -> u64 {
        self.state().rings
    }

    /// All rings up to this one were looked after: nothing is left of what they told.
    pub(crate) fn answer(&self, rings: u64) {
        let mut state = self.state();
        state.answered = state.answered.max(rings);
    }

    /// Waits for a ring that was not answered.
    pub(crate) async fn rung(&self) {
        let wait = {
            let mut state = self.state();
            if state.rings > state.answered {
                return;
            }
            state.waiting.retain(|waiting| !waiting.is_canceled());
            let (ring, wait) = oneshot::channel();
            state.waiting.push(ring);
            wait
        };
        // The bell is borrowed: it is not dropped before it rang.
        let _ = wait.await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_ring_ends_waits_until_it_is_answered() {
        let bell = Bell::default();
        assert!(bell.rung().now_or_never().is_none(), "nobody rang");
        bell.ring();
        assert!(bell.rung().now_or_never().is_some());
        assert!(bell.rung().now_or_never().is_some(), "it was not answered");
        bell.answer(bell.rings());
        assert!(bell.rung().now_or_never().is_none(), "nothing is left");
        let (before, mut waiting) = (bell.rings(), std::pin::pin!(bell.rung()));
        assert!(waiting.as_mut().now_or_never().is_none());
        bell.ring();
        assert!(waiting.now_or_never().is_some(), "one who waits");
        bell.answer(before);
        assert!(bell.rung().now_or_never().is_some(), "one that came after the look");
    }
}
