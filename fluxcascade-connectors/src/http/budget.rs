//! Asks a connection's shared budget before each request. How it is divided is the store's affair, and
//! what a vendor's limits are is each adapter's.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::{ConnectionName, TenantId, Timestamp, WorkerName};
use fluxcascade_core::store::{Budget, Budgets, Draw};

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

/// One of a vendor's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    /// What it is of: calls of this kind alone, or of all that no other limit is of.
    pub(crate) of: Option<&'static str>,
    pub(crate) budget: Budget,
}

impl Limit {
    fn name(&self) -> &'static str {
        self.of.unwrap_or("requests")
    }
}

/// A connection's limits, and what of them is at hand.
pub(crate) struct Meter {
    shared: SharedBudget,
    limits: Vec<(Limit, Mutex<Hand>)>,
}

/// Requests that were drawn and not sent yet.
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
    pub(crate) fn new(shared: SharedBudget, limits: impl IntoIterator<Item = Limit>) -> Self {
        let limits = limits.into_iter().map(|limit| (limit, Mutex::default())).collect();
        Self { shared, limits }
    }

    /// Takes one request of this kind out of the budget.
    pub(crate) async fn take(&self, kind: &str, now: Timestamp) -> Result<Leave, ConnectorError> {
        let of_kind = self.limits.iter().find(|(limit, _)| limit.of == Some(kind));
        let Some((limit, hand)) =
            of_kind.or_else(|| self.limits.iter().find(|(limit, _)| limit.of.is_none()))
        else {
            return Ok(Leave::Now);
        };
        if lock(hand).take(now) {
            return Ok(Leave::Now);
        }
        let draw = Draw {
            tenant: self.shared.tenant.clone(),
            connection: self.shared.connection.clone(),
            limit: limit.name().to_owned(),
            worker: self.shared.worker.clone(),
            budget: limit.budget,
            now,
            wanted: limit.budget.requests.div_ceil(20),
        };
        let drawn = self.shared.store.draw(&draw).await.map_err(|error| {
            let why = format!("the connection's budget could not be asked: {error}");
            ConnectorError::new(ErrorKind::Transient, why)
        })?;
        if drawn.granted == 0 {
            return Ok(Leave::Later(drawn.again));
        }
        *lock(hand) = Hand { left: drawn.granted, until: drawn.until };
        // It is looked at again: drawing may have taken longer than what was drawn is good for.
        Ok(Leave::Later(now))
    }
}

impl Hand {
    fn take(&mut self, now: Timestamp) -> bool {
        let has = self.left > 0 && now <= self.until;
        if has {
            self.left -= 1;
        }
        has
    }
}

fn lock(hand: &Mutex<Hand>) -> MutexGuard<'_, Hand> {
    // Two numbers, each of which is whole.
    hand.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The error for a request that the budget has no room for in time.
pub(crate) fn exhausted(kind: &str, wait: Duration) -> ConnectorError {
    ConnectorError {
        retry_after: Some(wait),
        ..ConnectorError::new(
            ErrorKind::RateLimited,
            format!(
                "the {kind} request was not sent: the workers' share of the connection's budget is spent"
            ),
        )
    }
}
