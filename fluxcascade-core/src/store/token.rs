//! Where adapters keep credentials that change: OAuth tokens.

use std::fmt::{self, Debug};
use std::time::Duration;

use async_trait::async_trait;

use super::error::StoreError;
use crate::model::{ConnectionName, TenantId, Timestamp};

/// Whose credentials.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenKey {
    /// The tenant.
    pub tenant: TenantId,
    /// The connection.
    pub connection: ConnectionName,
}

/// A stored credential: an adapter's own bytes, with a number that grows when it is replaced.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// 1 for the first, then one more with each replacement.
    pub generation: u64,
    /// The adapter's bytes.
    pub secret: Vec<u8>,
}

/// Never shows the secret.
impl Debug for StoredToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredToken")
            .field("generation", &self.generation)
            .field("secret", &"[redacted]")
            .finish()
    }
}

/// Keeps credentials that change, so that many tasks and processes share one.
///
/// Calls for one key come one after the other, each whole or not at all. A call that fails has changed
/// nothing, unless it fails as [`Unanswered`](super::StoreErrorKind::Unanswered): then the credential is
/// read to see whether it was replaced, before the old one is used again; a claim that may have been
/// given ends by itself.
///
/// # Contract
///
/// - A replaced token is durable when the call returns.
/// - A token is replaced only at its generation.
/// - Of two replacements of the same generation, one is refused.
/// - While a claim holds, another claim of the same key is refused.
/// - A claim that is given back late leaves a later one.
/// - A token is the tenant's and the connection's.
/// - A secret is not shown, by the `Debug` of a store or a token.
#[async_trait]
pub trait TokenStore: Debug + Send + Sync + 'static {
    /// The credential, if there is one.
    ///
    /// # Errors
    /// If the store fails.
    async fn token(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError>;

    /// Replaces the credential if it is still of this generation (0: if there is none).
    /// Says whether it did.
    ///
    /// # Errors
    /// If the store fails.
    async fn replace_token(
        &self,
        key: &TokenKey,
        generation: u64,
        secret: &[u8],
    ) -> Result<bool, StoreError>;

    /// Claims the right to refresh the credential for some time. Says whether it was given.
    ///
    /// # Errors
    /// If the store fails.
    async fn claim_refresh(
        &self,
        key: &TokenKey,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<bool, StoreError>;

    /// Gives the right to refresh back that was claimed until this time (the claim's `now` and `ttl`
    /// together), if it is still that claim's.
    ///
    /// # Errors
    /// If the store fails.
    async fn release_refresh(&self, key: &TokenKey, until: Timestamp) -> Result<(), StoreError>;
}
