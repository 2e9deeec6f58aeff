//! The account's points where workers share them: each query draws what it costs from the budget that
//! they have in common. What one worker knows of the points alone is [`super::cost`]'s.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fluxcascade_core::Clock;
use fluxcascade_core::connector::ConnectorError;
use fluxcascade_core::model::Timestamp;
use fluxcascade_core::store::Budget;

use crate::http::{Drawing, Hand, Share, SharedBudget};

/// What the shared budget calls them.
const LIMIT: &str = "points";
/// A hundredth of the points is drawn at least: more would be lost unspent, and less would have the store
/// asked for each query.
const PARTS: u32 = 100;
/// How long after its time a query that waits is still waited for.
const GRACE: Duration = Duration::from_secs(1);

/// One worker's part of the points.
#[derive(Debug)]
pub(super) struct SharedPoints {
    share: Share,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    hand: Hand,
    /// What queries cost beyond what was drawn for them, as their cost was not known: drawn with the next.
    owed: u32,
    /// When the query draws again that waits: none draws before it, or cheap ones would never leave a
    /// dear one enough.
    first: Option<Timestamp>,
}

/// Whether a query's points are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// So many were taken for it.
    Points(u32),
    Later(Duration),
}

/// A query's place among those that wait for points of this worker. It is given up when this goes away.
pub(super) struct Place<'a> {
    points: &'a SharedPoints,
    is_first: bool,
}

impl SharedPoints {
    pub(super) fn new(shared: SharedBudget, budget: Budget) -> Self {
        Self { share: Share::new(shared, LIMIT, budget), state: Mutex::default() }
    }

    /// A place for one query.
    pub(super) fn place(&self) -> Place<'_> {
        Place { points: self, is_first: false }
    }

    /// Sets right what was taken, by what the answer says that the query cost.
    pub(super) fn settle(&self, taken: u32, cost: u32) {
        let mut state = self.state();
        let left = state.hand.left.saturating_add(taken);
        state.owed = state.owed.saturating_add(cost.saturating_sub(left));
        state.hand.left = left.saturating_sub(cost);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Numbers, each of which is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// Takes what the query costs: all of it, or this worker's share of all points where that is less.
    pub(super) async fn take(
        &mut self,
        cost: u32,
        clock: &dyn Clock,
    ) -> Result<Taken, ConnectorError> {
        let points = self.points;
        let all = points.share.budget.requests;
        let now = clock.now();
        let spent = points.state().spend(cost, all, now);
        let missing = match spent {
            Ok(taken) => return Ok(Taken::Points(taken)),
            Err(missing) => missing,
        };
        let first = points.state().first.filter(|first| now <= *first && !self.is_first);
        if let Some(first) = first {
            return Ok(later(first, now));
        }
        let drawn =
            match points.share.draw(missing.max(all.div_ceil(PARTS)), missing, clock).await? {
                Drawing::Granted(drawn) => drawn,
                Drawing::Later(again) => return Ok(self.wait(again, clock.now())),
                Drawing::TooSlow => return Ok(self.wait(now, clock.now())),
            };
        let now = clock.now();
        let is_share = drawn.left < missing;
        let spent = {
            let mut state = points.state();
            state.hand.add(drawn, now);
            let spent = state.spend(cost, all, now);
            // What the query costs beyond its share is owed once that is known.
            if is_share { spent.or_else(|_| Ok(state.empty())) } else { spent }
        };
        // What was there before may have ended while this was drawn.
        Ok(spent.map_or_else(|_| self.wait(now, now), Taken::Points))
    }

    /// Draws again then, and before those that come later.
    fn wait(&mut self, again: Timestamp, now: Timestamp) -> Taken {
        let mut state = self.points.state();
        if self.is_first || state.first.is_none_or(|first| now > first) {
            self.is_first = true;
            state.first = Some(again.max(now) + GRACE);
        }
        later(again, now)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.is_first {
            self.points.state().first = None;
        }
    }
}

fn later(again: Timestamp, now: Timestamp) -> Taken {
    Taken::Later(again.since(now).max(Duration::from_millis(1)))
}

impl State {
    /// Spends what a query costs, and what is owed, but no more than there ever are; or says how many
    /// points are missing. How many were spent for the query.
    fn spend(&mut self, cost: u32, at_most: u32, now: Timestamp) -> Result<u32, u32> {
        let needed = cost.saturating_add(self.owed).min(at_most);
        let good = self.hand.good(now);
        let Some(left) = good.checked_sub(needed) else { return Err(needed - good) };
        (self.hand.left, self.owed) = (left, 0);
        Ok(cost.min(needed))
    }

    /// Spends all that is at hand.
    fn empty(&mut self) -> u32 {
        self.owed = 0;
        std::mem::take(&mut self.hand.left)
    }
}

#[cfg(test)]
mod tests;
