//! What one worker draws of a limit that workers share.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fluxcascade_core::Clock;
use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::Timestamp;
use fluxcascade_core::store::{Budget, Draw};

use super::SharedBudget;

/// One limit, as workers share it.
#[derive(Debug)]
pub(crate) struct Share {
    shared: SharedBudget,
    limit: &'static str,
    /// What all workers may spend together: all must say the same.
    pub(crate) budget: Budget,
    /// How late the store answered last: what is drawn next must be good for longer.
    late: Mutex<Duration>,
}

/// What a draw came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Drawing {
    Granted(Hand),
    /// Nothing yet: ask again then.
    Later(Timestamp),
    /// It was granted so late that it is good no longer. The next one will be for longer.
    TooLate,
}

/// What was drawn and not spent yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Hand {
    pub(crate) left: u32,
    pub(crate) until: Timestamp,
}

impl Share {
    pub(crate) fn new(shared: SharedBudget, limit: &'static str, budget: Budget) -> Self {
        Self { shared, limit, budget, late: Mutex::default() }
    }

    /// Draws at most so much, and at least so much at once.
    pub(crate) async fn draw(
        &self,
        wanted: u32,
        least: u32,
        clock: &dyn Clock,
    ) -> Result<Drawing, ConnectorError> {
        let (asked, late) = (clock.now(), *self.late());
        let draw = Draw {
            tenant: self.shared.tenant.clone(),
            connection: self.shared.connection.clone(),
            limit: self.limit.to_owned(),
            worker: self.shared.worker.clone(),
            budget: self.budget,
            now: asked,
            wanted,
            least,
            late,
        };
        let drawn = self.shared.store.draw(&draw).await.map_err(|error| {
            let (limit, why) = (self.limit, error);
            let why = format!("the connection's budget of {limit} could not be asked: {why}");
            ConnectorError::new(ErrorKind::Transient, why)
        })?;
        let now = clock.now();
        let (took, good) = (now.since(asked), drawn.until.since(asked).saturating_sub(late));
        *self.late() = if took > good / 2 { took.min(self.budget.window) } else { Duration::ZERO };
        Ok(match drawn.granted {
            0 => Drawing::Later(drawn.again),
            _ if now > drawn.until => Drawing::TooLate,
            left => Drawing::Granted(Hand { left, until: drawn.until }),
        })
    }

    fn late(&self) -> MutexGuard<'_, Duration> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hand {
    /// How much of it may be spent before it ends: nothing, if it has.
    pub(crate) fn good(&self, now: Timestamp) -> u32 {
        if now > self.until { 0 } else { self.left }
    }

    /// Adds what was drawn; together they are good for as long as the shorter one.
    pub(crate) fn add(&mut self, drawn: Hand, now: Timestamp) {
        let good = self.good(now);
        *self = if good == 0 {
            drawn
        } else {
            let left = good.saturating_add(drawn.left);
            Hand { left, until: self.until.min(drawn.until) }
        };
    }
}
