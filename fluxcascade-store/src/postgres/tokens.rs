//! What belongs to a tenant and not to a mapping: credentials, and the fingerprint key.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::model::{TenantId, Timestamp};
use fluxcascade_core::store::{StoreError, StoredToken, TokenKey, TokenStore};

use super::PostgresStore;
use super::fault::Fault;
use super::session::{Access, Session, Value};
use crate::columns::{int, natural};
use crate::rules;
use crate::upkeep::{FORGOTTEN_KEY, ForgottenKey};

#[async_trait]
impl TokenStore for PostgresStore {
    async fn token(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        self.sessions.call(Access::Read, |session| token(session, key)).await
    }

    async fn replace_token(
        &self,
        key: &TokenKey,
        generation: u64,
        secret: &[u8],
    ) -> Result<bool, StoreError> {
        const REPLACE: &str = "INSERT INTO tokens AS t (tenant, connection, generation, secret)
             SELECT $1, $2, 1, $4 WHERE $3::bigint = 0 OR EXISTS
             (SELECT 1 FROM tokens WHERE tenant = $1 AND connection = $2)
             ON CONFLICT (tenant, connection) DO UPDATE
             SET generation = t.generation + 1, secret = $4 WHERE t.generation = $3";
        let generation = int(generation);
        let values: [Value<'_>; 4] =
            [&key.tenant.as_str(), &key.connection.as_str(), &generation, &secret];
        self.change(REPLACE, &values).await
    }

    async fn claim_refresh(
        &self,
        key: &TokenKey,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<bool, StoreError> {
        const CLAIM: &str =
            "INSERT INTO tokens AS t (tenant, connection, generation, claimed_until)
             VALUES ($1, $2, 0, $4)
             ON CONFLICT (tenant, connection) DO UPDATE SET claimed_until = $4
             WHERE t.claimed_until IS NULL OR t.claimed_until <= $3";
        let (from, until) = (now.micros(), (now + ttl).micros());
        let values: [Value<'_>; 4] =
            [&key.tenant.as_str(), &key.connection.as_str(), &from, &until];
        self.change(CLAIM, &values).await
    }

    async fn release_refresh(&self, key: &TokenKey, until: Timestamp) -> Result<(), StoreError> {
        const RELEASE: &str = "UPDATE tokens SET claimed_until = NULL
             WHERE tenant = $1 AND connection = $2 AND claimed_until = $3";
        let values: [Value<'_>; 3] =
            [&key.tenant.as_str(), &key.connection.as_str(), &until.micros()];
        self.change(RELEASE, &values).await.map(|_| ())
    }
}

impl PostgresStore {
    /// Runs one statement; says whether it changed anything.
    async fn change(&self, sql: &str, values: &[Value<'_>]) -> Result<bool, StoreError> {
        let change = |session: Arc<Session>| async move { session.run(sql, values).await };
        self.sessions.call(Access::Write, change).await.map(|changed| changed > 0)
    }
}

async fn token(session: Arc<Session>, key: &TokenKey) -> Result<Option<StoredToken>, Fault> {
    let rows = session
        .rows(
            "SELECT generation, secret FROM tokens
             WHERE tenant = $1 AND connection = $2 AND generation > 0",
            &[&key.tenant.as_str(), &key.connection.as_str()],
        )
        .await?;
    let read = |row: &tokio_postgres::Row| {
        Ok(StoredToken { generation: natural(row.try_get(0)?)?, secret: row.try_get(1)? })
    };
    rows.first().map(read).transpose()
}

/// The tenant's fingerprint key, drawn if there is none. Of two that draw one the first is kept.
pub(super) async fn fingerprint_key(
    session: Arc<Session>,
    tenant: &TenantId,
) -> Result<[u8; 32], Fault> {
    if let Some(key) = stored_key(&session, tenant).await? {
        return Ok(key);
    }
    let key = rules::draw_key()?;
    session
        .run(
            "INSERT INTO secrets (tenant, name, secret) VALUES ($1, 'fingerprint', $2)
             ON CONFLICT (tenant, name) DO NOTHING",
            &[&tenant.as_str(), &&key[..]],
        )
        .await?;
    stored_key(&session, tenant).await?.ok_or_else(|| Fault::damaged("fingerprint key"))
}

/// The key of the tenant's forgotten records.
pub(super) async fn forgotten_key(
    session: &Arc<Session>,
    tenant: &TenantId,
) -> Result<ForgottenKey, Fault> {
    match secret(session, tenant, FORGOTTEN_KEY).await? {
        Some(key) => Ok(ForgottenKey::kept(key)),
        None => Ok(ForgottenKey::of(&fingerprint_key(Arc::clone(session), tenant).await?)),
    }
}

/// Gives the tenant another fingerprint key; what is forgotten stays so.
pub(super) async fn renew_fingerprint_key(
    session: Arc<Session>,
    tenant: &TenantId,
) -> Result<(), Fault> {
    let forgotten = forgotten_key(&session, tenant).await?;
    let sql = "INSERT INTO secrets (tenant, name, secret) VALUES ($1, $2, $3)
         ON CONFLICT (tenant, name) DO UPDATE SET secret = $3";
    let kept = [(FORGOTTEN_KEY, forgotten.to_keep()), ("fingerprint", rules::draw_key()?)];
    for (name, key) in kept {
        session.run(sql, &[&tenant.as_str(), &name, &&key[..]]).await?;
    }
    Ok(())
}

async fn stored_key(session: &Session, tenant: &TenantId) -> Result<Option<[u8; 32]>, Fault> {
    secret(session, tenant, "fingerprint").await
}

async fn secret(
    session: &Session,
    tenant: &TenantId,
    name: &str,
) -> Result<Option<[u8; 32]>, Fault> {
    let sql = "SELECT secret FROM secrets WHERE tenant = $1 AND name = $2";
    let rows = session.rows(sql, &[&tenant.as_str(), &name]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let key = row.try_get::<_, &[u8]>(0)?.try_into();
    key.map(Some).map_err(|_| Fault::damaged("fingerprint key"))
}
