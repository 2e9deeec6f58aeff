//! A layer around any store that seals values and credentials before they are stored. The store below
//! shows it its rows ([`Rows`]), so that it can seal them anew.
//!
//! Every value is sealed ([`Sealed::only_sensitive`] keeps the others legible, too), with every text that may repeat one: observations, bases, operations,
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

mod adopt;
mod document;
mod envelope;
mod key;
mod legible;
mod open;
mod prints;
mod rewrap;
mod row;
mod seal;
mod secret;
mod store;
mod tokens;
mod turns;

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fluxcascade_core::mapping::Mapping;
use fluxcascade_core::model::{ConnectionName, MappingKey, TenantId};
use fluxcascade_core::store::{Rows, StoreError, StoreErrorKind, Table, TokenKey, TokenStore};
use secrecy::zeroize::Zeroizing;

pub use adopt::{Adopted, Adopting};
pub use document::{DocumentError, OpeningReader, SealingWriter};
pub use envelope::OpenError;
pub use key::{KeyError, KeyId, Keyring, SealingKey};
pub use rewrap::{Rewrap, Rewrapped};

use self::legible::{Legible, Policy};
use self::open::Opener;
use self::prints::Prints;
use self::row::RowId;
use self::seal::Sealer;
use self::secret::{Origin, Progress, SECRET, Secret};

/// The connection under which a tenant's sealed secret is kept: no connection has this name.
const RESERVED: &str = "fluxcascade.sealed";

/// A store whose values and credentials are sealed: see the [module](self).
///
/// It is a store from its first day on: the rows of a store that was used without the layer are
/// refused as not sealed, until [`adopt`](Sealed::adopt) has sealed them. Its errors are `Locked` where a key is not at hand, and `Damaged` where a
/// row was changed; both say which row and which key id ([`OpenError`]), and nothing is written by the
/// call. A wrong key is found at the first lease, before anything is written at all, and by a worker that
/// claims mappings: it takes no turn from those that have the key.
pub struct Sealed<S> {
    inner: S,
    ring: Keyring,
    /// What is made of the tenants' secrets, as far as they were asked for.
    tenants: Mutex<BTreeMap<TenantId, Arc<Prints>>>,
    policy: Policy,
    /// What stays legible of mappings, as far as it was asked for.
    legible: Mutex<BTreeMap<MappingKey, Arc<Legible>>>,
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
        Self {
            inner,
            ring,
            tenants: Mutex::default(),
            policy: Policy::Everything,
            legible: Mutex::default(),
        }
    }

    /// The same, and values that are not sensitive stay legible beside what is sealed, for those who
    /// look into the store with their own tools: in bases, conflicts and the log, the values of pairs of
    /// these mappings that are not [`sensitive`](fluxcascade_core::mapping::FieldPair::sensitive).
    ///
    /// Give the mappings as the engine gets them. What they do not say is sealed alone: rows of other
    /// mappings; pairs that are not in a mapping any more, or tied other fields under the same id once;
    /// a pair with a field that a sensitive pair has, too; and what waits or is under way, which is the
    /// inbox, operations, holds and answers. So are all texts that may repeat a value, and credentials.
    ///
    /// What is legible is a copy: the engine reads what is sealed, so that nothing changes by changing
    /// the copy, and a store may be opened with either policy. A pair that becomes sensitive stays
    /// legible where it was, until [`rewrap`](Sealed::rewrap) has gone over the rows; the same goes for
    /// a store that is opened with [`new`](Sealed::new) from then on.
    ///
    /// ```
    /// use fluxcascade_core::Mapping;
    /// use fluxcascade_store::MemoryStore;
    /// use fluxcascade_store::sealed::{Keyring, Sealed, SealingKey};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let contacts = Mapping::builder("contacts")
    ///     .source("hubspot", "contacts")
    ///     .target("jobber", "clients")
    ///     .match_on("email", "emails.primary")
    ///     .pair("lifecyclestage", "status")
    ///     .pair_with("phone", "phones.primary", |pair| pair.sensitive())
    ///     .build()?;
    /// let ring = Keyring::new(SealingKey::new("2026-11", &[2; 32])?);
    /// let store = Sealed::only_sensitive(MemoryStore::new(), ring, [&contacts]);
    /// # let _ = store;
    /// # Ok(())
    /// # }
    /// ```
    pub fn only_sensitive<'m>(
        inner: S,
        ring: Keyring,
        mappings: impl IntoIterator<Item = &'m Mapping>,
    ) -> Self {
        let named = mappings.into_iter().map(|mapping| (mapping.name.clone(), mapping.clone()));
        Self { policy: Policy::OnlySensitive(named.collect()), ..Self::new(inner, ring) }
    }

    /// The store below, for what needs no key: a backup of its file, its own upkeep.
    ///
    /// ```
    /// # use fluxcascade_store::SqliteStore;
    /// # use fluxcascade_store::sealed::{Keyring, Sealed, SealingKey};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("sync.db");
    /// # let ring = Keyring::new(SealingKey::new("2026-11", &[2; 32])?);
    /// let store = Sealed::new(SqliteStore::open(&path).await?, ring);
    /// store.inner().back_up(folder.path().join("copy.db")).await?; // as sealed as the store is
    /// # Ok(())
    /// # }
    /// ```
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// The store below alone.
    pub fn into_inner(self) -> S {
        self.inner
    }

    fn tenants(&self) -> MutexGuard<'_, BTreeMap<TenantId, Arc<Prints>>> {
        // One insert at a time: a panic leaves no half of a change behind.
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn legible(&self) -> MutexGuard<'_, BTreeMap<MappingKey, Arc<Legible>>> {
        // As above.
        self.legible.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opener<'a>(&'a self, mapping: &'a MappingKey) -> Opener<'a> {
        Opener { ring: &self.ring, mapping }
    }
}

