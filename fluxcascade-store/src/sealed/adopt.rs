//! A store that was used without the layer is sealed: row by row, in bounded steps, which may be cut
//! off anywhere. How far it is stands in the tenant's secret, sealed.
//!
//! The engine goes on with the key that match keys were made with, which is kept with the secret from
//! then on, so that none of them is made anew. The conflict rows get other ids below, as all
//! fingerprints get images.

use std::fmt;
use std::time::Duration;

use fluxcascade_core::model::{MappingKey, MappingName, TenantId, Timestamp};
use fluxcascade_core::store::{
    MarkedRow, Rewrite, Rows, StoreError, StoreErrorKind, StoredToken, TokenKey, TokenStore, Upkeep,
};
use secrecy::zeroize::Zeroizing;

use super::prints::Prints;
use super::rewrap::{Rewrap, after_table, beginning, open_row, seal_row, texts};
use super::row::RowId;
use super::secret::{Origin, Progress, SECRET, Secret};
use super::{RESERVED, Sealed, envelope, secret_key};

/// How long nobody else may sync a mapping whose rows are being sealed.
const STEP: Duration = Duration::from_secs(60);

/// What a step of adopting did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Adopted {
    /// Rows that were looked at, credentials included.
    pub looked: u64,
    /// Rows that are sealed now and were not before.
    pub sealed: u64,
    /// What the next step begins with; `None`: all is sealed.
    pub next: Option<Adopting>,
}

/// What is next in adopting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adopting {
    /// These rows.
    Rows(Rewrap),
    /// What the rows were before is overwritten, where the store can do that.
    Scrubbing,
}

impl fmt::Display for Adopting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Adopting::Rows(rows) => fmt::Display::fmt(rows, f),
            Adopting::Scrubbing => f.write_str("what the rows were before"),
        }
    }
}

/// A tenant whose rows are being sealed, and its secret as it is stored.
struct Adoption {
    stored: StoredToken,
    secret: Zeroizing<[u8; SECRET]>,
    match_keys: Zeroizing<[u8; SECRET]>,
    progress: Progress,
}

