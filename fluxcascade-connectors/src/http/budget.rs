//! Asks a connection's limits before each request: those that it was told of, those that answers tell of,
//! and, where workers share an account, what is left of all for this one. How that is divided is the
//! store's affair, and what a vendor's limits are is each adapter's.

mod pace;
mod share;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fluxcascade_core::Clock;
use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::{ConnectionName, TenantId, Timestamp, WorkerName};
use fluxcascade_core::store::{Budget, Budgets};
use futures::future::join_all;

pub(crate) use pace::Reported;
use pace::{Pace, Reserve};
pub(crate) use share::{Drawing, Hand, Share};

/// What is drawn at a time: a twentieth of a budget.
const PARTS: u32 = 20;

/// The budget that a connection's workers share: what the builders of adapters take, where several
/// processes ask one account.
///
/// ```
/// use std::sync::Arc;
///
/// use fluxcascade_connectors::HubSpot;
/// use fluxcascade_connectors::http::SharedBudget;
/// use fluxcascade_core::model::{ConnectionName, TenantId, WorkerName};
/// # fn f(store: Arc<dyn fluxcascade_core::store::Budgets>) -> Result<(), Box<dyn std::error::Error>> {
/// let budget = SharedBudget {
///     store, // the one that all workers share
///     tenant: TenantId::default(),
///     connection: ConnectionName::new("hubspot")?,
///     worker: WorkerName::new("worker 17")?,
/// };
/// let hubspot = HubSpot::builder().token("pat-na1-1").budget(budget).build()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct SharedBudget {
    /// Where it is kept.
    pub store: Arc<dyn Budgets>,
    /// Whose connection.
    pub tenant: TenantId,
    /// The connection, as the engine has it.
    pub connection: ConnectionName,
    /// Who asks, as in its claims.
    pub worker: WorkerName,
}

impl fmt::Debug for SharedBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedBudget")
            .field("tenant", &self.tenant)
            .field("connection", &self.connection)
            .field("worker", &self.worker)
            .finish_non_exhaustive()
    }
}

/// What one of a vendor's limits is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Covers {
    /// Calls of this kind alone.
    Kind(&'static str),
    /// All calls that no limit of their kind is of.
    Others,
    /// All calls.
    All,
}

/// One of a vendor's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    /// What answers and the shared budget call it.
    pub(crate) name: &'static str,
    pub(crate) covers: Covers,
    /// What is known before anything was sent; none if only answers tell it.
    pub(crate) budget: Option<Budget>,
}

/// A connection's limits, and what of them is at hand.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: Vec<Metered>,
}

#[derive(Debug)]
struct Metered {
    limit: Limit,
    /// What of it this worker has, where workers share what was known of it at first.
    share: Option<Share>,
    /// One draws at a time, for all that wait.
    turn: futures::lock::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    hand: Hand,
    pace: Pace,
}

/// Whether a request may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    Now,
    /// Ask again then.
    Later(Timestamp),
    /// Ask again: what was drawn is good no longer, as the store of the shared budget was so slow.
    TooLate,
}

impl Meter {
    /// Of these limits, of which so many hundredths are left to others.
    pub(crate) fn new(
        shared: Option<&SharedBudget>,
        limits: impl IntoIterator<Item = Limit>,
        reserve_percent: u8,
    ) -> Self {
        let reserve = Reserve(reserve_percent);
        let metered = |limit: Limit| {
            let pace = Pace::new(limit.budget, reserve);
            let share = shared.cloned().zip(pace.budget());
            Metered {
                limit,
                share: share.map(|(shared, told)| Share::new(shared, limit.name, told)),
                turn: futures::lock::Mutex::new(()),
                state: Mutex::new(State { hand: Hand::default(), pace }),
            }
        };
        Self { limits: limits.into_iter().map(metered).collect() }
    }

