//! A store that is put to a rule, and how it is opened again.

use std::fmt::{self, Debug};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;

use super::Found;
use crate::store::{Store, StoreError, TokenStore};

/// A new, empty store for one check.
///
/// ```
/// use fluxcascade_core::testkit::block_on;
/// use fluxcascade_core::testkit::conformance::store::{Fixture, RULES, Verdict};
/// use fluxcascade_store::SqliteStore;
///
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("sync.db");
/// // What the closure has lives as long as the fixture: the folder, too.
/// let open = move || {
///     let _folder = &folder;
///     SqliteStore::open(path.clone())
/// };
/// let fixture = block_on(Fixture::reopening(open)).unwrap();
/// assert_eq!(block_on(RULES[0].check(&fixture)), Ok(Verdict::Kept));
/// ```
pub struct Fixture {
    held: Mutex<Option<Held>>,
    reopen: Option<Box<Reopen>>,
}

struct Held {
    store: Arc<dyn Store>,
    tokens: Option<Arc<dyn TokenStore>>,
}

type Reopen = dyn Fn() -> BoxFuture<'static, Result<Held, StoreError>> + Send + Sync;

impl Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = self.held().as_ref().map(|held| Arc::clone(&held.store));
        f.debug_struct("Fixture").field("store", &store).finish_non_exhaustive()
    }
}

impl Held {
    fn of<S: Store + TokenStore>(store: S) -> Self {
        let store = Arc::new(store);
        let tokens: Arc<dyn TokenStore> = Arc::<S>::clone(&store);
        Self { store, tokens: Some(tokens) }
    }
}

impl Fixture {
    /// A store that also keeps tokens, and that is gone when it is dropped.
    pub fn of<S: Store + TokenStore>(store: S) -> Self {
        Self { held: Mutex::new(Some(Held::of(store))), reopen: None }
    }

    /// A store that keeps no tokens.
    pub fn without_tokens<S: Store>(store: S) -> Self {
        let held = Held { store: Arc::new(store), tokens: None };
        Self { held: Mutex::new(Some(held)), reopen: None }
    }

    /// A store that has what it had when it is opened again: `open` opens it, the first time and
    /// each later one. Before that it is dropped.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub async fn reopening<S, F>(
        open: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Self, StoreError>
    where
        S: Store + TokenStore,
        F: Future<Output = Result<S, StoreError>> + Send + 'static,
    {
        let reopen = move || -> BoxFuture<'static, Result<Held, StoreError>> {
            let opening = open();
            Box::pin(async move { opening.await.map(Held::of) })
        };
        let held = reopen().await?;
        Ok(Self { held: Mutex::new(Some(held)), reopen: Some(Box::new(reopen)) })
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn store(&self) -> Result<Arc<dyn Store>, Found> {
        self.held().as_ref().map(|held| Arc::clone(&held.store)).ok_or_else(not_open)
    }

    pub(super) fn tokens(&self) -> Result<Option<Arc<dyn TokenStore>>, Found> {
        self.held().as_ref().map(|held| held.tokens.clone()).ok_or_else(not_open)
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

fn not_open() -> Found {
    Found("the store cannot be opened again".into())
}
