//! Credentials, sealed: each generation for itself, so that an older one put back does not open.

use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::model::Timestamp;
use fluxcascade_core::store::{
    Rows, StoreError, StoreErrorKind, StoredToken, TokenKey, TokenStore,
};

use super::row::RowId;
use super::{RESERVED, Sealed, envelope};

#[async_trait]
impl<S: Rows + TokenStore> TokenStore for Sealed<S> {
    async fn token(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        not_reserved(key)?;
        self.known(&key.tenant).await?;
        let Some(stored) = self.inner.token(key).await? else { return Ok(None) };
        let row = RowId::token(key, stored.generation);
        let secret = envelope::open(&self.ring, &row, &stored.secret)?;
        Ok(Some(StoredToken { generation: stored.generation, secret: secret.to_vec() }))
    }

    async fn replace_token(
        &self,
        key: &TokenKey,
        generation: u64,
        secret: &[u8],
    ) -> Result<bool, StoreError> {
        not_reserved(key)?;
        // A ring that does not open what the tenant has adds nothing to it.
        self.known(&key.tenant).await?;
        let row = RowId::token(key, generation + 1);
        let sealed = envelope::seal(&self.ring, &row, secret)?;
        self.inner.replace_token(key, generation, &sealed).await
    }

    async fn claim_refresh(
        &self,
        key: &TokenKey,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<bool, StoreError> {
        not_reserved(key)?;
        self.inner.claim_refresh(key, now, ttl).await
    }

    async fn release_refresh(&self, key: &TokenKey, until: Timestamp) -> Result<(), StoreError> {
        not_reserved(key)?;
        self.inner.release_refresh(key, until).await
    }
}

fn not_reserved(key: &TokenKey) -> Result<(), StoreError> {
    if key.connection.as_str() == RESERVED {
        return Err(StoreError::new(
            StoreErrorKind::Misuse,
            format!("no connection is called {RESERVED}: give it another name"),
        ));
    }
    Ok(())
}
