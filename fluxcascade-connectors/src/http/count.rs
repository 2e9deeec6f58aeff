//! Watching requests: counted by kind, so that a test can hold an adapter to what it promised, and told
//! one by one to whoever the host sets to it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How many requests were sent, by kind. Each attempt counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestCounts(BTreeMap<&'static str, u64>);

impl RequestCounts {
    /// Requests of this kind; the adapter's documentation lists its kinds.
    pub fn of(&self, kind: &str) -> u64 {
        self.0.get(kind).copied().unwrap_or(0)
    }

    /// All requests.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Each kind with its count, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(kind, count)| (*kind, *count))
    }
}

/// A request that was sent, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestEvent {
    /// What it was for; the adapter's documentation lists its kinds.
    pub kind: &'static str,
    /// 1 for the first attempt of a call.
    pub attempt: u32,
    /// The status of the answer; none if none came, or not whole.
    pub status: Option<u16>,
    /// How long it took, by the connection's clock.
    pub took: Duration,
    /// The bytes of the answer's body, unpacked.
    pub received: usize,
}

/// Is told of every request: for metrics, or to watch what a customer's quota goes into.
///
/// It is called when the request has ended, by the task that sent it, and must be quick.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use fluxcascade_connectors::HubSpot;
/// use fluxcascade_connectors::http::{RequestEvent, RequestObserver};
///
/// #[derive(Debug, Default)]
/// struct Failures(AtomicU64);
///
/// impl RequestObserver for Failures {
///     fn answered(&self, event: &RequestEvent) {
///         if event.status.is_none_or(|status| status >= 500) {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let failures = Arc::new(Failures::default());
/// let hubspot = HubSpot::builder().token("pat-na1-1").observer(failures).build();
/// assert!(hubspot.is_ok());
/// ```
pub trait RequestObserver: Debug + Send + Sync {
    /// A request has ended.
    fn answered(&self, event: &RequestEvent);
}

/// Counts as requests leave, and tells of them when they have ended.
#[derive(Debug, Default)]
pub(super) struct Counter {
    counts: Mutex<RequestCounts>,
    observer: Option<Arc<dyn RequestObserver>>,
}

impl Counter {
    pub(super) fn new(observer: Option<Arc<dyn RequestObserver>>) -> Self {
        Self { counts: Mutex::default(), observer }
    }

    pub(super) fn count(&self, kind: &'static str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.0.entry(kind).or_default() += 1;
    }

    pub(super) fn tell(&self, event: &RequestEvent) {
        if let Some(observer) = &self.observer {
            observer.answered(event);
        }
    }

    pub(super) fn read(&self) -> RequestCounts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
