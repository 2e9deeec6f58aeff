//! A layer around any store that seals values and credentials before they are stored.
//!
//! Every value is sealed, with every text that may repeat one: observations, bases, operations,
//! conflicts, holds and their answers, the log, what went wrong in runs, and credentials. What the
//! store below decides by stays legible to it: ids of records, links and pairs, versions, times,
//! states, the names of fields in revisions, and fingerprints, which are keyed. Cursors and the ids
//! of accounts are as the systems made them.
//!
//! The cipher is XChaCha20-Poly1305. The identity of the row and the id of the key are its
//! associated data, so that a ciphertext that is moved to another row, or given another key's id,
//! does not open. Each row says with which key it was sealed: see [`Keyring`] for how keys are
//! rotated. A key that is lost cannot be replaced: keep it where the store's file is not, and as well.
//!
//! ```
//! use fluxcascade_core::model::{ConnectionName, TenantId};
//! use fluxcascade_core::store::{TokenKey, TokenStore};
//! use fluxcascade_store::SqliteStore;
//! use fluxcascade_store::sealed::{Keyring, Sealed, SealingKey};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("sync.db");
//! # let text = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
//! let key = SealingKey::from_base64("2026-11", text)?; // from the host's vault
//! let store = Sealed::new(SqliteStore::open(&path).await?, Keyring::new(key));
//!
//! let jobber = ConnectionName::new("jobber")?;
//! let of = TokenKey { tenant: TenantId::default(), connection: jobber };
//! store.replace_token(&of, 0, b"a refresh token").await?;
//! assert_eq!(store.token(&of).await?.unwrap().secret, b"a refresh token");
//!
//! // Without the layer it is not legible, and with another key it does not open.
//! let bare = store.into_inner();
//! assert_ne!(bare.token(&of).await?.unwrap().secret, b"a refresh token");
//! let other = Keyring::new(SealingKey::new("2026-11", &[9; 32])?);
//! let refused = Sealed::new(bare, other).token(&of).await.unwrap_err();
//! assert!(refused.message.contains("credential jobber"), "{refused}");
//! # Ok(())
//! # }
//! ```

mod envelope;
mod key;
mod open;
mod prints;
mod rewrap;
mod row;
mod seal;
mod store;
mod tokens;
mod turns;

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fluxcascade_core::model::{ConnectionName, MappingKey, TenantId};
use fluxcascade_core::store::{Counts, Store, StoreError, StoreErrorKind, TokenKey, TokenStore};
use secrecy::zeroize::Zeroizing;

pub use envelope::OpenError;
pub use key::{KeyError, KeyId, Keyring, SealingKey};
pub use rewrap::{Rewrap, Rewrapped};

use self::open::Opener;
use self::prints::{Prints, SECRET};
use self::row::RowId;
use self::seal::Sealer;

/// The connection under which a tenant's sealed secret is kept: no connection has this name.
const RESERVED: &str = "fluxcascade.sealed";

/// A store whose values and credentials are sealed: see the [module](self).
///
/// It is a store from its first day on: the rows of a store that was used without the layer are
/// refused as not sealed. Its errors are `Locked` where a key is not at hand, and `Damaged` where a
/// row was changed; both say which row and which key id ([`OpenError`]), and nothing is written by the
/// call. A wrong key is found at the first lease, before anything is written at all.
pub struct Sealed<S> {
    inner: S,
    ring: Keyring,
    /// What is made of the tenants' secrets, as far as they were asked for.
    tenants: Mutex<BTreeMap<TenantId, Arc<Prints>>>,
}

/// Shows the ids of the keys, and no key.
impl<S: Debug> Debug for Sealed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed")
            .field("inner", &self.inner)
            .field("ring", &self.ring)
            .finish_non_exhaustive()
    }
}

impl<S> Sealed<S> {
    /// Seals what is stored in a store from now on.
    pub fn new(inner: S, ring: Keyring) -> Self {
        Self { inner, ring, tenants: Mutex::default() }
    }

    /// The store below.
    pub fn into_inner(self) -> S {
        self.inner
    }

    fn tenants(&self) -> MutexGuard<'_, BTreeMap<TenantId, Arc<Prints>>> {
        // One insert at a time: a panic leaves no half of a change behind.
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opener<'a>(&'a self, mapping: &'a MappingKey) -> Opener<'a> {
        Opener { ring: &self.ring, mapping }
    }
}

impl<S: Store + TokenStore> Sealed<S> {
    /// What is made of a tenant's secret, if it has one. Fails if the ring does not open it.
    async fn known(&self, tenant: &TenantId) -> Result<Option<Arc<Prints>>, StoreError> {
        if let Some(prints) = self.tenants().get(tenant) {
            return Ok(Some(Arc::clone(prints)));
        }
        let Some(stored) = self.inner.token(&secret_key(tenant)?).await? else { return Ok(None) };
        let row = RowId::secret(tenant);
        let opened = envelope::open(&self.ring, &row, &stored.secret)?;
        let secret = <&[u8; SECRET]>::try_from(opened.as_slice()).map_err(|_| {
            StoreError::new(StoreErrorKind::Damaged, format!("{row} has another length"))
        })?;
        let prints = Arc::new(Prints::of(secret));
        self.tenants().insert(tenant.clone(), Arc::clone(&prints));
        Ok(Some(prints))
    }

    /// The same for a call that writes: the secret is drawn if the tenant is new.
    async fn prints(&self, mapping: &MappingKey) -> Result<Arc<Prints>, StoreError> {
        let tenant = &mapping.tenant;
        if let Some(prints) = self.known(tenant).await? {
            return Ok(prints);
        }
        // With a new secret, no match key that is stored would be found again.
        if self.inner.counts(mapping).await? != Counts::default() {
            return Err(StoreError::new(
                StoreErrorKind::Damaged,
                format!(
                    "mapping {mapping} has rows, and its tenant no fingerprint secret: the store was used without its sealing layer, or lost that row; restore it from a backup, or begin with an empty store"
                ),
            ));
        }
        let mut secret = Zeroizing::new([0; SECRET]);
        getrandom::fill(secret.as_mut_slice()).map_err(StoreError::failed)?;
        let sealed = envelope::seal(&self.ring, &RowId::secret(tenant), secret.as_slice())?;
        // Of two that draw at once the first one's stands, for both.
        self.inner.replace_token(&secret_key(tenant)?, 0, &sealed).await?;
        let lost =
            || StoreError::failed("the fingerprint secret that was just stored is not there");
        self.known(tenant).await?.ok_or_else(lost)
    }

    fn sealer<'a>(&'a self, prints: &'a Prints, mapping: &'a MappingKey) -> Sealer<'a> {
        Sealer { ring: &self.ring, prints, mapping }
    }
}

fn secret_key(tenant: &TenantId) -> Result<TokenKey, StoreError> {
    let connection = ConnectionName::new(RESERVED).map_err(StoreError::failed)?;
    Ok(TokenKey { tenant: tenant.clone(), connection })
}
