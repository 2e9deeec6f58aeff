//! How many requests a system takes, shared by the workers that ask it.
//!
//! What counts as a request, and what to do without one, is the adapters' affair.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::model::{ConnectionName, TenantId, Timestamp, WorkerName};

/// A vendor's limit: so many requests in any window of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Requests; at least one.
    pub requests: u32,
    /// The window.
    pub window: Duration,
}

/// Asks for requests of a connection's budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    /// Whose connection.
    pub tenant: TenantId,
    /// The connection.
    pub connection: ConnectionName,
    /// Which of its limits: what is drawn of one leaves the others as they are.
    pub limit: String,
    /// Who asks.
    pub worker: WorkerName,
    /// What the connection has; all workers say the same.
    pub budget: Budget,
    /// The time. Where workers' clocks differ by more than a twentieth of the window, they may
    /// together pass the limit.
    pub now: Timestamp,
    /// At most so many requests.
    pub wanted: u32,
    /// And at least so many at once, for what cannot leave with fewer: until they are there, nothing is
    /// granted. More than a worker's share are never waited for.
    pub least: u32,
    /// For how much longer than others they may leave, as the store answers this worker so late. They
    /// count for so much longer, too. No more than a window is taken.
    pub late: Duration,
}

/// What was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawn {
    /// So many requests may be sent, or none yet.
    pub granted: u32,
    /// They may leave until then; what has not left is lost.
    pub until: Timestamp,
    /// When to ask again for as many, if none was granted: it is after the draw's `now`.
    pub again: Timestamp,
}

/// Keeps the budgets of connections, so that many workers share one.
///
/// Draws of one budget come one after the other, and each is stored before it is told. What was drawn by
/// a call that fails is not known to the caller: it must not be used, and may count until its window
/// is over.
///
/// A worker counts for a connection while it draws, and while it holds the lease of a mapping that reads
/// it. One that comes later waits for its share until what others have drawn is a window old.
///
/// # Contract
///
/// - All draws together grant no more than the budget's requests in any window, and in a tenth of it
///   before, but at least half a second, for those that are on their way.
/// - A worker is granted no more than its share: the budget's requests divided by the workers that
///   count, and at least one.
/// - A draw is granted at least what it asks for at least, or the worker's whole share where that is
///   less, or nothing.
/// - A draw that is granted nothing is told when to ask again.
/// - A budget is the tenant's, the connection's and the limit's.
#[async_trait]
pub trait Budgets: Debug + Send + Sync + 'static {
    /// Draws requests of a connection's budget. What was drawn may be forgotten at a power failure of
    /// the store: windows are over by then.
    ///
    /// # Errors
    /// If the store fails.
    async fn draw(&self, draw: &Draw) -> Result<Drawn, StoreError>;
}

const _: Option<&dyn Budgets> = None; // stays object-safe
