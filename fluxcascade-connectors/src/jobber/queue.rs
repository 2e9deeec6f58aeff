//! Queries that wait for points: one of them is the first, and the others leave after it. Else cheap ones
//! would never leave a dear one enough.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fluxcascade_core::model::Timestamp;

/// How long after its time a query that waits is still waited for.
const GRACE: Duration = Duration::from_secs(1);

/// When the first one looks again, if one waits.
#[derive(Debug, Default)]
pub(super) struct Queue(Mutex<Option<Timestamp>>);

/// A query's place among those that wait. It is given up when this goes away.
#[derive(Debug)]
pub(super) struct Place<'a> {
    queue: &'a Queue,
    is_first: bool,
}

impl Queue {
    /// A place for one query.
    pub(super) fn place(&self) -> Place<'_> {
        Place { queue: self, is_first: false }
    }

    fn first(&self) -> MutexGuard<'_, Option<Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// How long to wait for another one that is first. One that does not come back is not waited for, nor
    /// one from before the clock was set back.
    pub(super) fn behind(&self, now: Timestamp, longest: Duration) -> Option<Duration> {
        let first = self.queue.first().filter(|_| !self.is_first)?;
        let wait = first.since(now);
        (now <= first && wait <= longest + GRACE).then(|| wait.max(Duration::from_millis(1)))
    }

    /// Waits for so long, and before those that come later.
    pub(super) fn wait(&mut self, wait: Duration, now: Timestamp) {
        let mut first = self.queue.first();
        if self.is_first || first.is_none_or(|first| now > first) {
            self.is_first = true;
            *first = Some(now + wait + GRACE);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.is_first {
            *self.queue.first() = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_772_366_400);
    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn the_first_that_waits_is_waited_for_until_it_leaves_or_gives_up() {
        let queue = Queue::default();
        let (mut dear, mut cheap) = (queue.place(), queue.place());
        assert_eq!(cheap.behind(NOON, MINUTE), None);
        dear.wait(20 * SECOND, NOON);
        cheap.wait(SECOND, NOON);
        assert_eq!(cheap.behind(NOON, MINUTE), Some(21 * SECOND), "it is not the first");
        assert_eq!(dear.behind(NOON, MINUTE), None);
        drop(dear);
        assert_eq!(cheap.behind(NOON, MINUTE), None);
    }

    #[test]
    fn one_that_does_not_come_back_holds_nobody_up() {
        let queue = Queue::default();
        let mut lost = queue.place();
        lost.wait(20 * SECOND, NOON);
        let other = queue.place();
        assert_eq!(other.behind(NOON + 22 * SECOND, MINUTE), None);
        assert_eq!(other.behind(NOON - 3600 * SECOND, MINUTE), None, "the clock was set back");
    }
}
