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
}

/// Whether a query's points are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// So many were taken for it.
    Points(u32),
    Later(Duration),
}

impl SharedPoints {
    pub(super) fn new(shared: SharedBudget, budget: Budget) -> Self {
        Self { share: Share::new(shared, LIMIT, budget), state: Mutex::default() }
    }

    /// Takes what a query costs: all of it, or this worker's share of all points where that is less.
    pub(super) async fn take(&self, cost: u32, clock: &dyn Clock) -> Result<Taken, ConnectorError> {
        let all = self.share.budget.requests;
        let spent = self.state().spend(cost, all, clock.now());
        let missing = match spent {
            Ok(taken) => return Ok(Taken::Points(taken)),
            Err(missing) => missing,
        };
        let drawn = match self.share.draw(missing.max(all.div_ceil(PARTS)), missing, clock).await? {
            Drawing::Granted(drawn) => drawn,
            Drawing::Later(again) => return Ok(later(again, clock.now())),
            Drawing::TooLate => return Ok(later(clock.now(), clock.now())),
        };
        let now = clock.now();
        let is_share = drawn.left < missing;
        let mut state = self.state();
        state.hand.add(drawn, now);
        let spent = match state.spend(cost, all, now) {
            Ok(taken) => Some(taken),
            Err(_) if is_share => state.rest(),
            Err(_) => None,
        };
        // What was there before ended while this was drawn, or all of it was owed.
        Ok(spent.map_or_else(|| later(now, now), Taken::Points))
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

fn later(again: Timestamp, now: Timestamp) -> Taken {
    Taken::Later(again.since(now).max(Duration::from_millis(1)))
}

impl State {
    /// Spends what a query costs, and what is owed, but no more than there ever are; or says how many
    /// points are missing. How many were spent for the query.
    fn spend(&mut self, cost: u32, at_most: u32, now: Timestamp) -> Result<u32, u32> {
        let needed = cost.saturating_add(self.owed);
        let good = self.hand.good(now);
        if let Some(left) = good.checked_sub(needed) {
            (self.hand.left, self.owed) = (left, 0);
            return Ok(cost);
        }
        if good < at_most {
            return Err(needed.min(at_most) - good);
        }
        self.rest().ok_or(at_most)
    }

    /// Spends all that is at hand: first what is owed, and the rest for a query that costs more. What it
    /// costs beyond is owed once that is known.
    fn rest(&mut self) -> Option<u32> {
        let paid = self.owed.min(self.hand.left);
        self.owed -= paid;
        let rest = std::mem::take(&mut self.hand.left) - paid;
        (rest > 0).then_some(rest)
    }
}

#[cfg(test)]
mod tests;