impl<S: Rows + Upkeep + TokenStore> Sealed<S> {
    /// Seals what a tenant has in a store that was used without the layer, at most `limit` rows of it
    /// looked at in one step. Call it until it says that nothing is next; where it was cut off, by a
    /// crash as well, call it again: how far it is stands in the store. A tenant that is sealed already
    /// has nothing next.
    ///
    /// Stop all that syncs the tenant first, and never sync it without the layer again: an engine that
    /// is given the store below takes what is sealed for values. Until all is sealed, every other call
    /// of the layer that reads or writes values of the tenant is refused as `Misuse`; afterwards rows
    /// that are not sealed are refused, as in a store that was sealed from its first day on. Nothing is
    /// made anew that the engine knows records by, so that the next run finds all as it was.
    ///
    /// Keep in the keyring every key that an earlier step sealed with: what does not open is taken for a
    /// value that only looks sealed, and sealed once more.
    ///
    /// Credentials are sealed by every step. The last step overwrites what the rows were before, which
    /// takes as long as copying the store: a SQLite file is written anew. A server's files are not in
    /// the store's hands: `VACUUM FULL` its tables, and let go of its older backups, as of those of a
    /// file.
    ///
    /// ```
    /// use fluxcascade_core::model::{TenantId, Timestamp};
    /// use fluxcascade_store::SqliteStore;
    /// use fluxcascade_store::sealed::{Keyring, Sealed, SealingKey};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("sync.db");
    /// let ring = Keyring::new(SealingKey::new("2026-11", &[2; 32])?);
    /// let store = Sealed::new(SqliteStore::open(&path).await?, ring);
    /// let now = Timestamp::from_secs(1_772_000_000);
    /// while let Some(next) = store.adopt(&TenantId::default(), now, 1_000).await?.next {
    ///     println!("next: {next}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Busy` if a sync is under way, something else changes rows, or another process adopts the tenant
    /// too; `Locked` or `Damaged` if the tenant's secret cannot be opened; or if the store fails. What
    /// was sealed stays so.
    pub async fn adopt(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Adopted, StoreError> {
        let Some(mut adoption) = self.adoption(tenant).await? else {
            return Ok(Adopted::default());
        };
        let mut done = Adopted::default();
        self.seal_credentials(tenant, &mut done).await?;
        match adoption.progress.clone() {
            Progress::Done => return Ok(done),
            Progress::At(here) => {
                let next = self.seal_rows(tenant, &adoption, here, now, limit, &mut done).await?;
                adoption.progress = next.map_or(Progress::Sealed, Progress::At);
            }
            Progress::Sealed => {
                self.inner.renew_fingerprint_key(tenant).await?;
                self.inner.scrub().await?;
                adoption.progress = Progress::Done;
            }
        }
        done.next = match &adoption.progress {
            Progress::At(here) => Some(Adopting::Rows(here.clone())),
            Progress::Sealed => Some(Adopting::Scrubbing),
            Progress::Done => None,
        };
        self.note(tenant, adoption).await?;
        Ok(done)
    }

    /// How far the sealing of a tenant is; it begins if the tenant has no secret. `None` if it was
    /// sealed from its first day on.
    async fn adoption(&self, tenant: &TenantId) -> Result<Option<Adoption>, StoreError> {
        let key = secret_key(tenant)?;
        if self.inner.token(&key).await?.is_none() {
            self.begin_adoption(tenant).await?;
        }
        let lost =
            || StoreError::failed("the fingerprint secret that was just stored is not there");
        let stored = self.inner.token(&key).await?.ok_or_else(lost)?;
        let row = RowId::secret(tenant);
        let Secret { bytes, origin } =
            Secret::read(&row, &envelope::open(&self.ring, &row, &stored.secret)?)?;
        Ok(match origin {
            Origin::Sealed => None,
            Origin::Adopted { match_keys, progress } => {
                Some(Adoption { stored, secret: bytes, match_keys, progress })
            }
        })
    }

    async fn begin_adoption(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let mut bytes = Zeroizing::new([0; SECRET]);
        getrandom::fill(bytes.as_mut_slice()).map_err(StoreError::failed)?;
        let mappings = self.inner.mappings(tenant).await?;
        let origin = match mappings.first() {
            // Nothing but credentials is there: its fingerprints are yet to be made.
            None => Origin::Adopted {
                match_keys: Zeroizing::new(Prints::of(&bytes, None).match_keys()),
                progress: Progress::Sealed,
            },
            Some(first) => {
                let mapping = MappingKey { tenant: tenant.clone(), mapping: first.clone() };
                let match_keys = Zeroizing::new(self.inner.fingerprint_key(&mapping).await?);
                Origin::Adopted { match_keys, progress: Progress::At(beginning(first)) }
            }
        };
        let secret = Secret { bytes, origin };
        let sealed = envelope::seal(&self.ring, &RowId::secret(tenant), &secret.to_bytes())?;
        // Of two that begin at once the first one's stands, for both.
        self.inner.replace_token(&secret_key(tenant)?, 0, &sealed).await?;
        Ok(())
    }

    async fn note(&self, tenant: &TenantId, adoption: Adoption) -> Result<(), StoreError> {
        let Adoption { stored, secret, match_keys, progress } = adoption;
        let secret = Secret { bytes: secret, origin: Origin::Adopted { match_keys, progress } };
        let sealed = envelope::seal(&self.ring, &RowId::secret(tenant), &secret.to_bytes())?;
        if self.inner.rewrite_credential(&secret_key(tenant)?, &stored, &sealed).await? {
            return Ok(());
        }
        Err(StoreError::new(
            StoreErrorKind::Busy,
            format!("another process seals what tenant {tenant} has: let one of them do it"),
        ))
    }

    /// Seals rows of one mapping, and says where the next step goes on.
    async fn seal_rows(
        &self,
        tenant: &TenantId,
        adoption: &Adoption,
        from: Rewrap,
        now: Timestamp,
        limit: usize,
        done: &mut Adopted,
    ) -> Result<Option<Rewrap>, StoreError> {
        let mapping = MappingKey { tenant: tenant.clone(), mapping: from.mapping.clone() };
        // Whoever syncs has read what is another row by then.
        let lease = self.inner.lease(&mapping, now, STEP).await?;
        self.look_at(&mapping).await?;
        let prints = Prints::of(&adoption.secret, Some(&adoption.match_keys));
        let mappings = self.inner.mappings(tenant).await?;
        let sealed = self.seal_mapping(&mapping, &mappings, &prints, from, limit, done).await;
        self.inner.release(&lease).await?;
        sealed
    }

    async fn seal_mapping(
        &self,
        mapping: &MappingKey,
        mappings: &[MappingName],
        prints: &Prints,
        from: Rewrap,
        limit: usize,
        done: &mut Adopted,
    ) -> Result<Option<Rewrap>, StoreError> {
        let (mut here, mut left) = (from, limit.max(1));
        loop {
            let rows = self.inner.rows(mapping, here.table, here.after.as_ref(), left).await?;
            done.looked += rows.len() as u64;
            done.sealed += self.seal_plain(mapping, prints, &rows).await?;
            left -= rows.len();
            if left == 0 {
                let after = rows.into_iter().next_back().map(|last| last.mark);
                return Ok(Some(Rewrap { after, ..here }));
            }
            match after_table(&here, mappings) {
                Some(next) if next.mapping == mapping.mapping => here = next,
                other => return Ok(other),
            }
        }
    }

    async fn seal_plain(
        &self,
        mapping: &MappingKey,
        prints: &Prints,
        rows: &[MarkedRow],
    ) -> Result<u64, StoreError> {
        let (opener, sealer) = (self.opener(mapping), self.sealer(prints, mapping));
        let mut rewrites = Vec::new();
        for from in rows {
            let looks_sealed =
                texts(&from.row).into_iter().all(|text| text.is_some_and(envelope::is_sealed_text));
            // What opens was sealed by a step that was cut off, or has no value. What does not is a value
            // that somebody has made look like that.
            if looks_sealed && open_row(&opener, &from.row).is_ok() {
                continue;
            }
            rewrites.push(Rewrite { to: seal_row(&sealer, &from.row)?, from: from.clone() });
        }
        if rewrites.is_empty() {
            return Ok(0);
        }
        let written = self.inner.rewrite(mapping, &rewrites).await?;
        if written < rewrites.len() as u64 {
            return Err(StoreError::new(
                StoreErrorKind::Busy,
                format!(
                    "rows of mapping {mapping} are changed while they are sealed: stop what uses the store without its layer, and go on"
                ),
            ));
        }
        Ok(written)
    }

    async fn seal_credentials(
        &self,
        tenant: &TenantId,
        done: &mut Adopted,
    ) -> Result<(), StoreError> {
        for (connection, token) in self.inner.credentials(tenant).await? {
            if connection.as_str() == RESERVED {
                continue;
            }
            done.looked += 1;
            let key = TokenKey { tenant: tenant.clone(), connection };
            let row = RowId::token(&key, token.generation);
            if envelope::is_sealed(&token.secret) {
                envelope::open(&self.ring, &row, &token.secret)?;
                continue;
            }
            let sealed = envelope::seal(&self.ring, &row, &token.secret)?;
            let written = self.inner.rewrite_credential(&key, &token, &sealed).await?;
            done.sealed += u64::from(written);
        }
        Ok(())
    }
}