    /// Takes one request of this kind out of all limits that it is under.
    pub(crate) async fn take(
        &self,
        kind: &str,
        clock: &dyn Clock,
    ) -> Result<Leave, ConnectorError> {
        let limits = self.covering(kind);
        // Nothing is drawn for what must wait.
        if let Some(until) =
            limits.iter().filter_map(|of| lock(&of.state).pace.wait(clock.now())).max()
        {
            return Ok(Leave::Later(until));
        }
        // At once, so that what is drawn first is still good when the last one is.
        for drawn in join_all(limits.iter().map(|metered| metered.draw(clock))).await {
            let drawn = drawn?;
            if drawn != Leave::Now {
                return Ok(drawn);
            }
        }
        // All of them are looked at before anything is taken of one, and nobody takes it meanwhile.
        let now = clock.now();
        let mut states: Vec<_> =
            limits.iter().map(|of| (of.share.is_some(), lock(&of.state))).collect();
        if let Some(until) = states.iter_mut().filter_map(|(_, state)| state.pace.wait(now)).max() {
            return Ok(Leave::Later(until));
        }
        if states.iter().any(|(is_shared, state)| *is_shared && state.hand.good(now) == 0) {
            // Another one took the last of it.
            return Ok(Leave::Later(now));
        }
        for (_, state) in &mut states {
            state.pace.spend(now);
            state.hand.left = state.hand.left.saturating_sub(1);
        }
        Ok(Leave::Now)
    }

    /// The limits that a call of this kind is under.
    fn covering(&self, kind: &str) -> Vec<&Metered> {
        let is_own = |metered: &Metered| match metered.limit.covers {
            Covers::Kind(own) => own == kind,
            Covers::Others | Covers::All => false,
        };
        let has_own = self.limits.iter().any(is_own);
        let covering = self.limits.iter().filter(|metered| match metered.limit.covers {
            Covers::Kind(_) => is_own(metered),
            Covers::Others => !has_own,
            Covers::All => true,
        });
        covering.collect()
    }

    /// Keeps what an answer says of a limit.
    pub(crate) fn learn(&self, reported: &Reported, now: Timestamp) {
        for metered in self.limits.iter().filter(|metered| metered.limit.name == reported.limit) {
            lock(&metered.state).pace.learn(reported, now);
        }
    }
}

impl Metered {
    /// Whether something of the shared budget is at hand.
    fn has_some(&self, now: Timestamp) -> bool {
        self.share.is_none() || lock(&self.state).hand.good(now) > 0
    }

    /// Sees to it that something of the shared budget is at hand.
    async fn draw(&self, clock: &dyn Clock) -> Result<Leave, ConnectorError> {
        let Some(share) = &self.share else { return Ok(Leave::Now) };
        if self.has_some(clock.now()) {
            return Ok(Leave::Now);
        }
        let _turn = self.turn.lock().await;
        if self.has_some(clock.now()) {
            return Ok(Leave::Now);
        }
        Ok(match share.draw(share.budget.requests.div_ceil(PARTS), 1, clock).await? {
            Drawing::Granted(drawn) => {
                lock(&self.state).hand = drawn;
                Leave::Now
            }
            Drawing::Later(again) => Leave::Later(again),
            Drawing::TooLate => Leave::TooLate,
        })
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Numbers, each of which is whole.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The error for a request that a limit has no room for in time.
pub(super) fn exhausted(kind: &str, leave: Leave, wait: Duration) -> ConnectorError {
    let why = match leave {
        Leave::TooLate => {
            "the store that keeps the shared budget takes longer to answer than what it grants is good for"
        }
        Leave::Now | Leave::Later(_) => {
            "what this connection may spend of the account's limits is spent; the rest is other workers', \
             or is left to the customer's other programs (`reserve_percent`)"
        }
    };
    ConnectorError {
        retry_after: Some(wait.max(Duration::from_millis(1))),
        ..ConnectorError::new(
            ErrorKind::RateLimited,
            format!("the {kind} request was not sent: {why}"),
        )
    }
}

#[cfg(test)]
mod tests;
