//! A caller that makes calls again which failed.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::lock::Mutex;

use super::super::each_call::{
    each_call_of_budgets, each_call_of_rows, each_call_of_schedule, each_call_of_store,
    each_call_of_tokens, each_call_of_upkeep,
};
use crate::model::{MappingKey, Timestamp};
use crate::store::{
    Budgets, Prune, Pruned, Retained, Rows, Schedule, Store, StoreError, StoreErrorKind,
    TokenStore, Upkeep,
};

/// What became of a call that failed. Who made it fail knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It was not carried out.
    Undone,
    /// It was carried out, and its answer was lost.
    Done,
}

/// What makes calls of a store fail.
#[async_trait]
pub trait Trouble: Debug + Send + Sync + 'static {
    /// A call of this method is about to be made: now it may be made to fail.
    async fn before(&self, method: &'static str);

    /// The call has ended, perhaps with an error, and is not to fail when it is made again. What became
    /// of it; `None`: nothing was done to it.
    async fn after(&self, method: &'static str, error: Option<&StoreError>) -> Option<Fate>;
}

/// What may be done about a call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// It changes nothing.
    Reads,
    /// It may be made again, whatever became of it.
    Repeats,
    /// It may be made again only if it was not carried out.
    Writes,
}

/// Makes calls on a store that is in [`Trouble`], and insists: a call that failed is made again where
/// the contract allows it. Where it was carried out and may not be made again, the answer is the one
/// that a model of the store gives, which is given the same calls: what the caller goes on with was
/// then never told by the store, and everything that is read later must agree with it.
///
/// So a rule of the [suite](crate::testkit::conformance::store) that is put to it is kept only if each
/// call that failed has changed nothing, or was carried out whole. A call that was carried out and
/// says that it failed, other than as `Unanswered`, breaks the contract by itself: it is told as
/// `Misuse`.
///
/// Calls are made one after the other; only a wait for being woken may go on beside them, and
/// [`Trouble::before`] is not asked about it.
///
/// ```
/// use std::sync::Arc;
///
/// use fluxcascade_core::store::StoreError;
/// use fluxcascade_core::testkit::conformance::store::{Fixture, Parts, RULES};
/// use fluxcascade_core::testkit::{
///     Failing, Failure, Failures, Fate, Insisting, Trouble, block_on,
/// };
/// use fluxcascade_store::MemoryStore;
///
/// /// Every call fails at first.
/// #[derive(Debug)]
/// struct EveryCall(Failures);
///
/// #[async_trait::async_trait]
/// impl Trouble for EveryCall {
///     async fn before(&self, _: &'static str) {
///         self.0.fail(1, Failure::AnswerLost);
///     }
///
///     async fn after(&self, _: &'static str, _: Option<&StoreError>) -> Option<Fate> {
///         self.0.take_failed().map(|_| Fate::Done)
///     }
/// }
///
/// for rule in RULES {
///     let failures = Failures::new();
///     let store = Failing::new(MemoryStore::new(), failures.clone());
///     let store = Insisting::new(Arc::new(store), MemoryStore::new(), EveryCall(failures));
///     let fixture = Fixture::of(Parts::whole(store));
///     assert!(block_on(rule.check(&fixture)).is_ok());
/// }
/// ```
#[derive(Debug)]
pub struct Insisting<S, M> {
    store: Arc<S>,
    model: M,
    trouble: Arc<dyn Trouble>,
    turn: Mutex<()>,
    /// Where the model goes on with pruning, by where the store does: each has its own numbers.
    places: std::sync::Mutex<HashMap<(MappingKey, Retained, u64), u64>>,
}

impl<S, M> Insisting<S, M> {
    /// A new store that gets into trouble, and a new one that does not.
    pub fn new(store: Arc<S>, model: M, trouble: impl Trouble) -> Self {
        let (turn, places) = (Mutex::new(()), std::sync::Mutex::default());
        Self { store, model, trouble: Arc::new(trouble), turn, places }
    }