impl<S: Rows + TokenStore> Sealed<S> {
    /// What is made of a tenant's secret, if it has one. Fails if the ring does not open it.
    async fn known(&self, tenant: &TenantId) -> Result<Option<Arc<Prints>>, StoreError> {
        if let Some(prints) = self.tenants().get(tenant) {
            return Ok(Some(Arc::clone(prints)));
        }
        let Some(stored) = self.inner.token(&secret_key(tenant)?).await? else { return Ok(None) };
        let row = RowId::secret(tenant);
        let opened = envelope::open(&self.ring, &row, &stored.secret)?;
        let Secret { bytes, origin } = Secret::read(&row, &opened)?;
        let prints = match &origin {
            Origin::Sealed => Prints::of(&bytes, None),
            Origin::Adopted { match_keys, progress: Progress::Done } => {
                Prints::of(&bytes, Some(match_keys))
            }
            Origin::Adopted { progress: Progress::At(_) | Progress::Sealed, .. } => {
                return Err(half_sealed(tenant));
            }
        };
        let prints = Arc::new(prints);
        self.tenants().insert(tenant.clone(), Arc::clone(&prints));
        Ok(Some(prints))
    }

    /// The same for a call that writes: the secret is drawn if the tenant is new.
    async fn prints(&self, mapping: &MappingKey) -> Result<Arc<Prints>, StoreError> {
        if !self.legible().contains_key(mapping) {
            self.look_at(mapping).await?;
        }
        let tenant = &mapping.tenant;
        if let Some(prints) = self.known(tenant).await? {
            return Ok(prints);
        }
        // With a new secret, no match key that is stored would be found again.
        if let Some(has) = self.has_something(tenant).await? {
            return Err(StoreError::new(
                StoreErrorKind::Damaged,
                format!(
                    "{has}, and tenant {tenant} has no fingerprint secret: the store was used without its sealing layer, or lost that row; seal what it has with Sealed::adopt, or restore it from a backup"
                ),
            ));
        }
        let mut secret = Zeroizing::new([0; SECRET]);
        getrandom::fill(secret.as_mut_slice()).map_err(StoreError::failed)?;
        let secret = Secret { bytes: secret, origin: Origin::Sealed };
        let sealed = envelope::seal(&self.ring, &RowId::secret(tenant), &secret.to_bytes())?;
        // Of two that draw at once the first one's stands, for both.
        self.inner.replace_token(&secret_key(tenant)?, 0, &sealed).await?;
        let lost =
            || StoreError::failed("the fingerprint secret that was just stored is not there");
        self.known(tenant).await?.ok_or_else(lost)
    }

    /// What a tenant has that a secret would have been drawn for, for people.
    async fn has_something(&self, tenant: &TenantId) -> Result<Option<String>, StoreError> {
        for name in self.inner.mappings(tenant).await? {
            let mapping = MappingKey { tenant: tenant.clone(), mapping: name };
            for table in Table::ALL {
                if !self.inner.rows(&mapping, table, None, 1).await?.is_empty() {
                    return Ok(Some(format!("mapping {mapping} has rows")));
                }
            }
        }
        // A connection may be authorised, through the layer, before the first run.
        let credentials = self.inner.credentials(tenant).await?;
        let bare = credentials.into_iter().find(|(_, token)| !envelope::is_sealed(&token.secret));
        Ok(bare.map(|(connection, _)| format!("the credential {connection} is not sealed")))
    }

    /// Finds out what of a mapping stays legible, by the revisions that it has by now.
    async fn look_at(&self, mapping: &MappingKey) -> Result<(), StoreError> {
        let legible = match &self.policy {
            Policy::Everything => Legible::default(),
            Policy::OnlySensitive(mappings) => match mappings.get(&mapping.mapping) {
                Some(known) => Legible::of(known, &self.inner.revisions(mapping).await?),
                None => Legible::default(),
            },
        };
        self.legible().insert(mapping.clone(), Arc::new(legible));
        Ok(())
    }

    /// What was not looked at is sealed alone.
    fn sealer<'a>(&'a self, prints: &'a Prints, mapping: &'a MappingKey) -> Sealer<'a> {
        let legible = self.legible().get(mapping).map(Arc::clone).unwrap_or_default();
        Sealer { ring: &self.ring, prints, mapping, legible }
    }
}

fn half_sealed(tenant: &TenantId) -> StoreError {
    StoreError::new(
        StoreErrorKind::Misuse,
        format!(
            "what tenant {tenant} had before is not sealed whole yet: call Sealed::adopt until nothing is next"
        ),
    )
}

fn secret_key(tenant: &TenantId) -> Result<TokenKey, StoreError> {
    let connection = ConnectionName::new(RESERVED).map_err(StoreError::failed)?;
    Ok(TokenKey { tenant: tenant.clone(), connection })
}
