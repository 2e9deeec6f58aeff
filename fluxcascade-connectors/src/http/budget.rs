//! Asks a connection's limits before each request: those that it was told of, those that answers tell of,
//! and, where workers share an account, what is left of all for this one. How that is divided is the
//! store's affair, and what a vendor's limits are is each adapter's.

mod pace;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::{ConnectionName, TenantId, Timestamp, WorkerName};
use fluxcascade_core::store::{Budget, Budgets, Draw};

pub(crate) use pace::Reported;
use pace::{Pace, Reserve};

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
    shared: Option<SharedBudget>,
    limits: Vec<Metered>,
}

#[derive(Debug)]
struct Metered {
    limit: Limit,
    /// What may be spent of what was known at first: all workers must say the same.
    told: Option<Budget>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    hand: Hand,
    pace: Pace,
}

/// Requests that were drawn of the shared budget and not sent yet.
#[derive(Debug, Default)]
struct Hand {
    left: u32,
    until: Timestamp,
}

/// Whether a request may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    Now,
    /// Ask again then.
    Later(Timestamp),
}

impl Meter {
    /// Of these limits, of which so many hundredths are left to others.
    pub(crate) fn new(
        shared: Option<SharedBudget>,
        limits: impl IntoIterator<Item = Limit>,
        reserve_percent: u8,
    ) -> Self {
        let reserve = Reserve(reserve_percent);
        let metered = |limit: Limit| {
            let pace = Pace::new(limit.budget, reserve);
            Metered {
                limit,
                told: pace.budget(),
                state: Mutex::new(State { hand: Hand::default(), pace }),
            }
        };
        Self { shared, limits: limits.into_iter().map(metered).collect() }
    }

    /// Takes one request of this kind out of all limits that it is under.
    pub(crate) async fn take(&self, kind: &str, now: Timestamp) -> Result<Leave, ConnectorError> {
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
        let limits: Vec<&Metered> = covering.collect();
        // All of them are looked at before anything is taken of one.
        let own = limits.iter().filter_map(|metered| lock(&metered.state).pace.wait(now));
        if let Some(until) = own.max() {
            return Ok(Leave::Later(until));
        }
        if let Some(shared) = &self.shared {
            for metered in &limits {
                if let Leave::Later(again) = metered.draw(shared, now).await? {
                    return Ok(Leave::Later(again));
                }
            }
        }
        for metered in &limits {
            let mut state = lock(&metered.state);
            state.pace.spend(now);
            state.hand.left = state.hand.left.saturating_sub(1);
        }
        Ok(Leave::Now)
    }

    /// Keeps what an answer says of a limit.
    pub(crate) fn learn(&self, reported: &Reported, now: Timestamp) {
        for metered in self.limits.iter().filter(|metered| metered.limit.name == reported.limit) {
            lock(&metered.state).pace.learn(reported, now);
        }
    }
}

impl Metered {
    /// Sees to it that something of the shared budget is at hand.
    async fn draw(&self, shared: &SharedBudget, now: Timestamp) -> Result<Leave, ConnectorError> {
        let Some(budget) = self.told else { return Ok(Leave::Now) };
        if lock(&self.state).hand.has_some(now) {
            return Ok(Leave::Now);
        }
        let draw = Draw {
            tenant: shared.tenant.clone(),
            connection: shared.connection.clone(),
            limit: self.limit.name.to_owned(),
            worker: shared.worker.clone(),
            budget,
            now,
            wanted: budget.requests.div_ceil(20),
        };
        let drawn = shared.store.draw(&draw).await.map_err(|error| {
            let why = format!("the connection's budget could not be asked: {error}");
            ConnectorError::new(ErrorKind::Transient, why)
        })?;
        if drawn.granted == 0 {
            return Ok(Leave::Later(drawn.again));
        }
        lock(&self.state).hand = Hand { left: drawn.granted, until: drawn.until };
        // It is looked at again: drawing may have taken longer than what was drawn is good for.
        Ok(Leave::Later(now))
    }
}

impl Hand {
    fn has_some(&self, now: Timestamp) -> bool {
        self.left > 0 && now <= self.until
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Numbers, each of which is whole.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The error for a request that a limit has no room for in time.
pub(super) fn exhausted(kind: &str, wait: Duration) -> ConnectorError {
    ConnectorError {
        retry_after: Some(wait),
        ..ConnectorError::new(
            ErrorKind::RateLimited,
            format!(
                "the {kind} request was not sent: what this connection may spend of the account's limits \
                 is spent, and the rest is left to others (`reserve_percent`)"
            ),
        )
    }
}

#[cfg(test)]
mod tests;
