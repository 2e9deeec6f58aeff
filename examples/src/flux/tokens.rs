//! Where the tokens of accounts are kept that were connected by OAuth: in the store of the file, once that
//! is open. Adapters are built before.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::Timestamp;
use fluxcascade_core::store::{StoreError, StoredToken, TokenKey, TokenStore};
use fluxcascade_store::MemoryStore;

/// The store's tokens; none until it is open.
pub(super) struct Tokens(RwLock<Arc<dyn TokenStore>>);

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Self(RwLock::new(Arc::new(MemoryStore::new())))
    }
}

impl Tokens {
    /// The store is open.
    pub(super) fn are_in(&self, store: &Arc<dyn TokenStore>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(store);
    }

    fn store(&self) -> Arc<dyn TokenStore> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl TokenStore for Tokens {
    async fn token(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        self.store().token(key).await
    }

    async fn replace_token(
        &self,
        key: &TokenKey,
        generation: u64,
        secret: &[u8],
    ) -> Result<bool, StoreError> {
        self.store().replace_token(key, generation, secret).await
    }

    async fn claim_refresh(
        &self,
        key: &TokenKey,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<bool, StoreError> {
        self.store().claim_refresh(key, now, ttl).await
    }

    async fn release_refresh(&self, key: &TokenKey, until: Timestamp) -> Result<(), StoreError> {
        self.store().release_refresh(key, until).await
    }
}
