//! The account's points where workers share them: each query draws what it costs from the budget that
//! they have in common. What one worker knows of the points alone is [`super::cost`]'s.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::Timestamp;
use fluxcascade_core::store::{Budget, Draw, Drawn};

use crate::http::SharedBudget;

/// What the shared budget calls them.
const LIMIT: &str = "points";
/// When to ask again for what was granted in part: before that ends, a second after it was granted at the
/// earliest.
const SOON: Duration = Duration::from_millis(800);
/// A hundredth of the points is drawn at least: more would be lost unspent, and less would have the store
/// asked for each query.
const PARTS: u32 = 100;

/// One worker's part of the points.
#[derive(Debug)]
pub(super) struct SharedPoints {
    shared: SharedBudget,
    /// What all workers may spend together.
    budget: Budget,
    hand: Mutex<Hand>,
}

/// What was drawn and not spent yet.
#[derive(Debug, Default)]
struct Hand {
    left: u32,
    until: Timestamp,
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
        Self { shared, budget, hand: Mutex::default() }
    }

    /// Takes what a query costs that has waited for so long. One that costs more than this worker's
    /// share leaves with the share once it has waited for a window.
    pub(super) async fn take(
        &self,
        cost: u32,
        now: Timestamp,
        waited: Duration,
    ) -> Result<Taken, ConnectorError> {
        let missing = match self.hand().spend(cost, self.budget.requests, now) {
            Ok(taken) => return Ok(Taken::Points(taken)),
            Err(missing) => missing,
        };
        let drawn = self.draw(missing.max(self.budget.requests.div_ceil(PARTS)), now).await?;
        let mut hand = self.hand();
        hand.add(drawn, now);
        if let Ok(taken) = hand.spend(cost, self.budget.requests, now) {
            return Ok(Taken::Points(taken));
        }
        if waited >= self.budget.window {
            hand.owed = 0;
            return Ok(Taken::Points(std::mem::take(&mut hand.left)));
        }
        let wait = if drawn.granted == 0 { drawn.again.since(now) } else { SOON };
        Ok(Taken::Later(wait.max(Duration::from_millis(1))))
    }

    /// Sets right what was taken, by what the answer says that the query cost.
    pub(super) fn settle(&self, taken: u32, cost: u32) {
        let mut hand = self.hand();
        let left = hand.left.saturating_add(taken);
        hand.owed = hand.owed.saturating_add(cost.saturating_sub(left));
        hand.left = left.saturating_sub(cost);
    }

    async fn draw(&self, wanted: u32, now: Timestamp) -> Result<Drawn, ConnectorError> {
        let draw = Draw {
            tenant: self.shared.tenant.clone(),
            connection: self.shared.connection.clone(),
            limit: LIMIT.to_owned(),
            worker: self.shared.worker.clone(),
            budget: self.budget,
            now,
            wanted,
        };
        self.shared.store.draw(&draw).await.map_err(|error| {
            let why = format!("the connection's budget of points could not be asked: {error}");
            ConnectorError::new(ErrorKind::Transient, why)
        })
    }

    fn hand(&self) -> MutexGuard<'_, Hand> {
        // Numbers, each of which is whole.
        self.hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hand {
    /// Spends what a query costs, and what is owed, but no more than there ever are; or says how many
    /// points are missing. How many were spent for the query.
    fn spend(&mut self, cost: u32, at_most: u32, now: Timestamp) -> Result<u32, u32> {
        if now > self.until {
            self.left = 0;
        }
        let needed = cost.saturating_add(self.owed).min(at_most);
        let Some(left) = self.left.checked_sub(needed) else { return Err(needed - self.left) };
        (self.left, self.owed) = (left, 0);
        Ok(cost.min(needed))
    }

    /// Takes up what was drawn, good for as long as the shorter of the two is.
    fn add(&mut self, drawn: Drawn, now: Timestamp) {
        let had = self.left > 0 && now <= self.until;
        self.until = if had { self.until.min(drawn.until) } else { drawn.until };
        self.left = if had { self.left } else { 0 }.saturating_add(drawn.granted);
    }
}
