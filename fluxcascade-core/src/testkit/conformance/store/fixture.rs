//! A store that is put to a rule, what it implements of the contract, and how it is opened again.

use std::fmt::{self, Debug};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;

use super::Found;
use crate::store::{Budgets, Rows, Schedule, Store, StoreError, TokenStore, Upkeep};

/// A store, and which traits of the contract it implements beside [`Store`]. A rule of a trait that it
/// does not have does not apply.
///
/// ```
/// use std::sync::Arc;
///
/// use fluxcascade_core::testkit::conformance::store::Parts;
/// use fluxcascade_store::MemoryStore;
///
/// let store = Arc::new(MemoryStore::new());
/// let _keeps_tokens = Parts::of(&store).tokens(&store);
/// let _has_all = Parts::whole(MemoryStore::new());
/// ```
#[derive(Debug, Clone)]
pub struct Parts {
    pub(super) store: Arc<dyn Store>,
    pub(super) tokens: Option<Arc<dyn TokenStore>>,
    pub(super) schedule: Option<Arc<dyn Schedule>>,
    pub(super) budgets: Option<Arc<dyn Budgets>>,
    pub(super) upkeep: Option<Arc<dyn Upkeep>>,
    pub(super) rows: Option<Arc<dyn Rows>>,
}

impl Parts {
    /// A store that implements [`Store`] alone.
    pub fn of<S: Store>(store: &Arc<S>) -> Self {
        let store: Arc<dyn Store> = Arc::<S>::clone(store);
        Self { store, tokens: None, schedule: None, budgets: None, upkeep: None, rows: None }
    }

    /// A store that implements all of the traits.
    pub fn whole<S>(store: S) -> Self
    where
        S: Store + TokenStore + Schedule + Budgets + Upkeep + Rows,
    {
        let store = Arc::new(store);
        Self::of(&store).tokens(&store).schedule(&store).budgets(&store).upkeep(&store).rows(&store)
    }

    /// It also keeps tokens.
    #[must_use]
    pub fn tokens<S: TokenStore>(mut self, store: &Arc<S>) -> Self {
        self.tokens = Some(Arc::<S>::clone(store));
        self
    }

    /// It also knows when mappings are due.
    #[must_use]
    pub fn schedule<S: Schedule>(mut self, store: &Arc<S>) -> Self {
        self.schedule = Some(Arc::<S>::clone(store));
        self
    }

    /// It also keeps the budgets of connections.
    #[must_use]
    pub fn budgets<S: Budgets>(mut self, store: &Arc<S>) -> Self {
        self.budgets = Some(Arc::<S>::clone(store));
        self
    }

    /// It also forgets records and lets go of old rows.
    #[must_use]
    pub fn upkeep<S: Upkeep>(mut self, store: &Arc<S>) -> Self {
        self.upkeep = Some(Arc::<S>::clone(store));
        self
    }

    /// It also has its rows written anew in place.
    #[must_use]
    pub fn rows<S: Rows>(mut self, store: &Arc<S>) -> Self {
        self.rows = Some(Arc::<S>::clone(store));
        self
    }
}

/// A new, empty store for one check.
///
/// ```
/// use fluxcascade_core::testkit::block_on;
/// use fluxcascade_core::testkit::conformance::store::{Fixture, Parts, RULES, Verdict};
/// use fluxcascade_store::SqliteStore;
///
/// let folder = tempfile::tempdir().unwrap();
/// // What the closure has lives as long as the fixture: the folder, too.
/// let open = move || {
///     let opening = SqliteStore::open(folder.path().join("sync.db"));
///     async { opening.await.map(Parts::whole) }
/// };
/// let fixture = block_on(Fixture::reopening(open)).unwrap();
/// assert_eq!(block_on(RULES[0].check(&fixture)), Ok(Verdict::Kept));
/// ```
pub struct Fixture {
    held: Mutex<Option<Parts>>,
    reopen: Option<Box<Reopen>>,
}

type Reopen = dyn Fn() -> BoxFuture<'static, Result<Parts, StoreError>> + Send + Sync;

impl Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = self.held().as_ref().map(|held| Arc::clone(&held.store));
        f.debug_struct("Fixture").field("store", &store).finish_non_exhaustive()
    }
}

impl Fixture {
    /// A store that is gone when it is dropped.
    pub fn of(parts: Parts) -> Self {
        Self { held: Mutex::new(Some(parts)), reopen: None }
    }

    /// A store that has what it had when it is opened again: `open` opens it, the first time and
    /// each later one. Before that it is dropped.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub async fn reopening<F>(
        open: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Self, StoreError>
    where
        F: Future<Output = Result<Parts, StoreError>> + Send + 'static,
    {
        let reopen = move || -> BoxFuture<'static, Result<Parts, StoreError>> { Box::pin(open()) };
        let held = reopen().await?;
        Ok(Self { held: Mutex::new(Some(held)), reopen: Some(Box::new(reopen)) })
    }

    fn held(&self) -> MutexGuard<'_, Option<Parts>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn parts(&self) -> Result<Parts, Found> {
        self.held().clone().ok_or_else(|| Found("the store cannot be opened again".into()))
    }

    /// Whether it can be opened again.
    pub(super) fn is_lasting(&self) -> bool {
        self.reopen.is_some()
    }

    /// Drops the store and opens it again. Nobody else may have it.
    pub(super) async fn reopen(&self) -> Result<(), Found> {
        drop(self.held().take());
        if let Some(reopen) = &self.reopen {
            let held = reopen().await?;
            *self.held() = Some(held);
        }
        Ok(())
    }
}
