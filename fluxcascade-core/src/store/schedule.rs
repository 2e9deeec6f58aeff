//! Which mappings are due, for workers that share them through one store.
//!
//! There is no coordinator: each worker claims what is due, syncs it under the lease that the claim
//! gave, and claims again. Who calls this is the host's loop; how long to sleep is its clock's affair.

use std::time::Duration;

use async_trait::async_trait;

use super::{Lease, Store, StoreError};
use crate::model::{MappingKey, Timestamp, WorkerName};

/// A mapping that is to be synced again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// The mapping.
    pub mapping: MappingKey,
    /// How long after a claim it is due again.
    pub every: Duration,
    /// When it is due first.
    pub first: Timestamp,
}

/// Asks for mappings that are due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRequest {
    /// Who asks.
    pub worker: WorkerName,
    /// Only these mappings: those that the worker can sync. `None`: any, of all tenants.
    pub among: Option<Vec<MappingKey>>,
    /// Those that are due by now.
    pub now: Timestamp,
    /// How long the leases last.
    pub ttl: Duration,
    /// At most this many.
    pub limit: usize,
}

/// What a claim gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claimed {
    /// The leases of mappings that were due.
    pub leases: Vec<Lease>,
    /// When one of the others is due at the soonest, as far as time makes it due; `None`: none is
    /// scheduled. It is after the claim's `now`.
    pub next: Option<Timestamp>,
}

/// A store that knows when mappings are due, so that any number of workers share them.
///
/// Each call is one transaction, as those of [`Store`] are: atomic, durable when it returns, and changed
/// nothing if it fails other than as `Unanswered`. A claim that ends so may have taken leases that nobody
/// knows of: they end by themselves, and their mappings are due then. What wakes a mapping is stored
/// with what it is woken for; that somebody waits is told after that, and may be lost, as on a
/// connection that breaks: a worker looks for itself now and then.
///
/// ```
/// use std::time::Duration;
///
/// use fluxcascade_core::model::{MappingKey, MappingName, Timestamp, WorkerName};
/// use fluxcascade_core::store::{ClaimRequest, Schedule, Scheduled};
/// use fluxcascade_core::testkit::block_on;
/// use fluxcascade_store::MemoryStore;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::new();
/// let now = Timestamp::from_secs(1_772_000_000);
/// let contacts = MappingKey::of(MappingName::new("contacts")?);
/// let every = Duration::from_secs(300);
/// block_on(store.schedule(&Scheduled { mapping: contacts, every, first: now }))?;
///
/// let claim = |worker: &str| ClaimRequest {
///     worker: WorkerName::new(worker).unwrap(),
///     among: None,
///     now,
///     ttl: Duration::from_secs(300),
///     limit: 1,
/// };
/// assert_eq!(block_on(store.claim(&claim("one")))?.leases.len(), 1);
/// assert_eq!(block_on(store.claim(&claim("two")))?.leases.len(), 0); // the first one has it
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Schedule: Store {
    /// Schedules a mapping. Each worker may do so when it starts.
    ///
    /// # Contract
    ///
    /// - A scheduled mapping is due at its first time.
    /// - A mapping that is scheduled again keeps its time, unless that is later than `first + every`.
    ///
    /// # Errors
    /// If the store fails.
    async fn schedule(&self, scheduled: &Scheduled) -> Result<(), StoreError>;

    /// Takes a mapping off the schedule; one that is not on it is no error.
    ///
    /// # Contract
    ///
    /// - A mapping that was taken off is not claimed.
    ///
    /// # Errors
    /// If the store fails.
    async fn unschedule(&self, mapping: &MappingKey) -> Result<(), StoreError>;

    /// Makes mappings due at once: those of them that are scheduled. [`Store::notify`] and
    /// [`Store::answer`] do so by themselves.
    ///
    /// # Contract
    ///
    /// - A mapping that is woken is due at once.
    /// - A hint wakes the mappings that it reaches.
    /// - An answer that is stored wakes its mapping.
    /// - An answer that is not stored wakes nothing.
    /// - A link that becomes active wakes the other mappings whose holds wait for it.
    /// - What wakes a mapping that is claimed makes it due again once its lease is over.
    ///
    /// # Errors
    /// If the store fails.
    async fn wake(&self, mappings: &[MappingKey]) -> Result<(), StoreError>;

    /// Takes the leases of mappings that are due, and sets when they are due again, in one
    /// transaction. A mapping that another call is changing at this moment is left to a later claim,
    /// and never waited for.
    ///
    /// # Contract
    ///
    /// - A claim takes mappings that are due, first those that are due longest, and as many as its
    ///   limit.
    /// - A claimed mapping is due again when its time after the claim is over, and its lease.
    /// - A mapping whose lease holds is not claimed.
    /// - A mapping whose lease ran out is due: whoever had it is gone.
    /// - A claim takes only mappings that it names.
    /// - A claim tells when the next mapping is due.
    /// - A claimed lease is like any other: its fencing number is greater than the one before, and it
    ///   is `sole` unless the one before ran out.
    ///
    /// # Errors
    /// If the store fails. Leases that it may have taken then end by themselves.
    async fn claim(&self, claim: &ClaimRequest) -> Result<Claimed, StoreError>;

    /// Waits until a mapping may have become due other than by time: it was scheduled or woken, by
    /// whichever process, or a lease that was in the way was given back. May be dropped at any time,
    /// and may end for no reason: who waits claims, and waits again.
    ///
    /// # Contract
    ///
    /// - What was woken since this store's last claim that took less than its limit ends the wait, at
    ///   once if it was there before.
    ///
    /// # Errors
    /// If the store cannot listen; what is due by time is still claimed.
    async fn woken(&self) -> Result<(), StoreError>;
}

const _: Option<&dyn Schedule> = None; // stays object-safe
