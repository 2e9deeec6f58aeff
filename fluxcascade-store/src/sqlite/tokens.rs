//! What belongs to a tenant and not to a mapping: credentials, and the fingerprint key.

use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::model::{TenantId, Timestamp};
use fluxcascade_core::store::{StoreError, StoredToken, TokenKey, TokenStore};
use rusqlite::{OptionalExtension, Transaction, params};

use super::SqliteStore;
use super::fault::Fault;
use super::worker::Access;
use crate::columns::{int, natural};
use crate::rules;
use crate::upkeep::{FORGOTTEN_KEY, ForgottenKey};

#[async_trait]
impl TokenStore for SqliteStore {
    async fn token(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        let key = key.clone();
        self.worker.call(Access::Read, move |transaction| token(transaction, &key)).await
    }

    async fn replace_token(
        &self,
        key: &TokenKey,
        generation: u64,
        secret: &[u8],
    ) -> Result<bool, StoreError> {
        let (key, secret) = (key.clone(), secret.to_vec());
        let replace = move |transaction: &Transaction<'_>| {
            let changed = transaction
                .prepare_cached(
                    "INSERT INTO tokens (tenant, connection, generation, secret)
                     SELECT ?1, ?2, 1, ?4 WHERE ?3 = 0 OR EXISTS
                     (SELECT 1 FROM tokens WHERE tenant = ?1 AND connection = ?2)
                     ON CONFLICT (tenant, connection) DO UPDATE
                     SET generation = generation + 1, secret = ?4 WHERE generation = ?3",
                )?
                .execute(params![
                    key.tenant.as_str(),
                    key.connection.as_str(),
                    int(generation),
                    secret
                ])?;
            Ok(changed > 0)
        };
        self.worker.call(Access::Write, replace).await
    }

    async fn claim_refresh(
        &self,
        key: &TokenKey,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<bool, StoreError> {
        let key = key.clone();
        let claim = move |transaction: &Transaction<'_>| {
            let changed = transaction
                .prepare_cached(
                    "INSERT INTO tokens (tenant, connection, generation, claimed_until)
                     VALUES (?1, ?2, 0, ?4)
                     ON CONFLICT (tenant, connection) DO UPDATE SET claimed_until = ?4
                     WHERE claimed_until IS NULL OR claimed_until <= ?3",
                )?
                .execute(params![
                    key.tenant.as_str(),
                    key.connection.as_str(),
                    now.micros(),
                    (now + ttl).micros()
                ])?;
            Ok(changed > 0)
        };
        self.worker.call(Access::Write, claim).await
    }

    async fn release_refresh(&self, key: &TokenKey, until: Timestamp) -> Result<(), StoreError> {
        let key = key.clone();
        let release = move |transaction: &Transaction<'_>| {
            transaction
                .prepare_cached(
                    "UPDATE tokens SET claimed_until = NULL
                     WHERE tenant = ?1 AND connection = ?2 AND claimed_until = ?3",
                )?
                .execute(params![key.tenant.as_str(), key.connection.as_str(), until.micros()])?;
            Ok(())
        };
        self.worker.call(Access::Write, release).await
    }
}

fn token(transaction: &Transaction<'_>, key: &TokenKey) -> Result<Option<StoredToken>, Fault> {
    let found: Option<(i64, Vec<u8>)> = transaction
        .prepare_cached(
            "SELECT generation, secret FROM tokens
             WHERE tenant = ?1 AND connection = ?2 AND generation > 0",
        )?
        .query_row(params![key.tenant.as_str(), key.connection.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    found
        .map(|(generation, secret)| Ok(StoredToken { generation: natural(generation)?, secret }))
        .transpose()
}

/// The tenant's fingerprint key, drawn if there is none.
pub(super) fn fingerprint_key(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
) -> Result<[u8; 32], Fault> {
    let found = transaction
        .prepare_cached("SELECT secret FROM secrets WHERE tenant = ?1 AND name = 'fingerprint'")?
        .query_row([tenant.as_str()], |row| row.get(0))
        .optional()?;
    if let Some(key) = found {
        return Ok(key);
    }
    let key = rules::draw_key()?;
    keep(transaction, tenant, "fingerprint", &key)?;
    Ok(key)
}

/// The key of the tenant's forgotten records.
pub(super) fn forgotten_key(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
) -> Result<ForgottenKey, Fault> {
    let kept = transaction
        .prepare_cached("SELECT secret FROM secrets WHERE tenant = ?1 AND name = ?2")?
        .query_row(params![tenant.as_str(), FORGOTTEN_KEY], |row| row.get(0))
        .optional()?;
    match kept {
        Some(key) => Ok(ForgottenKey::kept(key)),
        None => Ok(ForgottenKey::of(&fingerprint_key(transaction, tenant)?)),
    }
}

/// Gives the tenant another fingerprint key; what is forgotten stays so.
pub(super) fn renew_fingerprint_key(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
) -> Result<(), Fault> {
    let forgotten = forgotten_key(transaction, tenant)?;
    keep(transaction, tenant, FORGOTTEN_KEY, &forgotten.to_keep())?;
    keep(transaction, tenant, "fingerprint", &rules::draw_key()?)
}

fn keep(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    name: &str,
    secret: &[u8; 32],
) -> Result<(), Fault> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO secrets (tenant, name, secret) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![tenant.as_str(), name, secret])?;
    Ok(())
}
