//! A store whose calls are points.

use std::sync::Arc;

use super::super::each_call::each_call_of_store;
use super::{CrashPoints, Wall};
use crate::store::{Store, StoreError};

/// A store whose calls are points; see [`CrashPoints`].
#[derive(Debug, Clone)]
pub struct CrashingStore {
    points: CrashPoints,
    inner: Arc<dyn Store>,
}

impl CrashingStore {
    pub(super) fn new(points: CrashPoints, inner: Arc<dyn Store>) -> Self {
        Self { points, inner }
    }
}

/// The store's call with its two points.
macro_rules! around {
    ($store:ident, $sort:ident, $method:ident ( $($argument:expr),* )) => {{
        let call = $store.inner.$method($($argument),*);
        let lost = || Some(Err(StoreError::unanswered("a test has lost it")));
        $store.points.around_or(Wall::Store, stringify!($method), call, lost).await
    }};
}

each_call_of_store! { around, impl Store for CrashingStore }