    async fn insist<'a, T>(
        &'a self,
        method: &'static str,
        sort: Sort,
        call: impl Fn() -> BoxFuture<'a, Result<T, StoreError>>,
        model: impl Fn() -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let _turn = self.turn.lock().await;
        self.trouble.before(method).await;
        let outcome = call().await;
        let fate = self.trouble.after(method, outcome.as_ref().err()).await;
        let expected = model().await;
        let (Err(error), Some(fate)) = (&outcome, fate) else { return outcome };
        match (error.kind, fate, sort) {
            (StoreErrorKind::Failed, Fate::Done, Sort::Repeats | Sort::Writes) => {
                Err(StoreError::new(
                    StoreErrorKind::Misuse,
                    format!("{method} was carried out, and says: {error}"),
                ))
            }
            (StoreErrorKind::Unanswered, Fate::Done, Sort::Writes) => expected,
            (StoreErrorKind::Failed | StoreErrorKind::Unanswered, _, _) => call().await,
            (
                StoreErrorKind::Busy
                | StoreErrorKind::LeaseLost
                | StoreErrorKind::Newer
                | StoreErrorKind::Damaged
                | StoreErrorKind::Locked
                | StoreErrorKind::Misuse,
                _,
                _,
            ) => outcome,
        }
    }

    /// Others may make calls meanwhile.
    async fn wait<'a>(
        &'a self,
        method: &'static str,
        call: impl Fn() -> BoxFuture<'a, Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        match call().await {
            Err(error) if self.trouble.after(method, Some(&error)).await.is_some() => call().await,
            outcome => outcome,
        }
    }
}

impl<S: Upkeep, M: Upkeep> Insisting<S, M> {
    fn places(&self) -> MutexGuard<'_, HashMap<(MappingKey, Retained, u64), u64>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn prune_insisting(
        &self,
        mapping: &MappingKey,
        prune: &Prune,
    ) -> Result<Pruned, StoreError> {
        let known = self.places().get(&(mapping.clone(), prune.what, prune.from)).copied();
        let of_model = Prune { from: known.unwrap_or(prune.from), ..prune.clone() };
        let told = std::sync::Mutex::new(None);
        let call = || self.store.prune(mapping, prune);
        let model = || -> BoxFuture<'_, Result<Pruned, StoreError>> {
            Box::pin(async {
                let done = self.model.prune(mapping, &of_model).await?;
                *told.lock().unwrap_or_else(PoisonError::into_inner) = done.next;
                let next = match done.next {
                    Some(_) => Some(self.behind_kept(mapping, prune, done.removed).await?),
                    None => None,
                };
                Ok(Pruned { next, ..done })
            })
        };
        let done = self.insist("prune", Sort::Writes, call, model).await?;
        let told = told.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some((next, of_model)) = done.next.zip(told) {
            self.places().insert((mapping.clone(), prune.what, next), of_model);
        }
        Ok(done)
    }

    /// Where the store goes on after a step whose answer was lost: a step that removes nothing looks at
    /// what that one has kept.
    async fn behind_kept(
        &self,
        mapping: &MappingKey,
        prune: &Prune,
        removed: u64,
    ) -> Result<u64, StoreError> {
        let limit = prune.limit.saturating_sub(usize::try_from(removed).unwrap_or(usize::MAX));
        if limit == 0 {
            return Ok(prune.from);
        }
        let look = Prune { before: Timestamp::from_micros(i64::MIN), limit, ..prune.clone() };
        Ok(self.store.prune(mapping, &look).await?.next.unwrap_or(prune.from))
    }
}

macro_rules! insists {
    ($store:ident, prunes, prune ( $mapping:expr, $prune:expr )) => {
        $store.prune_insisting($mapping, $prune).await
    };
    ($store:ident, waits, $method:ident ( $($argument:expr),* )) => {
        $store.wait(stringify!($method), || $store.store.$method($($argument),*)).await
    };
    ($store:ident, reads, $($call:tt)+) => {
        insists!(@ $store, Sort::Reads, $($call)+)
    };
    ($store:ident, repeats, $($call:tt)+) => {
        insists!(@ $store, Sort::Repeats, $($call)+)
    };
    ($store:ident, writes, $($call:tt)+) => {
        insists!(@ $store, Sort::Writes, $($call)+)
    };
    (@ $store:ident, $sort:expr, $method:ident ( $($argument:expr),* )) => {{
        let call = || $store.store.$method($($argument),*);
        let model = || $store.model.$method($($argument),*);
        $store.insist(stringify!($method), $sort, call, model).await
    }};
}

each_call_of_store! { insists, impl<S: Store, M: Store> Store for Insisting<S, M> }
each_call_of_tokens! {
    insists, impl<S: TokenStore, M: TokenStore> TokenStore for Insisting<S, M>
}
each_call_of_schedule! {
    insists, impl<S: Schedule, M: Schedule> Schedule for Insisting<S, M>
}
each_call_of_budgets! { insists, impl<S: Budgets, M: Budgets> Budgets for Insisting<S, M> }
each_call_of_upkeep! { insists, impl<S: Upkeep, M: Upkeep> Upkeep for Insisting<S, M> }
each_call_of_rows! { insists, impl<S: Rows, M: Rows> Rows for Insisting<S, M> }
