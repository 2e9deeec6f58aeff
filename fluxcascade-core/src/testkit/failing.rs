//! Stores that fail, and callers that do not give up: what a store's author puts the contract's suite
//! to under failures.
//!
//! [`Failing`] lets one call of a store fail, as a connection that breaks would. [`Insisting`] makes
//! the calls of a rule on a store that fails, by whatever means, and makes each again as the contract
//! allows: so that the rule holds only if a call that failed has changed nothing, or was carried out
//! whole. A connector's failures are `sim`'s, the end of a process is `crash`'s.

mod insisting;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use insisting::{Fate, Insisting, Trouble};

use super::each_call::{
    each_call_of_budgets, each_call_of_rows, each_call_of_schedule, each_call_of_store,
    each_call_of_tokens, each_call_of_upkeep,
};
use crate::store::{Budgets, Rows, Schedule, Store, StoreError, TokenStore, Upkeep};

/// How a call of a store fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The connection breaks before the call is carried out: `Failed`.
    Before,
    /// The call is carried out, and its answer is lost: `Unanswered`, or `Failed` if it only reads.
    AnswerLost,
}

/// A call that has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Failed {
    /// The method.
    pub method: &'static str,
    /// How.
    pub how: Failure,
}

/// Which call of a [`Failing`] store fails, and how. Clones share everything.
#[derive(Debug, Clone, Default)]
pub struct Failures {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    calls: u64,
    plan: Option<(u64, Failure)>,
    failed: Option<Failed>,
}

impl Failures {
    /// No call fails.
    pub fn new() -> Self {
        Self::default()
    }

    /// From here on calls are counted anew, and this one of them fails: the first is 1. The others
    /// are carried out.
    pub fn fail(&self, call: u64, how: Failure) {
        *self.state() = State { plan: Some((call, how)), ..State::default() };
    }

    /// How many calls were made since the count began.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// The call that has failed since then. It is told once.
    pub fn take_failed(&self) -> Option<Failed> {
        self.state().failed.take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the next call fails, if it does.
    fn next(&self, method: &'static str) -> Option<Failure> {
        let mut state = self.state();
        state.calls += 1;
        let (call, how) = state.plan?;
        if call != state.calls {
            return None;
        }
        state.failed = Some(Failed { method, how });
        Some(how)
    }
}

/// A store of which one call fails, in one of two ways: before it is carried out, or after it was
/// carried out, with its answer lost. It implements what the store within does. Put it below a layer
/// of yours to see what the layer makes of failures of its store, or below an engine.
///
/// ```
/// use fluxcascade_core::store::{Store, StoreErrorKind};
/// use fluxcascade_core::testkit::conformance::store::nouns::{TTL, at, contacts};
/// use fluxcascade_core::testkit::{Failing, Failure, Failures, block_on};
/// use fluxcascade_store::MemoryStore;
///
/// let failures = Failures::new();
/// let store = Failing::new(MemoryStore::new(), failures.clone());
/// failures.fail(2, Failure::AnswerLost);
/// let lease = block_on(store.lease(&contacts(), at(0), TTL)).unwrap();
/// let error = block_on(store.release(&lease)).unwrap_err();
/// assert_eq!(error.kind, StoreErrorKind::Unanswered);
/// // It was carried out.
/// assert!(block_on(store.lease(&contacts(), at(1), TTL)).is_ok());
/// ```
#[derive(Debug)]
pub struct Failing<S> {
    inner: S,
    failures: Failures,
}

impl<S> Failing<S> {
    /// The store whose calls fail as they say.
    pub fn new(inner: S, failures: Failures) -> Self {
        Self { inner, failures }
    }

    async fn around<T>(
        &self,
        method: &'static str,
        lost: fn() -> StoreError,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match self.failures.next(method) {
            None => call.await,
            Some(Failure::Before) => Err(broken()),
            Some(Failure::AnswerLost) => {
                drop(call.await);
                Err(lost())
            }
        }
    }
}

fn broken() -> StoreError {
    StoreError::failed("a test has broken its connection")
}

fn lost() -> StoreError {
    StoreError::unanswered("a test has lost it")
}

/// What is told when the answer to a call of this sort is lost.
macro_rules! told {
    (reads) => {
        broken
    };
    (waits) => {
        broken
    };
    (repeats) => {
        lost
    };
    (writes) => {
        lost
    };
    (prunes) => {
        lost
    };
}

macro_rules! may_fail {
    ($store:ident, $sort:ident, $method:ident ( $($argument:expr),* )) => {{
        let call = $store.inner.$method($($argument),*);
        $store.around(stringify!($method), told!($sort), call).await
    }};
}

each_call_of_store! { may_fail, impl<S: Store> Store for Failing<S> }
each_call_of_tokens! { may_fail, impl<S: TokenStore> TokenStore for Failing<S> }
each_call_of_schedule! { may_fail, impl<S: Schedule> Schedule for Failing<S> }
each_call_of_budgets! { may_fail, impl<S: Budgets> Budgets for Failing<S> }
each_call_of_upkeep! { may_fail, impl<S: Upkeep> Upkeep for Failing<S> }
each_call_of_rows! { may_fail, impl<S: Rows> Rows for Failing<S> }
