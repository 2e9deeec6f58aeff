//! Counting requests by kind, so that a host can watch its budget and a test can hold an adapter
//! to what it promised.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

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

/// Counts as requests leave.
#[derive(Debug, Default)]
pub(super) struct Counter(Mutex<RequestCounts>);

impl Counter {
    pub(super) fn count(&self, kind: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.0.entry(kind).or_default() += 1;
    }

    pub(super) fn read(&self) -> RequestCounts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
